/*
 * A cursor that goes back and forth, against the list of what a fresh one reads: random recordings, random
 * walks; plain rows and packed ones, segments damaged, missing, unsealed, and without an index.
 */
#include <canp/pools/buf.h>
#include <canp/reader.h>
#include <canp/writer.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "random_rows.h"

#define START_NS  INT64_C(1700000000000000000)
#define ROWS_MAX  2000
#define BLOCKS    20
#define ITEMS_MAX (ROWS_MAX * BLOCKS + 100)

static char dir[64];

static void setup(void)
{
    strcpy(dir, "/tmp/canp-cursor-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
}

static void run(const char *format, const char *argument)
{
    char command[300];
    snprintf(command, sizeof(command), format, dir, argument);
    cr_assert_eq(system(command), 0, "%s", command);
}

static void teardown(void)
{
    run("rm -r %s%s", "");
}

TestSuite(cursor, .init = setup, .fini = teardown, .timeout = 600);

enum form { PLAIN, PACKED, UNSEALED, MISSING, DAMAGED, FORMS };

static void put_block(struct canp_writer *w, struct test_random *random, int64_t base_ns)
{
    static uint8_t rows[ROWS_MAX * 64];
    struct random_rows_style style = random_rows_style_draw(random, ROWS_MAX);
    style.times = style.times == 2 ? 3 : style.times; /* leaps of days would make each row a block */
    size_t bytes = random_rows_fill(random, &style, rows, sizeof(rows));
    for (size_t at = 0; at < bytes; at += canp_row_bytes(rows + at)) {
        struct canp_record r;
        canp_row_read(rows + at, base_ns, &r);
        cr_assert_eq(canp_writer_put(w, &r), 0);
    }
    cr_assert_eq(canp_writer_flush(w), 0);
}

static void harm(enum form form, struct test_random *random)
{
    char path[100];
    snprintf(path, sizeof(path), "%s/00000002.canp", dir);
    if (form == MISSING)
        cr_assert_eq(unlink(path), 0);
    if (form != DAMAGED)
        return;
    int fd = open(path, O_WRONLY);
    cr_assert_geq(fd, 0);
    for (unsigned i = 0; i < 3; i++)
        cr_assert_eq(pwrite(fd, "harm", 4, 4096 + (off_t)test_random_below(random, 100000)), 4);
    close(fd);
}

static void record(struct test_random *random, enum form form)
{
    struct canp_writer_opts opts = CANP_WRITER_OPTS_INIT;
    struct canp_writer *w;
    opts.segment_bytes = 256 << 10;
    opts.no_sync = true;
    opts.pack = form == PACKED || (form == DAMAGED && test_random_below(random, 2));
    cr_assert_eq(canp_writer_open(dir, &opts, &w, NULL), 0);
    for (unsigned block = 0; block < BLOCKS; block++) {
        put_block(w, random, START_NS + block * INT64_C(500000000));
        if (block == 6 || block == 12)
            cr_assert_eq(canp_writer_rotate(w), 0);
    }
    if (form != UNSEALED)
        cr_assert_eq(canp_writer_finish(w), 0);
    canp_writer_close(w);
    harm(form, random);
}

/* ---- the model --------------------------------------------------------------------------------- */

struct item {
    int64_t time_ns;
    uint64_t digest;
};

static struct item digest(const struct canp_record *r)
{
    uint64_t h = r->kind ^ (uint64_t)r->channel << 8 ^ (uint64_t)r->dir << 16 ^ (uint64_t)r->row_bytes << 24;
    for (uint32_t i = 0; i < r->row_bytes - 8; i++)
        h = (h ^ ((const uint8_t *)r->event)[i]) * UINT64_C(0x100000001b3);
    return (struct item){r->time_ns, h};
}

static bool is_same(struct item item, const struct canp_record *r)
{
    struct item other = digest(r);
    return item.time_ns == other.time_ns && item.digest == other.digest;
}

struct model {
    struct item *items;
    size_t count, at;
    int64_t from_ns;  /* as a seek left it */
    int64_t floor_ns; /* as the cursor was opened */
    bool lost_place;  /* just opened or sent somewhere */
};

static void find_place(struct model *m)
{
    while (m->at < m->count && m->items[m->at].time_ns < m->from_ns)
        m->at++;
}

static bool model_next(struct model *m)
{
    find_place(m);
    m->lost_place = false;
    return m->at < m->count;
}

static bool model_prev(struct model *m)
{
    if (m->lost_place)
        find_place(m);
    m->lost_place = false;
    if (m->from_ns > m->floor_ns)
        m->from_ns = m->floor_ns;
    return m->at > 0;
}

static void draw_opts(struct test_random *random, struct canp_cursor_opts *opts)
{
    opts->from_ns = INT64_MIN; /* what 0 means, for the model's sake */
    opts->to_ns = INT64_MAX;
    if (test_random_below(random, 3) == 0)
        canp_cursor_opts_add_channel(opts, 0);
    if (test_random_below(random, 3) == 0)
        opts->kinds = 1U << test_random_below(random, 3) | 1U << test_random_below(random, 13);
    opts->frames_only = test_random_below(random, 3) == 0;
    if (test_random_below(random, 3) == 0)
        opts->from_ns = START_NS + (int64_t)test_random_below(random, 10000) * 1000000;
    if (test_random_below(random, 3) == 0)
        opts->to_ns = START_NS + (int64_t)test_random_below(random, 10000) * 1000000;
}

/* What a fresh cursor reads is what there is, in order. */
static uint32_t read_all(struct canp_reader *reader, const struct canp_cursor_opts *opts, struct model *m)
{
    struct canp_cursor *c;
    struct canp_record r;
    m->count = m->at = 0;
    m->from_ns = m->floor_ns = opts->from_ns;
    m->lost_place = true;
    cr_assert_eq(canp_cursor_open(reader, opts, &c), 0);
    while (canp_cursor_next(c, &r) == 1) {
        cr_assert_lt(m->count, ITEMS_MAX);
        m->items[m->count++] = digest(&r);
    }
    uint32_t damaged = canp_cursor_damaged(c);
    canp_cursor_close(c);
    return damaged;
}

static void step(struct canp_cursor *c, struct model *m, bool forward)
{
    struct canp_record r;
    bool there = forward ? model_next(m) : model_prev(m);
    int got = !forward    ? canp_cursor_prev(c, &r)
              : m->at % 3 ? canp_cursor_next(c, &r)
                          : (canp_cursor_next)(c, &r); /* not the macro: the function */
    cr_assert_eq(got, there, "%s at %zu of %zu: %d", forward ? "next" : "prev", m->at, m->count, got);
    if (!there)
        return;
    size_t item = forward ? m->at++ : --m->at;
    cr_assert(is_same(m->items[item], &r), "%s: record %zu of %zu", forward ? "next" : "prev", item,
              m->count);
}

/* Not to what is in front of the first record that the cursor was opened for. */
static void seek(struct canp_cursor *c, struct model *m, int64_t time_ns)
{
    if (time_ns < m->floor_ns)
        time_ns = m->floor_ns;
    cr_assert_eq(canp_cursor_seek(c, time_ns), 0);
    m->at = 0;
    m->from_ns = time_ns;
    m->lost_place = true;
}

/* Long ways and short ones, in both directions, from many places. */
static void walk(struct test_random *random, struct canp_cursor *c, struct model *m)
{
    for (uint64_t i = 0; i < test_steps(60); i++) {
        bool forward = test_random_below(random, 2);
        uint64_t steps = test_random_below(random, test_random_below(random, 3) ? 20 : 4000);
        if (m->count && test_random_below(random, 2))
            seek(c, m,
                 m->items[test_random_below(random, m->count)].time_ns +
                     (int64_t)test_random_below(random, 3) - 1);
        while (steps--)
            step(c, m, forward);
    }
}

static void walk_recording(struct test_random *random, struct model *m)
{
    struct canp_reader *reader;
    uint32_t damaged =
        0; /* in all of it: behind the last time asked for a walk may meet more than one read */
    cr_assert_eq(canp_reader_open(dir, &reader, NULL), 0);
    for (unsigned i = 0; i < 4; i++) {
        struct canp_cursor_opts opts = CANP_CURSOR_OPTS_INIT;
        struct canp_cursor *c;
        if (i)
            draw_opts(random, &opts);
        uint32_t met = read_all(reader, &opts, m);
        if (i == 0)
            damaged = met;
        cr_assert_leq(met, damaged);
        cr_assert_eq(canp_cursor_open(reader, &opts, &c), 0);
        walk(random, c, m);
        cr_assert_leq(canp_cursor_damaged(c), damaged, "damage counts once");
        canp_cursor_close(c);
    }
    canp_reader_close(reader);
}

Test(cursor, back_and_forth)
{
    struct test_random random = test_random_start("cursor");
    struct model m = {.items = calloc(ITEMS_MAX, sizeof(*m.items))};
    cr_assert_not_null(m.items);
    for (uint64_t i = 0; i < test_steps(25); i++) {
        record(&random, (enum form)(i % FORMS));
        walk_recording(&random, &m);
        run("rm %s/*%s", "");
    }
    free(m.items);
}

Test(cursor, all_the_way_back)
{
    struct test_random random = test_random_start("cursor back");
    struct model m = {.items = calloc(ITEMS_MAX, sizeof(*m.items))};
    struct canp_cursor_opts opts = CANP_CURSOR_OPTS_INIT;
    struct canp_reader *reader;
    struct canp_cursor *c;
    record(&random, PACKED);
    cr_assert_eq(canp_reader_open(dir, &reader, NULL), 0);
    read_all(reader, &opts, &m);
    cr_assert_eq(canp_cursor_open(reader, NULL, &c), 0);
    step(c, &m, false); /* nothing is in front of the first */
    for (size_t i = 0; i <= m.count; i++)
        step(c, &m, true);
    for (size_t i = 0; i <= m.count; i++)
        step(c, &m, false);
    step(c, &m, true);
    canp_cursor_close(c);
    canp_reader_close(reader);
    free(m.items);
}

/* What is lent going back can be kept, too. */
Test(cursor, shares_a_block_going_back)
{
    struct test_random random = test_random_start("cursor share");
    struct canp_reader *reader;
    struct canp_cursor *c;
    struct canp_record r, next;
    struct canp_buf kept;
    record(&random, PACKED);
    cr_assert_eq(canp_reader_open(dir, &reader, NULL), 0);
    cr_assert_eq(canp_cursor_open(reader, NULL, &c), 0);
    while (canp_cursor_next(c, &r) == 1)
        ;
    cr_assert_eq(canp_cursor_prev(c, &r), 1);
    cr_assert_eq(canp_cursor_share(c, &kept), 0);
    struct item before = digest(&r);
    while (canp_cursor_prev(c, &next) == 1)
        ;
    cr_assert(is_same(before, &r));
    canp_buf_release(&kept);
    canp_cursor_close(c);
    canp_reader_close(reader);
}
