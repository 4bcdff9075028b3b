/* Recordings merged by time: against a sort, with ties, interfaces in turn, clocks that were set, odd input.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <canp/merge.h>
#include <canp/writer.h>

#include "seed.h"

#define START_NS INT64_C(1700000000000000000)
#define MS       INT64_C(1000000)
#define RECORDS  20000

struct item {
    int64_t time_ns;
    unsigned source, channel;
    uint32_t number; /* by source, as recorded */
};

static char base[64];
static struct canp_reader *readers[4];
static unsigned reader_count;

static void start(void)
{
    strcpy(base, "/tmp/canp-merge-XXXXXX");
    cr_assert(mkdtemp(base));
}

static void end(void)
{
    char command[100];
    for (unsigned i = 0; i < reader_count; i++)
        canp_reader_close(readers[i]);
    reader_count = 0;
    snprintf(command, sizeof(command), "rm -r %s", base);
    cr_assert_eq(system(command), 0);
}

TestSuite(merge, .init = start, .fini = end);

/* Writes the items as they stand, number in the payload, as recording `reader_count`, and opens it. */
static void record(const struct item *items, unsigned count, bool pack)
{
    char dir[100];
    struct canp_writer *w;
    struct canp_writer_opts opts = CANP_WRITER_OPTS_INIT;
    struct canp_iface iface = {.bytes = sizeof(iface), .mtu = 16, .name = "vcan0"};
    opts.segment_bytes = 512 << 10;
    opts.pack = pack;
    opts.no_sync = true;
    snprintf(dir, sizeof(dir), "%s/%u", base, reader_count);
    cr_assert_eq(canp_writer_open(dir, &opts, &w, NULL), 0);
    for (uint8_t c = 0; c < 4; c++) {
        iface.name[4] = (char)('0' + c);
        cr_assert_eq(canp_writer_add_iface(w, c, &iface, START_NS), 0);
    }
    for (unsigned i = 0; i < count; i++) {
        union canp_frame_store f = {.frame = {.id = 0x100 + items[i].channel, .len = 8}};
        memcpy(f.frame.data, &items[i].number, sizeof(items[i].number));
        struct canp_record r = {
            .time_ns = items[i].time_ns, .channel = (uint8_t)items[i].channel, .frame = &f.frame};
        cr_assert_eq(canp_writer_put(w, &r), 0);
    }
    int r = canp_writer_finish(w);
    cr_assert_eq(r, 0, "%s", canp_strerror(r));
    canp_writer_close(w);
    cr_assert_eq(canp_reader_open(dir, &readers[reader_count], NULL), 0);
    reader_count++;
}

static unsigned read_merged(struct item *out, unsigned max, const struct canp_cursor_opts *opts)
{
    struct canp_merge *m;
    struct canp_record r;
    unsigned n = 0, from;
    cr_assert_eq(canp_merge_open(readers, reader_count, opts, &m), 0);
    while (canp_merge_next(m, &r, &from) == 1) {
        cr_assert_lt(n, max, "more than there are");
        out[n] = (struct item){.time_ns = r.time_ns, .source = from, .channel = r.channel};
        memcpy(&out[n++].number, r.frame->data, sizeof(out->number));
    }
    cr_assert_eq(canp_merge_next(m, &r, &from), 0);
    cr_assert_eq(canp_merge_damaged(m), 0);
    canp_merge_close(m);
    return n;
}

static int by_time(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    if (x->time_ns != y->time_ns)
        return x->time_ns < y->time_ns ? -1 : 1;
    if (x->source != y->source)
        return x->source < y->source ? -1 : 1;
    return x->number < y->number ? -1 : 1;
}

/* Channels in turn, each monotone, as a recorder that drains sockets one after the other writes them. */
static void make_in_turn(struct item *items, unsigned count, unsigned source, struct test_random *seed)
{
    int64_t clock_ns[4], now_ns = START_NS + (int64_t)(test_random_u64(seed) % 1000) * MS;
    for (unsigned c = 0; c < 4; c++)
        clock_ns[c] = now_ns;
    for (unsigned i = 0; i < count; now_ns += 20 * MS) {
        for (unsigned c = 0; c < 4; c++) {
            for (unsigned n = (unsigned)(test_random_u64(seed) % 8); n && i < count; n--) {
                clock_ns[c] += (int64_t)(test_random_u64(seed) % 5) * MS; /* many ties */
                items[i] = (struct item){.time_ns = clock_ns[c], .source = source, .channel = c, .number = i};
                i++;
            }
            if (clock_ns[c] < now_ns)
                clock_ns[c] = now_ns;
        }
    }
}

