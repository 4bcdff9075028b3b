/*
 * Records that are no frames as comment lines, which can-utils skip:
 *   # GAP vcan0 socket lost 17 from 1700000000.100000000 to 1700000000.200000000
 *   # LINK vcan0 down at 1700000000.100000000
 *   # IFACE vcan0 mtu 72 bitrate 500000 dbitrate 2000000
 *   # MARK text
 *   # NOTE key=value
 *   # WINDOW begin text
 *   # OUTSIDE vcan0 1234
 *   # CLOCK realtime 1700000000.100000000 monotonic 0000012345.100000000 boottime 0000012345.100000000
 * and candump's own `DROPCOUNT: dropped 3 CAN frames on 'vcan0' socket (total drops 3)`, which becomes a gap.
 * Only gaps are read back. The lines are for people; event_text.h has the ones that are read back in full.
 * Any thread; no state.
 */
#include "candump_text.h"

#include <canp/names.h>
#include <canp/rows.h>

#define TEXT_BYTES_MAX CANP_ROW_BYTES_MAX /* of a mark: a row is no larger */
_Static_assert(CANP_SAFE_EXPANSION *TEXT_BYTES_MAX + 128 <= CANP_CANDUMP_LINE_BYTES, "a line holds any mark");

static const char *name_or(const char *name, const char *otherwise)
{
    return name ? name : otherwise;
}

static char *put_gap(char *out, const struct canp_gap *gap, const char *iface)
{
    out = canp_put_iface(canp_put_text(out, "GAP "), iface);
    *out++ = ' ';
    out = canp_put_text(out, name_or(canp_layer_name(gap->layer), "unknown"));
    out = canp_put_decimal(canp_put_text(out, " lost "), gap->lost);
    out = canp_put_candump_time(canp_put_text(out, " from "), gap->from_ns, 0);
    return canp_put_candump_time(canp_put_text(out, " to "), gap->to_ns, 0);
}

static char *put_link(char *out, const struct canp_record *r, const char *iface)
{
    const struct canp_link_event *link = r->link;
    out = canp_put_iface(canp_put_text(out, "LINK "), iface);
    *out++ = ' ';
    out = canp_put_text(out, name_or(canp_link_code_name(link->code), "?"));
    if (link->code == CANP_LINK_RENAMED)
        out = canp_put_iface(canp_put_text(out, " to "), link->name);
    if (link->code == CANP_LINK_STATE) {
        *out++ = ' ';
        out = canp_put_text(out, name_or(canp_controller_state_name(link->state), "unknown"));
        out = canp_put_decimal(canp_put_text(out, " txerr "), link->tx_errors);
        out = canp_put_decimal(canp_put_text(out, " rxerr "), link->rx_errors);
    }
    return canp_put_candump_time(canp_put_text(out, " at "), r->time_ns, 0);
}

static char *put_iface_definition(char *out, const struct canp_iface *iface)
{
    out = canp_put_iface(canp_put_text(out, "IFACE "), iface->name);
    out = canp_put_decimal(canp_put_text(out, " mtu "), iface->mtu);
    out = canp_put_decimal(canp_put_text(out, " bitrate "), iface->bitrate);
    return canp_put_decimal(canp_put_text(out, " dbitrate "), iface->dbitrate);
}

/* A text as canp/safe_text.h spells it, so that it stays on its line and its reader gets it back. */
static char *put_mark(char *out, const struct canp_event *mark, const char *iface)
{
    size_t bytes = mark->bytes > sizeof(*mark) ? mark->bytes - sizeof(*mark) : 0;
    static const char *const words[] = {"MARK ", "NOTE ", "WINDOW begin ", "WINDOW end ", "OUTSIDE "};
    out = canp_put_text(out, words[mark->code < sizeof(words) / sizeof(words[0]) ? mark->code : 0]);
    if (mark->code == CANP_MARK_OUTSIDE)
        out = canp_put_text(canp_put_iface(out, iface), " ");
    bytes = bytes < TEXT_BYTES_MAX ? bytes : TEXT_BYTES_MAX;
    while (bytes && mark->payload[bytes - 1] == '\0') /* padding */
        bytes--;
    return canp_put_safe(out, (const char *)mark->payload, bytes);
}

