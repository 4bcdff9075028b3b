/* What a cursor leaves out: by blocks' headers, by lanes, by records. Held against reading everything. */
#include <canp/reader.h>
#include <canp/repack.h>
#include <canp/writer.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random_rows.h"
#include "temp_dir.h"

#define ROWS_MAX 3000

static void clear(void)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf %s/*", dir);
    cr_assert_eq(system(command), 0);
}

TestSuite(cursor_filter, .init = temp_dir_make, .fini = temp_dir_remove, .timeout = 300);

/* An 11 bit id has no other bits. */
static void make_id_valid(uint8_t *row)
{
    uint32_t id;

    memcpy(&id, row + 8, sizeof(id));
    if (canp_row_kind(row) <= CANP_KIND_FD && !(id & (CANP_ID_EFF | CANP_ID_ERR)))
        id &= CANP_ID_RTR | CANP_ID_SFF_MASK;
    memcpy(row + 8, &id, sizeof(id));
}

/* Blocks of every kind of row; XL rows are large, so blocks end early now and then. */
static void record(struct test_random *random, bool pack)
{
    static uint8_t rows[ROWS_MAX * 64];
    struct canp_writer_opts opts = CANP_WRITER_OPTS_INIT;
    struct canp_why why = {""};
    struct canp_writer *w;

    opts.segment_bytes = 512 << 10;
    opts.no_sync = true;
    opts.pack = pack;
    cr_assert_eq(canp_writer_open(dir, &opts, &w, &why), 0, "%s", why.text);
    for (unsigned block = 0; block < 12; block++) {
        struct random_rows_style style = random_rows_style_draw(random, ROWS_MAX);
        style.times = style.times == 2 ? 3 : style.times; /* leaps of days would make each row a block */
        size_t bytes = random_rows_fill(random, &style, rows, sizeof(rows));
        int64_t base_ns = INT64_C(1700000000000000000) + block * INT64_C(1000000000);
        for (size_t at = 0; at < bytes; at += canp_row_bytes(rows + at)) {
            struct canp_record r;
            make_id_valid(rows + at);
            canp_row_read(rows + at, base_ns, &r);
            cr_assert_eq(canp_writer_put(w, &r), 0);
        }
        cr_assert_eq(canp_writer_flush(w), 0);
    }
    int r = canp_writer_finish(w);
    cr_assert_eq(r, 0, "%s", canp_strerror(r));
    canp_writer_close(w);
}

static void draw_filter(struct test_random *random, struct canp_filter_set *set)
{
    static const char *const forms[] = {"%03X:7FF",      "%03X:C00007FF", "%08X:DFFFFFFF", "%08X~1FFFFFFF",
                                        "%03X~C00007FF", "%03X:70F",      "j,%03X~7FF",    "#%08X"};
    unsigned count = (unsigned)test_random_below(random, 4);

    memset(set, 0, sizeof(*set));
    for (unsigned i = 0; i <= count; i++) {
        char text[40];
        snprintf(text, sizeof(text), forms[test_random_below(random, 8)],
                 (unsigned)test_random_below(random, 20) * 7);
        cr_assert_eq(canp_filter_parse(set, text, NULL), 0, "%s", text);
    }
}

static int64_t draw_time(struct test_random *random)
{
    return INT64_C(1699999999000000000) + (int64_t)test_random_below(random, 15000000000);
}

static void draw_opts(struct test_random *random, struct canp_cursor_opts *opts, struct canp_filter_set *set)
{
    *opts = (struct canp_cursor_opts)CANP_CURSOR_OPTS_INIT;
    opts->from_ns = INT64_MIN; /* what 0 means, for the model's sake */
    opts->to_ns = INT64_MAX;
    draw_filter(random, set);
    if (test_random_below(random, 4))
        opts->filter = set;
    if (test_random_below(random, 3) == 0)
        opts->kinds = 1U << test_random_below(random, 13) | 1U << test_random_below(random, 3);
    if (test_random_below(random, 4) == 0)
        opts->dirs = (uint8_t)(1 + test_random_below(random, 7));
    opts->frames_only = test_random_below(random, 4) == 0;
    for (unsigned i = 0; i < 3 && test_random_below(random, 3) == 0; i++)
        canp_cursor_opts_add_channel(
            opts, (uint8_t)test_random_below(random, test_random_below(random, 2) ? 2 : 256));
    if (test_random_below(random, 3) == 0)
        opts->from_ns = draw_time(random);
    if (test_random_below(random, 3) == 0)
        opts->to_ns = draw_time(random);
}

