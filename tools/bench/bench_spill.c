/*
 * canp-bench spill: everything that the recorder does for a frame, from the kernel's completion to the
 * committed record (harvest, row, slab, block with its checksum in a segment file), beside the copy of 24
 * bytes that any recorder needs. CPU time of the calling thread, without the kernel's part, which
 * `scripts/bench` measures.
 */
#include "bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench_drill.h"

#define ROUNDS     64U /* 15 runs of both cases fit into a segment: making room is not what is measured */
#define SETTLE_NS  300000000L /* the writer's own thread has prefaulted the segment by then */
#define FRAMES     ((double)ROUNDS * DRILL_ROUND)
#define ROW_BYTES  24U
#define COPY_BYTES (ROUNDS * DRILL_ROUND * ROW_BYTES)

struct spill {
    struct drill *drill;
    int fd_frames;
    uint8_t *from;
    uint8_t *to;
};

/* Only the recorder's part is timed; a round is as long as what 20 ms bring at 25,000 frames/s. */
static double cqe_to_record(void *user)
{
    struct spill *s = user;
    uint64_t sum_ns = 0, before = drill_frames(s->drill);
    int r = 0;
    for (unsigned round = 0; round < ROUNDS && r == 0; round++) {
        drill_receive(s->drill, DRILL_ROUND, s->fd_frames);
        uint64_t start_ns = bench_cpu_ns();
        drill_harvest(s->drill);
        r = drill_spill(s->drill);
        sum_ns += bench_cpu_ns() - start_ns;
    }
    uint64_t start_ns = bench_cpu_ns();
    if (r == 0)
        r = drill_flush(s->drill);
    sum_ns += bench_cpu_ns() - start_ns;
    if (r == 0 && drill_frames(s->drill) - before != ROUNDS * DRILL_ROUND)
        r = -EIO;
    return r < 0 ? r : (double)sum_ns / FRAMES;
}

static double memcpy_24(void *user)
{
    struct spill *s = user;
    uint64_t start_ns = bench_cpu_ns();
    for (size_t at = 0; at < COPY_BYTES; at += ROW_BYTES) {
        memcpy(s->to + at, s->from + at, ROW_BYTES);
        bench_use(s->to + at);
    }
    return (double)(bench_cpu_ns() - start_ns) / FRAMES;
}

static int run(struct bench *bench, const char *dir)
{
    struct spill s = {.from = malloc(COPY_BYTES), .to = malloc(COPY_BYTES)};
    const struct bench_case classic = {
        "cqe_to_record", "ns/frame", cqe_to_record, "memcpy_24", memcpy_24, 0, &s};
    const struct bench_case fd = {
        "cqe_to_record_fd64", "ns/frame", cqe_to_record, "memcpy_24", memcpy_24, 0, &s};
    int r = s.from && s.to ? drill_open(dir, &s.drill, NULL) : -ENOMEM;
    const struct timespec settle = {.tv_nsec = SETTLE_NS};
    if (r == 0) {
        clock_nanosleep(CLOCK_MONOTONIC, 0, &settle, NULL);
        memset(s.from, 1, COPY_BYTES);
        memset(s.to, 2, COPY_BYTES);
        r = bench_run(bench, &classic);
    }
    s.fd_frames = 1;
    if (r == 0)
        r = bench_run(bench, &fd);
    drill_close(s.drill);
    free(s.from);
    free(s.to);
    return r;
}

int bench_spill(struct bench *bench)
{
    return bench_in_directory(bench, run);
}
