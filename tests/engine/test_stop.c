/* A stop that others set ends every long walk, and costs nothing: the walk may go on afterwards. */
#include <criterion/criterion.h>

#include <canp/merge.h>
#include <canp/repack.h>
#include <canp/stop.h>
#include <canp/writer.h>

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "temp_dir.h"

#define BLOCKS      20
#define BLOCK       50 /* frames of each */
#define STOP_BEHIND 120

TestSuite(stop, .init = temp_dir_make, .fini = temp_dir_remove);

static struct canp_stop stop;

static void record_some(void)
{
    struct canp_writer_opts opts = CANP_WRITER_OPTS_INIT;
    struct canp_writer *w;
    struct canp_iface iface = {.name = "can0"};
    opts.no_sync = true;
    cr_assert_eq(canp_writer_open(dir, &opts, &w, NULL), 0);
    cr_assert_eq(canp_writer_add_iface(w, 0, &iface, 1), 0);
    for (unsigned i = 0; i < BLOCKS * BLOCK; i++) {
        union canp_frame_store f = {.frame = {.id = i % 2047, .len = 8}};
        struct canp_record r = {.time_ns = INT64_C(1700000000000000000) + i * INT64_C(10000000),
                                .frame = &f.frame};
        cr_assert_eq(canp_writer_put(w, &r), 0);
        if (i % BLOCK == BLOCK - 1)
            cr_assert_eq(canp_writer_flush(w), 0);
    }
    cr_assert_eq(canp_writer_finish(w), 0);
    canp_writer_close(w);
}

static struct canp_reader *open_reader(void)
{
    struct canp_reader_opts opts = CANP_READER_OPTS_INIT;
    struct canp_reader *reader;
    opts.stop = &stop;
    cr_assert_eq(canp_reader_open(dir, &reader, NULL), 0); /* without one: none is looked at */
    canp_reader_close(reader);
    cr_assert_eq(canp_reader_open_opts(dir, &opts, &reader, NULL), 0);
    return reader;
}

Test(stop, ends_a_count)
{
    struct canp_info info = {.frames = 77};
    record_some();
    struct canp_reader *reader = open_reader();
    canp_stop_set(&stop);
    cr_expect_eq(canp_reader_info(reader, &info), -ECANCELED);
    cr_expect_eq(canp_reader_info_quick(reader, &info), -ECANCELED);
    cr_expect_eq(canp_reader_refresh(reader), -ECANCELED);
    cr_expect_eq(info.frames, 77, "unchanged");
    canp_stop_clear(&stop);
    cr_expect_eq(canp_reader_info(reader, &info), 0);
    cr_expect_eq(info.frames, BLOCKS * BLOCK);
    canp_reader_close(reader);
}

Test(stop, ends_a_cursor_which_may_go_on)
{
    struct canp_cursor *c;
    struct canp_record r;
    unsigned frames = 0, before = 0;
    int error;
    record_some();
    struct canp_reader *reader = open_reader();
    cr_assert_eq(canp_cursor_open(reader, NULL, &c), 0);
    while ((error = canp_cursor_next(c, &r)) == 1) {
        frames += canp_kind_is_frame(r.kind);
        if (frames == STOP_BEHIND)
            canp_stop_set(&stop);
    }
    cr_assert_eq(error, -ECANCELED);
    cr_expect(frames >= STOP_BEHIND && frames < STOP_BEHIND + BLOCK, "%u: the block is lent to its end",
              frames);
    before = frames;
    cr_expect_eq(canp_cursor_next(c, &r), -ECANCELED);
    canp_stop_clear(&stop);
    while ((error = canp_cursor_next(c, &r)) == 1)
        frames += canp_kind_is_frame(r.kind);
    cr_expect_eq(error, 0);
    cr_expect(frames == BLOCKS * BLOCK && frames > before);
    cr_expect_eq(canp_cursor_damaged(c), 0);
    canp_cursor_close(c);
    canp_reader_close(reader);
}

Test(stop, ends_a_merge)
{
    struct canp_merge *merge;
    struct canp_record r;
    record_some();
    struct canp_reader *readers[] = {open_reader(), open_reader()};
    canp_stop_set(&stop);
    cr_expect_eq(canp_merge_open(readers, 2, NULL, &merge), -ECANCELED);
    canp_stop_clear(&stop);
    cr_assert_eq(canp_merge_open(readers, 2, NULL, &merge), 0);
    canp_merge_follow(merge, 0);
    cr_expect_eq(canp_merge_next(merge, &r, NULL), 1);
    canp_stop_set(&stop);
    int error;
    while ((error = canp_merge_next(merge, &r, NULL)) == 1)
        continue;
    cr_expect_eq(error, -ECANCELED);
    canp_merge_close(merge);
    canp_reader_close(readers[0]);
    canp_reader_close(readers[1]);
}

static unsigned files_there(void)
{
    unsigned count = 0;
    DIR *d = opendir(dir);
    cr_assert_not_null(d);
    for (struct dirent *e = readdir(d); e; e = readdir(d))
        count += e->d_name[0] != '.';
    closedir(d);
    return count;
}

Test(stop, ends_packing_and_leaves_nothing_behind)
{
    struct canp_repack_opts opts = CANP_REPACK_OPTS_INIT;
    struct canp_repack_stats stats;
    struct canp_why why;
    record_some();
    unsigned before = files_there();
    opts.stop = &stop;
    canp_stop_set(&stop);
    cr_expect_eq(canp_repack(dir, &opts, &stats, &why), -ECANCELED);
    cr_expect_not_null(strstr(why.text, "as it was"), "%s", why.text);
    cr_expect_eq(files_there(), before);
    canp_stop_clear(&stop);
    cr_expect_eq(canp_repack(dir, &opts, &stats, &why), 0);
    cr_expect_eq(stats.frames, BLOCKS * BLOCK);
}

static void *set_it(void *unused)
{
    (void)unused;
    canp_stop_set(&stop);
    return NULL;
}

Test(stop, is_seen_when_another_thread_sets_it)
{
    struct canp_info info;
    pthread_t thread;
    int r;
    record_some();
    struct canp_reader *reader = open_reader();
    cr_assert_eq(pthread_create(&thread, NULL, set_it, NULL), 0);
    while ((r = canp_reader_info(reader, &info)) == 0)
        continue;
    cr_expect_eq(r, -ECANCELED);
    pthread_join(thread, NULL);
    canp_reader_close(reader);
}
