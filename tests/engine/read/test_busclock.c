/* Bus time: clocks that were set, suspends, odd stamps, silences; with clock records and without. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <canp/busclock.h>
#include <canp/repack.h>
#include <canp/writer.h>

#include "temp_dir.h"

#define START_NS INT64_C(1700000000000000000)
#define MS       INT64_C(1000000)
#define S        (1000 * MS)
#define HOUR     (3600 * S)
#define YEAR     (8766 * HOUR)

/* One record: a frame at an offset from START_NS, or the clocks as they are then. */
struct step {
    int64_t at_ns;
    int64_t bus_ns; /* what is expected */
    uint8_t channel;
    bool clock;
    int64_t monotonic_ns;
    int64_t suspended_ns;
    bool flush; /* the block ends here */
};

#define FRAME(at, bus)                                                                                       \
    {                                                                                                        \
        .at_ns = (at), .bus_ns = (bus)                                                                       \
    }
#define FRAME_OF(c, at, bus)                                                                                 \
    {                                                                                                        \
        .channel = (c), .at_ns = (at), .bus_ns = (bus)                                                       \
    }
#define CLOCK(at, monotonic, bus)                                                                            \
    {                                                                                                        \
        .clock = true, .at_ns = (at), .monotonic_ns = (monotonic), .bus_ns = (bus)                           \
    }
#define COUNT(steps) (sizeof(steps) / sizeof((steps)[0]))

static void put(struct canp_writer *w, const struct step *s)
{
    union canp_frame_store f = {.frame = {.id = 0x100U + s->channel, .len = 1}};
    struct canp_record r = {.time_ns = START_NS + s->at_ns, .channel = s->channel, .frame = &f.frame};
    struct canp_clock clock = {.bytes = sizeof(clock),
                               .code = s->suspended_ns ? CANP_CLOCK_SUSPEND : CANP_CLOCK_ANCHOR,
                               .realtime_ns = START_NS + s->at_ns,
                               .monotonic_ns = s->monotonic_ns,
                               .boot_id = {7},
                               .suspended_ns = s->suspended_ns};
    if (s->clock) {
        r.kind = CANP_KIND_CLOCK;
        r.clock = &clock;
    }
    cr_assert_eq(canp_writer_put(w, &r), 0);
    if (s->flush)
        cr_assert_eq(canp_writer_flush(w), 0);
}

static struct canp_reader *record(const struct step *steps, size_t count, bool flush_each)
{
    struct canp_reader *reader;
    struct canp_writer *w;
    struct canp_iface iface = {.bytes = sizeof(iface), .mtu = 16};
    cr_assert_eq(canp_writer_open(dir, NULL, &w, NULL), 0);
    for (uint8_t c = 0; c < 3; c++) {
        snprintf(iface.name, sizeof(iface.name), "can%u", c);
        cr_assert_eq(canp_writer_add_iface(w, c, &iface, START_NS), 0);
    }
    for (size_t i = 0; i < count; i++) {
        put(w, &steps[i]);
        if (flush_each)
            cr_assert_eq(canp_writer_flush(w), 0);
    }
    cr_assert_eq(canp_writer_finish(w), 0);
    canp_writer_close(w);
    cr_assert_eq(canp_reader_open(dir, &reader, NULL), 0);
    return reader;
}

static void expect_in(struct canp_reader *reader, const struct step *steps, size_t count, const char *how)
{
    struct canp_busclock clock = CANP_BUSCLOCK_INIT;
    struct canp_cursor *cursor;
    struct canp_record r;
    size_t i = 0;
    int64_t start_ns = 0;
    cr_assert_eq(canp_reader_start(reader, &start_ns), 1);
    cr_assert_eq(canp_cursor_open(reader, NULL, &cursor), 0);
    cr_assert_eq(canp_cursor_next(cursor, &r), 1);
    cr_assert_eq(start_ns, r.time_ns, "relative times count from the first record");
    canp_cursor_close(cursor);
    cr_assert_eq(canp_cursor_open(reader, NULL, &cursor), 0);
    while (canp_cursor_next(cursor, &r) == 1) {
        int64_t bus_ns = canp_busclock_time(&clock, cursor, &r);
        if (r.kind == CANP_KIND_IFACE)
            continue;
        cr_assert(i < count);
        cr_assert_eq(bus_ns - START_NS, steps[i].bus_ns, "%s, record %zu: %+f s instead of %+f s", how, i,
                     (double)(bus_ns - START_NS) / 1e9, (double)steps[i].bus_ns / 1e9);
        i++;
    }
    cr_assert_eq(i, count);
    canp_cursor_close(cursor);
}

