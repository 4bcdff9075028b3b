/*
 * Odd recordings: nothing in them, one frame, only gaps, one time for all, time running backwards, a segment
 * missing, one that grows or is trimmed while read, 10,000 IDs, all XL. Each read forwards and backwards,
 * summed up, merged and replayed: the same frames by every way.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <canp/merge.h>
#include <canp/replay.h>
#include <canp/writer.h>

#include "temp_dir.h"

#define START_NS INT64_C(1700000000000000000)
#define MS       INT64_C(1000000)

static struct canp_writer *writer;

static void setup(void)
{
    struct canp_iface iface = {.bytes = sizeof(iface), .mtu = 2060, .name = "vcan0"};
    struct canp_writer_opts opts = CANP_WRITER_OPTS_INIT;
    opts.no_sync = true;
    temp_dir_make();
    cr_assert_eq(canp_writer_open(dir, &opts, &writer, NULL), 0);
    cr_assert_eq(canp_writer_add_iface(writer, 0, &iface, START_NS), 0);
}

static void teardown(void)
{
    canp_writer_close(writer);
    temp_dir_remove();
}

TestSuite(odd, .init = setup, .fini = teardown);

static void put(int64_t time_ns, uint32_t id)
{
    union canp_frame_store f = {.frame = {.id = id, .len = 8}};
    struct canp_record r = {.time_ns = time_ns, .frame = &f.frame};
    cr_assert_eq(canp_writer_put(writer, &r), 0);
}

static void put_gap(int64_t time_ns, uint64_t lost)
{
    struct canp_gap gap = {.layer = CANP_LAYER_SOCKET, .bytes = sizeof(gap), .lost = lost};
    struct canp_record r = {.time_ns = time_ns, .kind = CANP_KIND_GAP, .gap = &gap};
    gap.from_ns = gap.to_ns = time_ns;
    cr_assert_eq(canp_writer_put(writer, &r), 0);
}

static void finish(void)
{
    cr_assert_eq(canp_writer_finish(writer), 0);
}

/* ---- every way of reading ------------------------------------------------------------------------ */

static int count_put(void *self, const struct canp_record *record)
{
    cr_assert(canp_kind_is_frame(record->kind));
    ++*(uint64_t *)self;
    return 0;
}

static uint64_t replayed(struct canp_reader *reader, double speed, uint64_t *lost)
{
    static struct canp_replay_stats stats;
    struct canp_replay_opts opts = CANP_REPLAY_OPTS_INIT;
    uint64_t frames = 0;
    const struct canp_replay_sink sink = {.self = &frames, .put = count_put};
    opts.speed = speed;
    opts.full_speed = speed == 0;
    opts.max_gap_ns = 1000;
    cr_assert_eq(canp_replay_run(reader, &opts, &sink, &stats), 0);
    cr_assert_eq(stats.frames, frames);
    cr_assert_eq(stats.late_ns.count, speed > 0 ? frames : 0);
    *lost = stats.lost;
    return frames;
}

static uint64_t merged(struct canp_reader *reader)
{
    struct canp_merge *m;
    struct canp_record r;
    uint64_t frames = 0;
    cr_assert_eq(canp_merge_open(&reader, 1, NULL, &m), 0);
    while (canp_merge_next(m, &r, NULL) == 1)
        frames += canp_kind_is_frame(r.kind);
    canp_merge_close(m);
    return frames;
}

/* Forwards, then backwards. */
static uint64_t walked(struct canp_reader *reader, uint32_t *damaged)
{
    struct canp_cursor *c;
    struct canp_record r;
    uint64_t forwards = 0, backwards = 0;
    cr_assert_eq(canp_cursor_open(reader, NULL, &c), 0);
    while (canp_cursor_next(c, &r) == 1)
        forwards += canp_kind_is_frame(r.kind);
    while (canp_cursor_prev(c, &r) == 1)
        backwards += canp_kind_is_frame(r.kind);
    cr_assert_eq(forwards, backwards);
    *damaged = canp_cursor_damaged(c);
    canp_cursor_close(c);
    return forwards;
}

static struct canp_info check(uint64_t frames, uint64_t lost, uint32_t damaged)
{
    struct canp_reader *reader;
    struct canp_info info;
    uint64_t lost_replayed;
    uint32_t damaged_walked;
    cr_assert_eq(canp_reader_open(dir, &reader, NULL), 0);
    cr_assert_eq(canp_reader_info(reader, &info), 0);
    cr_assert_eq(info.frames, frames, "%llu", (unsigned long long)info.frames);
    cr_assert_eq(info.lost, lost);
    cr_assert_eq(info.damaged, damaged);
    cr_assert_eq(walked(reader, &damaged_walked), frames);
    cr_assert_eq(damaged_walked, damaged);
    cr_assert_eq(merged(reader), frames);
    for (double speed = 0; speed <= 1000; speed += 1000) {
        cr_assert_eq(replayed(reader, speed, &lost_replayed), frames);
        cr_assert_eq(lost_replayed, lost);
    }
    canp_reader_close(reader);
    return info;
}

/* ---- the recordings ----------------------------------------------------------------------------- */

Test(odd, nothing)
{
    finish();
    struct canp_info info = check(0, 0, 0);
    cr_assert_eq(info.first_ns, 0);
    cr_assert_eq(info.ids, 0);
}

Test(odd, one_frame)
{
    put(START_NS + 5, 1);
    finish();
    struct canp_info info = check(1, 0, 0);
    cr_assert_eq(info.last_ns, START_NS + 5);
    cr_assert_eq(info.ids, 1);
}

