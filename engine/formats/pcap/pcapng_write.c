/*
 * Writes pcapng: one section, nanoseconds, link type 227, a packet for each frame.
 *
 * Records that are no frames become comments of the next packet, or of an interface's statistics at the end
 * (event_text.h). A gap is also the next packet's dropcount on its interface, and counts in the statistics.
 * An interface that is defined anew gets a new description.
 *
 * Invariant: `pending` holds whole options, each padded to 4 bytes. One thread at a time.
 */
#include <canp/rows.h>

#include "formats/pcap/pcapng.h"
#include "formats/text/event_text.h"
#include "formats/text/text_out.h"

#define BLOCK_BYTES 4096 /* of any block without what is pending */

_Static_assert(sizeof(struct canp_frame) == 8 && BLOCK_BYTES > 2060 + 256, "a block holds any frame");

static uint8_t *put_u16(uint8_t *at, uint16_t v)
{
    memcpy(at, &v, sizeof(v));
    return at + sizeof(v);
}

static uint8_t *put_u32(uint8_t *at, uint32_t v)
{
    memcpy(at, &v, sizeof(v));
    return at + sizeof(v);
}

static uint8_t *put_u64(uint8_t *at, uint64_t v)
{
    memcpy(at, &v, sizeof(v));
    return at + sizeof(v);
}

/* High half first, as stamps of packets are. */
static uint8_t *put_stamp(uint8_t *at, int64_t time_ns)
{
    at = put_u32(at, (uint32_t)((uint64_t)time_ns >> 32));
    return put_u32(at, (uint32_t)time_ns);
}

static uint8_t *put_option(uint8_t *at, uint16_t code, const void *value, size_t bytes)
{
    at = put_u16(put_u16(at, code), (uint16_t)bytes);
    memset(at + (bytes & ~(size_t)3), 0,
           4); /* padding; the next option or the end is written over the rest */
    memcpy(at, value, bytes);
    return at + ((bytes + 3) & ~(size_t)3);
}

static uint8_t *put_option_u64(uint8_t *at, uint16_t code, uint64_t value)
{
    return put_option(at, code, &value, sizeof(value));
}

static uint8_t *begin_block(struct canp_log_writer *writer, uint32_t type, size_t more)
{
    uint8_t *block = (uint8_t *)canp_sink_room(&writer->sink, BLOCK_BYTES + more);
    put_u32(block, type);
    return block;
}

static void end_block(struct canp_log_writer *writer, uint8_t *block, uint8_t *end)
{
    uint32_t total = (uint32_t)(end - block) + 4;
    put_u32(block + 4, total);
    writer->sink.at = put_u32(end, total);
}

int canp_pcapng_create(struct canp_log_writer *writer, struct canp_why *why)
{
    (void)why;
    uint8_t *block = begin_block(writer, PCAPNG_SECTION, 0);
    uint8_t *at = put_u32(block + 8, PCAPNG_ORDER_MAGIC);
    at = put_u64(put_u16(put_u16(at, 1), 0), UINT64_MAX); /* version 1.0, a length that is not known */
    at = put_option(at, PCAPNG_SECTION_PROGRAM, "canp", 4);
    end_block(writer, block, put_u32(at, PCAPNG_OPT_END));
    return 0;
}

/* ---- interfaces ------------------------------------------------------------------------------------ */

static void describe(struct canp_log_writer *writer, uint8_t number, const struct canp_iface *iface)
{
    struct canp_pcapng_writing *w = writer->state;
    char text[256]; /* an interface's line takes 180 at most */
    static const uint8_t nanoseconds = 9;
    const struct canp_record record = {.kind = CANP_KIND_IFACE, .iface = iface};
    const char *name = canp_log_name(writer, number);
    uint8_t *block = begin_block(writer, PCAPNG_INTERFACE, 0);
    uint8_t *at = put_u32(put_u16(put_u16(block + 8, CANP_LINK_TYPE_CAN), 0), 0); /* no limit of length */
    at = put_option(at, PCAPNG_OPT_COMMENT, text,
                    (size_t)(canp_put_event_text(text, &record, name, number) - text));
    at = put_option(at, PCAPNG_IF_NAME, text, (size_t)(canp_put_iface(text, name) - text));
    if (iface->bitrate)
        at = put_option_u64(at, PCAPNG_IF_SPEED, iface->bitrate);
    at = put_option(at, PCAPNG_IF_RESOLUTION, &nanoseconds, 1);
    at = put_option(at, PCAPNG_IF_OS, "Linux", 5);
    end_block(writer, block, put_u32(at, PCAPNG_OPT_END));
    w->channels[number].id = w->next_id++;
    w->channels[number].is_defined = true;
}

/* An interface's statistics, with the comments that wait. */
static void put_statistics(struct canp_log_writer *writer, uint8_t number, bool has_counts)
{
    struct canp_pcapng_writing *w = writer->state;
    struct canp_pcapng_channel *c = &w->channels[number];
    uint8_t *block = begin_block(writer, PCAPNG_STATISTICS, w->pending_bytes);
    uint8_t *at = put_stamp(put_u32(block + 8, c->id), w->last_ns);
    memcpy(at, w->pending, w->pending_bytes);
    at += w->pending_bytes;
    w->pending_bytes = 0;
    if (has_counts) {
        at = put_option_u64(at, PCAPNG_STAT_RECEIVED, c->frames + c->lost);
        at = put_option_u64(at, PCAPNG_STAT_DROPPED, c->lost);
        at = put_option_u64(at, PCAPNG_STAT_DELIVERED, c->frames);
    }
    end_block(writer, block, put_u32(at, PCAPNG_OPT_END));
}

