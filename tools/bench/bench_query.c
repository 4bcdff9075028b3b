/*
 * canp-bench query: one id out of a packed recording beside reading all of it, in processor time per frame of
 * the recording, warm in the page cache. `query_one_id` is the id of median frequency among those of the
 * drive, through a reader that has been through the recording before, as is what it is compared with; for
 * `query_one_id_first` both open, map and check the recording anew.
 */
#include <canp/repack.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench_recording.h"

#define FRAMES 10000000U

struct query {
    uint64_t frames;
    char dir[128];
    struct canp_reader *reader;
    struct bench_ids ids; /* rarest first */
    struct canp_filter_set filter;
};

static double per_frame(const struct query *q, struct canp_reader *reader,
                        const struct canp_cursor_opts *opts, uint64_t expected)
{
    uint64_t frames, start_ns = bench_cpu_ns();
    int r = bench_sum_recording(reader, opts, &frames);
    uint64_t elapsed_ns = bench_cpu_ns() - start_ns;

    if (r == 0 && frames != expected)
        r = -EIO;
    return r < 0 ? r : (double)elapsed_ns / (double)q->frames;
}

/* With a reader of its own, which is part of it. */
static double per_frame_first(const struct query *q, const struct canp_cursor_opts *opts, uint64_t expected)
{
    struct canp_reader *reader;
    uint64_t start_ns = bench_cpu_ns();
    int r = canp_reader_open(q->dir, &reader, NULL);

    if (r < 0)
        return r;
    double value = per_frame(q, reader, opts, expected);
    canp_reader_close(reader);
    return value < 0 ? value : (double)(bench_cpu_ns() - start_ns) / (double)q->frames;
}

static double query_all(void *user)
{
    const struct query *q = user;
    return per_frame(q, q->reader, NULL, q->frames);
}

static double query_all_first(void *user)
{
    const struct query *q = user;
    return per_frame_first(q, NULL, q->frames);
}

static struct canp_cursor_opts opts_for(struct query *q, const struct bench_id *id)
{
    return bench_opts_for_id(&q->filter, id->id);
}

static double query_id(struct query *q, const struct bench_id *id)
{
    struct canp_cursor_opts opts = opts_for(q, id);
    return per_frame(q, q->reader, &opts, id->frames);
}

static double query_one_id(void *user)
{
    struct query *q = user;
    return query_id(q, &q->ids.id[q->ids.count / 2]);
}

static double query_one_id_first(void *user)
{
    struct query *q = user;
    const struct bench_id *id = &q->ids.id[q->ids.count / 2];
    struct canp_cursor_opts opts = opts_for(q, id);
    return per_frame_first(q, &opts, id->frames);
}

static double query_rarest_id(void *user)
{
    struct query *q = user;
    return query_id(q, &q->ids.id[0]);
}

static double query_busiest_id(void *user)
{
    struct query *q = user;
    return query_id(q, &q->ids.id[q->ids.count - 1]);
}

/* ------------------------------------------------------------------ set-up */

static int query_open(struct query *q, const char *dir)
{
    const struct bench_drive drive = {.frames = q->frames};
    const struct canp_repack_opts pack = CANP_REPACK_OPTS_INIT;
    struct canp_repack_stats stats;

    snprintf(q->dir, sizeof(q->dir), "%s/packed", dir);
    int r = bench_drive_record(q->dir, &drive);
    if (r == 0)
        r = canp_repack(q->dir, &pack, &stats, NULL);
    if (r == 0)
        r = canp_reader_open(q->dir, &q->reader, NULL);
    return r < 0 ? r : bench_count_ids(q->reader, &q->ids);
}

static int run(struct bench *bench, const char *dir)
{
    static const struct bench_case cases[] = {
        {"query_one_id", "ns/frame", query_one_id, "query_all", query_all, 0.05, NULL},
        {"query_one_id_first", "ns/frame", query_one_id_first, "query_all_first", query_all_first, 0, NULL},
        {"query_rarest_id", "ns/frame", query_rarest_id, "query_all", query_all, 0, NULL},
        {"query_busiest_id", "ns/frame", query_busiest_id, "query_all", query_all, 0, NULL},
    };
    struct query *q = calloc(1, sizeof(*q));

    if (q == NULL)
        return -ENOMEM;
    q->frames = bench_size(bench, FRAMES);
    int r = query_open(q, dir);
    if (r == 0)
        r = bench_run_cases(bench, cases, sizeof(cases) / sizeof(cases[0]), q);
    canp_reader_close(q->reader);
    free(q);
    return r;
}

int bench_query(struct bench *bench)
{
    return bench_in_directory(bench, run);
}
