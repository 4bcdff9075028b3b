/* Layered pool: classes, exhaustion, direct blocks, the ledger, the debug modes. */
#include <canp/mempool.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

static void plain_modes(void)
{
    canp_ledger_set_modes(0);
}

TestSuite(mempool, .init = plain_modes, .timeout = 60);

/* Two classes, small enough to be exhausted: 3 of 1 KiB, 2 of 4 KiB, and 10,000 direct bytes. */
static struct canp_mempool *small_pool(void)
{
    struct canp_mempool_opts opts = {
        .classes = {{1024, 1, 3, 1}, {4096, 0, 2, 0}}, .direct_bytes_max = 10000, .tag = CANP_MEMTAG_BUFFERS};
    struct canp_mempool *pool = NULL;

    cr_assert_eq(canp_mempool_create(&opts, &pool), 0);
    return pool;
}

static struct canp_mempool *usual_pool(void)
{
    struct canp_mempool_opts opts = CANP_MEMPOOL_OPTS_INIT;
    struct canp_mempool *pool = NULL;

    cr_assert_eq(canp_mempool_create(&opts, &pool), 0);
    return pool;
}

static struct canp_mempool_stats stats_of(const struct canp_mempool *pool)
{
    struct canp_mempool_stats stats;

    canp_mempool_stats(pool, &stats);
    return stats;
}

static uint64_t buffer_bytes(void)
{
    struct canp_memstats stats;

    canp_memstats_read(&stats);
    return stats.tag[CANP_MEMTAG_BUFFERS].current_bytes;
}

Test(mempool, classes_must_ascend)
{
    struct canp_mempool_opts opts = CANP_MEMPOOL_OPTS_INIT;
    struct canp_mempool *pool = NULL;

    opts.classes[1].block_bytes = 1024;
    cr_expect_eq(canp_mempool_create(&opts, &pool), -EINVAL);
    opts.classes[1].block_bytes = 4096;
    opts.classes[1].count_max = 0;
    cr_expect_eq(canp_mempool_create(&opts, &pool), -EINVAL);
    cr_expect_null(pool);
    canp_mempool_free(NULL);
}

Test(mempool, the_smallest_class_that_fits)
{
    static const struct {
        size_t bytes, block_bytes;
    } cases[] = {{0, 1024},      {1, 1024},      {1024, 1024},      {1025, 4096},
                 {4096, 4096},   {4097, 16384},  {16384, 16384},    {16385, 65536},
                 {65536, 65536}, {65537, 65537}, {1000000, 1000000}};
    struct canp_mempool *pool = usual_pool();

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsigned char *block = canp_mempool_alloc(pool, cases[i].bytes);
        cr_assert_not_null(block);
        cr_expect_eq(canp_mempool_block_bytes(pool, block), cases[i].block_bytes);
        cr_expect_eq((uintptr_t)block % 64, 0);
        memset(block, 0xa5, cases[i].block_bytes);
        canp_mempool_release(pool, block);
    }
    cr_expect_eq(stats_of(pool).direct_allocs, 2);
    cr_expect_eq(stats_of(pool).direct_in_use, 0);
    cr_expect_null(canp_mempool_try_alloc(pool, 65537), "try never goes direct");
    cr_expect_eq(stats_of(pool).refusals, 1);
    canp_mempool_release(pool, NULL);
    canp_mempool_free(pool);
}

Test(mempool, an_exhausted_class_goes_direct_up_to_the_bound)
{
    struct canp_mempool *pool = small_pool();
    void *block[12];

    for (int i = 0; i < 3; i++)
        block[i] = canp_mempool_alloc(pool, 1000);
    cr_expect_null(canp_mempool_try_alloc(pool, 1000));
    for (int i = 3; i < 12; i++)
        cr_assert_not_null(block[i] = canp_mempool_alloc(pool, 1000));
    cr_expect_not_null(block[11]);
    struct canp_mempool_stats stats = stats_of(pool);
    cr_expect_eq(stats.classes[0].in_use, 3);
    cr_expect_eq(stats.classes[0].misses, 10, "9 that went direct and one that was refused");
    cr_expect_eq(stats.direct_in_use, 9);
    cr_expect_eq(stats.direct_bytes, 9000);
    void *last = canp_mempool_alloc(pool, 1000);
    cr_expect_not_null(last, "the bound itself is allowed");
    cr_expect_null(canp_mempool_alloc(pool, 1), "one byte over it is not");
    cr_expect_eq(stats_of(pool).refusals, 2);
    cr_expect_eq(buffer_bytes(), 3 * 1024 + 10000);
    canp_mempool_release(pool, last);
    for (int i = 0; i < 12; i++)
        canp_mempool_release(pool, block[i]);
    stats = stats_of(pool);
    cr_expect_eq(stats.classes[0].in_use, 0, "blocks went back to where they came from");
    cr_expect_eq(stats.direct_bytes, 0);
    cr_expect_eq(buffer_bytes(), 0);
    canp_mempool_free(pool);
}

Test(mempool, blocks_are_in_the_ledger)
{
    struct canp_mempool *pool = small_pool();
    void *pooled = canp_mempool_alloc(pool, 10);
    void *direct = canp_mempool_alloc(pool, 5000);
    char text[1000];

    canp_ledger_json(0, text, sizeof(text));
    cr_expect_eq(canp_ledger_each(0, NULL, NULL), 2);
    cr_expect_not_null(strstr(text, "\"bytes\":5000"));
    cr_expect_not_null(strstr(text, "\"bytes\":1024"));
    cr_expect_not_null(strstr(text, "test_mempool.c:"));
    canp_mempool_release(pool, pooled);
    canp_mempool_release(pool, direct);
    cr_expect_eq(canp_ledger_each(0, NULL, NULL), 0);
    canp_mempool_free(pool);
}

Test(mempool, the_debug_modes)
{
    for (unsigned modes = 1; modes < 4; modes++) {
        canp_ledger_set_modes(modes);
        struct canp_mempool *pool = small_pool();
        void *block[5];
        for (size_t i = 0; i < 5; i++)
            memset(block[i] = canp_mempool_alloc(pool, 1 + i * 1000), 1, 1 + i * 1000);
        for (int i = 0; i < 5; i++)
            canp_mempool_release(pool, block[i]);
        cr_expect_eq(buffer_bytes(), 0);
        canp_mempool_free(pool);
    }
}
