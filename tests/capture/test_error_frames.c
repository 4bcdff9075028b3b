/* Error frames are counted apart, in the recorder's statistics: those that were stored, of each interface. */
#include <criterion/criterion.h>

#include <linux/can.h>
#include <stdio.h>

#include "fake_recorder.h"
#include "temp_dir.h"

TestSuite(error_frames, .init = temp_dir_make, .fini = temp_dir_remove);

static void receive(struct canp_recorder *rec, unsigned channel, uint32_t id, uint8_t bytes)
{
    static int64_t now_ns = INT64_C(1700000000000000000);
    union canp_frame_store f = {.frame = {.id = id, .len = bytes}};
    fake_receive(rec, channel, now_ns++, 0, &f, 16, 0);
    rec->in.chans[channel].frames_seen = rec->in.chans[channel].taken;
}

static struct canp_recorder *begin(void)
{
    char *sub = malloc(64);
    snprintf(sub, 64, "%s/r", dir);
    struct fake_opts opts = {.dir = sub, .chan_count = 3, .slab_count = 8, .slab_bytes = 65536};
    struct canp_recorder *rec = fake_open(&opts);
    free(sub);
    return rec;
}

static void expect(struct canp_recorder *rec, uint64_t first, uint64_t second)
{
    struct canp_recorder_stats stats;
    canp_intake_finish(&rec->in);
    canp_flush_join(rec);
    canp_recorder_stats(rec, &stats);
    fake_close(rec);
    cr_expect_eq(stats.ifaces[0].error_frames, first, "%llu",
                 (unsigned long long)stats.ifaces[0].error_frames);
    cr_expect_eq(stats.ifaces[1].error_frames, second);
    cr_expect_eq(stats.ifaces[2].error_frames, 0);
    cr_expect_eq(stats.error_frames, first + second);
    cr_expect_eq(stats.frames, 300);
}

Test(error_frames, among_frames_of_one_size)
{
    struct canp_recorder *rec = begin();
    for (unsigned i = 0; i < 300; i++)
        receive(rec, i % 3, i % 3 < 2 && i < 30 ? CAN_ERR_FLAG | 4 : i, 8);
    expect(rec, 10, 10);
}

Test(error_frames, among_frames_of_many_sizes)
{
    struct canp_recorder *rec = begin();
    for (unsigned i = 0; i < 300; i++)
        receive(rec, i % 3, i % 30 == 1 ? CAN_ERR_FLAG | 0x80 : CAN_EFF_FLAG | i, i % 9);
    expect(rec, 0, 10);
}

Test(error_frames, none)
{
    struct canp_recorder *rec = begin();
    for (unsigned i = 0; i < 300; i++)
        receive(rec, i % 3, i, 8);
    expect(rec, 0, 0);
}