Test(odd, only_gaps)
{
    for (unsigned i = 1; i <= 10; i++)
        put_gap(START_NS + i * MS, i);
    finish();
    check(0, 55, 0);
}

Test(odd, one_time_for_all)
{
    for (unsigned i = 0; i < 20000; i++)
        put(START_NS, i % 7);
    finish();
    struct canp_info info = check(20000, 0, 0);
    cr_assert_eq(info.last_ns, info.first_ns);
}

Test(odd, time_running_backwards)
{
    for (unsigned i = 0; i < 20000; i++)
        put(START_NS - i * MS, i % 7);
    put(START_NS - 48 * 3600 * 1000 * MS, 8); /* farther than a block spans */
    finish();
    struct canp_info info = check(20001, 0, 0);
    cr_assert_eq(info.last_ns, START_NS);
}

Test(odd, a_segment_missing_in_the_middle)
{
    char path[100];
    for (unsigned segment = 0; segment < 4; segment++) {
        for (unsigned i = 0; i < 1000; i++)
            put(START_NS + segment * 1000 * MS + i * MS, i);
        cr_assert_eq(canp_writer_rotate(writer), 0);
    }
    finish();
    snprintf(path, sizeof(path), "%s/00000002.canp", dir);
    cr_assert_eq(unlink(path), 0);
    check(3000, 0, 1);
    snprintf(path, sizeof(path), "%s/00000001.canp", dir);
    cr_assert_eq(unlink(path), 0);
    check(2000, 0, 0); /* the oldest ones: retention */
}

Test(odd, ten_thousand_ids)
{
    for (unsigned i = 0; i < 20000; i++)
        put(START_NS + i * 1000, CANP_ID_EFF | ((i % 10000) * 13));
    finish();
    struct canp_info info = check(20000, 0, 0);
    cr_assert_eq(info.ids, 10000);
}

Test(odd, all_xl)
{
    static union {
        struct canp_xl_frame xl;
        uint8_t bytes[sizeof(struct canp_xl_frame) + 2048];
    } f;
    struct canp_record r = {.kind = CANP_KIND_XL, .xl = &f.xl};
    for (unsigned i = 0; i < 3000; i++) {
        f.xl = (struct canp_xl_frame){.prio = i % 0x800, .flags = 0x80, .len = (uint16_t)(1 + i % 2048)};
        r.time_ns = START_NS + i * 1000;
        cr_assert_eq(canp_writer_put(writer, &r), 0);
    }
    finish();
    struct canp_info info = check(3000, 0, 0);
    cr_assert_eq(info.ids, 0x800);
}

Test(odd, one_that_grows)
{
    struct canp_reader *reader;
    struct canp_cursor *c;
    struct canp_record r;
    uint64_t frames = 0;
    put(START_NS, 1);
    cr_assert_eq(canp_writer_flush(writer), 0);
    cr_assert_eq(canp_reader_open(dir, &reader, NULL), 0);
    cr_assert_eq(canp_cursor_open(reader, NULL, &c), 0);
    for (unsigned round = 0; round < 200; round++) {
        while (canp_cursor_next(c, &r) == 1)
            frames += canp_kind_is_frame(r.kind);
        cr_assert_eq(frames, round + 1);
        cr_assert_eq(merged(reader), frames);
        cr_assert_eq(canp_cursor_prev(c, &r), 1); /* the newest, and on from there */
        cr_assert_eq(canp_cursor_next(c, &r), 1);
        cr_assert_eq(r.frame->id, round + 1);
        put(START_NS + (round + 1) * MS, round + 2);
        cr_assert_eq(canp_writer_flush(writer), 0);
        if (round % 50 == 49)
            cr_assert_eq(canp_writer_rotate(writer), 0);
        cr_assert_eq(canp_reader_refresh(reader), 1);
    }
    canp_cursor_close(c);
    canp_reader_close(reader);
    finish();
    check(201, 0, 0);
}

/* Retention takes the oldest segments away while a cursor stands in the first. */
Test(odd, one_that_is_trimmed)
{
    struct canp_reader *reader;
    struct canp_cursor *c;
    struct canp_record r;
    char path[100];
    uint64_t frames = 0;
    for (unsigned i = 0; i < 4000; i++) {
        put(START_NS + i * MS, i);
        if (i % 1000 == 999)
            cr_assert_eq(canp_writer_rotate(writer), 0);
    }
    finish();
    cr_assert_eq(canp_reader_open(dir, &reader, NULL), 0);
    cr_assert_eq(canp_cursor_open(reader, NULL, &c), 0);
    do
        cr_assert_eq(canp_cursor_next(c, &r), 1);
    while (!canp_kind_is_frame(r.kind));
    for (unsigned n = 1; n <= 2; n++) {
        snprintf(path, sizeof(path), "%s/0000000%u.canp", dir, n);
        cr_assert_eq(unlink(path), 0);
    }
    cr_assert_geq(canp_reader_refresh(reader), 0);
    while (canp_cursor_next(c, &r) == 1)
        frames += canp_kind_is_frame(r.kind);
    cr_assert_eq(frames, 2999, "%llu", (unsigned long long)frames); /* its own segment's rest, and two more */
    cr_assert_eq(canp_cursor_damaged(c), 0);
    while (canp_cursor_prev(c, &r) == 1)
        frames -= canp_kind_is_frame(r.kind);
    cr_assert_eq(frames, 999);
    canp_cursor_close(c);
    canp_reader_close(reader);
    check(2000, 0, 0);
}
