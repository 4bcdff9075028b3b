/* The histogram of times from stamp to slab, against sorting; and which frame of a harvest is noted. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fake_recorder.h"
#include "intake/lag.h"
#include "seed.h"

enum { COUNT = 5000 };

static int by_size(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

Test(lag, nothing_noted)
{
    static struct lag lag;
    cr_assert(canp_lag_count(&lag) == 0 && canp_lag_quantile_ns(&lag, 990) == 0);
}

Test(lag, small_and_huge)
{
    static struct lag lag;
    canp_lag_note(&lag, 0);
    cr_assert_eq(canp_lag_quantile_ns(&lag, 1000), 0);
    canp_lag_note(&lag, UINT64_MAX);
    cr_assert(canp_lag_count(&lag) == 2 && canp_lag_quantile_ns(&lag, 500) == 0);
    cr_assert_gt(canp_lag_quantile_ns(&lag, 990), UINT64_C(1) << 39);
}

Test(lag, quantiles_are_never_too_low_and_at_most_a_quarter_too_high)
{
    struct test_random random = test_random_start("lag.quantiles");
    for (unsigned round = 0; round < 50; round++) {
        static struct lag lag;
        static uint64_t values[COUNT];
        memset(&lag, 0, sizeof(lag));
        for (unsigned i = 0; i < COUNT; i++) {
            values[i] = test_random_u64(&random) >> (24 + test_random_below(&random, 40));
            canp_lag_note(&lag, values[i]);
        }
        qsort(values, COUNT, sizeof(values[0]), by_size);
        for (unsigned permille = 1; permille <= 1000; permille++) {
            uint64_t right = values[(COUNT * permille + 999) / 1000 - 1],
                     said = canp_lag_quantile_ns(&lag, permille);
            cr_assert(said >= right && said <= right + right / 4, "%u: %llu for %llu", permille,
                      (unsigned long long)said, (unsigned long long)right);
        }
        cr_assert_eq(canp_lag_quantile_ns(&lag, 1000), values[COUNT - 1]);
    }
}

/* ---- harvests --------------------------------------------------------------------------------------- */

static void receive(struct canp_recorder *rec, unsigned frames, int64_t age_ns)
{
    for (unsigned i = 0; i < frames; i++)
        fake_receive_number(rec, 0, canp_realtime_ns() - age_ns, 0, i);
}

static void give_back_all(struct canp_recorder *rec)
{
    struct canp_slab *slab;
    while ((slab = canp_slabring_take(rec->in.ring)) != NULL)
        canp_slabring_give_back(rec->in.ring, slab);
}

static struct canp_recorder *open_plain(void)
{
    return fake_open(&(struct fake_opts){.chan_count = 1, .slab_count = 2, .slab_bytes = 65536});
}

#define SECOND INT64_C(1000000000)

Test(lag, the_first_frame_of_a_harvest_is_noted)
{
    struct canp_recorder *rec = open_plain();
    receive(rec, 3, 500 * SECOND);
    struct lag_place before = canp_lag_place(&rec->in);
    receive(rec, 1, 100 * SECOND);
    receive(rec, 2, 1 * SECOND);
    canp_lag_note_harvest(&rec->lag, &rec->in, &before);
    cr_assert_eq(canp_lag_count(&rec->lag), 1);
    uint64_t ns = canp_lag_quantile_ns(&rec->lag, 1000);
    cr_assert(ns >= 100 * SECOND && ns < 500 * SECOND, "%llu", (unsigned long long)ns);
    fake_close(rec);
}

Test(lag, an_empty_harvest_notes_nothing)
{
    struct canp_recorder *rec = open_plain();
    struct lag_place before = canp_lag_place(&rec->in);
    canp_lag_note_harvest(&rec->lag, &rec->in, &before);
    receive(rec, 3, 0);
    before = canp_lag_place(&rec->in);
    canp_lag_note_harvest(&rec->lag, &rec->in, &before);
    cr_assert_eq(canp_lag_count(&rec->lag), 0);
    fake_close(rec);
}

/* The ring has two slabs: behind the second comes the first again, and its pointer says nothing. */
Test(lag, the_same_memory_again_is_another_slab)
{
    struct canp_recorder *rec = open_plain();
    receive(rec, 3, 0);
    const struct canp_slab *slab = rec->in.slab;
    struct lag_place before = canp_lag_place(&rec->in);
    for (unsigned i = 0; i < 2; i++) {
        canp_intake_commit(&rec->in);
        give_back_all(rec);
        receive(rec, 9, 0);
    }
    cr_assert_eq(rec->in.slab, slab);
    cr_assert_lt(before.end, ((const struct slab_head *)slab->user)->rows.used_bytes);
    canp_lag_note_harvest(&rec->lag, &rec->in, &before);
    cr_assert_eq(canp_lag_count(&rec->lag), 0);
    fake_close(rec);
}
