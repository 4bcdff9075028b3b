/* The segment store: what a writer commits, a reader lends; after a crash, while it grows, and when it is
 * damaged. */
#include <criterion/criterion.h>

#include <canp/error.h>
#include <canp/reader.h>
#include <canp/rows.h>
#include <canp/writer.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "temp_dir.h"

TestSuite(store, .init = temp_dir_make, .fini = temp_dir_remove);

#define START_NS INT64_C(1700000000123456789)

static void make_record(union canp_frame_store *f, struct canp_record *r, unsigned i)
{
    memset(f, 0, sizeof(*f));
    memset(r, 0, sizeof(*r));
    f->frame.id = 0x100 + i % 50;
    f->frame.len = (uint8_t)(i % 9);
    for (unsigned k = 0; k < f->frame.len; k++)
        f->frame.data[k] = (uint8_t)(i >> (8 * (k % 4)));
    r->time_ns = START_NS + i * INT64_C(1000);
    r->channel = i % 2;
    r->dir = i % 3;
    r->frame = &f->frame;
}

static struct canp_writer *open_writer(uint64_t segment_bytes)
{
    struct canp_writer_opts opts = CANP_WRITER_OPTS_INIT;
    struct canp_why why = {""};
    struct canp_writer *w;
    opts.segment_bytes = segment_bytes;
    opts.no_sync = true;
    cr_assert_eq(canp_writer_open(dir, &opts, &w, &why), 0, "%s", why.text);
    for (uint8_t i = 0; i < 2; i++) {
        struct canp_iface iface = {.mtu = 72, .name = "vcan0"};
        iface.name[4] = (char)('0' + i);
        cr_assert_eq(canp_writer_add_iface(w, i, &iface, START_NS), 0);
    }
    return w;
}

static void put_frames(struct canp_writer *w, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        union canp_frame_store f;
        struct canp_record r;
        make_record(&f, &r, i);
        cr_assert_eq(canp_writer_put(w, &r), 0);
    }
}

static struct canp_reader *open_reader(void)
{
    struct canp_reader *reader;
    struct canp_why why = {""};
    cr_assert_eq(canp_reader_open(dir, &reader, &why), 0, "%s", why.text);
    return reader;
}

/* Reads frames and checks that they are from, from + 1, ...; returns the number of the first one not there.
 */
static unsigned expect_frames(struct canp_cursor *c, unsigned from)
{
    struct canp_record got;
    int r;
    while ((r = canp_cursor_next(c, &got)) == 1) {
        union canp_frame_store f;
        struct canp_record want;
        if (!canp_kind_is_frame(got.kind))
            continue;
        make_record(&f, &want, from);
        cr_assert_eq(got.time_ns, want.time_ns, "frame %u", from);
        cr_assert_eq(got.channel, want.channel);
        cr_assert_eq(got.dir, want.dir);
        cr_assert_eq(memcmp(got.frame, &f, 8U + f.frame.len), 0, "frame %u", from);
        from++;
    }
    cr_assert_eq(r, 0);
    return from;
}

static unsigned count_from_start(unsigned from)
{
    struct canp_reader *reader = open_reader();
    struct canp_cursor *c;
    cr_assert_eq(canp_cursor_open(reader, NULL, &c), 0);
    unsigned n = expect_frames(c, from);
    canp_cursor_close(c);
    canp_reader_close(reader);
    return n;
}

Test(store, frames_come_back_over_many_segments)
{
    struct canp_writer *w = open_writer(64 << 10);
    put_frames(w, 0, 50000);
    cr_assert_eq(canp_writer_finish(w), 0);
    struct canp_writer_stats stats;
    canp_writer_stats(w, &stats);
    canp_writer_close(w);
    cr_assert_eq(stats.frames, 50000);
    cr_assert_gt(stats.segments, 10);
    cr_assert_eq(count_from_start(0), 50000);

    struct canp_reader *reader = open_reader();
    struct canp_info info;
    cr_assert_eq(canp_reader_info(reader, &info), 0);
    cr_assert_eq(info.frames, 50000);
    cr_assert_eq(info.segments, stats.segments);
    cr_assert_eq(info.bytes, stats.bytes);
    cr_assert_eq(info.first_ns, START_NS);
    cr_assert_eq(info.last_ns, START_NS + 49999 * 1000);
    cr_assert_eq(info.ids, 50);
    cr_assert_not(info.live);
    cr_assert_eq(info.damaged, 0);
    cr_assert_str_eq(canp_reader_iface(reader, 1)->name, "vcan1");
    canp_reader_close(reader);
}

