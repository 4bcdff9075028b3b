/* A recording as a ring: what is kept, by number and by bytes, packed or not; who reads what is removed;
 * segments by time; rotation by hand. */
#include <criterion/criterion.h>

#include <canp/reader.h>
#include <canp/writer.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "segment/segment_file.h"
#include "temp_dir.h"

#define T0            INT64_C(1700000000000000000)
#define SEGMENT_BYTES (64U << 10)

TestSuite(retention, .init = temp_dir_make, .fini = temp_dir_remove);

static struct canp_writer *open_writer(struct canp_writer_opts opts)
{
    struct canp_iface iface = {.mtu = 16, .name = "vcan0"};
    struct canp_why why = {""};
    struct canp_writer *w;
    opts.no_sync = true;
    opts.segment_bytes = opts.segment_bytes ? opts.segment_bytes : SEGMENT_BYTES;
    cr_assert_eq(canp_writer_open(dir, &opts, &w, &why), 0, "%s", why.text);
    cr_assert_eq(canp_writer_add_iface(w, 0, &iface, T0), 0);
    return w;
}

/* Frames numbered from `from` on, in blocks of 100. */
static void put_frames(struct canp_writer *w, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        union canp_frame_store f;
        struct canp_record r = {.time_ns = T0 + i, .frame = &f.frame};
        memset(&f, 0, sizeof(f));
        f.frame.id = i % 16;
        f.frame.len = 8;
        memcpy(f.frame.data, &i, sizeof(i));
        cr_assert_eq(canp_writer_put(w, &r), 0);
        if (i % 100 == 99)
            cr_assert_eq(canp_writer_flush(w), 0);
    }
    cr_assert_eq(canp_writer_flush(w), 0);
}

/* The next segment is made when one is half full. What is finished has none, whether the writer is closed or
 * not: `canp record` ends without. */
Test(retention, nothing_is_left_of_the_segment_that_would_be_next)
{
    struct canp_writer_opts opts = CANP_WRITER_OPTS_INIT;
    struct canp_writer *w = open_writer(opts);
    char next[64];
    put_frames(w, 0, 2000);
    snprintf(next, sizeof(next), "%s/00000002.canp.new", dir);
    for (int i = 0; i < 10000 && access(next, F_OK) < 0; i++)
        usleep(1000);
    cr_assert_eq(access(next, F_OK), 0, "it is not made");
    cr_assert_eq(canp_writer_finish(w), 0);
    cr_assert_eq(access(next, F_OK), -1);
    canp_writer_close(w);
}

struct use {
    unsigned segments;
    uint64_t bytes; /* of all files */
};

static struct use look(void)
{
    struct use use = {0, 0};
    DIR *d = opendir(dir);
    struct dirent *e;
    cr_assert_not_null(d);
    while ((e = readdir(d)) != NULL) {
        struct stat st;
        if (e->d_name[0] == '.' || fstatat(dirfd(d), e->d_name, &st, 0) < 0)
            continue;
        use.segments += strlen(e->d_name) == strlen("00000001.canp");
        use.bytes += (uint64_t)st.st_blocks * 512;
    }
    closedir(d);
    return use;
}

/* The frames that are there run without a hole up to `to`; returns the first. */
static unsigned expect_up_to(unsigned to)
{
    struct canp_reader *reader;
    struct canp_cursor *c;
    struct canp_record r;
    unsigned first = 0, next = 0, n = 0;
    cr_assert_eq(canp_reader_open(dir, &reader, NULL), 0);
    cr_assert_eq(canp_cursor_open(reader, NULL, &c), 0);
    while (canp_cursor_next(c, &r) == 1) {
        if (!canp_kind_is_frame(r.kind))
            continue;
        unsigned number;
        memcpy(&number, r.frame->data, sizeof(number));
        if (n++ == 0)
            first = next = number;
        if (number != next)
            cr_assert_fail("frame %u where %u should be", number, next);
        next++;
    }
    cr_assert_eq(canp_cursor_damaged(c), 0);
    cr_assert_eq(next, to);
    canp_cursor_close(c);
    canp_reader_close(reader);
    return first;
}

