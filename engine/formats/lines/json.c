/*
 * Writes JSON lines: one object for each record, with everything that the record holds. The keys must not
 * change: scripts and json_read.c depend on them. No state; any thread.
 */
#include <canp/error_text.h>
#include <canp/names.h>
#include <canp/safe_text.h>

#include "formats/lines/json_parts.h"
#include "formats/text/frame_view.h"
#include "formats/text/text_out.h"

#define LINE_BYTES 32768 /* a text of 2 KiB, each byte of which takes up to 12; or an XL frame */

static char *put_name(char *out, const char *key)
{
    return canp_put_text(out, key);
}

/* `key` is complete: ,"name": */
static char *put_string(char *out, const char *key, const char *value, size_t bytes)
{
    char piece[CANP_SAFE_JSON_BYTES];
    out = put_name(out, key);
    *out++ = '"';
    for (size_t i = 0; i < bytes;) {
        unsigned char c = (unsigned char)value[i];
        if (c >= ' ' && c < 0x7F && c != '"' && c != '\\') { /* stands for itself */
            *out++ = value[i++];
            continue;
        }
        i += canp_safe_json_char(value + i, bytes - i, piece);
        out = canp_put_text(out, piece);
    }
    *out++ = '"';
    return out;
}

static char *put_number(char *out, const char *key, uint64_t value)
{
    return canp_put_decimal(put_name(out, key), value);
}

static char *put_signed(char *out, const char *key, int64_t value)
{
    return canp_put_signed(put_name(out, key), value);
}

static char *put_bool(char *out, const char *key, bool value)
{
    return canp_put_text(put_name(out, key), value ? "true" : "false");
}

static char *put_hex(char *out, const char *key, const uint8_t *data, size_t bytes)
{
    out = put_name(out, key);
    *out++ = '"';
    out = canp_put_hex_bytes(out, data, bytes);
    *out++ = '"';
    return out;
}

static char *put_bits(char *out, const char *key, uint32_t bits, const char *(*name)(unsigned bit))
{
    const char *before = "\"";
    out = canp_put_text(out, key);
    for (unsigned bit = 0; bit < 32; bit++) {
        if (!(bits >> bit & 1) || !name(bit))
            continue;
        out = canp_put_text(canp_put_text(out, before), name(bit));
        *out++ = '"';
        before = ",\"";
    }
    *out++ = ']';
    return out;
}

static char *put_word(char *out, const char *key, const char *word)
{
    if (!word)
        return out;
    out = canp_put_text(canp_put_text(out, key), word);
    *out++ = '"';
    return out;
}

/* Keys of what the error frame does not say are left out. */
static char *put_error(char *out, const struct canp_frame *f)
{
    struct canp_error_facts e;
    char said[CANP_ERROR_TEXT_BYTES];
    canp_error_read(f, &e);
    canp_error_text(f, ", ", said);
    out = put_word(out, ",\"error_text\":\"", said);
    out = put_bits(out, ",\"error_classes\":[", e.classes, canp_error_class_name);
    if (e.arbitration_bit)
        out = put_number(out, ",\"arbitration_bit\":", e.arbitration_bit);
    if (e.controller)
        out = put_bits(out, ",\"controller\":[", e.controller, canp_error_controller_name);
    if (e.protocol)
        out = put_bits(out, ",\"protocol\":[", e.protocol, canp_error_protocol_name);
    out = put_word(out, ",\"location\":\"", e.location);
    out = put_word(out, ",\"can_high\":\"", e.can_high);
    out = put_word(out, ",\"can_low\":\"", e.can_low);
    if (e.has_counters) {
        out = put_number(out, ",\"tx_errors\":", e.tx_errors);
        out = put_number(out, ",\"rx_errors\":", e.rx_errors);
    }
    return out;
}

static char *put_frame(char *out, const struct canp_record *r)
{
    struct canp_frame_view v = canp_frame_view_of(r);
    const char *dir = canp_dir_name(r->dir);
    out = canp_put_text(canp_put_text(out, ",\"dir\":\""), dir ? dir : "?");
    out = put_number(out, "\",\"id\":", v.id);
    out = put_bool(out, ",\"extended\":", v.is_extended);
    out = put_bool(out, ",\"remote\":", v.is_remote);
    out = put_bool(out, ",\"error\":", v.is_error);
    out = put_number(out, ",\"len\":", v.len);
    if (v.raw_dlc)
        out = put_number(out, ",\"dlc\":", v.raw_dlc);
    if (r->kind == CANP_KIND_FD) {
        out = put_bool(out, ",\"brs\":", v.has_brs);
        out = put_bool(out, ",\"esi\":", v.has_esi);
        out = put_number(out, ",\"flags\":", r->frame->flags);
    }
    if (r->kind == CANP_KIND_XL) {
        out = put_number(out, ",\"vcid\":", r->xl->prio >> 16 & 0xFF);
        out = put_number(out, ",\"flags\":", r->xl->flags);
        out = put_number(out, ",\"sdt\":", r->xl->sdt);
        out = put_number(out, ",\"af\":", r->xl->af);
    }
    out = put_hex(out, ",\"data\":", v.data, v.data_bytes);
    return v.is_error ? put_error(out, r->frame) : out;
}

