/*
 * canp-bench sql: what SQLite adds. `sql_one_id` counts and sums the frames of one id (of median frequency)
 * of a packed recording, beside a pass over its rows alone; `sql_aggregate` counts and sums one signal of
 * that message's table, beside the same from a column of the library. Both per frame of the recording, in
 * processor time, warm, with a connection that is open.
 */
#include <canp/column.h>
#include <canp/repack.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench_recording.h"
#include "sql/sql.h"

#define FRAMES     10000000U
#define TEXT_BYTES (1U << 20)

struct sql {
    uint64_t frames, expected; /* of all ids, of the one */
    uint32_t id;
    char recording[128], database[128];
    struct canp_reader *reader;
    struct bench_ids ids;
    struct canp_filter_set filter;
    struct canp_dbc *dbc;
    struct canp_decoder *decoder;
    sqlite3 *db;
    sqlite3_stmt *one_id, *aggregate;
};

/* Runs a statement whose only row begins with a number of rows. Nanoseconds for each frame. */
static double run_statement(const struct sql *s, sqlite3_stmt *statement)
{
    uint64_t start_ns = bench_cpu_ns();
    bool is_row = sqlite3_step(statement) == SQLITE_ROW;
    uint64_t rows = is_row ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;

    if (sqlite3_reset(statement) != SQLITE_OK || rows != s->expected)
        return -EIO;
    return (double)(bench_cpu_ns() - start_ns) / (double)s->frames;
}

static double sql_one_id(void *user)
{
    const struct sql *s = user;
    return run_statement(s, s->one_id);
}

static double sql_aggregate(void *user)
{
    const struct sql *s = user;
    return run_statement(s, s->aggregate);
}

static double query_one_id(void *user)
{
    struct sql *s = user;
    struct canp_cursor_opts opts = bench_opts_for_id(&s->filter, s->id);
    uint64_t frames, start_ns = bench_cpu_ns();
    int r = bench_sum_recording(s->reader, &opts, &frames);

    return r < 0 ? r : (double)(bench_cpu_ns() - start_ns) / (double)s->frames;
}

static double decode_one_signal(void *user)
{
    const struct sql *s = user;
    const struct canp_plan *plan = canp_decoder_plan(s->decoder, s->id);
    struct canp_column_arrays arrays;
    double sum = 0;

    if (plan == NULL)
        return -ENOENT;
    uint64_t start_ns = bench_cpu_ns();
    int r = canp_signal_column(s->reader, s->decoder, &canp_plan_message(plan)->signals[1], NULL, &arrays,
                               NULL, NULL, NULL);
    if (r < 0)
        return r;
    for (uint64_t i = 0; i < arrays.count; i++)
        sum += arrays.values[i];
    bench_use(&sum);
    canp_column_arrays_release(&arrays);
    return (double)(bench_cpu_ns() - start_ns) / (double)s->frames;
}

/* ------------------------------------------------------------------ set-up */

static int record_drive(struct sql *s)
{
    const struct bench_drive drive = {.frames = s->frames};
    const struct canp_repack_opts pack = CANP_REPACK_OPTS_INIT;
    struct canp_repack_stats stats;
    int r = bench_drive_record(s->recording, &drive);

    if (r == 0)
        r = canp_repack(s->recording, &pack, &stats, NULL);
    if (r == 0)
        r = canp_reader_open(s->recording, &s->reader, NULL);
    if (r == 0)
        r = bench_count_ids(s->reader, &s->ids);
    if (r == 0 && s->ids.count == 0)
        r = -ENODATA;
    if (r < 0)
        return r;
    s->id = s->ids.id[s->ids.count / 2].id;
    s->expected = s->ids.id[s->ids.count / 2].frames;
    return 0;
}

static int write_database(const struct sql *s)
{
    char *text = malloc(TEXT_BYTES);
    FILE *file = text ? fopen(s->database, "we") : NULL;
    int r = file ? 0 : -EIO;

    if (file != NULL) {
        size_t bytes = bench_database_text(&s->ids, text, TEXT_BYTES);
        r = fwrite(text, 1, bytes, file) == bytes ? 0 : -EIO;
        r = fclose(file) == 0 ? r : -EIO;
    }
    free(text);
    return r;
}

static int make_decoder(struct sql *s)
{
    int r = write_database(s);

    if (r == 0)
        r = canp_dbc_open(s->database, NULL, &s->dbc, NULL);
    return r < 0 ? r : canp_decoder_open(s->dbc, NULL, &s->decoder, NULL);
}

static int make_statements(struct sql *s)
{
    char text[128], argument[160];
    const char *const arguments[] = {s->recording, argument};
    struct sql_context *context;

    snprintf(argument, sizeof(argument), "dbc=%s", s->database);
    sqlite3_config(SQLITE_CONFIG_SINGLETHREAD); /* as canp sql */
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    if (sqlite3_open(":memory:", &s->db) != SQLITE_OK || sql_register(s->db, NULL, &context) != SQLITE_OK)
        return -ENOMEM;
    int r = sql_open_tables(s->db, context, arguments, 2, NULL);
    if (r < 0)
        return r;
    snprintf(text, sizeof(text), "SELECT count(*), sum(len) FROM frames WHERE id = %u",
             s->id & CANP_ID_EFF_MASK);
    if (sqlite3_prepare_v2(s->db, text, -1, &s->one_id, NULL) != SQLITE_OK)
        return -EINVAL;
    snprintf(text, sizeof(text), "SELECT count(S1), sum(S1) FROM M%X", s->id);
    return sqlite3_prepare_v2(s->db, text, -1, &s->aggregate, NULL) == SQLITE_OK ? 0 : -EINVAL;
}

static int set_up(struct sql *s, const char *dir)
{
    snprintf(s->recording, sizeof(s->recording), "%s/packed", dir);
    snprintf(s->database, sizeof(s->database), "%s/bench.dbc", dir);
    int r = record_drive(s);
    if (r == 0)
        r = make_decoder(s);
    return r < 0 ? r : make_statements(s);
}

static void tear_down(struct sql *s)
{
    sqlite3_finalize(s->one_id);
    sqlite3_finalize(s->aggregate);
    sqlite3_close(s->db);
    canp_decoder_close(s->decoder);
    canp_dbc_release(s->dbc);
    canp_reader_close(s->reader);
}

static int run(struct bench *bench, const char *dir)
{
    static const struct bench_case cases[] = {
        {"sql_one_id", "ns/frame", sql_one_id, "query_one_id", query_one_id, 0, NULL},
        {"sql_aggregate", "ns/frame", sql_aggregate, "decode_one_signal", decode_one_signal, 3, NULL},
    };
    struct sql *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return -ENOMEM;
    s->frames = bench_size(bench, FRAMES);
    int r = set_up(s, dir);
    if (r == 0)
        r = bench_run_cases(bench, cases, sizeof(cases) / sizeof(cases[0]), s);
    tear_down(s);
    free(s);
    return r;
}

int bench_sql(struct bench *bench)
{
    return bench_in_directory(bench, run);
}
