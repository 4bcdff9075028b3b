/* What canp_reader_refresh() returns: 1 when there is something new, 0 when not, an error when the directory
 * cannot be listed; after the error the reader is as it was, and the next call finds what is new. */
#include <canp/reader.h>
#include <canp/writer.h>

#include <errno.h>
#include <sys/resource.h>

#include "temp_dir.h"

static struct canp_writer *w;
static struct canp_reader *reader;

static void put_and_flush(int64_t time_ns)
{
    union canp_frame_store f = {.frame = {.id = 1, .len = 8}};
    struct canp_record r = {.time_ns = time_ns, .frame = &f.frame};
    cr_assert_eq(canp_writer_put(w, &r), 0);
    cr_assert_eq(canp_writer_flush(w), 0);
}

static void setup(void)
{
    struct canp_writer_opts opts = CANP_WRITER_OPTS_INIT;
    temp_dir_make();
    opts.segment_bytes = 65536;
    opts.no_sync = true;
    cr_assert_eq(canp_writer_open(dir, &opts, &w, NULL), 0);
    put_and_flush(1);
    cr_assert_eq(canp_reader_open(dir, &reader, NULL), 0);
}

static void teardown(void)
{
    canp_reader_close(reader);
    canp_writer_close(w);
    temp_dir_remove();
}

TestSuite(refresh, .init = setup, .fini = teardown);

Test(refresh, nothing_new_is_0)
{
    cr_expect_eq(canp_reader_refresh(reader), 0);
    cr_expect_eq(canp_reader_refresh(reader), 0);
}

Test(refresh, a_new_segment_is_1_once)
{
    cr_assert_eq(canp_writer_rotate(w), 0);
    put_and_flush(2);
    cr_expect_eq(canp_reader_refresh(reader), 1);
    cr_assert_eq(canp_writer_finish(w), 0);
    while (canp_reader_refresh(reader) == 1) /* sealed meanwhile */
        continue;
    cr_expect_eq(canp_reader_refresh(reader), 0);
}

Test(refresh, a_directory_that_cannot_be_listed_is_an_error_and_changes_nothing)
{
    struct rlimit before, none = {0, 0};
    struct canp_cursor *c;
    struct canp_record r;
    unsigned frames = 0;
    cr_assert_eq(canp_writer_rotate(w), 0);
    put_and_flush(2);
    cr_assert_eq(canp_cursor_open(reader, NULL, &c), 0);
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    none.rlim_max = before.rlim_max;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    int refused = canp_reader_refresh(reader);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    cr_expect_eq(refused, -EMFILE, "%d", refused);
    cr_expect_eq(canp_reader_refresh(reader), 1);
    while (canp_cursor_next(c, &r) == 1)
        frames += r.kind == CANP_KIND_CAN;
    cr_expect_eq(frames, 2);
    canp_cursor_close(c);
}
