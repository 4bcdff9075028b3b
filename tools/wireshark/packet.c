/*
 * Packets of link type SocketCAN (packet.h): the identifier in network order, else the kernel's frame; a
 * classic frame has 16 bytes, one of CAN FD 72, as engine/formats/pcap writes them. One thread.
 */
#include "wireshark/packet.h"

#include <string.h>

#include <canp/names.h>

static guint32 put_can(guint8 out[72], const struct canp_record *record)
{
    const struct canp_frame *f = record->frame;
    guint32 id = GUINT32_TO_BE(f->id), most = record->kind == CANP_KIND_FD ? 64 : 8;
    bool is_remote = record->kind == CANP_KIND_CAN && (f->id & (CANP_ID_RTR | CANP_ID_ERR)) == CANP_ID_RTR;
    memset(out, 0, 8 + most);
    memcpy(out, &id, sizeof(id));
    out[4] = f->len;
    if (record->kind == CANP_KIND_FD)
        out[5] = (guint8)((f->flags & (CANP_FD_BRS | CANP_FD_ESI)) | CANP_FD_FDF);
    else if (f->len == 8)
        out[7] = f->len8_dlc;
    if (!is_remote)
        memcpy(out + 8, f->data, MIN(f->len, most));
    return 8 + most;
}

static guint32 put_xl(guint8 out[12 + 2048], const struct canp_xl_frame *xl)
{
    guint32 prio = GUINT32_TO_BE(xl->prio), af = GUINT32_TO_LE(xl->af);
    guint16 length = MIN(xl->len, 2048), le = GUINT16_TO_LE(length);
    memcpy(out, &prio, sizeof(prio));
    out[4] = xl->flags | 0x80;
    out[5] = xl->sdt;
    memcpy(out + 6, &le, sizeof(le));
    memcpy(out + 8, &af, sizeof(af));
    memcpy(out + 12, xl->data, length);
    return 12U + length;
}

guint32 packet_put_frame(Buffer *buf, const struct canp_record *record)
{
    ws_buffer_assure_space(buf, 12 + 2048);
    guint8 *out = ws_buffer_start_ptr(buf);
    return record->kind == CANP_KIND_XL ? put_xl(out, record->xl) : put_can(out, record);
}

static const char *or_unknown(const char *name)
{
    return name ? name : "unknown";
}

static void put_gap(wtap_block_t block, const struct canp_gap *gap, const char *name)
{
    const char *layer = or_unknown(canp_layer_name(gap->layer));
    if (gap->to_ns > gap->from_ns)
        wtap_block_add_string_option_format(
            block, OPT_COMMENT,
            "canp gap: %s: %" G_GUINT64_FORMAT " frames lost (%s), within %.6f s before this one", name,
            gap->lost, layer, (double)(gap->to_ns - gap->from_ns) / 1e9);
    else
        wtap_block_add_string_option_format(block, OPT_COMMENT,
                                            "canp gap: %s: %" G_GUINT64_FORMAT " frames lost (%s)", name,
                                            gap->lost, layer);
}

static void put_link(wtap_block_t block, const struct canp_link_event *link, const char *name)
{
    const char *state = canp_controller_state_name(link->state);
    wtap_block_add_string_option_format(block, OPT_COMMENT, "canp link: %s: %s%s%s", name,
                                        or_unknown(canp_link_code_name(link->code)), state ? " " : "",
                                        state ? state : "");
}

/* Somebody else's text, which may be no UTF-8. */
static void put_mark(wtap_block_t block, const struct canp_event *mark)
{
    gssize bytes = (gssize)mark->bytes - (gssize)sizeof(*mark);
    gchar *text = g_utf8_make_valid((const gchar *)mark->payload, MAX(bytes, 0));
    wtap_block_add_string_option_format(block, OPT_COMMENT, "canp mark: %s", text);
    g_free(text);
}

void packet_put_event(wtap_block_t block, const struct canp_record *record, const char *name, guint64 *lost)
{
    if (record->kind == CANP_KIND_GAP) {
        put_gap(block, record->gap, name);
        *lost += record->gap->lost;
    } else if (record->kind == CANP_KIND_LINK) {
        put_link(block, record->link, name);
    } else if (record->kind == CANP_KIND_MARK) {
        put_mark(block, record->event);
    }
}
