/*
 * Somebody cuts or removes the segment that is being written: it is given up, a gap tells how many frames
 * that cost, and the recording goes on in the next.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <canp/pools/mapped.h>
#include <canp/reader.h>
#include <canp/writer.h>

#include "temp_dir.h"

static void init(void)
{
    temp_dir_make();
    cr_assert_eq(canp_sigbus_guard_install(), 0);
}

TestSuite(cut_segment, .init = init, .fini = temp_dir_remove);

#define FRAMES 1000U /* of a block */

static uint8_t room[FRAMES * 24] __attribute__((aligned(8)));
static uint64_t sent;

/* Every fourth is the second interface's. */
static unsigned channel_of(unsigned number)
{
    return number % 4 == 3;
}

/* As the recorder does it: what a segment did not take goes to the next one. */
static void commit(struct canp_writer *w)
{
    struct canp_rowbuf rows;
    canp_rowbuf_init(&rows, room, sizeof(room));
    for (unsigned i = 0; i < FRAMES; i++) {
        union canp_frame_store f = {.frame = {.id = i & 0x7FF, .len = 8}};
        cr_assert_eq(canp_rowbuf_put_frame(&rows, (int64_t)(1000 + sent++), (uint8_t)channel_of(i), &f.frame),
                     0);
    }
    if (canp_writer_commit(w, &rows) < 0)
        cr_assert_eq(canp_writer_commit(w, &rows), 0);
}

static void name_channels(struct canp_writer *w)
{
    struct canp_iface iface = {.mtu = 16, .bytes = sizeof(iface), .name = "can0"};
    cr_assert_eq(canp_writer_add_iface(w, 0, &iface, 1000), 0);
    iface.name[3] = '1';
    cr_assert_eq(canp_writer_add_iface(w, 1, &iface, 1000), 0);
}

static struct canp_writer *begin(void)
{
    struct canp_writer *w;
    struct canp_writer_opts opts = {.size = sizeof(opts), .segment_bytes = 1U << 20};
    cr_assert_eq(canp_writer_open(dir, &opts, &w, NULL), 0);
    name_channels(w);
    commit(w);
    commit(w);
    return w;
}

/* Each interface's losses are told as its own. */
static void expect_told_apart(struct canp_reader *reader, uint64_t lost)
{
    struct canp_iface_info ifaces[2];
    struct canp_info info;
    cr_assert_eq(canp_reader_info_ifaces(reader, false, &info, ifaces, 2), 2);
    cr_expect_eq(ifaces[0].lost, lost / 4 * 3);
    cr_expect_eq(ifaces[1].lost, lost / 4);
}

/* All that was sent is stored or told as lost, by the writer and to a reader; `lost` of it is lost. */
static void end(struct canp_writer *w, uint64_t lost)
{
    struct canp_reader *reader;
    struct canp_info info;
    struct canp_writer_stats stats;
    canp_writer_sync(w); /* the segment that was given up is looked at by then */
    commit(w);
    canp_writer_finish(w); /* says again that one segment could not be sealed */
    canp_writer_stats(w, &stats);
    cr_expect_eq(canp_writer_undone(w, 0), lost / 4 * 3);
    cr_expect_eq(canp_writer_undone(w, 1), lost / 4);
    canp_writer_close(w);
    cr_assert_eq(stats.lost, lost);
    cr_assert_eq(stats.frames, sent - lost);
    cr_assert_eq(stats.poisoned, 1);
    cr_assert_eq(canp_reader_open(dir, &reader, NULL), 0);
    cr_assert_eq(canp_reader_info(reader, &info), 0);
    cr_assert_eq(info.lost, lost);
    cr_assert_eq(info.frames, sent - lost);
    expect_told_apart(reader, lost);
    canp_reader_close(reader);
}

static const char *segment(void)
{
    static char path[64];
    snprintf(path, sizeof(path), "%s/00000001.canp", dir);
    return path;
}

Test(cut_segment, emptied)
{
    struct canp_writer *w = begin();
    cr_assert_eq(truncate(segment(), 0), 0);
    commit(w);
    end(w, 2 * FRAMES);
}

Test(cut_segment, cut_behind_a_block)
{
    struct canp_writer *w = begin();
    cr_assert_eq(truncate(segment(), 32768), 0); /* the first block has 24,080 bytes from 4096 on */
    commit(w);
    end(w, FRAMES);
}

Test(cut_segment, removed)
{
    struct canp_writer *w = begin();
    cr_assert_eq(unlink(segment()), 0);
    commit(w);
    canp_writer_sync(w); /* notices */
    commit(w);
    end(w, 3 * FRAMES);
}

static void remove_directory(void)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    cr_assert_eq(system(command), 0);
}

/* Two segments, of which one is closed; then the directory goes, and the writer notices. */
static struct canp_writer *begin_and_remove(bool made_again)
{
    struct canp_writer *w = begin();
    cr_assert_eq(canp_writer_rotate(w), 0);
    commit(w);
    canp_writer_sync(w); /* the first is closed */
    remove_directory();
    if (made_again)
        cr_assert_eq(mkdir(dir, 0755), 0);
    commit(w);
    canp_writer_sync(w); /* notices */
    commit(w);
    canp_writer_sync(w); /* the segment that was given up is looked at by then */
    commit(w);
    return w;
}

/* What was closed is counted as missing; what was being written is a gap. */
static void end_in_another(struct canp_writer *w)
{
    struct canp_reader *reader;
    struct canp_info info;
    struct canp_writer_stats stats;
    canp_writer_finish(w);
    canp_writer_stats(w, &stats);
    canp_writer_close(w);
    cr_assert_eq(stats.dirs_again, 1);
    cr_assert_eq(stats.missing, 2, "%llu", (unsigned long long)stats.missing);
    cr_assert_eq(stats.lost, 2 * FRAMES);
    cr_assert_eq(canp_reader_open(dir, &reader, NULL), 0);
    cr_assert_eq(canp_reader_info(reader, &info), 0);
    cr_assert_eq(info.frames, 2 * FRAMES);
    cr_assert_eq(info.lost, 2 * FRAMES);
    cr_assert_eq(info.segments, 1);
    canp_reader_close(reader);
}

Test(cut_segment, directory_removed)
{
    end_in_another(begin_and_remove(false));
}

Test(cut_segment, directory_removed_and_made_by_somebody)
{
    end_in_another(begin_and_remove(true));
}

/* A directory that somebody else's recording has by now is left alone. */
Test(cut_segment, directory_taken_by_another)
{
    struct canp_writer *w = begin(), *other;
    struct canp_writer_opts opts = {.size = sizeof(opts), .segment_bytes = 1U << 20};
    struct canp_rowbuf rows;
    union canp_frame_store f = {.frame = {.id = 1, .len = 8}};
    remove_directory();
    cr_assert_eq(canp_writer_open(dir, &opts, &other, NULL), 0);
    canp_writer_sync(w); /* notices */
    canp_rowbuf_init(&rows, room, sizeof(room));
    cr_assert_eq(canp_rowbuf_put_frame(&rows, 1, 0, &f.frame), 0);
    cr_assert_lt(canp_writer_commit(w, &rows), 0);
    cr_assert_eq(canp_writer_finish(other), 0);
    canp_writer_close(other);
    canp_writer_close(w);
}
