/* Records that are no frames as one line of text (event_text.h). No state; any thread. */
#include "formats/text/event_text.h"

#include <canp/names.h>
#include <canp/rows.h>

#include "formats/text/text_out.h"

#define MARK_TEXT_MAX 2064U

static char *put_number(char *out, const char *word, uint64_t value)
{
    return canp_put_decimal(canp_put_text(out, word), value);
}

static char *put_named(char *out, const char *word, const char *name, uint64_t value)
{
    return name ? canp_put_text(canp_put_text(out, word), name) : put_number(out, word, value);
}

static char *put_time(char *out, const char *word, int64_t time_ns)
{
    return canp_put_seconds(canp_put_text(out, word), time_ns, 1, 9);
}

static char *put_gap(char *out, const struct canp_gap *gap)
{
    out = put_named(out, " layer ", canp_layer_name(gap->layer), gap->layer);
    out = put_number(out, " lost ", gap->lost);
    out = put_time(out, " from ", gap->from_ns);
    return put_time(out, " to ", gap->to_ns);
}

static char *put_iface(char *out, const struct canp_iface *iface, uint32_t number)
{
    out = put_number(out, " number ", number);
    out = put_number(out, " mtu ", iface->mtu);
    out = put_number(out, " bitrate ", iface->bitrate);
    out = put_number(out, " dbitrate ", iface->dbitrate);
    out = put_number(out, " ifindex ", iface->ifindex);
    return put_number(out, " ctrlmode ", iface->ctrlmode);
}

static char *put_link(char *out, const struct canp_link_event *link)
{
    out = put_named(out, " code ", canp_link_code_name(link->code), link->code);
    out = put_number(out, " state ", link->state);
    out = put_number(out, " txerrors ", link->tx_errors);
    out = put_number(out, " rxerrors ", link->rx_errors);
    return link->name[0] ? canp_put_iface(canp_put_text(out, " name "), link->name) : out;
}

static char *put_mark(char *out, const struct canp_event *mark)
{
    size_t bytes = mark->bytes > sizeof(*mark) ? mark->bytes - sizeof(*mark) : 0;
    out = canp_put_text(put_number(out, " code ", mark->code), " ");
    return canp_put_safe(out, (const char *)mark->payload, bytes < MARK_TEXT_MAX ? bytes : MARK_TEXT_MAX);
}

static char *put_clock(char *out, const struct canp_clock *clock)
{
    out = put_number(out, " code ", clock->code);
    out = put_time(out, " realtime ", clock->realtime_ns);
    out = put_time(out, " monotonic ", clock->monotonic_ns);
    out = canp_put_hex_bytes(canp_put_text(out, " boot "), clock->boot_id, sizeof(clock->boot_id));
    if (!canp_clock_has_boottime(clock))
        return out;
    return put_time(put_time(out, " boottime ", clock->boottime_ns), " suspended ", clock->suspended_ns);
}

/* Behind "canp ". `number` is of an IFACE. */
static char *put_record(char *out, const struct canp_record *record, const char *iface, uint32_t number)
{
    const char *kind = canp_kind_name(record->kind);
    out = canp_put_iface(canp_put_text(canp_put_text(out, kind ? kind : "?"), " "), iface);
    switch (record->kind) {
    case CANP_KIND_GAP:
        return put_gap(out, record->gap);
    case CANP_KIND_IFACE:
        return put_iface(out, record->iface, number);
    case CANP_KIND_LINK:
        return put_link(out, record->link);
    case CANP_KIND_MARK:
        return put_mark(out, record->event);
    default:
        return put_clock(out, record->clock);
    }
}

char *canp_put_event_text(char *out, const struct canp_record *record, const char *iface, uint32_t number)
{
    return put_record(canp_put_text(out, "canp "), record, iface, number);
}

char *canp_put_timed_event_text(char *out, const struct canp_record *record, const char *iface)
{
    out = canp_put_text(put_time(out, "canp at ", record->time_ns), " ");
    return put_record(out, record, iface, 0);
}

