/*
 * Segments that are deleted while a recording is read: what retention removes, the oldest, is no damage; what
 * anybody else removed is told once, with the segment's name, and what is left is read. And a seal that is
 * being written is no damage, one that nobody writes any more is.
 */
#include <canp/reader.h>
#include <canp/writer.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "segment/format.h"
#include "temp_dir.h"

#define SEGMENTS 6U
#define FRAMES   100U /* in each */

static struct canp_damage told;
static unsigned places;

static void setup(void)
{
    struct canp_writer_opts opts = CANP_WRITER_OPTS_INIT;
    struct canp_writer *w;
    union canp_frame_store f = {.bytes = {0}};
    temp_dir_make();
    opts.no_sync = true;
    opts.segment_bytes = 65536;
    cr_assert_eq(canp_writer_open(dir, &opts, &w, NULL), 0);
    for (unsigned i = 0; i < SEGMENTS * FRAMES; i++) {
        struct canp_record r = {.time_ns = 1 + i, .frame = &f.frame};
        if (i && i % FRAMES == 0)
            cr_assert_eq(canp_writer_rotate(w), 0);
        cr_assert_eq(canp_writer_put(w, &r), 0);
    }
    cr_assert_eq(canp_writer_finish(w), 0);
    canp_writer_close(w);
    places = 0;
}

TestSuite(gone, .init = setup, .fini = temp_dir_remove);

static void on_damage(void *user, const struct canp_damage *damage)
{
    (void)user;
    told = *damage;
    places++;
}

static const char *segment(unsigned number)
{
    static char path[64];
    snprintf(path, sizeof(path), "%s/%08u.canp", dir, number);
    return path;
}

static void delete (unsigned from, unsigned to)
{
    for (unsigned n = from; n <= to; n++)
        cr_assert_eq(unlink(segment(n)), 0);
}

/* Reads `first` frames, then segments from..to are deleted, and all that is left is read. How many frames
 * came. */
static unsigned read_while_deleted(unsigned first, unsigned from, unsigned to)
{
    struct canp_cursor_opts opts = CANP_CURSOR_OPTS_INIT;
    struct canp_reader *reader;
    struct canp_cursor *c;
    struct canp_record r;
    unsigned frames = 0;
    int error = 1;
    opts.on_damage = on_damage;
    cr_assert_eq(canp_reader_open(dir, &reader, NULL), 0);
    cr_assert_eq(canp_cursor_open(reader, &opts, &c), 0);
    while (frames < first && (error = canp_cursor_next(c, &r)) == 1)
        frames++;
    delete (from, to);
    while ((error = canp_cursor_next(c, &r)) == 1)
        frames++;
    cr_assert_eq(error, 0);
    cr_assert_eq(canp_cursor_next(c, &r), 0, "told once");
    cr_assert_eq(canp_cursor_damaged(c), places);
    canp_cursor_close(c);
    canp_reader_close(reader);
    return frames;
}

Test(gone, the_middle_is_damage)
{
    cr_expect_eq(read_while_deleted(FRAMES + 50, 4, 5), 4 * FRAMES);
    cr_expect(places == 1 && told.segment == 4 && told.error == -ENOENT, "%u places", places);
}

Test(gone, so_is_the_end)
{
    cr_expect_eq(read_while_deleted(FRAMES + 50, 4, 6), 3 * FRAMES);
    cr_expect(places == 1 && told.segment == 4 && told.error == -ENOENT, "%u places", places);
}

Test(gone, and_all_of_them)
{
    cr_expect_eq(read_while_deleted(FRAMES + 50, 1, 6), 2 * FRAMES, "what is open is read on");
    cr_expect(places == 1 && told.segment == 3 && told.error == -ENOENT, "%u places", places);
}

Test(gone, what_retention_removes_is_not)
{
    cr_expect_eq(read_while_deleted(FRAMES + 50, 1, 4), 4 * FRAMES);
    cr_expect_eq(places, 0);
}

Test(gone, a_single_segment_is_read_on_without_its_name)
{
    struct canp_reader *reader;
    struct canp_cursor *c;
    struct canp_record r;
    unsigned frames = 0;
    cr_assert_eq(canp_reader_open(segment(1), &reader, NULL), 0);
    cr_assert_eq(canp_cursor_open(reader, NULL, &c), 0);
    for (; canp_cursor_next(c, &r) == 1; frames++) {
        if (frames == 0)
            delete (1, 1);
    }
    cr_expect_eq(frames, FRAMES);
    canp_cursor_close(c);
    canp_reader_close(reader);
}

static unsigned verify(void)
{
    struct canp_cursor_opts opts = CANP_CURSOR_OPTS_INIT;
    struct canp_reader *reader;
    struct canp_cursor *c;
    struct canp_batch batch;
    int r;
    places = 0;
    opts.thorough = true;
    opts.on_damage = on_damage;
    cr_assert_eq(canp_reader_open(dir, &reader, NULL), 0);
    cr_assert_eq(canp_cursor_open(reader, &opts, &c), 0);
    while ((r = canp_cursor_next_batch(c, &batch)) == 1)
        continue;
    cr_assert_eq(r, 0);
    canp_cursor_close(c);
    canp_reader_close(reader);
    return places;
}

Test(gone, a_seal_that_is_being_written_is_no_damage)
{
    static const uint8_t half[16] = {1, 2, 3};
    int fd = open(segment(SEGMENTS), O_RDWR);
    cr_assert_geq(fd, 0);
    cr_expect_eq(verify(), 0);
    cr_assert_eq(pwrite(fd, half, sizeof(half), SEG_SEAL_OFFSET), (ssize_t)sizeof(half));
    cr_assert_eq(flock(fd, LOCK_EX | LOCK_NB), 0); /* as its writer does */
    cr_expect_eq(verify(), 0);
    close(fd);
    cr_expect_eq(verify(), 1);
    cr_expect_eq(told.offset, SEG_SEAL_OFFSET);
}
