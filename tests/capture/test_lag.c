/* The histogram of times from stamp to slab, against sorting. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "record/lag.h"
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