Test(retention, so_many_segments_are_kept_the_newest)
{
    struct canp_writer_opts opts = {.keep_segments = 3};
    struct canp_writer_stats stats;
    struct canp_writer *w = open_writer(opts);
    for (unsigned n = 0; n < 60000; n += 1000) {
        put_frames(w, n, n + 1000);
        cr_assert_leq(look().segments, 4, "one is just being removed at most");
    }
    cr_assert_eq(canp_writer_finish(w), 0);
    canp_writer_stats(w, &stats);
    canp_writer_close(w);
    cr_assert_eq(look().segments, 3);
    cr_assert_gt(stats.segments, 20);
    cr_assert_eq(stats.removed, stats.segments - 3);
    unsigned first = expect_up_to(60000);
    cr_assert_gt(first, 60000 - 3 * SEGMENT_BYTES / 24);
    cr_assert_lt(first, 60000 - 2 * SEGMENT_BYTES / 25, "two whole segments and the last one are there");
}

static void keep_bytes(bool pack, uint64_t kept_bytes)
{
    struct canp_writer_opts opts = {.keep_bytes = kept_bytes, .pack = pack};
    struct canp_writer *w = open_writer(opts);
    for (unsigned n = 0; n < 200000; n += 500) {
        put_frames(w, n, n + 500);
        uint64_t bytes = look().bytes;
        cr_assert_leq(bytes, kept_bytes, "%llu bytes at frame %u", (unsigned long long)bytes, n);
    }
    cr_assert_eq(canp_writer_finish(w), 0);
    canp_writer_close(w);
    struct use use = look();
    cr_assert_leq(use.bytes, kept_bytes);
    unsigned first = expect_up_to(200000);
    /* Not less than there is room for: without the open ones, what the packer may need, and the one too many.
     */
    uint64_t others = (pack ? 7 : 3) * SEGMENT_BYTES;
    cr_assert_lt(first, 200000 - (kept_bytes > others ? kept_bytes - others : 0) / 26);
}

Test(retention, so_many_bytes_are_kept)
{
    keep_bytes(false, 1 << 20);
}

Test(retention, so_many_bytes_are_kept_packed)
{
    keep_bytes(true, 1 << 20);
}

Test(retention, the_least_that_can_be_kept_works)
{
    keep_bytes(false, (uint64_t)2 * SEGMENT_BYTES);
}

Test(retention, who_reads_what_is_removed_finishes)
{
    struct canp_writer_opts opts = {.keep_segments = 2};
    struct canp_writer *w = open_writer(opts);
    struct canp_reader *reader;
    struct canp_cursor *c;
    struct canp_record r;
    put_frames(w, 0, 1000);
    cr_assert_eq(canp_reader_open(dir, &reader, NULL), 0);
    cr_assert_eq(canp_cursor_open(reader, NULL, &c), 0);
    cr_assert_eq(canp_cursor_next(c, &r), 1);
    put_frames(w, 1000, 30000);
    cr_assert_eq(canp_writer_finish(w), 0);
    cr_assert_neq(access(dir, F_OK), -1);
    char path[96];
    snprintf(path, sizeof(path), "%s/00000001.canp", dir);
    cr_assert_eq(access(path, F_OK), -1);
    cr_assert_eq(canp_reader_refresh(reader), 1);
    unsigned next = 0, hole_at = 0, last = 0;
    while (canp_cursor_next(c, &r) == 1) {
        unsigned number;
        if (!canp_kind_is_frame(r.kind))
            continue;
        memcpy(&number, r.frame->data, sizeof(number));
        if (number != next && hole_at == 0)
            hole_at = next;
        last = number;
        next = number + 1;
    }
    cr_assert_gt(hole_at, 2000, "the first segment to its end, and not only what was there at first");
    cr_assert_eq(last, 29999);
    cr_assert_eq(canp_cursor_damaged(c), 0, "what retention removed is no damage");
    canp_cursor_close(c);
    canp_reader_close(reader);
    canp_writer_close(w);
}