Test(merge, is_a_stable_sort)
{
    static struct item all[3 * RECORDS], merged[3 * RECORDS];
    struct test_random seed = test_random_start("merge");
    for (unsigned s = 0; s < 3; s++) {
        make_in_turn(all + (size_t)s * RECORDS, RECORDS, s, &seed);
        record(all + (size_t)s * RECORDS, RECORDS, s == 1);
    }
    qsort(all, 3 * RECORDS, sizeof(all[0]), by_time);
    cr_assert_eq(read_merged(merged, 3 * RECORDS, NULL), 3 * RECORDS);
    for (unsigned i = 0; i < 3 * RECORDS; i++)
        cr_assert(memcmp(&merged[i], &all[i], sizeof(all[i])) == 0, "record %u", i);
}

Test(merge, one_recording_and_a_filter)
{
    static struct item all[RECORDS], merged[RECORDS];
    struct canp_cursor_opts opts = CANP_CURSOR_OPTS_INIT;
    struct test_random seed = test_random_start("merge filter");
    unsigned wanted = 0;
    make_in_turn(all, RECORDS, 0, &seed);
    record(all, RECORDS, true);
    canp_cursor_opts_add_channel(&opts, 2);
    for (unsigned i = 0; i < RECORDS; i++) {
        if (all[i].channel == 2)
            all[wanted++] = all[i];
    }
    cr_assert_eq(read_merged(merged, RECORDS, &opts), wanted);
    cr_assert_arr_eq(merged, all, wanted * sizeof(all[0]));
}

/* After a clock was set back, what was recorded before stays before; no frame is held for ever. */
Test(merge, a_clock_set_back)
{
    static struct item merged[8];
    static const struct item stepped[] = {
        {START_NS + 5000 * MS, 0, 0, 0}, {START_NS + 5002 * MS, 0, 0, 1}, {START_NS + 5001 * MS, 0, 1, 2},
        {START_NS + 1000 * MS, 0, 1, 3}, {START_NS + 1001 * MS, 0, 0, 4}, {START_NS + 9000 * MS, 0, 0, 5},
    };
    static const uint32_t expected[] = {0, 2, 1, 3, 4, 5};
    record(stepped, 6, false);
    cr_assert_eq(read_merged(merged, 8, NULL), 6);
    for (unsigned i = 0; i < 6; i++)
        cr_assert_eq(merged[i].number, expected[i], "%u: %u", i, merged[i].number);
}

/* A record whose stamp is off stays where it was recorded. */
Test(merge, odd_stamps_displace_nothing)
{
    enum { COUNT = 3000 };
    static struct item items[COUNT], merged[COUNT];
    for (unsigned i = 0; i < COUNT; i++) {
        int64_t off_ns = i % 3 == 1 ? 6200 * MS : i % 100 == 50 ? -4000 * MS : 0;
        items[i] = (struct item){START_NS + i * MS + off_ns, 0, i % 4, i};
    }
    record(items, COUNT, false);
    cr_assert_eq(read_merged(merged, COUNT, NULL), COUNT);
    for (unsigned i = 0; i < COUNT; i++)
        cr_assert_eq(merged[i].number, i, "%u: %u", i, merged[i].number);
}

/* The first recording's clock is set forward by years after a second; the second one's was right. */
Test(merge, a_clock_set_forward_meets_a_right_one)
{
    enum { COUNT = 6000 };
    static struct item set[COUNT], right[COUNT], merged[2 * COUNT];
    const int64_t years_ns = 10 * 365 * INT64_C(86400000) * MS;
    for (unsigned i = 0; i < COUNT; i++) {
        int64_t time_ns = START_NS + i * MS;
        set[i] = (struct item){i < COUNT / 2 ? time_ns - years_ns : time_ns - MS, 0, 0, 2 * i};
        right[i] = (struct item){time_ns + MS / 2, 1, 0, 2 * i + 1};
    }
    record(set, COUNT, false);
    record(right, COUNT, false);
    cr_assert_eq(read_merged(merged, 2 * COUNT, NULL), 2 * COUNT);
    for (unsigned i = 1; i < 2 * COUNT;
         i++) /* the step itself took no bus time, and the frames are 1 ms apart */
        cr_assert_leq(abs((int)merged[i].number - (int)i), 4, "%u: %u", i, merged[i].number);
}