/* ---- records --------------------------------------------------------------------------------------- */

static void put_comment(struct canp_log_writer *writer, uint8_t channel, const char *text, size_t bytes)
{
    struct canp_pcapng_writing *w = writer->state;
    if (CANP_PCAPNG_PENDING - w->pending_bytes < bytes + 16)
        put_statistics(writer, channel, false);
    uint8_t *at = w->pending + w->pending_bytes;
    w->pending_bytes = (uint32_t)(put_option(at, PCAPNG_OPT_COMMENT, text, bytes) - w->pending);
}

static void put_event(struct canp_log_writer *writer, const struct canp_record *r)
{
    struct canp_pcapng_writing *w = writer->state;
    char text[CANP_EVENT_TEXT_BYTES];
    size_t bytes = (size_t)(canp_put_timed_event_text(text, r, canp_log_name(writer, r->channel)) - text);
    put_comment(writer, r->channel, text, bytes);
    if (r->kind == CANP_KIND_GAP) {
        w->channels[r->channel].lost += r->gap->lost;
        w->channels[r->channel].untold += r->gap->lost;
    }
}

/* The frame, as long as the kernel's, so that its kind is told by the length: its bytes. */
static uint32_t put_frame(uint8_t *at, const struct canp_record *r)
{
    const struct canp_frame *f = r->frame;
    put_u32(at, __builtin_bswap32(f->id));
    if (__builtin_expect(r->kind == CANP_KIND_CAN, 1)) {
        bool is_remote = (f->id & (CANP_ID_RTR | CANP_ID_ERR)) == CANP_ID_RTR;
        uint64_t data = 0;
        put_u32(at + 4, f->len | (f->len == 8 ? (uint32_t)f->len8_dlc << 24 : 0));
        if (f->len && !is_remote)
            memcpy(&data, f->data, sizeof(data)); /* padded with zeros up to 8 */
        put_u64(at + 8, data);
        return 16;
    }
    uint32_t flags = (f->flags & (CANP_FD_BRS | CANP_FD_ESI)) | CANP_FD_FDF;
    put_u32(at + 4, f->len | flags << 8);
    memset(at + 8, 0, 64);
    memcpy(at + 8, f->data, f->len <= 64 ? f->len : 64);
    return 72;
}

static uint32_t put_xl(uint8_t *at, const struct canp_xl_frame *xl)
{
    uint32_t len = xl->len <= 2048 ? xl->len : 2048;
    at = put_u32(at, __builtin_bswap32(xl->prio));
    *at++ = xl->flags | 0x80;
    *at++ = xl->sdt;
    at = put_u32(put_u16(at, (uint16_t)len), xl->af);
    memset(at + (len & ~3U), 0, 4);
    memcpy(at, xl->data, len);
    return 12 + len;
}

static void put_packet(struct canp_log_writer *writer, const struct canp_record *r)
{
    struct canp_pcapng_writing *w = writer->state;
    struct canp_pcapng_channel *c = &w->channels[r->channel];
    if (__builtin_expect(r->dir == CANP_DIR_OWN, 0))
        put_comment(writer, r->channel, CANP_OWN_TEXT, strlen(CANP_OWN_TEXT));
    uint8_t *block = begin_block(writer, PCAPNG_PACKET, w->pending_bytes);
    put_stamp(put_u32(block + 8, c->id), r->time_ns);
    uint32_t bytes = r->kind == CANP_KIND_XL ? put_xl(block + 28, r->xl) : put_frame(block + 28, r);
    put_u32(put_u32(block + 20, bytes), bytes);
    uint8_t *at = block + 28 + ((bytes + 3) & ~3U);
    at = put_u32(at, PCAPNG_PACKET_FLAGS | 4U << 16);
    at = put_u32(at, r->dir == CANP_DIR_RX ? PCAPNG_INBOUND : PCAPNG_OUTBOUND);
    if (__builtin_expect(c->untold != 0, 0))
        at = put_option_u64(at, PCAPNG_PACKET_DROPS, c->untold);
    if (__builtin_expect(w->pending_bytes != 0, 0)) {
        memcpy(at, w->pending, w->pending_bytes);
        at += w->pending_bytes;
    }
    w->pending_bytes = 0;
    c->untold = 0;
    c->frames++;
    w->last_ns = r->time_ns;
    end_block(writer, block, put_u32(at, PCAPNG_OPT_END));
}

int canp_pcapng_write(struct canp_log_writer *writer, const struct canp_record *r)
{
    if (__builtin_expect(canp_kind_is_frame(r->kind), 1))
        put_packet(writer, r);
    else if (r->kind == CANP_KIND_IFACE)
        describe(writer, r->channel, r->iface);
    else
        put_event(writer, r);
    return 0;
}

int canp_pcapng_finish(struct canp_log_writer *writer)
{
    struct canp_pcapng_writing *w = writer->state;
    for (unsigned i = 0; i < CANP_CHANNELS_MAX; i++) {
        if (w->channels[i].is_defined)
            put_statistics(writer, (uint8_t)i, true);
    }
    return 0;
}