static char *put_clock(char *out, const struct canp_clock *clock)
{
    out = canp_put_candump_time(canp_put_text(out, "CLOCK realtime "), clock->realtime_ns, 0);
    out = canp_put_candump_time(canp_put_text(out, " monotonic "), clock->monotonic_ns, 0);
    if (!canp_clock_has_boottime(clock))
        return out;
    out = canp_put_candump_time(canp_put_text(out, " boottime "), clock->boottime_ns, 0);
    if (clock->code == CANP_CLOCK_SUSPEND)
        out = canp_put_candump_time(canp_put_text(out, " suspended "), clock->suspended_ns, 0);
    return out;
}

char *canp_put_event(char *out, const struct canp_record *record, const char *iface)
{
    out = canp_put_text(out, "# ");
    switch (record->kind) {
    case CANP_KIND_GAP:
        return put_gap(out, record->gap, iface);
    case CANP_KIND_LINK:
        return put_link(out, record, iface);
    case CANP_KIND_IFACE:
        return put_iface_definition(out, record->iface);
    case CANP_KIND_MARK:
        return put_mark(out, record->event, iface);
    case CANP_KIND_CLOCK:
        return put_clock(out, record->clock);
    default:
        return canp_put_decimal(canp_put_text(out, "RECORD of kind "), record->kind);
    }
}

/* ---- reading ----------------------------------------------------------------------------------- */

static void fill_gap(struct canp_candump_line *out, uint32_t layer, uint64_t lost, int64_t from_ns,
                     int64_t to_ns)
{
    out->kind = CANP_KIND_GAP;
    out->time_ns = to_ns;
    out->gap = (struct canp_gap){
        .layer = layer, .bytes = sizeof(struct canp_gap), .lost = lost, .from_ns = from_ns, .to_ns = to_ns};
}

static uint32_t take_layer(struct canp_text *t)
{
    for (uint32_t layer = CANP_LAYER_SOCKET; layer <= CANP_LAYER_STREAM; layer++) {
        if (canp_take_text(t, canp_layer_name(layer)))
            return layer;
    }
    return 0;
}

int canp_parse_comment(struct canp_text *t, struct canp_candump_line *out)
{
    uint64_t lost;
    int64_t from_ns, to_ns;
    if (!canp_take_text(t, "# GAP ") || canp_take_iface(t, out->iface) < 0)
        return 0;
    canp_skip_blanks(t);
    uint32_t layer = take_layer(t);
    if (!layer || !canp_take_text(t, " lost ") || canp_take_decimal(t, &lost) < 0 ||
        !canp_take_text(t, " from ") || canp_take_seconds(t, &from_ns) < 0 || !canp_take_text(t, " to ") ||
        canp_take_seconds(t, &to_ns) < 0)
        return 0;
    fill_gap(out, layer, lost, from_ns, to_ns);
    return 1;
}

int canp_parse_dropcount(struct canp_text *t, struct canp_candump_line *out)
{
    uint64_t lost;
    if (!canp_take_text(t, "DROPCOUNT: dropped ") || canp_take_decimal(t, &lost) < 0 ||
        !canp_take_text(t, " CAN frame"))
        return -CANP_E_SYNTAX;
    canp_take_text(t, "s");
    if (!canp_take_text(t, " on '"))
        return -CANP_E_SYNTAX;
    const char *quote = memchr(t->at, '\'', (size_t)(t->end - t->at));
    struct canp_text name = {t->at, quote};
    if (!quote || canp_take_iface(&name, out->iface) < 0 || name.at != quote)
        return -CANP_E_SYNTAX;
    fill_gap(out, CANP_LAYER_SOCKET, lost, INT64_MIN, INT64_MIN);
    return 1;
}