static char *put_gap(char *out, const struct canp_gap *gap)
{
    const char *layer = canp_layer_name(gap->layer);
    out = canp_put_text(canp_put_text(out, ",\"layer\":\""), layer ? layer : "unknown");
    out = put_number(out, "\",\"lost\":", gap->lost);
    out = put_signed(out, ",\"from_ns\":", gap->from_ns);
    return put_signed(out, ",\"to_ns\":", gap->to_ns);
}

static char *put_iface(char *out, const struct canp_iface *iface)
{
    out = put_number(out, ",\"mtu\":", iface->mtu);
    out = put_number(out, ",\"bitrate\":", iface->bitrate);
    out = put_number(out, ",\"dbitrate\":", iface->dbitrate);
    out = put_number(out, ",\"ifindex\":", iface->ifindex);
    return put_number(out, ",\"ctrlmode\":", iface->ctrlmode);
}

static char *put_link(char *out, const struct canp_link_event *link)
{
    out = put_number(out, ",\"code\":", link->code);
    out = put_signed(out, ",\"state\":", link->state == UINT32_MAX ? -1 : (int64_t)link->state);
    out = put_number(out, ",\"tx_errors\":", link->tx_errors);
    out = put_number(out, ",\"rx_errors\":", link->rx_errors);
    return put_string(out, ",\"name\":", link->name, strnlen(link->name, CANP_IFACE_NAME_BYTES));
}

static char *put_mark(char *out, const struct canp_event *mark)
{
    out = put_number(out, ",\"code\":", mark->code);
    if (mark->bytes > sizeof(*mark))
        out = put_string(out, ",\"text\":", (const char *)mark->payload, mark->bytes - sizeof(*mark));
    return out;
}

static char *put_clock(char *out, const struct canp_clock *clock)
{
    out = put_number(out, ",\"code\":", clock->code);
    out = put_signed(out, ",\"realtime_ns\":", clock->realtime_ns);
    out = put_signed(out, ",\"monotonic_ns\":", clock->monotonic_ns);
    out = put_hex(out, ",\"boot_id\":", clock->boot_id, sizeof(clock->boot_id));
    if (canp_clock_has_boottime(clock)) {
        out = put_signed(out, ",\"boottime_ns\":", clock->boottime_ns);
        out = put_signed(out, ",\"suspended_ns\":", clock->suspended_ns);
    }
    return out;
}

static char *put_event(char *out, const struct canp_record *r)
{
    switch (r->kind) {
    case CANP_KIND_GAP:
        return put_gap(out, r->gap);
    case CANP_KIND_IFACE:
        return put_iface(out, r->iface);
    case CANP_KIND_LINK:
        return put_link(out, r->link);
    case CANP_KIND_MARK:
        return put_mark(out, r->event);
    case CANP_KIND_CLOCK:
        return put_clock(out, r->clock);
    default:
        return out;
    }
}

static int write_record(struct canp_log_writer *writer, const struct canp_record *r)
{
    char *at = canp_sink_room(&writer->sink, LINE_BYTES);
    const char *kind = canp_kind_name(r->kind);
    at = put_signed(at, "{\"time_ns\":", r->time_ns);
    const char *name = canp_log_name(writer, r->channel);
    at = put_string(at, ",\"iface\":", name, strnlen(name, CANP_IFACE_NAME_BYTES));
    at = canp_put_text(canp_put_text(at, ",\"kind\":\""), kind ? kind : "?");
    *at++ = '"';
    if (r->has_hw_time)
        at = put_signed(at, ",\"hw_time_ns\":", r->hw_time_ns);
    at = canp_kind_is_frame(r->kind) ? put_frame(at, r) : put_event(at, r);
    at = canp_put_text(at, "}\n");
    writer->sink.at = (uint8_t *)at;
    return 0;
}

#define ALL                                                                                                  \
    (CANP_LOG_FD | CANP_LOG_XL | CANP_LOG_REMOTE | CANP_LOG_ERRORS | CANP_LOG_RAW_DLC | CANP_LOG_DIRECTION | \
     CANP_LOG_NANOS | CANP_LOG_EPOCH | CANP_LOG_HW_TIME | CANP_LOG_NAMES | CANP_LOG_IFACES | CANP_LOG_GAPS | \
     CANP_LOG_LINKS | CANP_LOG_MARKS | CANP_LOG_CLOCKS | CANP_LOG_TEXT)

const struct canp_log_format canp_format_json = {
    .info = {.name = "json",
             .title = "JSON lines",
             .suffixes = "json jsonl ndjson",
             .reads = CANP_LOG_READ | ALL,
             .writes = CANP_LOG_WRITE | ALL},
    .probe = canp_json_probe,
    .next = canp_json_next,
    .write = write_record,
};