/* Whatever the times are: each record once, and those of an interface in their order. */
Test(merge, any_times_at_all)
{
    static struct item items[RECORDS], merged[2 * RECORDS];
    struct test_random seed = test_random_start("merge any");
    for (unsigned s = 0; s < 2; s++) {
        for (unsigned i = 0; i < RECORDS; i++) {
            int64_t time_ns = test_random_u64(&seed) % 3
                                  ? START_NS + (int64_t)(test_random_u64(&seed) % 4000) * MS
                                  : (int64_t)test_random_u64(&seed);
            items[i] = (struct item){time_ns, s, (unsigned)(test_random_u64(&seed) % 4), i};
        }
        record(items, RECORDS / 20, s == 0); /* a block each: times are far apart */
    }
    uint32_t next[2][4] = {{0}};
    unsigned n = read_merged(merged, 2 * RECORDS, NULL);
    cr_assert_eq(n, 2 * (RECORDS / 20));
    for (unsigned i = 0; i < n; i++) {
        uint32_t *least = &next[merged[i].source][merged[i].channel];
        cr_assert_geq(merged[i].number, *least);
        *least = merged[i].number + 1;
    }
}

/* More of one time than is read ahead: still all of them, in their order. */
Test(merge, one_time_for_all)
{
    enum { COUNT = 400000 };
    struct item *items = calloc(COUNT, sizeof(*items)), *merged = calloc(2 * COUNT, sizeof(*merged));
    cr_assert(items && merged);
    for (unsigned i = 0; i < COUNT; i++)
        items[i] = (struct item){START_NS, 0, i % 4, i};
    record(items, COUNT, false);
    record(items, 5, false);
    cr_assert_eq(read_merged(merged, 2 * COUNT, NULL), COUNT + 5);
    for (unsigned i = 0; i < COUNT + 5; i++) {
        cr_assert_eq(merged[i].source, i >= COUNT);
        cr_assert_eq(merged[i].number, i % COUNT);
    }
    free(items);
    free(merged);
}

Test(merge, nothing)
{
    struct canp_merge *m;
    static struct item merged[1];
    cr_assert_eq(canp_merge_open(readers, 0, NULL, &m), -EINVAL);
    canp_merge_close(NULL);
    record(NULL, 0, false);
    record(NULL, 0, false);
    cr_assert_eq(read_merged(merged, 1, NULL), 0);
}

Test(merge, closed_in_the_middle)
{
    static struct item items[RECORDS];
    struct canp_merge *m;
    struct canp_record r;
    struct test_random seed = test_random_start("merge closed");
    make_in_turn(items, RECORDS, 0, &seed);
    record(items, RECORDS, true);
    record(items, RECORDS, false);
    for (unsigned stop = 0; stop < 2000; stop += 333) {
        cr_assert_eq(canp_merge_open(readers, 2, NULL, &m), 0);
        for (unsigned i = 0; i < stop; i++)
            cr_assert_eq(canp_merge_next(m, &r, NULL), 1);
        canp_merge_close(m);
    }
}

/* ---- recordings that grow ------------------------------------------------------------------------ */

#define FOREVER UINT64_MAX

static struct canp_writer *writers[4];
static unsigned writer_count;

static void add(unsigned w, unsigned channel, int64_t time_ns, uint32_t number)
{
    union canp_frame_store f = {.frame = {.id = 0x100 + channel, .len = 8}};
    memcpy(f.frame.data, &number, sizeof(number));
    struct canp_record r = {.time_ns = time_ns, .channel = (uint8_t)channel, .frame = &f.frame};
    cr_assert_eq(canp_writer_put(writers[w], &r), 0);
    cr_assert_eq(canp_writer_flush(writers[w]), 0);
}

