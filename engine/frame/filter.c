/*
 * Filters: parsed as candump parses them, matched as the kernel matches them (canp/filter.h).
 *
 * The masks are kept as the user gave them, for setsockopt(); the changes that the kernel makes to them on
 * registration are made while matching. Any thread; no state.
 */
#include <errno.h>
#include <string.h>

#include <canp/filter.h>

#include <canp/private/hex.h>

_Static_assert(sizeof(struct canp_filter) == 8, "laid out as struct can_filter");

/* 1 to 8 hex digits (an 0x is no part of candump's syntax). Returns their number, 0 for none or too many. */
static unsigned take_hex(const char **at, const char *end, uint32_t *value)
{
    unsigned digits = 0;
    uint32_t v = 0;
    for (int d; *at < end && (d = canp_hex_value((unsigned char)**at)) >= 0; (*at)++, digits++) {
        if (digits == 8)
            return 0;
        v = v << 4 | (uint32_t)d;
    }
    *value = v;
    return digits;
}

static int parse_error_mask(struct canp_filter_set *set, const char *at, const char *end)
{
    uint32_t mask;
    if (!take_hex(&at, end, &mask) || at != end)
        return -CANP_E_SYNTAX;
    set->error_mask |= mask & CANP_ID_EFF_MASK;
    return 0;
}

static int parse_pair(struct canp_filter_set *set, const char *at, const char *end)
{
    struct canp_filter f;
    unsigned digits = take_hex(&at, end, &f.id);
    if (!digits || at == end || (*at != ':' && *at != '~'))
        return -CANP_E_SYNTAX;
    char sign = *at++;
    if (!take_hex(&at, end, &f.mask) || at != end)
        return -CANP_E_SYNTAX;
    f.id &= ~CANP_ID_ERR; /* the bit means inverse here */
    f.mask &= ~CANP_ID_ERR;
    if (digits == 8)
        f.id |= CANP_ID_EFF;
    if (sign == '~')
        f.id |= CANP_FILTER_INVERSE;
    if (set->count == CANP_FILTERS_MAX)
        return -CANP_E_TOO_MANY;
    set->filters[set->count++] = f;
    return 0;
}

/* `error`: 0~0, which no data frame matches, and every error frame. */
static int parse_error_alone(struct canp_filter_set *set)
{
    if (set->count == CANP_FILTERS_MAX)
        return -CANP_E_TOO_MANY;
    set->filters[set->count++] = (struct canp_filter){.id = CANP_FILTER_INVERSE};
    set->error_mask |= CANP_ID_EFF_MASK;
    return 0;
}

/*
 * `pgn:FEF1`: a J1939 parameter group, from any source at any priority. The group of a PDU1 message (PF below
 * F0) has no low byte: what stands there is the destination.
 */
static int parse_pgn(struct canp_filter_set *set, const char *at, const char *end)
{
    uint32_t pgn;
    if (!take_hex(&at, end, &pgn) || at != end || pgn > 0x3FFFF)
        return -CANP_E_SYNTAX;
    bool is_pdu1 = (pgn >> 8 & 0xFF) < 0xF0;
    if (is_pdu1 && (pgn & 0xFF) != 0)
        return -CANP_E_SYNTAX;
    if (set->count == CANP_FILTERS_MAX)
        return -CANP_E_TOO_MANY;
    set->filters[set->count++] = (struct canp_filter){
        .id = CANP_ID_EFF | pgn << 8,
        .mask = CANP_ID_EFF | (is_pdu1 ? 0x03FF0000U : 0x03FFFF00U),
    };
    return 0;
}

static int parse_part(struct canp_filter_set *set, const char *at, const char *end)
{
    if (end - at > 4 && strncmp(at, "pgn:", 4) == 0)
        return parse_pgn(set, at + 4, end);
    if (end - at == 5 && strncmp(at, "error", 5) == 0)
        return parse_error_alone(set);
    if (end - at == 1 && (*at == 'j' || *at == 'J')) {
        set->join = true;
        return 0;
    }
    if (at < end && *at == '#')
        return parse_error_mask(set, at + 1, end);
    return parse_pair(set, at, end);
}

int canp_filter_parse(struct canp_filter_set *set, const char *text, struct canp_why *why)
{
    unsigned count = set->count;
    bool join = set->join;
    uint32_t error_mask = set->error_mask;
    for (const char *at = text;; at++) {
        const char *end = at + strcspn(at, ",");
        int r = parse_part(set, at, end);
        if (r < 0) {
            set->count = count;
            set->join = join;
            set->error_mask = error_mask;
            if (r == -CANP_E_TOO_MANY)
                return canp_fail(why, r, "more than %d filters", CANP_FILTERS_MAX);
            return canp_fail(why, r,
                             "'%.*s' is no filter: ID:MASK, ID~MASK, pgn:GROUP, #ERRORMASK, error or j",
                             (int)(end - at), at);
        }
        at = end;
        if (*at == '\0')
            return 0;
    }
}

/* One filter, as can_rx_register() and can_rcv_filter() treat it. */
static inline bool matches(struct canp_filter f, uint32_t can_id)
{
    if ((f.mask & CANP_ID_EFF) && !(f.id & CANP_ID_EFF))
        f.mask &= CANP_ID_SFF_MASK | CANP_ID_EFF | CANP_ID_RTR;
    bool inverse = (f.id & CANP_FILTER_INVERSE) != 0;
    f.id &= ~CANP_FILTER_INVERSE;
    return ((can_id & f.mask) == (f.id & f.mask)) != inverse;
}

bool canp_filter_match_id(const struct canp_filter_set *set, uint32_t can_id)
{
    if (can_id & CANP_ID_ERR)
        return (can_id & set->error_mask) != 0;
    if (set->count == 0)
        return true;
    for (unsigned i = 0; i < set->count; i++) {
        if (matches(set->filters[i], can_id) != set->join)
            return !set->join;
    }
    return set->join;
}

bool canp_filter_match(const struct canp_filter_set *set, const struct canp_record *record)
{
    if (record->kind > CANP_KIND_XL)
        return true;
    return canp_filter_match_id(set, record->kind == CANP_KIND_XL ? record->xl->prio : record->frame->id);
}