Test(store, a_writer_refuses_a_directory_that_holds_a_recording)
{
    struct canp_writer *w = open_writer(0);
    cr_assert_eq(canp_writer_finish(w), 0);
    canp_writer_close(w);
    struct canp_why why;
    cr_assert_eq(canp_writer_open(dir, NULL, &w, &why), -CANP_E_EXISTS);
    cr_assert(strstr(why.text, dir));
}

static int open_dir(void)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_geq(fd, 0);
    return fd;
}

static void *look_for_a_while(void *fd)
{
    usleep(50000);
    close(*(int *)fd);
    return NULL;
}

/* A reader asks by a shared lock whether anybody writes: here just when the writer begins. */
Test(store, who_looks_does_not_stop_a_writer)
{
    pthread_t thread;
    int fd = open_dir();
    cr_assert_eq(flock(fd, LOCK_SH | LOCK_NB), 0);
    cr_assert_eq(pthread_create(&thread, NULL, look_for_a_while, &fd), 0);
    canp_writer_close(open_writer(1 << 16));
    pthread_join(thread, NULL);
}

Test(store, a_second_writer_is_refused)
{
    struct canp_writer_opts opts = CANP_WRITER_OPTS_INIT;
    struct canp_why why = {""};
    struct canp_writer *w;
    int fd = open_dir();
    cr_assert_eq(flock(fd, LOCK_EX | LOCK_NB), 0);
    cr_expect_eq(canp_writer_open(dir, &opts, &w, &why), -EBUSY);
    cr_expect(strstr(why.text, "another recorder"), "%s", why.text);
    close(fd);
}

Test(store, what_is_committed_is_readable_at_once_and_after_a_crash)
{
    struct canp_writer *w = open_writer(1 << 20);
    put_frames(w, 0, 1000);
    cr_assert_eq(canp_writer_flush(w), 0);
    cr_assert_eq(count_from_start(0), 1000, "while it is written");
    put_frames(w, 1000, 2000); /* gathered, not committed: a crash takes it */
    canp_writer_close(w);      /* no finish: the segment stays as kill -9 leaves it */
    cr_assert_eq(count_from_start(0), 1000);
    struct canp_reader *reader = open_reader();
    struct canp_info info;
    cr_assert_eq(canp_reader_info(reader, &info), 0);
    cr_assert(info.live);
    cr_assert_eq(info.torn_bytes, 0);
    canp_reader_close(reader);
}

Test(store, a_cursor_follows_a_growing_recording)
{
    struct canp_writer *w = open_writer(64 << 10);
    put_frames(w, 0, 10);
    canp_writer_flush(w);
    struct canp_reader *reader = open_reader();
    struct canp_cursor *c;
    cr_assert_eq(canp_cursor_open(reader, NULL, &c), 0);
    unsigned seen = expect_frames(c, 0);
    cr_assert_eq(seen, 10);
    for (unsigned n = 10; n < 30000; n += 777) {
        put_frames(w, n, n + 777);
        canp_writer_flush(w);
        cr_assert_eq(canp_reader_refresh(reader), 1);
        seen = expect_frames(c, seen);
        cr_assert_eq(seen, n + 777);
        cr_assert_eq(canp_reader_refresh(reader), 0, "nothing new");
    }
    cr_assert_eq(canp_writer_finish(w), 0);
    cr_assert_eq(canp_reader_refresh(reader), 1, "the seal");
    cr_assert_not(canp_reader_is_live(reader));
    cr_assert_eq(expect_frames(c, seen), seen);
    cr_assert_eq(canp_cursor_damaged(c), 0);
    canp_cursor_close(c);
    canp_reader_close(reader);
    canp_writer_close(w);
}

#define SMALL_FRAMES 20U
#define SMALL_BLOCK  4U

static void write_small(bool seal)
{
    struct canp_writer *w = open_writer(64 << 10);
    for (unsigned i = 0; i < SMALL_FRAMES; i += SMALL_BLOCK) { /* five blocks */
        put_frames(w, i, i + SMALL_BLOCK);
        canp_writer_flush(w);
    }
    if (seal)
        cr_assert_eq(canp_writer_finish(w), 0);
    canp_writer_close(w);
}

