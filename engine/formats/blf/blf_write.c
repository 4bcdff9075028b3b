/*
 * BLF files, written as CANoe writes them: objects in containers of 128 KiB, packed by deflate at level 1
 * (blf_zip.c; a build without zlib and libdeflate does not pack). Classic frames are of type 86, CAN FD
 * frames of type 101, gaps a pair of DATA_LOST objects. Where BLF has no object for a record, or not for all
 * of it, an event comment holds it (event_text.h). Stamps cannot be below 0: a record from before the file's
 * start gets the start's time and is counted. One
 * thread.
 */
#include <errno.h>
#include <string.h>

#include "formats/asc/asc_parts.h"
#include "formats/blf/blf_parts.h"
#include "formats/text/civil.h"

#define OBJECT_MAX (CANP_BLF_OBJECT_BYTES + 16U + CANP_EVENT_TEXT_BYTES + 4U)

/* ---- the file's header ------------------------------------------------------------------------------- */

static void put_time(uint8_t *at, int64_t time_ns)
{
    struct tm tm;
    uint32_t rest_ns;
    time_t seconds = (time_t)canp_split_seconds(time_ns, &rest_ns);
    localtime_r(&seconds, &tm);
    const int parts[8] = {tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_wday, tm.tm_mday,
                          tm.tm_hour,        tm.tm_min,     tm.tm_sec,  (int)(rest_ns / 1000000)};
    for (unsigned i = 0; i < 8; i++)
        canp_blf_put_u16(at + 2 * i, (uint32_t)parts[i]);
}

static void make_header(const struct canp_blf_writing *state, uint64_t file_bytes,
                        uint8_t h[CANP_BLF_HEADER_BYTES])
{
    memset(h, 0, CANP_BLF_HEADER_BYTES);
    memcpy(h, "LOGG", 4);
    canp_blf_put_u32(h + 4, CANP_BLF_HEADER_BYTES);
    canp_blf_put_u32(h + 8, 4070100);
    h[12] = 5; /* the application that python-can names: none of Vector's */
    h[13] = canp_blf_can_pack();
    canp_blf_put_u64(h + 16, file_bytes);
    canp_blf_put_u64(h + 24, CANP_BLF_HEADER_BYTES + state->stream_bytes);
    canp_blf_put_u32(h + 32, state->objects);
    put_time(h + 40, state->start_ns);
    put_time(h + 56, state->last_ns);
}

/* ---- containers -------------------------------------------------------------------------------------- */

static void write_piece(struct canp_log_writer *writer, size_t bytes)
{
    struct canp_blf_writing *state = writer->state;
    uint8_t head[CANP_BLF_CONTAINER_BYTES] = "LOBJ";
    size_t packed = canp_blf_pack(&state->packer, state->piece, bytes, state->packed, sizeof(state->packed));
    const uint8_t *data = packed ? state->packed : state->piece;
    size_t length = packed ? packed : bytes;
    uint32_t whole = (uint32_t)(sizeof(head) + length);
    canp_blf_put_u16(head + 4, CANP_BLF_BASE_BYTES);
    canp_blf_put_u16(head + 6, 1);
    canp_blf_put_u32(head + 8, whole);
    canp_blf_put_u32(head + 12, CANP_BLF_CONTAINER);
    canp_blf_put_u16(head + 16, packed ? 2 : 0);
    canp_blf_put_u32(head + 24, (uint32_t)bytes);
    canp_sink_put(&writer->sink, head, sizeof(head));
    canp_sink_put(&writer->sink, data, length);
    canp_sink_put(&writer->sink, "\0\0\0", whole % 4);
    state->stream_bytes += sizeof(head) + bytes;
    state->used = 0;
}

/* ---- objects ----------------------------------------------------------------------------------------- */

/* An object's place in the piece, zeroed and with its header; the body begins behind CANP_BLF_OBJECT_BYTES.
 * Pieces end between objects. */
