/* Events as comments (comment.h). Invariant: what take() accepts is a record that a recording can hold. */
#include "formats/pcap/comment.h"

#include <canp/names.h>
#include <canp/rows.h>

#include "formats/text/text_in.h"
#include "formats/text/text_out.h"

#define MARK_BYTES_MAX 2048 /* of text; a row is hardly larger */

static char *put_key(char *out, const char *key, uint64_t value)
{
    return canp_put_decimal(canp_put_text(out, key), value);
}

static char *put_time(char *out, const char *key, int64_t time_ns)
{
    return canp_put_seconds(canp_put_text(out, key), time_ns, 1, 9);
}

/* ---- writing --------------------------------------------------------------------------------------- */

static char *put_gap(char *out, const struct canp_gap *gap)
{
    const char *layer = canp_layer_name(gap->layer);
    out = layer ? canp_put_text(out, layer) : canp_put_decimal(out, gap->layer);
    out = put_key(out, " lost ", gap->lost);
    return put_time(put_time(out, " from ", gap->from_ns), " to ", gap->to_ns);
}

static char *put_link(char *out, const struct canp_link_event *link)
{
    const char *word = canp_link_code_name(link->code);
    out = put_key(canp_put_text(out, word ? word : "?"), " code=", link->code);
    out = put_key(out, " state=", link->state);
    out = put_key(out, " tx_errors=", link->tx_errors);
    out = put_key(out, " rx_errors=", link->rx_errors);
    out = canp_put_text(out, " name=");
    return link->name[0] ? canp_put_iface(out, link->name) : out;
}

static char *put_mark(char *out, const struct canp_event *mark)
{
    size_t bytes = mark->bytes > sizeof(*mark) ? mark->bytes - sizeof(*mark) : 0;
    out = canp_put_text(put_key(out, "code=", mark->code), " ");
    return canp_put_safe(out, (const char *)mark->payload, bytes < MARK_BYTES_MAX ? bytes : MARK_BYTES_MAX);
}

static char *put_clock(char *out, const struct canp_clock *clock)
{
    out = put_time(put_key(out, "code=", clock->code), " realtime=", clock->realtime_ns);
    out = put_time(out, " monotonic=", clock->monotonic_ns);
    out = canp_put_hex_bytes(canp_put_text(out, " boot_id="), clock->boot_id, sizeof(clock->boot_id));
    if (!canp_clock_has_boottime(clock))
        return out;
    return put_time(put_time(out, " boottime=", clock->boottime_ns), " suspended=", clock->suspended_ns);
}

char *canp_comment_put(char *out, const struct canp_record *r, const char *iface)
{
    const char *kind = canp_kind_name(r->kind);
    out = canp_put_text(canp_put_text(out, "canp "), kind ? kind : "?");
    out = canp_put_iface(canp_put_text(put_time(out, " ", r->time_ns), " "), iface);
    *out++ = ' ';
    if (r->kind == CANP_KIND_GAP)
        return put_gap(out, r->gap);
    if (r->kind == CANP_KIND_LINK)
        return put_link(out, r->link);
    return r->kind == CANP_KIND_MARK ? put_mark(out, r->event) : put_clock(out, r->clock);
}

char *canp_comment_iface_put(char *out, const struct canp_iface *iface)
{
    out = put_key(canp_put_text(out, "canp iface"), " mtu=", iface->mtu);
    out = put_key(out, " bitrate=", iface->bitrate);
    out = put_key(out, " dbitrate=", iface->dbitrate);
    out = put_key(out, " ifindex=", iface->ifindex);
    return put_key(out, " ctrlmode=", iface->ctrlmode);
}

/* ---- reading --------------------------------------------------------------------------------------- */

static bool take_key(struct canp_text *t, const char *key, uint64_t most, uint64_t *value)
{
    return canp_take_text(t, key) && canp_take_decimal(t, value) == 0 && *value <= most;
}

static bool take_u32(struct canp_text *t, const char *key, uint32_t *value)
{
    uint64_t wide;
    bool is_there = take_key(t, key, UINT32_MAX, &wide);
    *value = is_there ? (uint32_t)wide : 0;
    return is_there;
}

static bool take_time(struct canp_text *t, const char *key, int64_t *time_ns)
{
    return canp_take_text(t, key) && canp_take_seconds(t, time_ns) == 0;
}

static bool take_layer(struct canp_text *t, uint32_t *layer)
{
    for (*layer = CANP_LAYER_SOCKET; *layer <= CANP_LAYER_STORE; ++*layer) {
        if (canp_take_text(t, canp_layer_name(*layer)))
            return true;
    }
    return take_u32(t, "", layer);
}