/* In one block, each record in its own, and packed. */
static void expect(const struct step *steps, size_t count)
{
    static const char *const hows[] = {"one block", "a block each", "packed"};
    for (unsigned how = 0; how < 3; how++) {
        temp_dir_make();
        struct canp_reader *reader = record(steps, count, how == 1);
        if (how == 2) {
            struct canp_repack_stats stats;
            cr_assert_eq(canp_repack(dir, NULL, &stats, NULL), 0);
        }
        expect_in(reader, steps, count, hows[how]);
        canp_reader_close(reader);
        temp_dir_remove();
    }
}
#define EXPECT(steps) expect(steps, COUNT(steps))

/* ---- clock records -------------------------------------------------------------------------------- */

Test(busclock, clock_records_tell_a_clock_set_forward)
{
    static const struct step steps[] = {
        CLOCK(0, 5 * S, 0),
        FRAME(10 * MS, 10 * MS),
        FRAME(56 * YEAR + 20 * MS, 20 * MS), /* before the clock record: the recorder looks once a round */
        FRAME_OF(1, 15 * MS, 15 * MS),       /* and takes interface by interface */
        FRAME(56 * YEAR + 30 * MS, 30 * MS),
        CLOCK(31 * MS, 5 * S + 31 * MS, 31 * MS),
        CLOCK(56 * YEAR + 31 * MS, 5 * S + 31 * MS, 31 * MS),
        FRAME_OF(1, 19 * MS, 19 * MS),
        FRAME(56 * YEAR + 40 * MS, 40 * MS),
        FRAME_OF(1, 56 * YEAR + 45 * MS, 45 * MS),
    };
    EXPECT(steps);
}

Test(busclock, clock_records_tell_a_clock_set_back)
{
    static const struct step steps[] = {
        CLOCK(0, 5 * S, 0),
        FRAME(20 * S, 20 * S),
        FRAME(22 * S - HOUR, 22 * S),
        CLOCK(22 * S + MS, 27 * S + MS, 22 * S + MS),
        CLOCK(22 * S + MS - HOUR, 27 * S + MS, 22 * S + MS),
        FRAME(25 * S - HOUR, 25 * S),
    };
    EXPECT(steps);
}

Test(busclock, clock_records_tell_a_silence)
{
    static const struct step steps[] = {
        CLOCK(0, 5 * S, 0),
        FRAME(10 * MS, 10 * MS),
        FRAME(2 * YEAR, 2 * YEAR),
        CLOCK(2 * YEAR + MS, 2 * YEAR + 5 * S + MS, 2 * YEAR + MS),
        FRAME(2 * YEAR + 2 * MS, 2 * YEAR + 2 * MS),
    };
    EXPECT(steps);
}

Test(busclock, a_suspend_is_no_bus_time)
{
    static const struct step steps[] = {
        CLOCK(0, 5 * S, 0),
        FRAME(10 * MS, 10 * MS),
        {.clock = true,
         .at_ns = 8 * HOUR + 20 * MS,
         .monotonic_ns = 5 * S + 20 * MS,
         .suspended_ns = 8 * HOUR,
         .bus_ns = 20 * MS},
        FRAME(8 * HOUR + 25 * MS, 25 * MS),
        CLOCK(8 * HOUR + 60 * S, 65 * S, 60 * S),
        FRAME(8 * HOUR + 61 * S, 61 * S),
    };
    EXPECT(steps);
}

Test(busclock, slewing_is_no_step)
{
    static const struct step steps[] = {
        CLOCK(0, 0, 0),
        FRAME(59 * S, 59 * S),
        CLOCK(60 * S + 29 * MS, 60 * S, 60 * S + 29 * MS),
        FRAME(60 * S + 30 * MS, 60 * S + 30 * MS),
        CLOCK(120 * S + 58 * MS, 120 * S, 120 * S + 58 * MS),
    };
    EXPECT(steps);
}

/* ---- without ------------------------------------------------------------------------------------------ */