Test(retention, packing_does_not_bring_a_removed_segment_back)
{
    struct canp_writer *w = open_writer((struct canp_writer_opts){.pack = false});
    put_frames(w, 0, 100);
    cr_assert_eq(canp_writer_finish(w), 0);
    canp_writer_close(w);
    int dir_fd = open(dir, O_RDONLY | O_DIRECTORY);
    int packed = canp_segment_file_open(dir_fd, "00000001.canp"); /* as the packer does, beside the segment */
    cr_assert_geq(packed, 0);
    cr_assert_eq(unlinkat(dir_fd, "00000001.canp", 0), 0); /* retention is faster */
    cr_assert_eq(canp_segment_file_replace(dir_fd, "00000001.canp"), -ENOENT);
    cr_assert_eq(faccessat(dir_fd, "00000001.canp", F_OK, 0), -1);
    canp_segment_file_discard(dir_fd, "00000001.canp");
    cr_assert_eq(look().segments, 0);
    cr_assert_eq(look().bytes, 0, "nothing is left behind");
    close(packed);
    close(dir_fd);
}

Test(retention, packing_leaves_who_reads_the_segment_alone)
{
    struct canp_writer *w = open_writer((struct canp_writer_opts){.pack = false});
    put_frames(w, 0, 100);
    cr_assert_eq(canp_writer_finish(w), 0);
    canp_writer_close(w);
    int dir_fd = open(dir, O_RDONLY | O_DIRECTORY);
    int reader = openat(dir_fd, "00000001.canp", O_RDONLY);
    int packed = canp_segment_file_open(dir_fd, "00000001.canp");
    struct stat before, after, named, ours;
    cr_assert_eq(fstat(reader, &before), 0);
    cr_assert_eq(canp_segment_file_replace(dir_fd, "00000001.canp"), 0);
    cr_assert_eq(fstat(packed, &ours), 0);
    cr_assert_eq(fstatat(dir_fd, "00000001.canp", &named, 0), 0);
    cr_assert_eq(named.st_ino, ours.st_ino);
    cr_assert_eq(fstat(reader, &after), 0);
    cr_assert_eq(after.st_size, before.st_size);
    cr_assert_eq(after.st_nlink, 0, "it has no name any more");
    close(reader);
    close(packed);
    close(dir_fd);
}

Test(retention, a_segment_is_closed_when_its_time_is_up)
{
    struct canp_writer_opts opts = {.segment_ns = 50000000};
    struct canp_writer_stats stats;
    struct canp_writer *w = open_writer(opts);
    cr_assert_eq(canp_writer_tend(w), INT64_MAX, "nothing is in it");
    put_frames(w, 0, 100);
    int64_t left_ns = canp_writer_tend(w);
    cr_assert(left_ns > 0 && (left_ns == INT64_MAX || left_ns <= 50000000));
    usleep(60000);
    cr_assert_eq(canp_writer_tend(w), INT64_MAX);
    canp_writer_stats(w, &stats);
    cr_assert_eq(stats.segments, 2, "without a commit");
    put_frames(w, 100, 200);
    usleep(60000);
    put_frames(w, 200, 300);
    canp_writer_stats(w, &stats);
    cr_assert_geq(stats.segments, 3, "with a commit");
    cr_assert_eq(canp_writer_finish(w), 0);
    canp_writer_close(w);
    cr_assert_eq(expect_up_to(300), 0);
}

Test(retention, rotation_leaves_no_empty_segments)
{
    struct canp_writer_stats stats;
    struct canp_writer *w = open_writer((struct canp_writer_opts){.pack = false});
    for (int i = 0; i < 3; i++)
        cr_assert_eq(canp_writer_rotate(w), 0);
    put_frames(w, 0, 10);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(canp_writer_rotate(w), 0);
    canp_writer_stats(w, &stats);
    cr_assert_eq(stats.segments, 2);
    cr_assert_eq(canp_writer_finish(w), 0);
    canp_writer_close(w);
}

Test(retention, too_few_bytes_are_refused)
{
    struct canp_writer_opts opts = CANP_WRITER_OPTS_INIT;
    struct canp_why why = {""};
    struct canp_writer *w;
    opts.segment_bytes = 1 << 20;
    opts.keep_bytes = (2 << 20) - 1;
    cr_assert_eq(canp_writer_open(dir, &opts, &w, &why), -EINVAL);
    cr_assert(strstr(why.text, "2097152"), "%s", why.text);
    opts.segment_bytes = 0; /* chosen to fit */
    cr_assert_eq(canp_writer_open(dir, &opts, &w, &why), 0, "%s", why.text);
    canp_writer_close(w);
}
