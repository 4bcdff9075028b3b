/* The reader on the memory layer: mappings kept and evicted, segments cut under it, rows shared beyond it. */
#include <canp/pools/buf.h>
#include <canp/pools/ledger.h>
#include <canp/pools/mapcache.h>
#include <canp/pools/mapped.h>
#include <canp/pools/monitor.h>
#include <canp/reader.h>
#include <canp/repack.h>
#include <canp/writer.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "temp_dir.h"

static void setup(void)
{
    canp_ledger_set_modes(0);
    temp_dir_make();
}

TestSuite(reader_memory, .init = setup, .fini = temp_dir_remove, .timeout = 120);

#define FRAMES 30000

/* Three sealed segments or more; frame i has i as its data. */
static void record(bool pack)
{
    struct canp_writer_opts opts = CANP_WRITER_OPTS_INIT;
    struct canp_iface iface = {.mtu = 16, .name = "vcan0"};
    struct canp_why why = {""};
    struct canp_writer *w;

    opts.segment_bytes = 256 << 10;
    opts.no_sync = true;
    opts.pack = pack;
    cr_assert_eq(canp_writer_open(dir, &opts, &w, &why), 0, "%s", why.text);
    cr_assert_eq(canp_writer_add_iface(w, 0, &iface, 1), 0);
    for (unsigned i = 0; i < FRAMES; i++) {
        union canp_frame_store f;
        struct canp_record r = {.time_ns = 1000 + i, .frame = &f.frame};
        memset(&f, 0, sizeof(f));
        f.frame.id = 0x123;
        f.frame.len = 8;
        memcpy(f.frame.data, &i, sizeof(i));
        cr_assert_eq(canp_writer_put(w, &r), 0);
        if (i % 1000 == 999)
            cr_assert_eq(canp_writer_flush(w), 0);
    }
    cr_assert_eq(canp_writer_finish(w), 0);
    canp_writer_close(w);
}

static struct canp_reader *open_reader(void)
{
    struct canp_reader *reader;
    struct canp_why why = {""};

    cr_assert_eq(canp_reader_open(dir, &reader, &why), 0, "%s", why.text);
    return reader;
}

static unsigned read_all(struct canp_reader *reader, uint32_t *damaged)
{
    struct canp_cursor *cursor;
    struct canp_record record;
    unsigned frames = 0;
    int r;

    cr_assert_eq(canp_cursor_open(reader, NULL, &cursor), 0);
    while ((r = canp_cursor_next(cursor, &record)) == 1 || r == -CANP_E_LOST)
        frames += r == 1 && canp_kind_is_frame(record.kind);
    *damaged = canp_cursor_damaged(cursor);
    canp_cursor_close(cursor);
    return frames;
}

Test(reader_memory, sealed_segments_stay_mapped)
{
    struct canp_mapcache_stats before, after;
    uint32_t damaged;

    record(false);
    struct canp_reader *reader = open_reader();
    cr_expect_eq(read_all(reader, &damaged), FRAMES);
    canp_reader_cache_stats(reader, &before);
    cr_expect_gt(before.count, 2u);
    cr_expect_eq(before.in_use, 0);
    cr_expect_eq(read_all(reader, &damaged), FRAMES);
    canp_reader_cache_stats(reader, &after);
    cr_expect_eq(after.lookups.misses, before.lookups.misses, "the second time all are there");
    cr_expect_geq(after.lookups.hits, before.lookups.hits + before.count);
    canp_reader_close(reader);
    cr_expect_eq(canp_ledger_each(0, NULL, NULL), 0, "the reader held something beyond its end");
}

/* A cursor that is in a segment keeps it; a new one gets the file as it is now. */
Test(reader_memory, a_segment_cut_under_the_reader_is_not_handed_out_again)
{
    struct canp_mapcache_stats stats;
    uint32_t damaged;
    char path[100];

    record(false);
    cr_assert_eq(canp_sigbus_guard_install(), 0);
    struct canp_reader *reader = open_reader();
    cr_expect_eq(read_all(reader, &damaged), FRAMES);
    snprintf(path, sizeof(path), "%s/00000001.canp", dir);
    cr_assert_eq(truncate(path, 64 << 10), 0);
    unsigned frames = read_all(reader, &damaged);
    cr_expect_lt(frames, (unsigned)FRAMES);
    cr_expect_gt(frames, FRAMES / 2u, "the other segments are read");
    canp_reader_cache_stats(reader, &stats);
    cr_expect_eq(stats.in_use, 0);
    canp_reader_close(reader);
    canp_sigbus_guard_remove();
}