char *canp_put_start_text(char *out, int64_t start_ns)
{
    return put_time(out, "canp start ", start_ns);
}

char *canp_put_error_text(char *out, const struct canp_frame *frame, const char *iface)
{
    out = canp_put_iface(canp_put_text(out, "canp error "), iface);
    *out++ = ' ';
    out = canp_put_hex_u32(out, frame->id);
    *out++ = ' ';
    return canp_put_hex_bytes(out, frame->data, frame->len < 8 ? frame->len : 8);
}

/* ---- reading ----------------------------------------------------------------------------------- */

static bool take_number(struct canp_text *t, const char *word, uint64_t most, uint64_t *value)
{
    return canp_take_text(t, word) && canp_take_decimal(t, value) == 0 && *value <= most;
}

static bool take_u32(struct canp_text *t, const char *word, uint32_t *value)
{
    uint64_t v;
    if (!take_number(t, word, UINT32_MAX, &v))
        return false;
    *value = (uint32_t)v;
    return true;
}

/* A number, or the name of one: name_of() tells those from 0 up, without a hole in them from `first` up. */
static bool take_named(struct canp_text *t, const char *word, const char *(*name_of)(uint32_t),
                       uint32_t first, uint32_t *value)
{
    struct canp_text rest = *t, name;
    if (take_u32(t, word, value))
        return true;
    *t = rest;
    if (!canp_take_text(t, word) || !canp_take_word(t, &name))
        return false;
    for (*value = first; name_of(*value); ++*value) {
        if (canp_text_is(&name, name_of(*value)))
            return true;
    }
    return false;
}

static bool take_time(struct canp_text *t, const char *word, int64_t *time_ns)
{
    return canp_take_text(t, word) && canp_take_seconds(t, time_ns) == 0;
}

static bool take_gap(struct canp_text *t, struct canp_gap *gap)
{
    *gap = (struct canp_gap){.bytes = sizeof(*gap)};
    return take_named(t, " layer ", canp_layer_name, CANP_LAYER_SOCKET, &gap->layer) &&
           take_number(t, " lost ", UINT64_MAX, &gap->lost) && take_time(t, " from ", &gap->from_ns) &&
           take_time(t, " to ", &gap->to_ns);
}

static bool take_iface(struct canp_text *t, struct canp_iface *iface, struct canp_event_text *out)
{
    *iface = (struct canp_iface){.bytes = sizeof(*iface)};
    memcpy(iface->name, out->iface, sizeof(iface->name));
    return take_u32(t, " number ", &out->number) && take_u32(t, " mtu ", &iface->mtu) &&
           take_u32(t, " bitrate ", &iface->bitrate) && take_u32(t, " dbitrate ", &iface->dbitrate) &&
           take_u32(t, " ifindex ", &iface->ifindex) && take_u32(t, " ctrlmode ", &iface->ctrlmode);
}

static bool take_link(struct canp_text *t, struct canp_link_event *link)
{
    uint64_t tx, rx;
    *link = (struct canp_link_event){.bytes = sizeof(*link)};
    if (!take_named(t, " code ", canp_link_code_name, CANP_LINK_UP, &link->code) ||
        !take_u32(t, " state ", &link->state) || !take_number(t, " txerrors ", UINT16_MAX, &tx) ||
        !take_number(t, " rxerrors ", UINT16_MAX, &rx))
        return false;
    link->tx_errors = (uint16_t)tx;
    link->rx_errors = (uint16_t)rx;
    return !canp_take_text(t, " name ") || canp_take_iface(t, link->name) == 0;
}