static bool take_gap(struct canp_text *t, struct canp_gap *gap)
{
    *gap = (struct canp_gap){.bytes = sizeof(*gap)};
    return take_layer(t, &gap->layer) && take_key(t, " lost ", UINT64_MAX, &gap->lost) &&
           take_time(t, " from ", &gap->from_ns) && take_time(t, " to ", &gap->to_ns);
}

static bool take_link(struct canp_text *t, struct canp_link_event *link)
{
    struct canp_text word;
    uint64_t tx, rx;
    *link = (struct canp_link_event){.bytes = sizeof(*link)};
    if (!canp_take_word(t, &word) || !take_u32(t, " code=", &link->code) ||
        !take_u32(t, " state=", &link->state) || !take_key(t, " tx_errors=", UINT16_MAX, &tx) ||
        !take_key(t, " rx_errors=", UINT16_MAX, &rx) || !canp_take_text(t, " name="))
        return false;
    link->tx_errors = (uint16_t)tx;
    link->rx_errors = (uint16_t)rx;
    return t->at == t->end || canp_take_iface(t, link->name) == 0;
}

static bool take_mark(struct canp_text *t, union canp_log_store *store)
{
    uint32_t code;
    if (!take_u32(t, "code=", &code) || !canp_take_char(t, ' ') ||
        t->end - t->at > CANP_SAFE_EXPANSION * MARK_BYTES_MAX)
        return false;
    char text[CANP_SAFE_EXPANSION * MARK_BYTES_MAX];
    size_t bytes = canp_safe_restore(text, t->at, (size_t)(t->end - t->at));
    if (bytes > MARK_BYTES_MAX)
        return false;
    store->event = (struct canp_event){.code = code, .bytes = (uint16_t)(sizeof(store->event) + bytes)};
    memcpy(store->event.payload, text, bytes);
    memset(store->event.payload + bytes, 0, 8 - bytes % 8);
    return true;
}

static bool take_clock(struct canp_text *t, struct canp_clock *clock)
{
    *clock = (struct canp_clock){.bytes = CANP_CLOCK_BYTES_MIN};
    if (!take_u32(t, "code=", &clock->code) || !take_time(t, " realtime=", &clock->realtime_ns) ||
        !take_time(t, " monotonic=", &clock->monotonic_ns) || !canp_take_text(t, " boot_id=") ||
        canp_hex_bytes(&t->at, t->end, clock->boot_id, sizeof(clock->boot_id)) != sizeof(clock->boot_id))
        return false;
    if (t->at == t->end)
        return true;
    clock->bytes = sizeof(*clock);
    return take_time(t, " boottime=", &clock->boottime_ns) &&
           take_time(t, " suspended=", &clock->suspended_ns);
}

int canp_comment_take(const char *text, size_t bytes, union canp_log_store *store,
                      char iface[CANP_IFACE_NAME_BYTES], struct canp_record *out)
{
    static const uint8_t kinds[] = {CANP_KIND_GAP, CANP_KIND_LINK, CANP_KIND_MARK, CANP_KIND_CLOCK};
    struct canp_text t = {text, text + bytes};
    unsigned i = 0;
    if (!canp_take_text(&t, "canp "))
        return 0;
    while (i < sizeof(kinds) && !canp_take_text(&t, canp_kind_name(kinds[i])))
        i++;
    *out = (struct canp_record){.kind = i < sizeof(kinds) ? kinds[i] : 0};
    out->event = &store->event;
    if (i == sizeof(kinds) || !take_time(&t, " ", &out->time_ns) || !canp_take_char(&t, ' ') ||
        canp_take_iface(&t, iface) < 0 || !canp_take_char(&t, ' '))
        return 0;
    if (out->kind == CANP_KIND_MARK)
        return take_mark(&t, store);
    bool is_read = out->kind == CANP_KIND_GAP    ? take_gap(&t, &store->gap)
                   : out->kind == CANP_KIND_LINK ? take_link(&t, &store->link)
                                                 : take_clock(&t, &store->clock);
    return is_read && t.at == t.end;
}

int canp_comment_iface_take(const char *text, size_t bytes, struct canp_iface *iface)
{
    struct canp_text t = {text, text + bytes};
    return canp_take_text(&t, "canp iface") && take_u32(&t, " mtu=", &iface->mtu) &&
           take_u32(&t, " bitrate=", &iface->bitrate) && take_u32(&t, " dbitrate=", &iface->dbitrate) &&
           take_u32(&t, " ifindex=", &iface->ifindex) && take_u32(&t, " ctrlmode=", &iface->ctrlmode);
}