/* Begins recording `writer_count`, with a record of channel 0 in it, and opens it. */
static void begin(int64_t first_ns, uint32_t number)
{
    char dir[100];
    struct canp_writer_opts opts = CANP_WRITER_OPTS_INIT;
    struct canp_iface iface = {.bytes = sizeof(iface), .mtu = 16, .name = "vcan0"};
    opts.no_sync = true;
    snprintf(dir, sizeof(dir), "%s/%u", base, reader_count);
    cr_assert_eq(canp_writer_open(dir, &opts, &writers[writer_count], NULL), 0);
    for (uint8_t c = 0; c < 2; c++) {
        iface.name[4] = (char)('0' + c);
        cr_assert_eq(canp_writer_add_iface(writers[writer_count], c, &iface, START_NS), 0);
    }
    add(writer_count++, 0, first_ns, number);
    cr_assert_eq(canp_reader_open(dir, &readers[reader_count++], NULL), 0);
}

static void finish(unsigned w)
{
    cr_assert_eq(canp_writer_finish(writers[w]), 0);
    canp_writer_close(writers[w]);
}

/* The numbers that are lent now are these; -1 ends them. */
static void lends(struct canp_merge *m, const int *numbers)
{
    struct canp_record r;
    uint32_t number;
    cr_assert_geq(canp_merge_refresh(m), 0);
    for (; *numbers >= 0; numbers++) {
        cr_assert_eq(canp_merge_next(m, &r, NULL), 1, "%d is not lent", *numbers);
        memcpy(&number, r.frame->data, sizeof(number));
        cr_assert_eq(number, (uint32_t)*numbers, "%u, not %d", number, *numbers);
    }
    cr_assert_eq(canp_merge_next(m, &r, NULL), 0, "one more is lent");
}

/* LENDS(m, 1, 2, ): each with its comma */
#define LENDS(m, ...) lends(m, (const int[]){__VA_ARGS__ - 1})

Test(merge, follows_recordings_in_order)
{
    struct canp_merge *m;
    begin(START_NS + 10 * MS, 10);
    begin(START_NS + 5 * MS, 5);
    cr_assert_eq(canp_merge_open(readers, 2, NULL, &m), 0);
    canp_merge_follow(m, FOREVER);
    LENDS(m, ); /* either may still have an earlier one */
    add(0, 0, START_NS + 1010 * MS, 1010);
    LENDS(m, ); /* the other may */
    add(1, 1, START_NS + 7 * MS, 7);
    add(1, 0, START_NS + 1006 * MS, 1006);
    LENDS(m, 5, ); /* within a second its own interfaces may be behind */
    add(1, 0, START_NS + 1500 * MS, 1500);
    LENDS(m, 7, 10, ); /* 1006 needs 2006 of both */
    finish(1);
    LENDS(m, ); /* that one has ended; the other may have one at 1005.5 */
    add(0, 1, START_NS + 1005 * MS, 1005);
    LENDS(m, );
    add(0, 1, START_NS + 2500 * MS, 2500);
    LENDS(m, 1005, 1006, 1010, 1500, );
    cr_assert_eq(canp_merge_refresh(m), 1);
    finish(0);
    LENDS(m, 2500, );
    cr_assert_eq(canp_merge_refresh(m), 0);
    cr_assert_eq(canp_merge_damaged(m), 0);
    canp_merge_close(m);
}

Test(merge, waits_for_a_quiet_one_no_longer_than_told)
{
    struct canp_merge *m;
    begin(START_NS + 10 * MS, 10);
    begin(START_NS + 5 * MS, 5);
    cr_assert_eq(canp_merge_open(readers, 2, NULL, &m), 0);
    canp_merge_follow(m, 0);
    LENDS(m, 5, 10, );
    add(0, 0, START_NS + 20 * MS, 20);
    LENDS(m, 20, );
    add(1, 0, START_NS + 15 * MS, 15); /* later than it was waited for */
    LENDS(m, 15, );
    LENDS(m, );
    finish(0);
    finish(1);
    LENDS(m, );
    cr_assert_eq(canp_merge_refresh(m), 0);
    canp_merge_close(m);
}

Test(merge, closed_while_following)
{
    struct canp_merge *m;
    begin(START_NS, 0);
    cr_assert_eq(canp_merge_open(readers, 1, NULL, &m), 0);
    canp_merge_follow(m, FOREVER);
    LENDS(m, );
    canp_merge_close(m);
    finish(0);
}
