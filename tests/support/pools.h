/* What the tests of layered pools and of buffers share: their start, two pools, readings of statistics. */
#ifndef CANP_TESTS_POOLS_H
#define CANP_TESTS_POOLS_H

#include <canp/pools/ledger.h>
#include <canp/pools/mempool.h>
#include <canp/pools/memstats.h>
#include <criterion/criterion.h>
#include <stdint.h>

static inline void plain_modes(void)
{
    canp_ledger_set_modes(0);
}

/* Two classes, small enough to be exhausted: 3 of 1 KiB, 2 of 4 KiB, and 10,000 direct bytes. */
static inline struct canp_mempool *small_pool(void)
{
    struct canp_mempool_opts opts = {.size = sizeof(opts),
                                     .classes = {{1024, 1, 3, 1}, {4096, 0, 2, CANP_OBJPOOL_NO_CACHES}},
                                     .direct_bytes_max = 10000,
                                     .tag = CANP_MEMTAG_BUFFERS};
    struct canp_mempool *pool = NULL;

    cr_assert_eq(canp_mempool_open(&opts, &pool), 0);
    return pool;
}

static inline struct canp_mempool *usual_pool(void)
{
    struct canp_mempool_opts opts = CANP_MEMPOOL_OPTS_INIT;
    struct canp_mempool *pool = NULL;

    cr_assert_eq(canp_mempool_open(&opts, &pool), 0);
    return pool;
}

static inline struct canp_mempool_stats stats_of(const struct canp_mempool *pool)
{
    struct canp_mempool_stats stats;

    canp_mempool_stats(pool, &stats);
    return stats;
}

static inline uint64_t buffer_bytes(void)
{
    struct canp_memstats stats;

    canp_memstats_read(&stats);
    return stats.tag[CANP_MEMTAG_BUFFERS].current_bytes;
}

#endif
