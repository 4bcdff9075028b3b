/*
 * The catalogue of a recording is a cache: missing, torn, wrong or stale, it changes nothing of what is read.
 * Frame i of the recordings here has the time i * STEP_NS and i as its data.
 */
#include <canp/reader.h>
#include <canp/repack.h>
#include <canp/writer.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SEGMENTS       40U
#define SEGMENT_FRAMES 20U
#define FRAMES         (SEGMENTS * SEGMENT_FRAMES)
#define STEP_NS        1000
#define FILE_MAX       8192U
#define HEADER_BYTES   64U
#define ENTRY_BYTES    64U

static char top[64], dir[80], catalogue[112];

static void name_recording(const char *name)
{
    snprintf(dir, sizeof(dir), "%s/%s", top, name);
    snprintf(catalogue, sizeof(catalogue), "%s/catalogue.canpx", dir);
}

static void segment_path(char path[112], unsigned number)
{
    snprintf(path, 112, "%s/%08u.canp", dir, number);
}

static void setup(void)
{
    strcpy(top, "/tmp/canp-catalogue-XXXXXX");
    cr_assert_not_null(mkdtemp(top));
    name_recording("drive");
}

static void teardown(void)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf %s", top);
    cr_assert_eq(system(command), 0);
}

TestSuite(catalogue, .init = setup, .fini = teardown, .timeout = 120);

static void record(unsigned first)
{
    struct canp_writer_opts opts = CANP_WRITER_OPTS_INIT;
    struct canp_why why = {""};
    struct canp_writer *w;

    opts.segment_bytes = 64 << 10;
    opts.no_sync = true;
    cr_assert_eq(canp_writer_open(dir, &opts, &w, &why), 0, "%s", why.text);
    for (unsigned i = first; i < first + FRAMES; i++) {
        union canp_frame_store f = {.frame = {.id = 0x123, .len = 8}};
        struct canp_record r = {.time_ns = (int64_t)i * STEP_NS, .frame = &f.frame};
        memcpy(f.frame.data, &i, sizeof(i));
        if (i > first && (i - first) % SEGMENT_FRAMES == 0)
            cr_assert_eq(canp_writer_rotate(w), 0);
        cr_assert_eq(canp_writer_put(w, &r), 0);
        if ((i - first) % SEGMENT_FRAMES == SEGMENT_FRAMES - 1)
            cr_assert_eq(canp_writer_flush(w), 0);
    }
    cr_assert_eq(canp_writer_finish(w), 0);
    canp_writer_close(w);
}

static size_t load(const char *path, uint8_t bytes[FILE_MAX])
{
    FILE *f = fopen(path, "rb");

    if (!f)
        return 0;
    size_t n = fread(bytes, 1, FILE_MAX, f);
    fclose(f);
    return n;
}

static void store(const char *path, const uint8_t *bytes, size_t count)
{
    FILE *f = fopen(path, "wb");

    cr_assert_not_null(f);
    cr_assert_eq(fwrite(bytes, 1, count, f), count);
    cr_assert_eq(fclose(f), 0);
}

/* Frames from number `from` up to `to`, through a reader of its own: how many there are. */
static unsigned count_between(unsigned from, unsigned to)
{
    struct canp_cursor_opts opts = CANP_CURSOR_OPTS_INIT;
    struct canp_reader *reader;
    struct canp_cursor *c;
    struct canp_record r;
    struct canp_why why = {""};
    unsigned count = 0;

    opts.from_ns = (int64_t)from * STEP_NS;
    opts.to_ns = (int64_t)to * STEP_NS;
    opts.frames_only = true;
    cr_assert_eq(canp_reader_open(dir, &reader, &why), 0, "%s", why.text);
    cr_assert_eq(canp_cursor_open(reader, &opts, &c), 0);
    while (canp_cursor_next(c, &r) == 1) {
        unsigned i;
        memcpy(&i, r.frame->data, sizeof(i));
        cr_assert_eq(r.time_ns, (int64_t)i * STEP_NS, "a frame that was not recorded so");
        cr_assert(i >= from && i <= to);
        count++;
    }
    canp_cursor_close(c);
    canp_reader_close(reader);
    return count;
}