Test(busclock, without_records_a_step_of_all_channels_is_a_clock_that_was_set)
{
    static const struct step steps[] = {
        FRAME(0, 0),
        FRAME_OF(1, 10 * MS, 10 * MS),
        FRAME(56 * YEAR, 10 * MS),
        FRAME_OF(1, 56 * YEAR + 10 * MS, 20 * MS),
        FRAME(56 * YEAR + 20 * MS, 30 * MS),
        FRAME(-HOUR, 30 * MS),
        FRAME_OF(1, 10 * MS - HOUR, 40 * MS),
    };
    EXPECT(steps);
}

Test(busclock, a_silence_stays)
{
    static const struct step steps[] = {
        FRAME(0, 0),
        FRAME(2 * S, 2 * S),
        FRAME(HOUR, HOUR),
        FRAME_OF(1, HOUR + MS, HOUR + MS),
        FRAME(HOUR + 2 * S, HOUR + 2 * S),
    };
    EXPECT(steps);
}

Test(busclock, single_odd_stamps_move_nothing)
{
    static const struct step steps[] = {
        FRAME(0, 0),
        FRAME_OF(1, 6200 * MS, 0),
        FRAME_OF(2, 5 * MS, 5 * MS),
        FRAME(10 * MS, 10 * MS),
        FRAME_OF(1, 6210 * MS, 10 * MS),
        FRAME(20 * MS, 20 * MS),
        FRAME(30 * MS, 30 * MS),
        FRAME(-5 * S, 30 * MS),
        FRAME(40 * MS, 40 * MS),
        FRAME(50 * MS + YEAR, 40 * MS),
        FRAME(60 * MS, 60 * MS),
        FRAME(60 * MS - 30 * YEAR, 60 * MS),
    };
    EXPECT(steps);
}

/* Interfaces recorded in turn are no odd stamps. */
Test(busclock, interfaces_in_turn)
{
    struct step steps[3000];
    for (unsigned i = 0; i < 3000; i++) {
        unsigned turn = i / 300, of = i % 300;
        int64_t at_ns = (turn * 300 + of % 100 * 3) * MS;
        steps[i] = (struct step){.channel = (uint8_t)(of / 100), .at_ns = at_ns, .bus_ns = at_ns};
    }
    EXPECT(steps);
}

/* ---- any times, and what a look costs ----------------------------------------------------------------- */

/* Two time lines that take turns in the worst way: what is looked at stays a few rows for each record. The
 * time limit of the test is the only clock here. */
Test(busclock, odd_stamps_cost_no_square, .timeout = 60)
{
    enum { COUNT_MAX = 400000 };
    struct step *steps = calloc(COUNT_MAX, sizeof(*steps));
    for (unsigned i = 0; i < COUNT_MAX; i++) {
        bool away = i % 4000 < 3000;
        steps[i] =
            (struct step){.channel = i % 4000 == 2999, .at_ns = (away && i % 4000 != 2999 ? HOUR : 0) + i};
    }
    temp_dir_make();
    struct canp_reader *reader = record(steps, COUNT_MAX, false);
    struct canp_busclock clock = CANP_BUSCLOCK_INIT;
    struct canp_cursor *cursor;
    struct canp_record r;
    uint64_t records = 0;
    cr_assert_eq(canp_cursor_open(reader, NULL, &cursor), 0);
    while (canp_cursor_next(cursor, &r) == 1) {
        canp_busclock_time(&clock, cursor, &r);
        records++;
    }
    cr_assert_geq(records, COUNT_MAX);
    canp_cursor_close(cursor);
    canp_reader_close(reader);
    temp_dir_remove();
    free(steps);
}

Test(busclock, any_times_at_all)
{
    static const int64_t times[] = {INT64_MIN, 0, INT64_MAX - START_NS, 5, -START_NS, INT64_MIN, -1, YEAR};
    struct step steps[64];
    for (unsigned i = 0; i < 64; i++)
        steps[i] = (struct step){.at_ns = times[i * 5 % 8],
                                 .clock = i % 3 == 2,
                                 .monotonic_ns = times[i * 7 % 8],
                                 .channel = i % 2};
    temp_dir_make();
    struct canp_reader *reader = record(steps, 64, false);
    struct canp_busclock clock = CANP_BUSCLOCK_INIT;
    struct canp_cursor *cursor;
    struct canp_record r;
    cr_assert_eq(canp_cursor_open(reader, NULL, &cursor), 0);
    while (canp_cursor_next(cursor, &r) == 1)
        canp_busclock_time(&clock, cursor, &r);
    canp_cursor_close(cursor);
    canp_reader_close(reader);
    temp_dir_remove();
}

