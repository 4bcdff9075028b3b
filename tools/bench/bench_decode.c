/*
 * canp-bench decode: frames into signals, by a database that is made for the ids of the drive (eight signals
 * each, of several lengths and both byte orders), or by the file that the environment variable CANP_BENCH_DBC
 * names. `decode_all` decodes all signals of raw rows in the order of the bus, `decode_all_random` those of
 * rows whose ids and bytes are random; `decode_one_signal` is one column of a packed recording beside its
 * id's rows alone, per frame of the recording; `dbc_parse` reads the database. Processor time, warm.
 */
#include <canp/column.h>
#include <canp/repack.h>
#include <canp/rows.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_recording.h"

#define FRAMES       10000000U
#define ROWS         20000U /* decoded again and again; they stay in the cache */
#define PASSES       20
#define VALUES       4096
#define DECODED      512
#define TEXT_BYTES   (1U << 20)
#define DBC_VARIABLE "CANP_BENCH_DBC"

struct rows {
    struct canp_rowbuf buf;
    uint64_t values; /* that a pass gives */
};

struct decode {
    uint64_t frames;
    struct canp_reader *reader;
    struct bench_ids ids;
    struct canp_filter_set filter;
    char *text; /* the database */
    size_t text_bytes;
    struct canp_dbc *dbc;
    struct canp_decoder *decoder;
    struct rows bus, random;
    uint64_t expected; /* values of the one signal */
    struct canp_value values[VALUES];
    struct canp_decoded decoded[DECODED];
};

/* ------------------------------------------------------------------ what is measured */

static int decode_rows(struct decode *d, struct rows *rows)
{
    struct canp_decode_counts counts = {0};
    size_t used;

    for (size_t at = 0; at < rows->buf.used_bytes; at += used) {
        uint32_t frames =
            canp_decoder_rows(d->decoder, rows->buf.data + at, rows->buf.used_bytes - at, rows->buf.base_ns,
                              d->values, VALUES, d->decoded, DECODED, &used, &counts);
        bench_use(d->values);
        if (frames == 0 && used == 0)
            return -EIO;
    }
    rows->values = counts.values;
    return counts.values > 0 ? 0 : -EIO;
}

/* Million values in a second. */
static double decode_rate(struct decode *d, struct rows *rows)
{
    uint64_t start_ns = bench_cpu_ns(), values = 0;
    int r = 0;

    for (unsigned pass = 0; pass < PASSES && r == 0; pass++) {
        r = decode_rows(d, rows);
        values += rows->values;
    }
    return r < 0 ? r : (double)values / (double)(bench_cpu_ns() - start_ns) * 1000;
}

static double decode_all(void *user)
{
    struct decode *d = user;
    return decode_rate(d, &d->bus);
}

static double decode_all_random(void *user)
{
    struct decode *d = user;
    return decode_rate(d, &d->random);
}

static uint32_t median_id(const struct decode *d)
{
    return d->ids.id[d->ids.count / 2].id;
}

/* Of the drive's database whatever CANP_BENCH_DBC says. */
static double decode_one_signal(void *user)
{
    struct decode *d = user;
    struct canp_column_arrays arrays;
    const struct canp_plan *plan = canp_decoder_plan(d->decoder, median_id(d));

    if (plan == NULL)
        return -ENOENT;
    uint64_t start_ns = bench_cpu_ns();
    int r = canp_signal_column(d->reader, d->decoder, &canp_plan_message(plan)->signals[1], NULL, &arrays,
                               NULL, NULL, NULL);
    if (r < 0)
        return r;
    uint64_t values = arrays.count;
    canp_column_arrays_release(&arrays);
    uint64_t elapsed_ns = bench_cpu_ns() - start_ns;
    return values != d->expected ? -EIO : (double)elapsed_ns / (double)d->frames;
}

static double query_one_id(void *user)
{
    struct decode *d = user;
    struct canp_cursor_opts opts = bench_opts_for_id(&d->filter, median_id(d));
    uint64_t frames, start_ns = bench_cpu_ns();
    int r = bench_sum_recording(d->reader, &opts, &frames);

    return r < 0 ? r : (double)(bench_cpu_ns() - start_ns) / (double)d->frames;
}

static double dbc_parse(void *user)
{
    const struct decode *d = user;
    struct canp_dbc *dbc;
    uint64_t start_ns = bench_cpu_ns();
    int r = canp_dbc_parse(d->text, d->text_bytes, "bench.dbc", NULL, &dbc, NULL);

    if (r < 0)
        return r;
    canp_dbc_release(dbc);
    return (double)(bench_cpu_ns() - start_ns) / 1e6;
}

/* ------------------------------------------------------------------ set-up */

