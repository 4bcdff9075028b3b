/*
 * canp-bench replay: how late a replay into a callback sink is, with the spin and without, beside a loop that
 * sleeps the distance to each next frame, as simple players do. A frame each half millisecond.
 */
#include "bench.h"

#include <canp/error.h>
#include <canp/replay.h>
#include <canp/writer.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FRAMES      150
#define DISTANCE_NS 500000
#define SPIN_NS     150000
#define START_NS    INT64_C(1700000000000000000)

struct player {
    struct canp_reader *reader;
    uint64_t spin_ns;
};

static int write_frames(const char *dir)
{
    const struct canp_writer_opts opts = {.segment_bytes = 64U << 10, .no_sync = true};
    union canp_frame_store store = {.frame = {.id = 0x123, .len = 8}};
    struct canp_record record = {.frame = &store.frame};
    struct canp_writer *writer;
    int r = canp_writer_open(dir, &opts, &writer, NULL);

    if (r < 0)
        return r;
    for (int i = 0; i < FRAMES && r == 0; i++) {
        record.time_ns = START_NS + (int64_t)i * DISTANCE_NS;
        r = canp_writer_put(writer, &record);
    }
    if (r == 0)
        r = canp_writer_finish(writer);
    canp_writer_close(writer);
    return r;
}

static int take(void *self, const struct canp_record *record)
{
    (void)self;
    bench_use(record->frame);
    return 0;
}

/* Median lateness in us. */
static double play(void *user)
{
    static struct canp_replay_stats stats; /* large: the histogram */
    const struct player *player = user;
    const struct canp_replay_sink sink = {.put = take};
    struct canp_replay_opts opts = CANP_REPLAY_OPTS_INIT;
    opts.spin_ns = player->spin_ns;
    int r = canp_replay_run(player->reader, &opts, &sink, &stats);

    return r < 0 ? r : (double)canp_histogram_quantile(&stats.late_ns, 0.5) / 1e3;
}

static double sleep_each(void *user)
{
    const struct timespec distance = {.tv_nsec = DISTANCE_NS};
    uint64_t start_ns = bench_now_ns();
    double median_us = 0;

    (void)user;
    for (unsigned i = 1; i < FRAMES; i++) {
        nanosleep(&distance, NULL);
        if (i == FRAMES / 2) /* lateness adds up: the one in the middle is the median */
            median_us = (double)(bench_now_ns() - start_ns - (uint64_t)i * DISTANCE_NS) / 1e3;
    }
    return median_us;
}

static int run_cases(struct bench *bench, struct canp_reader *reader)
{
    struct player spinning = {reader, SPIN_NS}, sleeping = {reader, 0};
    const struct bench_case cases[] = {
        {"replay_lateness_p50", "us", play, "sleep_each", sleep_each, 0, &spinning},
        {"replay_lateness_p50_nospin", "us", play, "sleep_each", sleep_each, 0, &sleeping},
    };
    int r = 0;

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]) && r == 0; i++)
        r = bench_run(bench, &cases[i]);
    return r;
}

int bench_replay(struct bench *bench)
{
    const char *base = getenv("TMPDIR");
    char dir[4096], segment[sizeof(dir) + 16];
    struct canp_reader *reader;

    if (snprintf(dir, sizeof(dir), "%s/canp-bench-XXXXXX", base ? base : "/tmp") >= (int)sizeof(dir))
        return -ENAMETOOLONG;
    if (mkdtemp(dir) == NULL)
        return -errno;
    int r = write_frames(dir);
    if (r == 0)
        r = canp_reader_open(dir, &reader, NULL);
    if (r == 0) {
        r = run_cases(bench, reader);
        canp_reader_close(reader);
    }
    snprintf(segment, sizeof(segment), "%s/00000001.canp", dir);
    unlink(segment);
    rmdir(dir);
    return r;
}
