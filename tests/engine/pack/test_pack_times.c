/* Packed times: lanes that follow others, and clocks coarser than a nanosecond. */
#include <criterion/criterion.h>

#include <canp/pack.h>

#include <stdlib.h>
#include <string.h>

#include "seed.h"

#define BLOCK_BYTES (256U << 10)

static struct canp_packer *packer;
static struct canp_unpacker *unpacker;
static struct canp_rowbuf rows;
static uint8_t *packed, *back;

static void setup(void)
{
    cr_assert_eq(canp_packer_open(BLOCK_BYTES, CANP_PACK_FAST, &packer), 0);
    cr_assert_eq(canp_unpacker_open(BLOCK_BYTES, &unpacker), 0);
    canp_rowbuf_init(&rows, malloc(BLOCK_BYTES), BLOCK_BYTES);
    packed = malloc(BLOCK_BYTES);
    back = malloc(BLOCK_BYTES);
}

static void teardown(void)
{
    canp_packer_close(packer);
    canp_unpacker_close(unpacker);
    free(rows.data);
    free(packed);
    free(back);
}

TestSuite(pack_times, .init = setup, .fini = teardown);

static void put(int64_t time_ns, uint32_t id)
{
    union canp_frame_store f = {{.id = id, .len = 8}};
    cr_assert_eq(canp_rowbuf_put_frame(&rows, time_ns, canp_tag(0, CANP_KIND_CAN, CANP_DIR_RX), &f.frame), 0);
}

/* The packed size of the rows, which have to come back; the next block begins empty. */
static int64_t round_trip(void)
{
    int64_t n = canp_pack(packer, rows.data, rows.used_bytes, packed, BLOCK_BYTES);
    cr_assert_gt(n, 0);
    cr_assert_eq(canp_unpack(unpacker, packed, (size_t)n, back, BLOCK_BYTES), (int64_t)rows.used_bytes);
    cr_assert_eq(memcmp(rows.data, back, rows.used_bytes), 0);
    canp_rowbuf_init(&rows, rows.data, BLOCK_BYTES);
    return n;
}

/* Of the packed header. */
static unsigned version(void)
{
    return packed[12];
}

static uint32_t unit_ns(void)
{
    uint32_t unit;
    memcpy(&unit, packed + 36, sizeof(unit));
    return unit;
}

/* Ten messages of one control unit each 10 ms, which is late by up to 3 ms; some frames are missing. Returns
 * how many there are. */
static int64_t put_bursts(uint64_t seed, int64_t unit)
{
    struct test_random r = {seed};
    for (int64_t burst = 0; burst < 1000; burst++) {
        int64_t time = burst * 10000000 + (int64_t)test_random_below(&r, 3000000);
        for (uint32_t id = 0; id < 10; id++) {
            int64_t t = time + id * 240000 + (int64_t)test_random_below(&r, 2000);
            if (test_random_below(&r, 100))
                put(t / unit * unit, id);
        }
    }
    return rows.records;
}

Test(pack_times, lanes_that_follow_each_other_share_their_jitter)
{
    int64_t frames = put_bursts(7, 1), n = round_trip();
    /* alone, each frame takes the 22 bits of its lateness, and one of the code */
    cr_assert_eq(version(), 2);
    cr_assert_lt(n * 8, frames * 17, "%lld bytes", (long long)n);
}

Test(pack_times, coarse_clocks_cost_less)
{
    put_bursts(7, 1);
    int64_t fine = round_trip();
    cr_assert_eq(unit_ns(), 1);
    int64_t frames = put_bursts(7, 1000), coarse = round_trip();
    cr_assert_eq(unit_ns(), 1000);
    cr_assert_lt(coarse + frames, fine, "%lld and %lld bytes", (long long)coarse, (long long)fine);
}

Test(pack_times, the_unit_is_the_largest_that_fits)
{
    for (int64_t i = 0; i < 3000; i++)
        put(i * 250000000, (uint32_t)(i % 50));
    round_trip();
    cr_assert_eq(unit_ns(), 250000000);
    for (int64_t i = 0; i < 3000; i++)
        put(i == 2999 ? i * 250000000 + 1 : i * 250000000, (uint32_t)(i % 50));
    round_trip();
    cr_assert_leq(unit_ns(), 1);
    for (int64_t i = 0; i < 3000; i++) /* all at once */
        put(5, (uint32_t)(i % 50));
    round_trip();
}

Test(pack_times, a_lane_whose_times_are_its_own_follows_none)
{
    struct test_random r = {8};
    for (int64_t i = 0; i < 3000; i++)
        put(i * 250000 + (int64_t)test_random_below(&r, 20000), (uint32_t)test_random_below(&r, 10));
    round_trip();
    cr_assert_eq(version(), 1);
}

Test(pack_times, a_clock_that_steps_back_and_forth)
{
    struct test_random r = {9};
    for (int64_t i = 0; i < 8000; i++) {
        int64_t step = i % 2000 < 1000 ? 0 : -3600 * INT64_C(1000000000);
        put(i / 8 * 10000000 + i % 8 * 250000 + (int64_t)test_random_below(&r, 500) + step,
            (uint32_t)(i % 8));
    }
    round_trip();
}
