/* A recording that is cut, emptied or replaced under its reader: an error, not a SIGBUS, and no wrong frame.
 */
#include <criterion/criterion.h>

#include <canp/pools/mapped.h>
#include <canp/writer.h>

#include <sys/stat.h>
#include <unistd.h>

#include "drive_record.h"
#include "temp_dir.h"

#define FRAMES 12000U /* some five segments */

static struct canp_reader *reader;
static struct canp_cursor *cursor;
static struct drive drive;

static void setup(void)
{
    temp_dir_make();
    cr_assert_eq(canp_sigbus_guard_install(), 0);
}

static void begin(bool seal)
{
    drive_record(dir, FRAMES, seal);
    cr_assert_eq(canp_reader_open(dir, &reader, NULL), 0);
    cr_assert_eq(canp_cursor_open(reader, NULL, &cursor), 0);
    drive_start(&drive, 1);
}

static void teardown(void)
{
    canp_cursor_close(cursor);
    canp_reader_close(reader);
    drive_end(&drive);
    temp_dir_remove();
}

TestSuite(lost, .init = setup, .fini = teardown);

/* Reads so many frames, each the next of the drive. */
static void read_frames(unsigned count)
{
    for (unsigned i = 0; i < count;) {
        struct canp_record got, want;
        cr_assert_eq(canp_cursor_next(cursor, &got), 1);
        if (!canp_kind_is_frame(got.kind))
            continue;
        drive_next(&drive, &want);
        cr_assert_eq(got.time_ns, want.time_ns);
        cr_assert_eq(memcmp(got.frame, want.frame, 8U + want.frame->len), 0);
        i++;
    }
}

static const char *segment(unsigned number)
{
    static char path[96];
    snprintf(path, sizeof(path), "%s/%08u.canp", dir, number);
    return path;
}

/* One error, then the frames of the segments behind. */
static void expect_an_error_and_the_rest(void)
{
    uint64_t missing = 0;
    cr_assert_eq(drive_compare(&drive, cursor, &missing), -CANP_E_LOST);
    cr_assert_eq(drive_compare(&drive, cursor, &missing), 0);
    cr_assert_eq(drive.next, FRAMES);
    cr_assert(missing > 0 && missing < FRAMES / 2, "%u missing", (unsigned)missing);
    cr_assert_eq(canp_cursor_damaged(cursor), 1);
}

Test(lost, a_sealed_segment_is_cut_while_it_is_read)
{
    begin(true);
    read_frames(10);
    cr_assert_eq(truncate(segment(1), 4096), 0);
    expect_an_error_and_the_rest();
}

Test(lost, a_segment_is_cut_in_the_middle_of_a_block)
{
    begin(true);
    read_frames(310);
    cr_assert_eq(truncate(segment(1), 20480), 0);
    expect_an_error_and_the_rest();
}

Test(lost, a_segment_is_emptied_before_it_is_mapped)
{
    begin(true);
    read_frames(1);
    cr_assert_eq(truncate(segment(2), 0), 0);
    uint64_t missing = 0;
    cr_assert_eq(drive_compare(&drive, cursor, &missing), 0);
    cr_assert_eq(drive.next, FRAMES);
    cr_assert(missing > 0);
    cr_assert_eq(canp_cursor_damaged(cursor), 1);
}

Test(lost, batches_tell_it_when_the_cursor_moves_on)
{
    struct canp_batch batch;
    int r;
    begin(true);
    cr_assert_eq(canp_cursor_next_batch(cursor, &batch), 1);
    cr_assert_eq(truncate(segment(1), 0), 0);
    volatile uint8_t sink = batch.rows[0]; /* what would have been a SIGBUS */
    (void)sink;
    cr_assert_eq(canp_cursor_next_batch(cursor, &batch), -CANP_E_LOST);
    while ((r = canp_cursor_next_batch(cursor, &batch)) == 1)
        ;
    cr_assert_eq(r, 0);
}

Test(lost, the_unsealed_tail_is_cut)
{
    uint64_t missing = 0;
    begin(false);
    read_frames(FRAMES - 100);
    for (unsigned i = 1; i < 100; i++) { /* the last one there is */
        if (access(segment(i + 1), F_OK) != 0) {
            cr_assert_eq(truncate(segment(i), 4096), 0);
            break;
        }
    }
    cr_assert_eq(drive_compare(&drive, cursor, &missing), -CANP_E_LOST);
    cr_assert_eq(drive_compare(&drive, cursor, &missing), 0);
}

Test(lost, a_replaced_segment_is_read_to_its_end)
{
    char beside[96];
    uint64_t missing = 0;
    begin(true);
    read_frames(10);
    snprintf(beside, sizeof(beside), "%s/beside", dir);
    FILE *f = fopen(beside, "w");
    fputs("something else\n", f);
    fclose(f);
    cr_assert_eq(rename(beside, segment(1)), 0);
    cr_assert_eq(drive_compare(&drive, cursor, &missing), 0);
    cr_assert_eq(drive.next, FRAMES);
    cr_assert_eq(missing, 0);
}