static void expect_all(const char *when)
{
    cr_expect_eq(count_between(0, FRAMES), FRAMES, "%s: all", when);
    cr_expect_eq(count_between(105, 264), 160, "%s: some in the middle", when);
    cr_expect_eq(count_between(FRAMES - 1, FRAMES + 9), 1, "%s: the last one", when);
    cr_expect_eq(count_between(FRAMES, FRAMES + 9), 0, "%s: behind the end", when);
}

Test(catalogue, is_there_when_a_recording_is_finished)
{
    uint8_t bytes[FILE_MAX];

    record(0);
    cr_expect_eq(load(catalogue, bytes), HEADER_BYTES + SEGMENTS * ENTRY_BYTES);
    expect_all("as written");
}

Test(catalogue, is_rebuilt_when_missing)
{
    uint8_t before[FILE_MAX], after[FILE_MAX];

    record(0);
    size_t n = load(catalogue, before);
    cr_assert_eq(unlink(catalogue), 0);
    expect_all("missing");
    cr_expect_eq(load(catalogue, after), n);
    cr_expect_arr_eq(before, after, n);
}

Test(catalogue, every_byte_wrong_and_every_length)
{
    uint8_t good[FILE_MAX], bad[FILE_MAX];

    record(0);
    size_t n = load(catalogue, good);
    for (size_t at = 0; at < n; at++) {
        memcpy(bad, good, n);
        bad[at] ^= (uint8_t)(1U << at % 8);
        store(catalogue, bad, n);
        cr_expect_eq(count_between(105, 264), 160, "byte %zu", at);
        cr_assert_eq(load(catalogue, bad), n);
        cr_assert_arr_eq(bad, good, n, "not mended after byte %zu", at);
    }
    for (size_t bytes = 0; bytes < n; bytes += bytes < HEADER_BYTES + ENTRY_BYTES ? 1 : 61) {
        store(catalogue, good, bytes);
        cr_expect_eq(count_between(105, 264), 160, "cut to %zu bytes", bytes);
    }
}

Test(catalogue, of_another_recording)
{
    uint8_t foreign[FILE_MAX], own[FILE_MAX];

    name_recording("other");
    record(500);
    size_t n = load(catalogue, foreign);
    name_recording("drive");
    record(0);
    cr_assert_eq(load(catalogue, own), n);
    store(catalogue, foreign, n);
    expect_all("foreign");
    cr_assert_eq(load(catalogue, foreign), n);
    cr_expect_arr_eq(own, foreign, n);
}

Test(catalogue, older_than_a_packed_recording)
{
    struct canp_repack_stats stats;
    struct canp_why why = {""};
    uint8_t old[FILE_MAX], new[FILE_MAX];

    record(0);
    size_t n = load(catalogue, old);
    cr_assert_eq(canp_repack(dir, NULL, &stats, &why), 0, "%s", why.text);
    cr_expect_eq(stats.changed, SEGMENTS);
    cr_assert_eq(load(catalogue, new), n);
    cr_expect_neq(memcmp(old, new, n), 0, "packing left the catalogue as it was");
    expect_all("packed");
    store(catalogue, old, n);
    expect_all("packed, with the catalogue of before");
}

/* What is put in a segment's place is found, although the catalogue says that nothing of it is there. */
Test(catalogue, a_segment_replaced_in_its_place)
{
    const struct timespec tick = {.tv_nsec = 20000000}; /* the granularity of a file's times */
    uint8_t bytes[FILE_MAX];
    char from[112], to[112];

    record(0);
    nanosleep(&tick, NULL);
    segment_path(from, 30);
    segment_path(to, 5);
    size_t n = load(from, bytes);
    store(to, bytes, n);
    cr_expect_eq(count_between(29 * SEGMENT_FRAMES, 30 * SEGMENT_FRAMES - 1), 2 * SEGMENT_FRAMES);
    cr_expect_eq(count_between(4 * SEGMENT_FRAMES, 5 * SEGMENT_FRAMES - 1), 0);
}

