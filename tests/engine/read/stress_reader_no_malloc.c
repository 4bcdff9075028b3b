/*
 * A reader's loop calls malloc not once after its first block: over rows and packed blocks, over many
 * segments. And a writer's loop not once after its first segment: rotation, sealing and indexing included.
 */
#include <canp/reader.h>
#include <canp/repack.h>
#include <canp/writer.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "malloc_count.h"

static char dir[] = "/tmp/canp-no-malloc-XXXXXX";

static _Noreturn void fail(const char *what, uint64_t count)
{
    printf("%s: %llu\n", what, (unsigned long long)count);
    exit(1);
}

/* Calls since the start; says where the first one came from. */
static unsigned long stop(void)
{
    void *caller;
    unsigned long calls = malloc_count_stop(&caller);
    if (calls)
        printf("%lu calls, the first from %p\n", calls, caller);
    return calls;
}

static void put(struct canp_writer *w, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        union canp_frame_store f = {.frame = {.id = 0x100 + i % 40, .len = 8}};
        struct canp_record r = {.time_ns = INT64_C(1700000000000000000) + i * INT64_C(100000),
                                .frame = &f.frame};
        memcpy(f.frame.data, &i, sizeof(i));
        if (canp_writer_put(w, &r) < 0)
            fail("put failed at frame", i);
    }
}

static void write_recording(void)
{
    struct canp_writer_opts opts = CANP_WRITER_OPTS_INIT;
    struct canp_writer *w;
    struct canp_iface iface = {.name = "can0"};
    opts.segment_bytes = 1 << 20;
    opts.no_sync = true;
    if (canp_writer_open(dir, &opts, &w, NULL) < 0)
        fail("open failed", 0);
    canp_writer_add_iface(w, 0, &iface, 1);
    put(w, 0, 100000); /* two segments, and the third begun: everything has been used once */
    malloc_count_start();
    put(w, 100000, 400000);
    unsigned long calls = stop();
    struct canp_writer_stats stats;
    canp_writer_stats(w, &stats);
    if (stats.segments < 8)
        fail("too few segments for a test", stats.segments);
    if (canp_writer_finish(w) < 0)
        fail("finish failed", 0);
    canp_writer_close(w);
    if (calls)
        fail("calls of malloc while writing", calls);
}

static void read_recording(const char *what)
{
    struct canp_reader *reader;
    struct canp_cursor *cursor;
    struct canp_record r;
    uint64_t frames = 0;
    if (canp_reader_open(dir, &reader, NULL) < 0 || canp_cursor_open(reader, NULL, &cursor) < 0)
        fail("open failed", 0);
    while (canp_cursor_next(cursor, &r) == 1) {
        frames += canp_kind_is_frame(r.kind);
        if (frames == 1)
            malloc_count_start();
    }
    unsigned long calls = stop();
    canp_cursor_close(cursor);
    canp_reader_close(reader);
    if (frames != 400000)
        fail("frames", frames);
    if (calls)
        fail(what, calls);
}

int main(void)
{
    char command[64];
    malloc_count_start();
    void *volatile probe = malloc(10);
    free(probe);
    if (stop() != 1)
        fail("the counting does not count", 0);
    if (!mkdtemp(dir))
        return 1;
    write_recording();
    read_recording("calls of malloc while reading rows");
    struct canp_repack_stats stats;
    if (canp_repack(dir, NULL, &stats, NULL) < 0 || stats.changed < 8)
        fail("packed segments", stats.changed);
    read_recording("calls of malloc while reading packed blocks");
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command) != 0;
}