static int read_text(struct decode *d, const char *path)
{
    FILE *file = fopen(path, "re");

    if (file == NULL)
        return -errno;
    d->text_bytes = fread(d->text, 1, TEXT_BYTES, file);
    fclose(file);
    return d->text_bytes < TEXT_BYTES ? 0 : -EFBIG;
}

/* The database for the drive: its signals are what the two recordings' cases decode. */
static int make_database(struct decode *d)
{
    d->text_bytes = bench_database_text(&d->ids, d->text, TEXT_BYTES);
    int r = canp_dbc_parse(d->text, d->text_bytes, "bench.dbc", NULL, &d->dbc, NULL);
    if (r < 0)
        return r;
    r = canp_decoder_open(d->dbc, NULL, &d->decoder, NULL);
    const char *path = getenv(DBC_VARIABLE);
    return r < 0 || path == NULL ? r : read_text(d, path);
}

static int take_room(struct rows *rows)
{
    size_t bytes = (size_t)ROWS * 24;
    void *room = malloc(bytes);

    if (room == NULL)
        return -ENOMEM;
    canp_rowbuf_init(&rows->buf, room, bytes);
    return 0;
}

static int take_bus_rows(struct decode *d)
{
    struct canp_cursor *cursor;
    struct canp_record record;
    int r = canp_cursor_open(d->reader, NULL, &cursor);

    if (r < 0)
        return r;
    while (r == 0 && (r = canp_cursor_next(cursor, &record)) == 1)
        r = canp_kind_is_frame(record.kind) ? canp_rowbuf_put_record(&d->bus.buf, &record) : 0;
    canp_cursor_close(cursor);
    return r == -ENOSPC ? 0 : r; /* it is full */
}

/* Numerical Recipes' generator: the same rows each time. */
static uint64_t draw(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 32;
}

static int draw_rows(struct decode *d)
{
    uint64_t state = 15;
    int r = d->ids.count > 0 ? 0 : -ENODATA; /* a database without messages */

    for (unsigned i = 0; i < ROWS && r == 0; i++) {
        union canp_frame_store store;
        memset(&store, 0, sizeof(store));
        store.frame.id = d->ids.id[draw(&state) % d->ids.count].id;
        store.frame.len = 8;
        for (unsigned k = 0; k < 8; k++)
            store.frame.data[k] = (uint8_t)draw(&state);
        r = canp_rowbuf_put_frame(&d->random.buf, i, canp_tag(0, CANP_KIND_CAN, 0), &store.frame);
    }
    return r;
}

static int record_drive(struct decode *d, const char *dir)
{
    const struct bench_drive drive = {.frames = d->frames};
    const struct canp_repack_opts pack = CANP_REPACK_OPTS_INIT;
    struct canp_repack_stats stats;
    char path[128];

    snprintf(path, sizeof(path), "%s/packed", dir);
    int r = bench_drive_record(path, &drive);
    if (r == 0)
        r = canp_repack(path, &pack, &stats, NULL);
    if (r == 0)
        r = canp_reader_open(path, &d->reader, NULL);
    if (r == 0)
        r = bench_count_ids(d->reader, &d->ids);
    d->expected = r == 0 ? d->ids.id[d->ids.count / 2].frames : 0;
    return r;
}

static int set_up(struct decode *d, const char *dir)
{
    int r = record_drive(d, dir);

    if (r == 0)
        r = make_database(d);
    if (r == 0)
        r = take_room(&d->bus);
    if (r == 0)
        r = take_room(&d->random);
    if (r == 0)
        r = take_bus_rows(d);
    return r < 0 ? r : draw_rows(d);
}

static int run(struct bench *bench, const char *dir)
{
    static const struct bench_case cases[] = {
        {"decode_all", "M values/s", decode_all, NULL, NULL, 0, NULL},
        {"decode_all_random", "M values/s", decode_all_random, NULL, NULL, 0, NULL},
        {"decode_one_signal", "ns/frame", decode_one_signal, "query_one_id", query_one_id, 2, NULL},
        {"dbc_parse", "ms", dbc_parse, NULL, NULL, 0, NULL},
    };
    struct decode *d = calloc(1, sizeof(*d));

    if (d == NULL)
        return -ENOMEM;
    d->frames = bench_size(bench, FRAMES);
    d->text = malloc(TEXT_BYTES);
    int r = d->text ? set_up(d, dir) : -ENOMEM;
    if (r == 0)
        r = bench_run_cases(bench, cases, sizeof(cases) / sizeof(cases[0]), d);
    canp_decoder_close(d->decoder);
    canp_dbc_release(d->dbc);
    canp_reader_close(d->reader);
    free(d->bus.buf.data);
    free(d->random.buf.data);
    free(d->text);
    free(d);
    return r;
}

int bench_decode(struct bench *bench)
{
    return bench_in_directory(bench, run);
}