/* The index is read where the file was, too. */
Test(reader_memory, a_segment_cut_under_a_cursor_that_leaps)
{
    struct canp_cursor_opts opts = CANP_CURSOR_OPTS_INIT;
    struct canp_cursor *cursor;
    struct canp_record r;
    unsigned frames = 0, lost = 0;
    char path[100];
    int error;

    record(false);
    cr_assert_eq(canp_sigbus_guard_install(), 0);
    struct canp_reader *reader = open_reader();
    opts.from_ns = 1000 + 2500; /* in the third block */
    cr_assert_eq(canp_cursor_open(reader, &opts, &cursor), 0);
    cr_assert_eq(canp_cursor_next(cursor, &r), 1);
    cr_expect_eq(r.time_ns, opts.from_ns);
    snprintf(path, sizeof(path), "%s/00000001.canp", dir);
    cr_assert_eq(truncate(path, 8 << 10), 0);
    while ((error = canp_cursor_next(cursor, &r)) == 1 || error == -CANP_E_LOST) {
        frames += error == 1;
        lost += error == -CANP_E_LOST;
    }
    cr_expect_eq(error, 0);
    cr_expect_eq(lost, 1, "frames are missing, and nobody was told");
    cr_expect_gt(frames, FRAMES / 2u, "the other segments are read");
    canp_cursor_close(cursor);
    canp_reader_close(reader);
    canp_sigbus_guard_remove();
}

static void share_beyond(bool pack)
{
    struct canp_buf kept[100] = {CANP_BUF_INIT};
    struct canp_record record_here;
    struct canp_cursor *cursor;
    unsigned expected[100];
    size_t kept_at[100];
    unsigned blocks = 0, frames = 0;
    const uint8_t *rows = NULL;

    record(pack);
    struct canp_reader *reader = open_reader();
    cr_assert_eq(canp_cursor_open(reader, NULL, &cursor), 0);
    cr_expect_eq(canp_cursor_share(cursor, &kept[0]), -ENODATA);
    while (canp_cursor_next(cursor, &record_here) == 1) {
        struct canp_buf here = CANP_BUF_INIT;
        if (!canp_kind_is_frame(record_here.kind))
            continue;
        cr_assert_eq(canp_cursor_share(cursor, &here), 0);
        if (here.data == rows || blocks == 100) {
            canp_buf_release(&here);
        } else {
            rows = here.data;
            kept[blocks] = here;
            kept_at[blocks] = (size_t)((const uint8_t *)record_here.frame - here.data);
            expected[blocks++] = frames;
        }
        frames++;
    }
    cr_expect_eq(frames, FRAMES);
    cr_expect_eq(canp_cursor_share(cursor, &kept[99]), -ENODATA, "at the end");
    canp_cursor_close(cursor);
    cr_expect_gt(blocks, 2u);
    for (unsigned i = 0; i < blocks; i++) {
        const struct canp_frame *frame = (const void *)(kept[i].data + kept_at[i]);
        unsigned number;
        memcpy(&number, frame->data, sizeof(number));
        cr_expect_eq(number, expected[i], "block %u", i);
        canp_buf_release(&kept[i]);
    }
    canp_reader_close(reader);
    cr_expect_eq(canp_ledger_each(0, NULL, NULL), 0);
}

Test(reader_memory, rows_are_shared_beyond_the_cursor)
{
    share_beyond(false);
}

Test(reader_memory, unpacked_rows_are_shared_beyond_the_cursor)
{
    share_beyond(true);
}

static void keep_report(void *user, const struct canp_monitor_report *report)
{
    *(struct canp_monitor_report *)user = *report;
}

Test(reader_memory, a_monitor_sees_mappings_and_unpacked_blocks)
{
    static struct canp_monitor_report report;
    struct canp_monitor_opts opts = CANP_MONITOR_OPTS_INIT;
    struct canp_monitor *monitor;
    uint32_t damaged;

    record(true);
    struct canp_reader *reader = open_reader();
    opts.report = keep_report;
    opts.user = &report;
    cr_assert_eq(canp_monitor_open(&opts, &monitor), 0);
    cr_assert_eq(canp_reader_watch(reader, monitor), 0);
    cr_expect_eq(read_all(reader, &damaged), FRAMES);
    canp_monitor_report(monitor);
    cr_assert_eq(report.cache_count, 1);
    cr_expect_str_eq(report.caches[0].name, "segments");
    cr_expect_gt(report.caches[0].stats.lookups.misses, 0u);
    cr_assert_eq(report.pool_count, 1);
    cr_expect_str_eq(report.pools[0].name, "unpacked blocks");
    cr_expect_gt(report.pools[0].stats.classes[0].acquires + report.pools[0].stats.direct_allocs, 0u);
    for (int i = 1; i < CANP_MONITOR_WATCHES_MAX; i++)
        cr_expect_eq(canp_reader_watch(reader, monitor), 0);
    cr_expect_eq(canp_reader_watch(reader, monitor), -ENOSPC);
    canp_monitor_close(monitor);
    canp_reader_close(reader);
}