static uint8_t *add_object(struct canp_log_writer *writer, uint32_t type, uint32_t body, int64_t time_ns)
{
    struct canp_blf_writing *state = writer->state;
    uint32_t bytes = CANP_BLF_OBJECT_BYTES + body, padding = bytes % 4;
    if (__builtin_expect(sizeof(state->piece) - state->used < bytes + padding, 0))
        write_piece(writer, state->used);
    uint8_t *at = state->piece + state->used;
    memset(at, 0, bytes + padding);
    memcpy(at, "LOBJ", 4);
    canp_blf_put_u16(at + 4, CANP_BLF_OBJECT_BYTES);
    canp_blf_put_u16(at + 6, 1);
    canp_blf_put_u32(at + 8, bytes);
    canp_blf_put_u32(at + 12, type);
    canp_blf_put_u32(at + 16, 2); /* nanoseconds */
    int64_t since_ns;
    bool is_far = __builtin_sub_overflow(time_ns, state->start_ns, &since_ns);
    canp_blf_put_u64(at + 24, is_far ? INT64_MAX : since_ns < 0 ? 0 : (uint64_t)since_ns);
    state->used += bytes + padding;
    state->objects++;
    return at + CANP_BLF_OBJECT_BYTES;
}

static void add_comment(struct canp_log_writer *writer, const char *text, size_t bytes, int64_t time_ns)
{
    uint8_t *body = add_object(writer, CANP_BLF_EVENT_COMMENT, (uint32_t)(16 + bytes), time_ns);
    canp_blf_put_u32(body + 4, (uint32_t)bytes);
    memcpy(body + 16, text, bytes);
}

static void begin(struct canp_log_writer *writer, int64_t time_ns)
{
    struct canp_blf_writing *state = writer->state;
    uint8_t header[CANP_BLF_HEADER_BYTES];
    char text[64];
    uint32_t rest_ns;
    /* A whole second, and some time before the first record: interfaces are not quite in order. */
    int64_t early_ns = time_ns < INT64_MIN / 2 ? time_ns : time_ns - 100000000;
    state->start_ns = canp_split_seconds(early_ns, &rest_ns) * 1000000000;
    state->last_ns = time_ns;
    state->has_begun = true;
    make_header(state, 0, header);
    canp_sink_put(&writer->sink, header, sizeof(header));
    add_comment(writer, text, (size_t)(canp_put_start_text(text, state->start_ns) - text), state->start_ns);
}

static void add_event(struct canp_log_writer *writer, const struct canp_record *r)
{
    char text[CANP_EVENT_TEXT_BYTES];
    char *end =
        canp_put_event_text(text, r, canp_log_name(writer, r->channel), canp_log_number(writer, r->channel));
    add_comment(writer, text, (size_t)(end - text), r->time_ns);
}

static void add_gap(struct canp_log_writer *writer, const struct canp_record *r)
{
    struct canp_blf_writing *state = writer->state;
    const struct canp_gap *gap = r->gap;
    int64_t since_ns;
    if (__builtin_sub_overflow(gap->from_ns, state->start_ns, &since_ns) || since_ns < 0)
        since_ns = 0;
    add_event(writer, r);
    add_object(writer, CANP_BLF_DATA_LOST_BEGIN, 4, gap->from_ns);
    uint8_t *body = add_object(writer, CANP_BLF_DATA_LOST_END, 16, gap->to_ns);
    canp_blf_put_u64(body + 4, (uint64_t)since_ns);
    canp_blf_put_u32(body + 12, gap->lost < UINT32_MAX ? (uint32_t)gap->lost : UINT32_MAX);
}

static inline uint32_t id_of(uint32_t id)
{
    return id & CANP_ID_EFF ? (id & CANP_ID_EFF_MASK) | 0x80000000U : id & CANP_ID_SFF_MASK;
}

static void add_classic(struct canp_log_writer *writer, const struct canp_record *r, uint32_t number)
{
    const struct canp_frame *f = r->frame;
    uint8_t *body = add_object(writer, CANP_BLF_CAN_MESSAGE2, 24, r->time_ns);
    canp_blf_put_u16(body, number);
    body[2] = (uint8_t)((r->dir != CANP_DIR_RX) | (f->id & CANP_ID_RTR ? 0x80 : 0));
    body[3] = f->len >= 8 ? f->len8_dlc > 8 && f->len8_dlc <= 15 ? f->len8_dlc : 8 : f->len;
    canp_blf_put_u32(body + 4, id_of(f->id));
    if (!(f->id & CANP_ID_RTR))
        memcpy(body + 8, f->data, f->len < 8 ? f->len : 8);
}