static void flip(size_t bit)
{
    char path[96];
    uint8_t byte;
    snprintf(path, sizeof(path), "%s/00000001.canp", dir);
    int fd = open(path, O_RDWR);
    cr_assert_eq(pread(fd, &byte, 1, (off_t)(bit / 8)), 1);
    byte ^= (uint8_t)(1 << bit % 8);
    cr_assert_eq(pwrite(fd, &byte, 1, (off_t)(bit / 8)), 1);
    close(fd);
}

static void cut_to(size_t bytes)
{
    char path[96];
    snprintf(path, sizeof(path), "%s/00000001.canp", dir);
    cr_assert_eq(truncate(path, (off_t)bytes), 0);
}

static size_t file_bytes(void)
{
    char path[96];
    struct stat st;
    snprintf(path, sizeof(path), "%s/00000001.canp", dir);
    cr_assert_eq(stat(path, &st), 0);
    return (size_t)st.st_size;
}

/* Frames that come back must be right ones, in order; returns how many. */
static unsigned count_right_frames(void)
{
    struct canp_reader *reader;
    struct canp_cursor *c;
    if (canp_reader_open(dir, &reader, NULL) < 0)
        return 0;
    cr_assert_eq(canp_cursor_open(reader, NULL, &c), 0);
    unsigned n = 0, next = 0;
    struct canp_record got;
    while (canp_cursor_next(c, &got) == 1) {
        if (!canp_kind_is_frame(got.kind))
            continue;
        union canp_frame_store f;
        struct canp_record want;
        unsigned i = (unsigned)((got.time_ns - START_NS) / 1000);
        make_record(&f, &want, i < SMALL_FRAMES ? i : 0);
        /* one assertion at the end of the day: Criterion's are slow, and this runs for every bit of a file */
        if (i < next || i >= SMALL_FRAMES || memcmp(got.frame, &f, 8U + f.frame.len) != 0)
            cr_assert_fail("a wrong frame was returned as right: %u", i);
        next = i + 1;
        n++;
    }
    canp_cursor_close(c);
    canp_reader_close(reader);
    return n;
}

Test(store, any_truncation_leaves_the_whole_blocks)
{
    for (int sealed = 0; sealed < 2; sealed++) {
        write_small(sealed);
        cr_assert_eq(count_right_frames(), SMALL_FRAMES);
        size_t end = sealed ? file_bytes() : 8192; /* an unsealed one is zeros from there on */
        unsigned before = SMALL_FRAMES;
        for (size_t cut = end; cut-- > 0;) {
            cut_to(cut);
            unsigned n = count_right_frames();
            cr_assert(n <= before && n % SMALL_BLOCK == 0, "cut at %zu: %u frames", cut, n);
            before = n;
        }
        cr_assert_eq(before, 0);
        temp_dir_remove();
        cr_assert_eq(mkdir(dir, 0777), 0);
    }
}

Test(store, a_flipped_bit_costs_its_block_only)
{
    write_small(true);
    size_t bits = file_bytes() * 8;
    for (size_t bit = 0; bit < bits; bit++) {
        flip(bit);
        unsigned n = count_right_frames();
        if (bit < (size_t)4096 * 8) /* the header: unreadable, or all of it */
            cr_assert(n == 0 || n == SMALL_FRAMES, "bit %zu: %u frames", bit, n);
        else
            cr_assert(n == SMALL_FRAMES - SMALL_BLOCK || n == SMALL_FRAMES, "bit %zu: %u frames", bit, n);
        flip(bit);
        if (bit == (size_t)1024 * 8) /* from here to the blocks everything is zero */
            bit = (size_t)4000 * 8;
    }
    cr_assert_eq(count_right_frames(), SMALL_FRAMES);
}

Test(store, foreign_files_are_told_apart)
{
    char path[96];
    struct canp_reader *reader;
    struct canp_why why = {""};
    cr_assert_eq(canp_reader_open("/nonexistent/path", &reader, &why), -ENOENT);
    cr_assert_eq(canp_reader_open(dir, &reader, &why), -CANP_E_EMPTY);
    snprintf(path, sizeof(path), "%s/text.log", dir);
    FILE *f = fopen(path, "w");
    cr_assert_eq(canp_reader_open(path, &reader, &why), -CANP_E_FORMAT, "an empty file");
    for (int i = 0; i < 1000; i++)
        fputs("(1700000000.000000) can0 123#11\n", f);
    fclose(f);
    cr_assert_eq(canp_reader_open(path, &reader, &why), -CANP_E_FORMAT);
    cr_assert(strstr(why.text, path));
}
