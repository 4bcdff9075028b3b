/*
 * File systems that cannot map a file, and those that cannot allocate a file (vfat, exfat, 9p): fallocate()
 * says EOPNOTSUPP. A segment grows with what is in it, and a follower reads it as it grows.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <canp/reader.h>
#include <canp/writer.h>

#include "faults.h"

#define T0 INT64_C(1700000000000000000)

static char dir[32];
static unsigned failures;

#define CHECK(what) check(what, #what, __LINE__)

static void check(bool is_true, const char *what, int line)
{
    if (!is_true)
        printf("not ok line %d: %s\n", line, what);
    failures += !is_true;
}

static void put(struct canp_writer *w, unsigned from, unsigned count)
{
    union canp_frame_store f = {.bytes = {0}};
    f.frame.len = 8;
    for (unsigned i = from; i < from + count; i++) {
        struct canp_record r = {.time_ns = T0 + i, .frame = &f.frame};
        memcpy(f.frame.data, &i, sizeof(i));
        CHECK(canp_writer_put(w, &r) == 0);
        if (i % 500 == 0)
            CHECK(canp_writer_flush(w) == 0);
    }
    CHECK(canp_writer_flush(w) == 0);
}

/* All that is there now, each frame once and in order. */
static void read_on(struct canp_cursor *c, unsigned *next)
{
    struct canp_record r;
    while (canp_cursor_next(c, &r) == 1) {
        if (canp_kind_is_frame(r.kind) && r.time_ns - T0 == (int64_t)*next)
            ++*next;
    }
}

static uint64_t bytes_of(unsigned segment)
{
    char path[64];
    struct stat st;
    snprintf(path, sizeof(path), "%s/%08u.canp", dir, segment);
    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static struct canp_writer *begin(uint64_t segment_bytes)
{
    struct canp_writer_opts opts = CANP_WRITER_OPTS_INIT;
    struct canp_writer *w;
    opts.segment_bytes = segment_bytes;
    opts.no_sync = true;
    strcpy(dir, "/tmp/canp-test-XXXXXX");
    if (!mkdtemp(dir) || canp_writer_open(dir, &opts, &w, NULL) < 0)
        abort();
    return w;
}

static void end(struct canp_writer *w, unsigned frames)
{
    struct canp_reader *reader;
    struct canp_info info;
    char command[64];
    CHECK(canp_writer_finish(w) == 0);
    canp_writer_close(w);
    if (canp_reader_open(dir, &reader, NULL) < 0)
        abort();
    CHECK(canp_reader_info(reader, &info) == 0 && info.frames == frames && info.damaged == 0 &&
          info.lost == 0);
    canp_reader_close(reader);
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    CHECK(system(command) == 0);
}

static void test_growing(void)
{
    struct canp_writer *w = begin(0);
    struct canp_reader *reader;
    struct canp_cursor *c;
    unsigned next = 0;
    put(w, 0, 2000);
    CHECK(bytes_of(1) > 0 && bytes_of(1) <= 4U << 20);
    if (canp_reader_open(dir, &reader, NULL) < 0 || canp_cursor_open(reader, NULL, &c) < 0)
        abort();
    read_on(c, &next);
    CHECK(next == 2000);
    for (unsigned i = 1; i <= 100; i++) { /* 4.8 MB: it grows several times */
        put(w, 2000 * i, 2000);
        canp_reader_refresh(reader);
        read_on(c, &next);
        CHECK(next == 2000 * (i + 1));
    }
    CHECK(canp_cursor_damaged(c) == 0);
    canp_cursor_close(c);
    canp_reader_close(reader);
    end(w, 2000 * 101);
}

/* FUSE with direct_io and 9p without a cache refuse shared mappings: ENODEV. Writer and readers go without.
 */
static void test_unmappable(bool pack)
{
    struct canp_writer_opts opts = CANP_WRITER_OPTS_INIT;
    struct canp_writer *w;
    opts.segment_bytes = 65536;
    opts.no_sync = true;
    opts.pack = pack;
    strcpy(dir, "/tmp/canp-test-XXXXXX");
    fault_arm(FAULT_mmap, 1, 1000000, ENODEV);
    if (!mkdtemp(dir) || canp_writer_open(dir, &opts, &w, NULL) < 0)
        abort();
    put(w, 0, 20000);
    end(w, 20000);
    CHECK(fault_disarm()); /* it was met */
}

int main(void)
{
    fault_arm(FAULT_fallocate, 1, 1000000, EOPNOTSUPP);
    test_growing();
    fault_disarm();
    test_unmappable(false);
    test_unmappable(true);
    puts(failures ? "failed" : "ok: segments grow");
    return failures ? 1 : 0;
}