Test(catalogue, segments_removed_and_added)
{
    uint8_t bytes[FILE_MAX];
    char path[112], aside[112];

    record(0);
    segment_path(path, 20);
    size_t n = load(path, bytes);
    cr_assert_eq(unlink(path), 0);
    segment_path(path, SEGMENTS);
    snprintf(aside, sizeof(aside), "%s/aside", top);
    cr_assert_eq(rename(path, aside), 0);
    cr_expect_eq(count_between(0, FRAMES), FRAMES - 2 * SEGMENT_FRAMES);
    cr_expect_eq(count_between(FRAMES - 5, FRAMES), 0);
    cr_assert_eq(rename(aside, path), 0);
    segment_path(path, SEGMENTS + 1); /* as if it were recorded now */
    store(path, bytes, n);
    cr_expect_eq(count_between(0, FRAMES), FRAMES);
    cr_expect_eq(count_between(19 * SEGMENT_FRAMES, 20 * SEGMENT_FRAMES - 1), SEGMENT_FRAMES);
}

/* Segments that come and go while a reader is open. */
Test(catalogue, a_reader_that_stays_open)
{
    struct canp_reader *reader;
    struct canp_cursor *c;
    struct canp_record r;
    struct canp_repack_stats stats;
    char path[112];

    record(0);
    cr_assert_eq(canp_reader_open(dir, &reader, NULL), 0);
    cr_assert_eq(canp_cursor_open(reader, NULL, &c), 0);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < FRAMES; i += 37) {
            unsigned n = (i * 13) % FRAMES, got;
            bool gone = round == 2 && n / SEGMENT_FRAMES == 9;
            cr_assert_eq(canp_cursor_seek(c, (int64_t)n * STEP_NS), 0);
            cr_assert_eq(canp_cursor_next(c, &r), 1);
            memcpy(&got, r.frame->data, sizeof(got));
            cr_expect_eq(got, gone ? 10 * SEGMENT_FRAMES : n);
        }
        if (round == 0)
            cr_assert_eq(canp_repack(dir, NULL, &stats, NULL), 0);
        segment_path(path, 10);
        if (round == 1)
            cr_assert_eq(unlink(path), 0);
        cr_assert_geq(canp_reader_refresh(reader), 0);
    }
    canp_cursor_close(c);
    canp_reader_close(reader);
}

Test(catalogue, in_a_directory_that_may_not_be_written_to)
{
    uint8_t bytes[FILE_MAX];

    record(0);
    cr_assert_eq(unlink(catalogue), 0);
    cr_assert_eq(chmod(top, 0755), 0);
    cr_assert_eq(chmod(dir, 0555), 0);
    if (geteuid() == 0)
        cr_assert_eq(seteuid(65534), 0); /* root may write anywhere */
    expect_all("read-only");
    cr_expect_eq(load(catalogue, bytes), 0);
    if (getuid() == 0)
        cr_assert_eq(seteuid(0), 0);
    cr_assert_eq(chmod(dir, 0755), 0);
}

/* Counts runs that found something else. */
static void *count_all(void *wrong)
{
    for (unsigned i = 0; i < 20; i++) {
        if (i % 5 == 0)
            unlink(catalogue);
        if (count_between(105, 264) != 160)
            ++*(unsigned *)wrong;
    }
    return NULL;
}

Test(catalogue, many_readers_rebuild_it_at_once)
{
    pthread_t threads[4];
    unsigned wrong[4] = {0};
    uint8_t before[FILE_MAX], after[FILE_MAX];

    record(0);
    size_t n = load(catalogue, before);
    for (unsigned i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, count_all, &wrong[i]), 0);
    for (unsigned i = 0; i < 4; i++) {
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
        cr_expect_eq(wrong[i], 0);
    }
    expect_all("afterwards");
    cr_expect_eq(load(catalogue, after), n);
    cr_expect_arr_eq(before, after, n);
}
