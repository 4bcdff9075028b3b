/*
 * Numbers and names of segments: beyond eight digits, and where somebody else's file has the next one's name.
 */
#include <criterion/criterion.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <canp/reader.h>
#include <canp/writer.h>

#include "segment/format.h"
#include "temp_dir.h"
#include "write/housekeeper.h"

#define FRAMES_PER_BLOCK 1000U

TestSuite(segment_names, .init = temp_dir_make, .fini = temp_dir_remove);

static uint8_t room[FRAMES_PER_BLOCK * 24] __attribute__((aligned(8)));

static void fill(struct canp_rowbuf *rows, unsigned first)
{
    canp_rowbuf_init(rows, room, sizeof(room));
    for (unsigned i = 0; i < FRAMES_PER_BLOCK; i++) {
        union canp_frame_store f = {.frame = {.id = first + i, .len = 8}};
        cr_assert_eq(
            canp_rowbuf_put_frame(rows, 1000 + first + i, canp_tag(0, CANP_KIND_CAN, CANP_DIR_RX), &f.frame),
            0);
    }
}

static void write_blocks(struct canp_writer *w, unsigned blocks)
{
    struct canp_rowbuf rows;
    for (unsigned b = 0; b < blocks; b++) {
        fill(&rows, b * FRAMES_PER_BLOCK);
        cr_assert_eq(canp_writer_commit(w, &rows), 0);
    }
}

static unsigned count_frames(void)
{
    struct canp_reader *reader;
    struct canp_cursor *cursor;
    struct canp_record r;
    unsigned frames = 0;
    cr_assert_eq(canp_reader_open(dir, &reader, NULL), 0);
    cr_assert_eq(canp_cursor_open(reader, NULL, &cursor), 0);
    while (canp_cursor_next(cursor, &r) == 1) {
        if (!canp_kind_is_frame(r.kind))
            continue;
        cr_assert_eq(r.frame->id, frames, "in order");
        frames++;
    }
    canp_cursor_close(cursor);
    canp_reader_close(reader);
    return frames;
}

static void put_stray(const char *name)
{
    char path[300];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    cr_assert(f && fputs("mine", f) >= 0 && fclose(f) == 0);
}

static bool is_stray(const char *name)
{
    char path[300], text[8] = "";
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "r");
    bool same = f && fgets(text, sizeof(text), f) && strcmp(text, "mine") == 0;
    if (f)
        fclose(f);
    return same;
}

static void record_beside_stray(uint64_t keep_segments, struct canp_writer_stats *stats)
{
    struct canp_writer *w;
    struct canp_writer_opts opts = {
        .size = sizeof(opts), .segment_bytes = 64U << 10, .no_sync = true, .keep_segments = keep_segments};
    cr_assert_eq(canp_writer_open(dir, &opts, &w, NULL), 0);
    put_stray("00000002.canp");
    put_stray("00000003.canp");
    write_blocks(w, 12);
    cr_assert_eq(canp_writer_finish(w), 0);
    canp_writer_stats(w, stats);
    canp_writer_close(w);
}

Test(segment_names, a_stray_file_is_passed_over)
{
    struct canp_writer_stats stats;
    record_beside_stray(0, &stats);
    cr_assert_eq(stats.passed_over, 2);
    cr_assert(is_stray("00000002.canp") && is_stray("00000003.canp"));
    cr_assert_eq(count_frames(), 12 * FRAMES_PER_BLOCK);
}

Test(segment_names, retention_leaves_a_stray_file)
{
    struct canp_writer_stats stats;
    record_beside_stray(2, &stats);
    cr_assert_gt(stats.removed, 3);
    cr_assert(is_stray("00000002.canp") && is_stray("00000003.canp"));
}

Test(segment_names, numbers_and_names)
{
    const uint64_t numbers[] = {1, 99999999, 100000000, 4294967296, UINT64_C(9999999999999999999)};
    char name[SEG_NAME_BYTES];
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        canp_seg_name(name, numbers[i]);
        cr_assert_eq(canp_seg_number(name), numbers[i], "%s", name);
    }
    cr_assert_eq(canp_seg_number("0000001.canp"), 0, "seven digits");
    cr_assert_eq(canp_seg_number("000000001.canp"), 0, "another name of 1");
    cr_assert_eq(canp_seg_number("12345678901234567890.canp"), 0, "more than is written");
    cr_assert_eq(canp_seg_number("00000001.canp.new"), 0);
}

/* The housekeeper, as the writer runs it, from a number near the end of eight digits on. */
Test(segment_names, a_recording_goes_on_behind_eight_digits)
{
    static struct housekeeper k;
    struct canp_rowbuf rows;
    k.dir_fd = open(dir, O_RDONLY | O_DIRECTORY);
    k.segment_bytes = 64U << 10;
    k.next_number = 99999999;
    cr_assert_eq(canp_retention_open(&k.retention, k.dir_fd, 0, 0), 0);
    cr_assert_eq(canp_housekeeper_start(&k), 0);
    for (unsigned b = 0; b < 4; b++) {
        cr_assert_eq(canp_housekeeper_next(&k, 64U << 10), 0);
        fill(&rows, b * FRAMES_PER_BLOCK);
        cr_assert_eq(canp_segment_writer_commit(k.current, &rows), 0);
    }
    canp_housekeeper_retire(&k);
    cr_assert_eq(canp_housekeeper_drain(&k), 0);
    canp_housekeeper_stop(&k);
    canp_retention_close(&k.retention);
    close(k.dir_fd);
    cr_assert_eq(count_frames(), 4 * FRAMES_PER_BLOCK);
}
