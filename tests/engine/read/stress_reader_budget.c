/*
 * A recording larger than the reader's mapping budget: read through, and at random places, within the budget.
 * usage: reader_budget [RECORDING_MIB BUDGET_MIB [DIR]]; 64 and 8 without. Prints evictions, hit rate and how
 * much memory was resident.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <canp/pools/mapcache.h>
#include <canp/reader.h>
#include <canp/rows.h>
#include <canp/writer.h>

#include "seed.h"

#define START_NS INT64_C(1700000000000000000)
#define STEP_NS  INT64_C(100000)

#define REQUIRE(what)                                                                                        \
    do {                                                                                                     \
        if (!(what)) {                                                                                       \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what);                                       \
            exit(1);                                                                                         \
        }                                                                                                    \
    } while (0)

static char dir[200];

static void record(uint64_t frames, uint64_t segment_bytes)
{
    struct canp_writer_opts opts = CANP_WRITER_OPTS_INIT;
    struct canp_writer *w;
    union canp_frame_store f = {.frame = {.id = 0x100, .len = 8}};
    struct canp_record r = {.frame = &f.frame};
    opts.segment_bytes = segment_bytes;
    opts.no_sync = true;
    REQUIRE(canp_writer_open(dir, &opts, &w, NULL) == 0);
    for (uint64_t i = 0; i < frames; i++) {
        memcpy(f.frame.data, &i, sizeof(i));
        r.time_ns = START_NS + (int64_t)i * STEP_NS;
        REQUIRE(canp_writer_put(w, &r) == 0);
    }
    REQUIRE(canp_writer_finish(w) == 0);
    canp_writer_close(w);
}

/* A figure of /proc/self/status, in MiB. */
static double resident_mib(const char *name)
{
    char line[200];
    unsigned long kib = 0;
    FILE *status = fopen("/proc/self/status", "r");
    REQUIRE(status != NULL);
    while (fgets(line, sizeof(line), status)) {
        if (strncmp(line, name, strlen(name)) == 0)
            kib = strtoul(line + strlen(name) + 1, NULL, 10);
    }
    fclose(status);
    return (double)kib / 1024;
}

static void report(struct canp_reader *reader, const char *what, uint64_t budget)
{
    struct canp_mapcache_stats stats;
    canp_reader_cache_stats(reader, &stats);
    printf("%s: %llu evictions, hit rate %.3f, %.1f MiB mapped at most, %.1f MiB resident, %.1f at most\n",
           what, (unsigned long long)stats.lookups.evictions, canp_cachestats_hit_rate(&stats.lookups),
           (double)stats.bytes_peak / 1048576, resident_mib("VmRSS:"), resident_mib("VmHWM:"));
    REQUIRE(stats.bytes_max == budget);
    REQUIRE(stats.bytes_peak <= budget);
    REQUIRE(stats.refusals == 0);
    REQUIRE(stats.lookups.evictions > 0);
}

static void read_through(struct canp_reader *reader, uint64_t frames)
{
    struct canp_cursor *c;
    struct canp_batch batch;
    uint64_t seen = 0;
    REQUIRE(canp_cursor_open(reader, NULL, &c) == 0);
    while (canp_cursor_next_batch(c, &batch) == 1) {
        REQUIRE(canp_load_u64(batch.rows + 16) == seen); /* the first frame's number */
        seen += batch.frames;
    }
    REQUIRE(seen == frames);
    canp_cursor_close(c);
}

static void read_anywhere(struct canp_reader *reader, struct test_random *random, uint64_t frames)
{
    struct canp_cursor *c;
    struct canp_record r;
    REQUIRE(canp_cursor_open(reader, NULL, &c) == 0);
    for (unsigned i = 0; i < 2000; i++) {
        uint64_t wanted = test_random_below(random, frames), number;
        REQUIRE(canp_cursor_seek(c, START_NS + (int64_t)wanted * STEP_NS) == 0);
        REQUIRE(canp_cursor_next(c, &r) == 1);
        memcpy(&number, r.frame->data, sizeof(number));
        REQUIRE(number == wanted);
    }
    canp_cursor_close(c);
}

int main(int argc, char **argv)
{
    uint64_t mib = argc > 2 ? strtoull(argv[1], NULL, 10) : 64;
    uint64_t budget = (argc > 2 ? strtoull(argv[2], NULL, 10) : 8) << 20;
    struct canp_reader_opts opts = {.map_bytes = budget};
    struct test_random random = test_random_start("reader_budget");
    struct canp_reader *reader;
    char command[300];
    uint64_t frames = mib * 1048576 / 24;
    snprintf(dir, sizeof(dir), "%s/canp-budget-XXXXXX", argc > 3 ? argv[3] : "/tmp");
    REQUIRE(mkdtemp(dir));
    record(frames, budget / 4 < (64 << 20) ? budget / 4 : 64 << 20);
    printf("recorded %.1f MiB\n", (double)frames * 24 / 1048576);
    REQUIRE(canp_reader_open_opts(dir, &opts, &reader, NULL) == 0);
    read_through(reader, frames);
    report(reader, "read through", budget);
    read_anywhere(reader, &random, frames);
    report(reader, "read anywhere", budget);
    canp_reader_close(reader);
    snprintf(command, sizeof(command), "rm -r %s", dir);
    return system(command) == 0 ? 0 : 1;
}
