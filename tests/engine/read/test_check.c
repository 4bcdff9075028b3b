/* A check by several threads: what a thorough cursor finds, and whole only where that finds nothing. */
#include <criterion/criterion.h>

#include <canp/reader.h>
#include <canp/repack.h>
#include <canp/writer.h>

#include <fcntl.h>
#include <unistd.h>

#include "drive_record.h"
#include "seed.h"
#include "temp_dir.h"

#define FRAMES 20000U /* some eight segments */

TestSuite(check, .init = temp_dir_make, .fini = temp_dir_remove);

/* 1 when it finds no damage. */
static int read_thoroughly(struct canp_reader *reader, struct canp_check *sums)
{
    struct canp_cursor_opts opts = CANP_CURSOR_OPTS_INIT;
    struct canp_cursor *c;
    struct canp_batch batch;
    opts.thorough = true;
    cr_assert_eq(canp_cursor_open(reader, &opts, &c), 0);
    while (canp_cursor_next_batch(c, &batch) == 1) {
        sums->frames += batch.frames;
        sums->blocks++;
    }
    uint32_t damaged = canp_cursor_damaged(c);
    canp_cursor_close(c);
    return damaged == 0;
}

static int check(void)
{
    static const unsigned jobs[] = {1, 2, 5, 1000};
    struct canp_reader *reader;
    struct canp_check by_cursor = {0};
    cr_assert_eq(canp_reader_open(dir, &reader, NULL), 0);
    int whole = read_thoroughly(reader, &by_cursor);
    for (unsigned i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++) {
        struct canp_check sums = {1, 1};
        cr_assert_eq(canp_reader_check(reader, jobs[i], &sums), whole, "%u jobs", jobs[i]);
        cr_assert_eq(sums.frames, whole ? by_cursor.frames : 1);
        cr_assert_eq(sums.blocks, whole ? by_cursor.blocks : 1);
    }
    canp_reader_close(reader);
    return whole;
}

static const char *segment(unsigned number)
{
    static char path[96];
    snprintf(path, sizeof(path), "%s/%08u.canp", dir, number);
    return path;
}

Test(check, a_whole_recording)
{
    struct canp_repack_stats stats;
    drive_record(dir, FRAMES, true);
    cr_assert_eq(check(), 1);
    cr_assert_eq(canp_repack(dir, NULL, &stats, NULL), 0);
    cr_assert_gt(stats.changed, 3);
    cr_assert_eq(check(), 1);
}

Test(check, one_whose_writer_was_killed)
{
    drive_record(dir, FRAMES, false);
    cr_assert_eq(check(), 1);
}

Test(check, segments_that_are_missing)
{
    drive_record(dir, FRAMES, true);
    cr_assert_eq(unlink(segment(1)), 0);
    cr_assert_eq(check(), 1, "the oldest may go");
    cr_assert_eq(unlink(segment(3)), 0);
    cr_assert_eq(check(), 0);
}

Test(check, any_byte_that_is_another)
{
    struct test_random random = test_random_start("check");
    drive_record(dir, FRAMES, true);
    for (uint64_t i = 0; i < test_steps(30); i++) {
        int fd = open(segment(1 + (unsigned)test_random_below(&random, 5)), O_RDWR);
        off_t at = (off_t)test_random_below(&random, 60000);
        uint8_t byte, other;
        cr_assert_eq(pread(fd, &byte, 1, at), 1);
        other = byte ^ (uint8_t)(1 + test_random_below(&random, 255));
        cr_assert_eq(pwrite(fd, &other, 1, at), 1);
        check(); /* a byte between header and blocks changes nothing */
        cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
        close(fd);
    }
    cr_assert_eq(check(), 1);
}

Test(check, one_segment_is_for_a_cursor)
{
    struct canp_reader *reader;
    struct canp_check sums;
    drive_record(dir, FRAMES, true);
    cr_assert_eq(canp_reader_open(segment(1), &reader, NULL), 0);
    cr_assert_eq(canp_reader_check(reader, 2, &sums), 0);
    canp_reader_close(reader);
}
