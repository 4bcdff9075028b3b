/*
 * Finds errors in a database that could be read: ids and names that occur twice, signals that share bits or
 * reach beyond their message, bounds and value texts that the bits cannot hold. The work per message is
 * bounded, however many signals it has. Any thread; no state.
 */
#include <canp/frame.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbc/base/dbc_mux.h"
#include "dbc_priv.h"

#define COMPARISONS_MAX 1000000U /* of two signals' bytes or ranges, per message */

struct check {
    const struct canp_dbc *dbc;
    void (*found)(void *user, const struct canp_dbc_finding *finding);
    void *user;
    int64_t count;
    uint32_t budget; /* comparisons left for this message */
    struct canp_dbc_finding finding;
};

const char *canp_dbc_finding_name(enum canp_dbc_finding_kind kind)
{
    static const char *const names[] = {"syntax",  "duplicate_id", "duplicate_name", "beyond", "no_muxer",
                                        "overlap", "range",        "value_text",     "float",  "id"};
    return (unsigned)kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "unknown";
}

__attribute__((format(printf, 6, 7))) static void tell(struct check *c, enum canp_dbc_finding_kind kind,
                                                       uint32_t line, const struct canp_dbc_message *m,
                                                       const struct canp_dbc_signal *s, const char *format,
                                                       ...)
{
    va_list args;
    c->finding.kind = kind;
    c->finding.line = line;
    c->finding.message = m;
    c->finding.signal = s;
    va_start(args, format);
    vsnprintf(c->finding.text, sizeof(c->finding.text), format, args);
    va_end(args);
    c->count++;
    c->found(c->user, &c->finding);
    c->finding.other = NULL;
}

/* ---- overlaps ---------------------------------------------------------------------------------------------
 */

/* Which bits of this byte the signal has. */
static uint8_t byte_mask(const struct canp_dbc_signal *s, uint32_t byte)
{
    uint32_t first = canp_dbc_first_bit(s), last = canp_dbc_last_bit(s);
    uint32_t from = first > byte * 8 ? first - byte * 8 : 0;
    uint32_t to = last < byte * 8 + 7 ? last - byte * 8 : 7;
    uint8_t mask = 0;
    for (uint32_t bit = from; bit <= to; bit++)
        mask |= (uint8_t)(1U << (s->big_endian ? 7 - bit : bit));
    return mask;
}

static bool share_bits(struct check *c, const struct canp_dbc_signal *a, const struct canp_dbc_signal *b)
{
    uint32_t from = canp_dbc_first_bit(b) / 8; /* b begins no earlier */
    uint32_t last_a = canp_dbc_last_bit(a) / 8, last_b = canp_dbc_last_bit(b) / 8;
    for (; from <= last_a && from <= last_b && c->budget; from++, c->budget--)
        if (byte_mask(a, from) & byte_mask(b, from))
            return true;
    return false;
}

static bool ranges_meet(struct check *c, const struct canp_dbc_signal *a, const struct canp_dbc_signal *b)
{
    for (uint32_t i = 0; i < a->range_count; i++)
        for (uint32_t k = 0; k < b->range_count && c->budget; k++, c->budget--)
            if (a->ranges[i].first <= b->ranges[k].last && b->ranges[k].first <= a->ranges[i].last)
                return true;
    return false;
}

/* Not, when some muxer above both wants different values. */
static bool at_the_same_time(struct check *c, const struct canp_dbc_signal *a,
                             const struct canp_dbc_signal *b)
{
    for (const struct canp_dbc_signal *x = a; x->muxer; x = x->muxer)
        for (const struct canp_dbc_signal *y = b; y->muxer; y = y->muxer)
            if (x->muxer == y->muxer && !ranges_meet(c, x, y))
                return false;
    return true;
}

static int by_place(const void *a, const void *b)
{
    const struct canp_dbc_signal *x = *(const struct canp_dbc_signal *const *)a;
    const struct canp_dbc_signal *y = *(const struct canp_dbc_signal *const *)b;
    uint32_t at_x = canp_dbc_first_bit(x) / 8, at_y = canp_dbc_first_bit(y) / 8;
    if (at_x != at_y)
        return at_x < at_y ? -1 : 1;
    return (x > y) - (x < y);
}

static void compare_sorted(struct check *c, const struct canp_dbc_message *m,
                           const struct canp_dbc_signal **order, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t last_byte = canp_dbc_last_bit(order[i]) / 8;
        for (uint32_t k = i + 1; k < count && canp_dbc_first_bit(order[k]) / 8 <= last_byte && c->budget;
             k++) {
            const struct canp_dbc_signal *a = order[i], *b = order[k];
            c->budget--;
            if (!share_bits(c, a, b) || !at_the_same_time(c, a, b) || !c->budget)
                continue;
            bool a_is_later = a > b;
            const struct canp_dbc_signal *later = a_is_later ? a : b;
            c->finding.other = a_is_later ? b : a;
            tell(c, CANP_DBC_FINDS_OVERLAP, later->line, m, later, "%s.%s shares bits with %s", m->name,
                 later->name, c->finding.other->name);
        }
    }
}

static int check_overlaps(struct check *c, const struct canp_dbc_message *m)
{
    uint32_t count = 0;
    if (m->independent || m->signal_count < 2)
        return 0;
    const struct canp_dbc_signal **order = malloc(m->signal_count * sizeof(*order));
    if (!order)
        return -ENOMEM;
    for (uint32_t i = 0; i < m->signal_count; i++)
        if (!(m->signals[i].marks & CANP_DBC_NO_MUXER))
            order[count++] = &m->signals[i];
    qsort(order, count, sizeof(*order), by_place);
    compare_sorted(c, m, order, count);
    free(order);
    return 0;
}

