/*
 * Bus time of records that are not near the previous one (canp/busclock.h): decides whether the clock was
 * set, the bus was silent, or one stamp is odd.
 *
 * It reads the records behind this one: the rest of the block, then further blocks by a second cursor. A
 * clock record there decides. Without one, it counts whether the records of all channels continue from the
 * new time (follow) or from the old one (return).
 *
 * Invariants: one look reads at most LOOK_ROWS rows, and the total work is linear: after a look either time
 * continues from the new stamp, or all records up to the last one that returns are odd without another look.
 * All arithmetic is modulo 2^64: a recording may hold any time. One thread.
 */
#include <canp/busclock.h>

#include <string.h>

#include "cursor_priv.h"
#include "look_ahead.h"

#define NEAR_NS     CANP_BUSCLOCK_NEAR_NS
#define STEP_NS     1000000 /* as capture/record/clock_records.c has it: less may be slewing */
#define SLEW_DIVIDE 1000
#define LOOK_ROWS   8192
#define RETURNS_MAX 4 /* so many, and the record is odd */
#define LEAPS_MAX   4

static int64_t plus(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

static int64_t minus(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

static bool is_near(int64_t ns)
{
    return ns >= -NEAR_NS && ns <= NEAR_NS;
}

static void move_line(struct canp_busclock *b, int64_t bus_ns)
{
    if (minus(bus_ns, b->line_ns) > 0)
        b->line_ns = bus_ns;
}

static void shift_to(struct canp_busclock *b, int64_t shift_ns)
{
    b->shift_old_ns = b->shift_ns;
    b->shift_ns = shift_ns;
    b->straggle_ns = plus(b->line_ns, NEAR_NS);
    b->odd_left = 0;
}

/* ---- clock records ------------------------------------------------------------------------------ */

static bool is_of_this_boot(const struct canp_busclock *b, const struct canp_clock *c)
{
    return b->anchored && memcmp(b->boot_id, c->boot_id, sizeof(b->boot_id)) == 0 &&
           minus(c->monotonic_ns, b->monotonic_ns) >= 0;
}

/* The bus time of a clock record of this boot, and how far stamps are ahead of it. */
static int64_t bus_of_clock(const struct canp_busclock *b, const struct canp_clock *c, int64_t *shift_ns)
{
    int64_t passed_ns = minus(c->monotonic_ns, b->monotonic_ns);
    int64_t bus_ns = minus(c->realtime_ns, b->shift_ns);
    int64_t off_ns = minus(bus_ns, plus(b->anchor_bus_ns, passed_ns));
    int64_t least_ns = STEP_NS + passed_ns / SLEW_DIVIDE;
    *shift_ns = b->shift_ns;
    if (off_ns >= -least_ns && off_ns <= least_ns)
        return bus_ns;
    *shift_ns = plus(b->shift_ns, off_ns);
    return minus(bus_ns, off_ns);
}

/* Since the clock record before. */
static bool was_set(const struct canp_busclock *b, const struct canp_clock *c)
{
    int64_t passed_ns = minus(c->monotonic_ns, b->monotonic_ns);
    int64_t step_ns = minus(minus(c->realtime_ns, b->realtime_ns), passed_ns);
    int64_t least_ns = STEP_NS + passed_ns / SLEW_DIVIDE;
    return step_ns > least_ns || step_ns < -least_ns;
}

/* A clock record: it says what the time is. Two of one moment are a step, and count once. */
static int64_t take_clock(struct canp_busclock *b, const struct canp_clock *c)
{
    int64_t shift_ns = b->shift_ns, bus_ns = minus(c->realtime_ns, b->shift_ns);
    if (is_of_this_boot(b, c)) {
        bus_ns = bus_of_clock(b, c, &shift_ns);
        b->sets += was_set(b, c);
        if (shift_ns != b->shift_ns)
            shift_to(b, shift_ns);
        b->line_ns =
            is_near(minus(bus_ns, b->line_ns)) && minus(bus_ns, b->line_ns) < 0 ? b->line_ns : bus_ns;
    } else if (!b->begun) {
        b->line_ns = bus_ns;
    } else if (is_near(minus(bus_ns, b->line_ns))) {
        move_line(b, bus_ns);
    } else {
        bus_ns = b->line_ns; /* of another machine, or of before a restart */
        if (b->anchored)
            return bus_ns;
    }
    b->begun = b->anchored = true;
    b->realtime_ns = c->realtime_ns;
    b->monotonic_ns = c->monotonic_ns;
    b->anchor_bus_ns = bus_ns;
    memcpy(b->boot_id, c->boot_id, sizeof(b->boot_id));
    return bus_ns;
}

/* ---- what comes behind the record ---------------------------------------------------------------- */

struct look {
    const struct canp_busclock *clock;
    int64_t time_ns;  /* of the record */
    bool back;        /* it runs back */
    int64_t reach_ns; /* how far the records that follow it have come */
    uint32_t rows;
    uint32_t follows, returns;
    uint32_t last_return; /* of `rows` */
    uint64_t away;        /* channels (modulo 64) whose latest record returned */
    bool clock_found;
    int64_t monotonic_ns; /* of that clock record; those of the same moment go with it: */
    int64_t clock_bus_ns;
    int64_t clock_shift_ns;
};

/* False: that is enough. */
static bool look_at_clock(struct look *l, const struct canp_clock *c)
{
    if (!is_of_this_boot(l->clock, c))
        return true;
    if (l->clock_found && c->monotonic_ns != l->monotonic_ns)
        return false;
    l->clock_found = true;
    l->monotonic_ns = c->monotonic_ns;
    l->clock_bus_ns = bus_of_clock(l->clock, c, &l->clock_shift_ns);
    return true;
}

static bool look_at_return(struct look *l, uint64_t channel)
{
    l->away |= channel;
    l->last_return = l->rows;
    return ++l->returns < RETURNS_MAX;
}

static bool look_at_follow(struct look *l, uint64_t channel, int64_t time_ns)
{
    l->away &= ~channel;
    l->follows++;
    if (minus(time_ns, l->reach_ns) > 0)
        l->reach_ns = time_ns;
    return minus(time_ns, l->time_ns) < NEAR_NS;
}

static bool look_at(void *self, const struct canp_record *r)
{
    struct look *l = self;
    uint64_t channel = UINT64_C(1) << (r->channel & 63);
    if (++l->rows > LOOK_ROWS)
        return false;
    if (r->kind == CANP_KIND_CLOCK)
        return look_at_clock(l, r->clock);
    if (l->clock_found)
        return false;
    if (!canp_kind_is_frame(r->kind))
        return true;
    bool goes_on = minus(r->time_ns, l->time_ns) >= -NEAR_NS;
    bool is_old = minus(minus(r->time_ns, l->clock->shift_ns), l->clock->line_ns) >= -NEAR_NS;
    bool runs_on = l->follows > 0 && is_near(minus(r->time_ns, l->reach_ns));
    if (l->back && is_old && !runs_on)
        return look_at_return(l, channel);
    if (goes_on)
        return look_at_follow(l, channel, r->time_ns);
    return is_old ? look_at_return(l, channel) : true;
}

/* ---- the verdict --------------------------------------------------------------------------------- */

static bool fits(const struct canp_busclock *b, const struct look *l, int64_t bus_ns)
{
    return minus(bus_ns, b->line_ns) >= -NEAR_NS && minus(bus_ns, l->clock_bus_ns) <= NEAR_NS;
}

static int64_t odd(struct canp_busclock *b)
{
    b->odd++;
    return b->line_ns;
}

/* The next clock record tells the time: the record was before. */
static int64_t by_clock(struct canp_busclock *b, const struct look *l)
{
    int64_t bus_ns = minus(l->time_ns, b->shift_ns), set_bus_ns = minus(l->time_ns, l->clock_shift_ns);
    if (!fits(b, l, bus_ns)) {
        if (!fits(b, l, set_bus_ns))
            return odd(b);
        shift_to(b, l->clock_shift_ns);
        bus_ns = set_bus_ns;
    }
    move_line(b, bus_ns);
    return bus_ns;
}

static int64_t by_neighbours(struct canp_busclock *b, const struct look *l)
{
    int64_t bus_ns = minus(l->time_ns, b->shift_ns);
    bool long_ahead = !l->back && minus(bus_ns, b->line_ns) > CANP_BUSCLOCK_SILENCE_NS;
    if (l->returns >= RETURNS_MAX || l->away || (l->follows == 0 && (l->back || long_ahead))) {
        b->odd_left = l->last_return;
        return odd(b);
    }
    if (l->back || long_ahead) {
        shift_to(b, minus(l->time_ns, b->line_ns));
        b->sets += !b->anchored; /* else a clock record will tell */
        return b->line_ns;
    }
    b->line_ns = bus_ns;
    return bus_ns;
}

/* ---- without a cursor -------------------------------------------------------------------------------- */

/* Several in a row, of a record each, are one from which time may return. */
static void leap(struct canp_busclock *b, int64_t from_ns, int64_t shift_ns)
{
    bool goes_on = b->leaps > 0 && b->leaps < LEAPS_MAX && from_ns == b->leap_to_ns;
    if (!goes_on) {
        b->leaps = b->leap_sets = 0;
        b->leap_from_ns = from_ns;
        b->leap_shift_ns = shift_ns;
    }
    b->leaps++;
    b->leap_to_ns = b->line_ns;
}

/* Time has returned to where it was before the last leap: the leap was an odd stamp. */
static bool returns(struct canp_busclock *b, int64_t time_ns)
{
    int64_t bus_ns = minus(time_ns, b->leap_shift_ns);
    if (!b->leaps || !is_near(minus(bus_ns, b->leap_from_ns)) || minus(b->line_ns, b->leap_to_ns) >= NEAR_NS)
        return false;
    b->odd += b->leaps;
    b->leaps = 0;
    b->sets -= b->leap_sets;
    b->shift_ns = b->leap_shift_ns;
    b->line_ns = b->leap_from_ns;
    move_line(b, bus_ns);
    return true;
}

static int64_t without_cursor(struct canp_busclock *b, const struct look *l)
{
    int64_t from_ns = b->line_ns, shift_ns = b->shift_ns;
    uint64_t sets = b->sets;
    int64_t bus_ns = by_neighbours(b, l);
    leap(b, from_ns, shift_ns);
    b->leap_sets += (uint8_t)(b->sets - sets);
    return bus_ns;
}

/* ---- all of it --------------------------------------------------------------------------------------- */

static int64_t off_the_line(struct canp_busclock *b, struct canp_cursor *cursor, const struct canp_record *r)
{
    int64_t bus_ns = minus(r->time_ns, b->shift_ns), old_ns = minus(r->time_ns, b->shift_old_ns);
    struct look l = {.clock = b, .time_ns = r->time_ns, .reach_ns = r->time_ns, .follows = cursor ? 0 : 1};
    l.back = minus(bus_ns, b->line_ns) < 0;
    if (!cursor && returns(b, r->time_ns))
        return minus(r->time_ns, b->shift_ns);
    if (minus(b->straggle_ns, b->line_ns) > 0 && is_near(minus(old_ns, b->line_ns)))
        return old_ns; /* recorded in turn with one that came after the clock was set */
    if (!cursor)
        return without_cursor(b, &l);
    if (b->odd_left > 0) {
        b->odd_left--;
        return odd(b);
    }
    canp_look_ahead(cursor, r, look_at, &l);
    return l.clock_found ? by_clock(b, &l) : by_neighbours(b, &l);
}

int64_t canp_busclock_far(struct canp_busclock *b, struct canp_cursor *cursor, const struct canp_record *r)
{
    if (r->kind == CANP_KIND_CLOCK)
        return take_clock(b, r->clock);
    if (r->kind == CANP_KIND_IFACE)
        return b->begun ? b->line_ns : r->time_ns; /* names may be told at any time */
    int64_t bus_ns = minus(r->time_ns, b->shift_ns);
    if (!b->begun) {
        b->begun = canp_kind_is_frame(r->kind);
        b->line_ns = b->straggle_ns = bus_ns;
        return bus_ns;
    }
    if (!is_near(minus(bus_ns, b->line_ns)))
        return off_the_line(b, cursor, r);
    move_line(b, bus_ns);
    return bus_ns;
}
