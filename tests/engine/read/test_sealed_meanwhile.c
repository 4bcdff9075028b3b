/*
 * A segment that is sealed while it is read: the mapping that a reader made before ends where the file did
 * then, and the index is written behind that. Who checks everything finds no damage.
 */
#include <canp/reader.h>
#include <canp/writer.h>

#include <stdio.h>
#include <unistd.h>

#include "temp_dir.h"

#define SEGMENT_BYTES 65536U
#define FRAMES_MAX    10000U

TestSuite(sealed_meanwhile, .init = temp_dir_make, .fini = temp_dir_remove);

static void put(struct canp_writer *w, uint32_t i)
{
    union canp_frame_store f = {.frame = {.id = i, .len = 8}};
    struct canp_record r = {.time_ns = 1 + (int64_t)i, .frame = &f.frame};
    cr_assert_eq(canp_writer_put(w, &r), 0);
}

/* Puts frames, each with an ID of its own, until the second segment is begun. */
static uint32_t fill_first_segment(struct canp_writer *w, uint32_t from)
{
    char second[64];
    snprintf(second, sizeof(second), "%s/00000002.canp", dir);
    while (access(second, F_OK) < 0) {
        cr_assert_lt(from, FRAMES_MAX);
        for (unsigned i = 0; i < 20; i++)
            put(w, from++);
        cr_assert_eq(canp_writer_flush(w), 0);
    }
    return from;
}

Test(sealed_meanwhile, an_index_behind_the_mapping_is_no_damage)
{
    struct canp_writer_opts writing = CANP_WRITER_OPTS_INIT;
    struct canp_cursor_opts reading = CANP_CURSOR_OPTS_INIT;
    struct canp_writer *w;
    struct canp_reader *reader;
    struct canp_cursor *c;
    struct canp_record r;
    uint32_t seen = 1;
    writing.segment_bytes = SEGMENT_BYTES;
    writing.no_sync = true;
    reading.thorough = true;
    cr_assert_eq(canp_writer_open(dir, &writing, &w, NULL), 0);
    put(w, 0);
    cr_assert_eq(canp_writer_flush(w), 0);
    cr_assert_eq(canp_reader_open(dir, &reader, NULL), 0);
    cr_assert_eq(canp_cursor_open(reader, &reading, &c), 0);
    cr_assert_eq(canp_cursor_next(c, &r), 1);
    uint32_t frames = fill_first_segment(w, 1);
    cr_assert_eq(canp_writer_finish(w), 0);
    canp_writer_close(w);
    cr_assert_geq(canp_reader_refresh(reader), 0);
    while (canp_cursor_next(c, &r) == 1)
        seen += r.kind == CANP_KIND_CAN;
    cr_expect_eq(seen, frames);
    cr_expect_eq(canp_cursor_damaged(c), 0);
    canp_cursor_close(c);
    canp_reader_close(reader);
}