/* ---- one signal --------------------------------------------------------------------------------------- */

static void check_bounds(struct check *c, const struct canp_dbc_message *m, const struct canp_dbc_signal *s)
{
    if (s->minimum == 0 && s->maximum == 0)
        return;
    if (s->minimum > s->maximum) {
        tell(c, CANP_DBC_FINDS_RANGE, s->line, m, s, "%s.%s has a minimum of %g above its maximum of %g",
             m->name, s->name, s->minimum, s->maximum);
        return;
    }
    if (s->number != CANP_DBC_INTEGER || s->bits > 64)
        return;
    double raw_low = s->is_signed ? -ldexp(1, s->bits - 1) : 0;
    double raw_high = (s->is_signed ? ldexp(1, s->bits - 1) : ldexp(1, s->bits)) - 1;
    double one = raw_low * s->factor + s->offset, other = raw_high * s->factor + s->offset;
    double low = one < other ? one : other, high = one < other ? other : one, step = fabs(s->factor);
    if (s->minimum < low - step || s->maximum > high + step)
        tell(c, CANP_DBC_FINDS_RANGE, s->line, m, s, "%s.%s has bounds %g to %g, but its bits hold %g to %g",
             m->name, s->name, s->minimum, s->maximum, low, high);
}

static bool holds(const struct canp_dbc_signal *s, int64_t value)
{
    if (s->bits >= 64)
        return true;
    if (s->is_signed)
        return value >= -(INT64_C(1) << (s->bits - 1)) && value < INT64_C(1) << (s->bits - 1);
    return value >= 0 && value < INT64_C(1) << s->bits;
}

static void check_texts(struct check *c, const struct canp_dbc_message *m, const struct canp_dbc_signal *s)
{
    if (!s->values || s->values->count == 0 || s->number != CANP_DBC_INTEGER)
        return;
    const struct canp_dbc_value_text *last = &s->values->texts[s->values->count - 1];
    const struct canp_dbc_value_text *odd = !holds(s, s->values->texts[0].value) ? &s->values->texts[0]
                                            : !holds(s, last->value)             ? last
                                                                                 : NULL;
    if (odd)
        tell(c, CANP_DBC_FINDS_VALUE_TEXT, s->line, m, s,
             "%s.%s has a text for %lld, which its %u bits never hold", m->name, s->name,
             (long long)odd->value, s->bits);
}

static void check_signal(struct check *c, const struct canp_dbc_message *m, const struct canp_dbc_signal *s)
{
    if (s->marks & CANP_DBC_DUPLICATE)
        tell(c, CANP_DBC_FINDS_DUPLICATE_NAME, s->line, m, s, "%s has two signals named %s", m->name,
             s->name);
    if (s->marks & CANP_DBC_BEYOND)
        tell(c, CANP_DBC_FINDS_BEYOND, s->line, m, s, "%s.%s ends in byte %u of a message of %u bytes",
             m->name, s->name, canp_dbc_last_bit(s) / 8, m->bytes);
    if (s->marks & CANP_DBC_NO_MUXER)
        tell(c, CANP_DBC_FINDS_NO_MUXER, s->line, m, s,
             "%s.%s is multiplexed, but by which signal is not said (or that one depends on it)", m->name,
             s->name);
    if (s->marks & CANP_DBC_BAD_FLOAT)
        tell(c, CANP_DBC_FINDS_FLOAT, s->line, m, s,
             "%s.%s is said to be a float, which has 32 or 64 bits, not %u", m->name, s->name, s->bits);
    check_bounds(c, m, s);
    check_texts(c, m, s);
}

/* ---- messages ----------------------------------------------------------------------------------------- */

static bool id_is_sound(uint32_t id)
{
    return id & CANP_ID_EFF ? (id & ~(CANP_ID_EFF | CANP_ID_EFF_MASK)) == 0 : id <= CANP_ID_SFF_MASK;
}

static int check_message(struct check *c, const struct canp_dbc_message *m)
{
    c->budget = COMPARISONS_MAX;
    if (m->duplicate)
        tell(c, CANP_DBC_FINDS_DUPLICATE_ID, m->line, m, NULL, "%s has the id %u of the message %s", m->name,
             m->id, canp_dbc_message_by_id(c->dbc, m->id)->name);
    if (canp_dbc_message_by_name(c->dbc, m->name) != m)
        tell(c, CANP_DBC_FINDS_DUPLICATE_NAME, m->line, m, NULL, "two messages are named %s", m->name);
    if (!m->independent && !id_is_sound(m->id))
        tell(c, CANP_DBC_FINDS_ID, m->line, m, NULL, "%s has the id %u, which has more than 11 or 29 bits",
             m->name, m->id);
    for (uint32_t i = 0; i < m->signal_count; i++)
        check_signal(c, m, &m->signals[i]);
    return check_overlaps(c, m);
}

int64_t canp_dbc_check(const struct canp_dbc *dbc,
                       void (*found)(void *user, const struct canp_dbc_finding *finding), void *user)
{
    struct check c = {.dbc = dbc, .found = found, .user = user};
    for (uint32_t i = 0; i < dbc->kept_count; i++)
        tell(&c, CANP_DBC_FINDS_SYNTAX, dbc->errors[i].line, NULL, NULL, "column %u: %s",
             dbc->errors[i].column, dbc->errors[i].text);
    c.count += (int64_t)(dbc->error_count - dbc->kept_count);
    for (uint32_t i = 0; i < dbc->contents.message_count; i++) {
        int r = check_message(&c, dbc->contents.messages[i]);
        if (r < 0)
            return r;
    }
    return c.count;
}