static bool take_mark(struct canp_text *t, struct canp_event *mark)
{
    char text[CANP_SAFE_EXPANSION * MARK_TEXT_MAX];
    memset(mark, 0, sizeof(*mark));
    if (!take_u32(t, " code ", &mark->code) || !canp_take_char(t, ' '))
        return false;
    size_t bytes = (size_t)(t->end - t->at);
    if (bytes > sizeof(text))
        return false;
    bytes = canp_safe_restore(text, t->at, bytes);
    if (bytes > MARK_TEXT_MAX)
        return false;
    memset(mark->payload, 0, canp_align8((uint32_t)bytes));
    memcpy(mark->payload, text, bytes);
    t->at = t->end;
    mark->bytes = (uint16_t)(sizeof(*mark) + bytes);
    return true;
}

static bool take_clock(struct canp_text *t, struct canp_clock *clock)
{
    *clock = (struct canp_clock){.bytes = CANP_CLOCK_BYTES_MIN};
    if (!take_u32(t, " code ", &clock->code) || !take_time(t, " realtime ", &clock->realtime_ns) ||
        !take_time(t, " monotonic ", &clock->monotonic_ns) || !canp_take_text(t, " boot ") ||
        canp_hex_bytes(&t->at, t->end, clock->boot_id, sizeof(clock->boot_id)) != sizeof(clock->boot_id))
        return false;
    if (t->at == t->end)
        return true;
    clock->bytes = sizeof(*clock);
    return take_time(t, " boottime ", &clock->boottime_ns) &&
           take_time(t, " suspended ", &clock->suspended_ns);
}

static bool take_error(struct canp_text *t, struct canp_frame *frame)
{
    memset(frame, 0, sizeof(union canp_frame_store));
    if (!canp_take_char(t, ' ') || canp_take_hex(t, &frame->id) < 0 || !(frame->id & CANP_ID_ERR) ||
        !canp_take_char(t, ' '))
        return false;
    frame->len = (uint8_t)canp_hex_bytes(&t->at, t->end, frame->data, 8);
    return true;
}

static bool take_record(struct canp_text *t, union canp_log_store *store, struct canp_event_text *out)
{
    switch (out->kind) {
    case CANP_KIND_GAP:
        return take_gap(t, &store->gap);
    case CANP_KIND_IFACE:
        return take_iface(t, (struct canp_iface *)store->bytes, out);
    case CANP_KIND_LINK:
        return take_link(t, &store->link);
    case CANP_KIND_MARK:
        return take_mark(t, &store->event);
    case CANP_KIND_CLOCK:
        return take_clock(t, &store->clock);
    default:
        return take_error(t, &store->frame);
    }
}

static bool take_kind(struct canp_text *t, struct canp_event_text *out)
{
    struct canp_text word;
    if (!canp_take_word(t, &word) || !canp_take_char(t, ' '))
        return false;
    if (canp_text_is(&word, "error")) {
        out->what = CANP_EVENT_TEXT_ERROR;
        return true;
    }
    for (out->kind = CANP_KIND_GAP; out->kind <= CANP_KIND_CLOCK; out->kind++) {
        if (canp_text_is(&word, canp_kind_name(out->kind)))
            return true;
    }
    return false;
}

int canp_take_event_text(struct canp_text text, union canp_log_store *store, struct canp_event_text *out)
{
    struct canp_text *t = &text;
    *out = (struct canp_event_text){.what = CANP_EVENT_TEXT_RECORD};
    if (!canp_take_text(t, "canp "))
        return 0;
    if (canp_take_text(t, "start ")) {
        out->what = CANP_EVENT_TEXT_START;
        return canp_take_seconds(t, &out->start_ns) == 0 ? 1 : -CANP_E_SYNTAX;
    }
    out->has_time = canp_take_text(t, "at ");
    if (out->has_time && (canp_take_seconds(t, &out->time_ns) < 0 || !canp_take_char(t, ' ')))
        return -CANP_E_SYNTAX;
    if (!take_kind(t, out))
        return 0;
    bool is_whole = canp_take_iface(t, out->iface) == 0 && take_record(t, store, out) && t->at == t->end;
    return is_whole ? 1 : -CANP_E_SYNTAX;
}