/* Without a cursor nothing is known of what comes. */
static struct canp_busclock as_they_come(const struct step *steps, size_t count)
{
    struct canp_busclock clock = CANP_BUSCLOCK_INIT;
    for (size_t i = 0; i < count; i++) {
        union canp_frame_store f = {.frame = {.id = 1}};
        struct canp_record r = {.time_ns = START_NS + steps[i].at_ns, .frame = &f.frame};
        cr_assert_eq(canp_busclock_time(&clock, NULL, &r) - START_NS, steps[i].bus_ns);
    }
    return clock;
}

Test(busclock, as_it_comes)
{
    static const struct step steps[] = {FRAME(0, 0),
                                        FRAME(HOUR, HOUR),
                                        FRAME(HOUR + MS, HOUR + MS),
                                        FRAME(HOUR + YEAR, HOUR + MS),
                                        FRAME(HOUR + YEAR + 2000 * MS, HOUR + 2001 * MS),
                                        FRAME(5 * MS, HOUR + 2001 * MS),
                                        FRAME(6 * MS, HOUR + 2002 * MS)};
    struct canp_busclock clock = as_they_come(steps, COUNT(steps));
    cr_assert_eq(clock.sets, 2);
    cr_assert_eq(clock.odd, 0);
}

/* What leapt alone, and from which the next record returns, was odd. */
Test(busclock, as_it_comes_with_odd_stamps)
{
    static const struct step steps[] = {FRAME(0, 0),
                                        FRAME(6200 * MS, 6200 * MS),
                                        FRAME(10 * MS, 10 * MS),
                                        FRAME(-9000 * MS, 10 * MS),
                                        FRAME(20 * MS, 20 * MS),
                                        FRAME(6210 * MS, 6210 * MS),
                                        FRAME(-9000 * MS, 6210 * MS),
                                        FRAME(YEAR, 6210 * MS),
                                        FRAME(30 * MS, 30 * MS),
                                        FRAME(1000 * MS, 1000 * MS)};
    struct canp_busclock clock = as_they_come(steps, COUNT(steps));
    cr_assert_eq(clock.sets, 0);
    cr_assert_eq(clock.odd, 5);
}

/* ---- the span ----------------------------------------------------------------------------------------- */

static struct canp_bus_span span_of(const struct step *steps, size_t count)
{
    struct canp_bus_span span;
    struct canp_info info;
    temp_dir_make();
    struct canp_reader *reader = record(steps, count, false);
    cr_assert_eq(canp_reader_info(reader, &info), 0);
    cr_assert_eq(canp_busclock_span(reader, &info, &span), 0);
    canp_reader_close(reader);
    temp_dir_remove();
    return span;
}

Test(busclock, span)
{
    static const struct step plain[] = {FRAME(0, 0), FRAME(HOUR - MS, 0), FRAME_OF(1, HOUR, 0)};
    static const struct step told[] = {CLOCK(0, 5, 0), FRAME(10, 0), FRAME(S, 0), CLOCK(S, S + 5, 0)};
    static const struct step set[] = {CLOCK(0, 5, 0), FRAME(10, 0), CLOCK(20, 25, 0), CLOCK(YEAR, 25, 0),
                                      FRAME(YEAR + S, 0)};
    static const struct step odd[] = {FRAME(0, 0),     FRAME(6 * S, 0),   FRAME(10 * MS, 0),
                                      FRAME(-YEAR, 0), FRAME(20 * MS, 0), FRAME(30 * MS, 0)};
    struct canp_bus_span s = span_of(plain, COUNT(plain));
    cr_assert(s.plain && s.last_ns - s.first_ns == HOUR);
    s = span_of(told, COUNT(told));
    cr_assert(s.plain && s.last_ns - s.first_ns == S - 10);
    s = span_of(set, COUNT(set));
    cr_assert(!s.plain && s.sets == 1 && s.last_ns - s.first_ns == S + 10, "%lld",
              (long long)(s.last_ns - s.first_ns));
    s = span_of(odd, COUNT(odd));
    cr_assert(!s.plain && s.odd == 2 && s.last_ns - s.first_ns == 30 * MS);
    s = span_of(NULL, 0);
    cr_assert(s.plain && s.last_ns == s.first_ns);
}