static void add_fd(struct canp_log_writer *writer, const struct canp_record *r, uint32_t number)
{
    const struct canp_frame *f = r->frame;
    uint8_t len = f->len <= 64 ? f->len : 64;
    uint8_t *body = add_object(writer, CANP_BLF_CAN_FD_MESSAGE_64, 40U + len, r->time_ns);
    body[0] = (uint8_t)number;
    body[1] = canp_fd_dlc(len);
    body[2] = len;
    canp_blf_put_u32(body + 4, id_of(f->id));
    canp_blf_put_u32(body + 12, CANP_ASC_FDF | (f->flags & CANP_FD_BRS ? CANP_ASC_BRS : 0) |
                                    (f->flags & CANP_FD_ESI ? CANP_ASC_ESI : 0));
    body[34] = r->dir != CANP_DIR_RX;
    memcpy(body + 40, f->data, len);
}

/* What the kernel says stands in a comment before the object. */
static void add_error(struct canp_log_writer *writer, const struct canp_record *r, uint32_t number)
{
    char text[256];
    char *end = canp_put_error_text(text, r->frame, canp_log_name(writer, r->channel));
    add_comment(writer, text, (size_t)(end - text), r->time_ns);
    canp_blf_put_u16(add_object(writer, CANP_BLF_CAN_ERROR_EXT, 32, r->time_ns), number);
    if (r->dir == CANP_DIR_TX)
        canp_log_lose(writer, CANP_LOG_LOSS_DIRECTION);
}

static void add_frame(struct canp_log_writer *writer, const struct canp_record *r)
{
    uint32_t number = canp_log_number(writer, r->channel);
    if (number > (r->kind == CANP_KIND_FD ? UINT8_MAX : UINT16_MAX)) { /* only by a map that asks for it */
        canp_log_lose(writer, CANP_LOG_LOSS_OTHER);
        return;
    }
    if (__builtin_expect(r->dir == CANP_DIR_OWN, 0))
        canp_log_lose(writer, CANP_LOG_LOSS_DIRECTION);
    if (r->kind == CANP_KIND_FD)
        add_fd(writer, r, number);
    else if (__builtin_expect(r->frame->id & CANP_ID_ERR, 0))
        add_error(writer, r, number);
    else
        add_classic(writer, r, number);
}

int canp_blf_write(struct canp_log_writer *writer, const struct canp_record *record)
{
    struct canp_blf_writing *state = writer->state;
    if (__builtin_expect(!state->has_begun, 0))
        begin(writer, record->time_ns);
    if (__builtin_expect(record->time_ns < state->start_ns, 0))
        canp_log_lose(writer, CANP_LOG_LOSS_TIME);
    if (record->time_ns > state->last_ns)
        state->last_ns = record->time_ns;
    if (__builtin_expect(canp_kind_is_frame(record->kind), 1))
        add_frame(writer, record);
    else if (record->kind == CANP_KIND_GAP)
        add_gap(writer, record);
    else
        add_event(writer, record);
    return 0;
}

int canp_blf_flush(struct canp_log_writer *writer)
{
    struct canp_blf_writing *state = writer->state;
    if (state->used)
        write_piece(writer, state->used);
    return writer->sink.error;
}

/* A pipe keeps the header as it was: readers go by the containers. */
int canp_blf_finish(struct canp_log_writer *writer)
{
    struct canp_blf_writing *state = writer->state;
    uint8_t header[CANP_BLF_HEADER_BYTES];
    if (!state->has_begun)
        begin(writer, 0);
    int r = canp_blf_flush(writer);
    if (r < 0 || !writer->sink.is_seekable)
        return r;
    make_header(state, canp_sink_offset(&writer->sink), header);
    return canp_sink_patch(&writer->sink, 0, header, sizeof(header));
}

void canp_blf_discard(struct canp_log_writer *writer)
{
    canp_blf_pack_end(((struct canp_blf_writing *)writer->state)->packer);
}