/* What the options say, word for word. */
static bool passes(const struct canp_cursor_opts *opts, const struct canp_record *r)
{
    bool frame = r->kind < CANP_KIND_GAP;
    uint64_t any = opts->channels[0] | opts->channels[1] | opts->channels[2] | opts->channels[3];

    if (r->time_ns < opts->from_ns || r->time_ns > opts->to_ns || (opts->frames_only && !frame))
        return false;
    if (opts->kinds && !(opts->kinds & 1U << r->kind))
        return false;
    if (any && !(opts->channels[r->channel / 64] >> r->channel % 64 & 1))
        return false;
    if (!frame)
        return true;
    return (!opts->dirs || opts->dirs & 1U << r->dir) &&
           (!opts->filter || canp_filter_match(opts->filter, r));
}

static bool is_same(const struct canp_record *a, const struct canp_record *b)
{
    return a->time_ns == b->time_ns && a->kind == b->kind && a->channel == b->channel && a->dir == b->dir &&
           a->row_bytes == b->row_bytes && memcmp(a->event, b->event, a->row_bytes - 8) == 0;
}

/* Rows of batches that are wanted, one by one. */
struct rows {
    struct canp_cursor *cursor;
    struct canp_batch batch;
    size_t at;
    uint32_t records; /* that the batch should still have */
};

static int rows_next(struct rows *rows, struct canp_record *out)
{
    for (;;) {
        while (rows->at < rows->batch.bytes) {
            canp_row_read(rows->batch.rows + rows->at, rows->batch.base_ns, out);
            rows->at += out->row_bytes;
            rows->records--;
            if (canp_cursor_wants(rows->cursor, out))
                return 1;
        }
        cr_assert_eq(rows->records, 0, "a batch counts its records wrong");
        int r = canp_cursor_next_batch(rows->cursor, &rows->batch);
        if (r <= 0)
            return r;
        rows->at = 0;
        rows->records = rows->batch.records;
    }
}

struct pair {
    struct canp_cursor *some;
    struct rows rows; /* the same options, in batches */
};

/* Both lend exactly what passes. */
static unsigned compare(struct canp_reader *reader, const struct canp_cursor_opts *opts, struct pair *pair)
{
    struct canp_cursor *all;
    struct canp_record want, got, row;
    unsigned count = 0;

    cr_assert_eq(canp_cursor_open(reader, NULL, &all), 0);
    while (canp_cursor_next(all, &want) == 1) {
        if (!passes(opts, &want))
            continue;
        cr_assert_eq(canp_cursor_next(pair->some, &got), 1, "record %u is missing", count);
        cr_assert(is_same(&want, &got), "record %u is another one", count);
        cr_assert_eq(rows_next(&pair->rows, &row), 1, "record %u is missing from batches", count);
        cr_assert(is_same(&want, &row), "record %u of batches is another one", count);
        count++;
    }
    cr_assert_eq(canp_cursor_next(pair->some, &got), 0, "more than there is");
    cr_assert_eq(rows_next(&pair->rows, &row), 0, "more in batches than there is");
    canp_cursor_close(all);
    return count;
}

/* As the options say, and then from another time on, twice: forwards or back, from the end and from within.
 */
static unsigned compare_and_seek(struct canp_reader *reader, struct canp_cursor_opts *opts,
                                 struct test_random *random)
{
    struct pair pair = {0};
    struct canp_record somewhere;

    cr_assert_eq(canp_cursor_open(reader, opts, &pair.some), 0);
    cr_assert_eq(canp_cursor_open(reader, opts, &pair.rows.cursor), 0);
    unsigned count = compare(reader, opts, &pair);
    for (unsigned i = 0; i < 2; i++) {
        opts->from_ns = draw_time(random);
        cr_assert_eq(canp_cursor_seek(pair.some, opts->from_ns), 0);
        if (i == 0 && canp_cursor_next(pair.some, &somewhere) == 1)
            cr_assert_eq(canp_cursor_seek(pair.some, opts->from_ns), 0);
        cr_assert_eq(canp_cursor_seek(pair.rows.cursor, opts->from_ns), 0);
        count += compare(reader, opts, &pair);
    }
    canp_cursor_close(pair.some);
    canp_cursor_close(pair.rows.cursor);
    return count;
}

static void run(bool pack)
{
    struct test_random random = test_random_start(pack ? "cursor_filter packed" : "cursor_filter rows");
    static struct canp_filter_set set;
    unsigned found = 0;

    for (uint64_t step = 0; step < test_steps(6); step++) {
        struct canp_cursor_opts opts;
        struct canp_reader *reader;
        struct canp_why why = {""};

        record(&random, pack);
        cr_assert_eq(canp_reader_open(dir, &reader, &why), 0, "%s", why.text);
        for (unsigned i = 0; i < 25; i++) {
            draw_opts(&random, &opts, &set);
            found += compare_and_seek(reader, &opts, &random) > 0;
        }
        canp_reader_close(reader);
        clear();
    }
    cr_expect_gt(found, 0, "nothing ever matched: the test shows nothing");
}

Test(cursor_filter, of_rows)
{
    run(false);
}

Test(cursor_filter, of_packed_blocks)
{
    run(true);
}
