/* Layered pool: classes, exhaustion, direct blocks, the ledger, the debug modes, and 10^6
 * steps against a model. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "pools.h"
#include "seed.h"

TestSuite(mempool, .init = plain_modes, .timeout = 60);

Test(mempool, classes_must_ascend)
{
    struct canp_mempool_opts opts = {.size = sizeof(opts), .classes = CANP_MEMPOOL_USUAL_CLASSES};
    struct canp_mempool *pool = NULL;

    opts.classes[1].block_bytes = 1024;
    cr_expect_eq(canp_mempool_open(&opts, &pool), -EINVAL);
    opts.classes[1].block_bytes = 4096;
    opts.classes[1].count_max = 0;
    cr_expect_eq(canp_mempool_open(&opts, &pool), -EINVAL);
    cr_expect_null(pool);
    canp_mempool_close(NULL);
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
        unsigned char *block = canp_mempool_acquire(pool, cases[i].bytes);
        cr_assert_not_null(block);
        cr_expect_eq(canp_mempool_block_bytes(pool, block), cases[i].block_bytes);
        cr_expect_eq((uintptr_t)block % 64, 0);
        memset(block, 0xa5, cases[i].block_bytes);
        canp_mempool_release(pool, block);
    }
    cr_expect_eq(stats_of(pool).direct_allocs, 2);
    cr_expect_eq(stats_of(pool).direct_in_use, 0);
    cr_expect_null(canp_mempool_try_acquire(pool, 65537), "try never goes direct");
    cr_expect_eq(stats_of(pool).refusals, 1);
    canp_mempool_release(pool, NULL);
    canp_mempool_close(pool);
}

/* What the process has locked, in kB. */
static long locked_kb(void)
{
    char line[128];
    long kb = 0;
    FILE *f = fopen("/proc/self/status", "r");

    cr_assert_not_null(f);
    while (fgets(line, sizeof(line), f))
        sscanf(line, "VmLck: %ld", &kb);
    fclose(f);
    return kb;
}

/* May this process lock memory, and does mlock() do it? AddressSanitizer makes it do nothing. */
static bool can_lock(void)
{
    static char page[8192];
    struct rlimit limit;
    long before_kb = locked_kb();

    cr_assert_eq(getrlimit(RLIMIT_MEMLOCK, &limit), 0);
    bool may = limit.rlim_cur == RLIM_INFINITY || geteuid() == 0;
    bool does = mlock(page, sizeof(page)) == 0 && locked_kb() > before_kb;
    munlock(page, sizeof(page));
    return may && does;
}

Test(mempool, aligned_locked_and_huge)
{
    struct canp_mempool_opts opts = {.size = sizeof(opts), .classes = CANP_MEMPOOL_USUAL_CLASSES};
    struct canp_mempool *pool;
    bool locks = can_lock();
    long before_kb = locked_kb();
    size_t ready_kb = 0;

    opts.align_bytes = 4096;
    opts.lock_memory = opts.huge_pages = true;
    cr_assert_eq(canp_mempool_open(&opts, &pool), 0);
    for (unsigned i = 0; opts.classes[i].block_bytes; i++) {
        void *block = canp_mempool_try_acquire(pool, opts.classes[i].block_bytes);
        cr_assert_not_null(block);
        cr_expect_eq((uintptr_t)block % 4096, 0);
        memset(block, 1, opts.classes[i].block_bytes);
        canp_mempool_release(pool, block);
        ready_kb += opts.classes[i].ready_count * opts.classes[i].block_bytes / 1024;
    }
    if (locks) /* else what is refused is no error */
        cr_expect_geq(locked_kb() - before_kb, (long)ready_kb);
    canp_mempool_close(pool);
    cr_expect_eq(locked_kb(), before_kb);
}

Test(mempool, an_exhausted_class_goes_direct_up_to_the_bound)
{
    struct canp_mempool *pool = small_pool();
    void *block[12];

    for (int i = 0; i < 3; i++)
        block[i] = canp_mempool_acquire(pool, 1000);
    cr_expect_null(canp_mempool_try_acquire(pool, 1000));
    for (int i = 3; i < 12; i++)
        cr_assert_not_null(block[i] = canp_mempool_acquire(pool, 1000));
    cr_expect_not_null(block[11]);
    struct canp_mempool_stats stats = stats_of(pool);
    cr_expect_eq(stats.classes[0].in_use, 3);
    cr_expect_eq(stats.classes[0].misses, 10, "9 that went direct and one that was refused");
    cr_expect_eq(stats.direct_in_use, 9);
    cr_expect_eq(stats.direct_bytes, 9000);
    void *last = canp_mempool_acquire(pool, 1000);
    cr_expect_not_null(last, "the bound itself is allowed");
    cr_expect_null(canp_mempool_acquire(pool, 1), "one byte over it is not");
    cr_expect_eq(stats_of(pool).refusals, 2);
    cr_expect_eq(buffer_bytes(), 3 * 1024 + 10000);
    canp_mempool_release(pool, last);
    for (int i = 0; i < 12; i++)
        canp_mempool_release(pool, block[i]);
    stats = stats_of(pool);
    cr_expect_eq(stats.classes[0].in_use, 0, "blocks went back to where they came from");
    cr_expect_eq(stats.direct_bytes, 0);
    cr_expect_eq(buffer_bytes(), 0);
    canp_mempool_close(pool);
}

Test(mempool, blocks_are_in_the_ledger)
{
    struct canp_mempool *pool = small_pool();
    void *pooled = canp_mempool_acquire(pool, 10);
    void *direct = canp_mempool_acquire(pool, 5000);
    char text[1000];

    canp_ledger_json(0, text, sizeof(text));
    cr_expect_eq(canp_ledger_each(0, NULL, NULL), 2);
    cr_expect_not_null(strstr(text, "\"bytes\":5000"));
    cr_expect_not_null(strstr(text, "\"bytes\":1024"));
    cr_expect_not_null(strstr(text, "test_mempool.c:"));
    canp_mempool_release(pool, pooled);
    canp_mempool_release(pool, direct);
    cr_expect_eq(canp_ledger_each(0, NULL, NULL), 0);
    canp_mempool_close(pool);
}

Test(mempool, the_debug_modes)
{
    for (unsigned modes = 1; modes < 4; modes++) {
        canp_ledger_set_modes(modes);
        struct canp_mempool *pool = small_pool();
        void *block[5];
        for (size_t i = 0; i < 5; i++)
            memset(block[i] = canp_mempool_acquire(pool, 1 + i * 1000), 1, 1 + i * 1000);
        for (int i = 0; i < 5; i++)
            canp_mempool_release(pool, block[i]);
        cr_expect_eq(buffer_bytes(), 0);
        canp_mempool_close(pool);
    }
}

/* ---- against a model: the small pool's bounds say where each block must come from */

#define BLOCKS 24

enum place { SMALL, LARGE, DIRECT, REFUSED };

struct modelled {
    unsigned char *block; /* NULL: none */
    size_t bytes;
    enum place place;
    unsigned char fill;
};

struct model {
    unsigned in_use[2]; /* of SMALL and LARGE */
    size_t direct_bytes;
};

static const struct {
    size_t bytes;
    unsigned count;
} classes[2] = {{1024, 3}, {4096, 2}};
#define DIRECT_BYTES 10000

static enum place expected_place(const struct model *model, size_t bytes, bool direct_too)
{
    unsigned class = bytes <= classes[SMALL].bytes ? SMALL : LARGE;

    if (bytes <= classes[class].bytes && model->in_use[class] < classes[class].count)
        return class;
    return direct_too && model->direct_bytes + bytes <= DIRECT_BYTES ? DIRECT : REFUSED;
}

static void account(struct model *model, const struct modelled *one, int by)
{
    if (one->place == DIRECT)
        model->direct_bytes += (size_t)by * one->bytes;
    else
        model->in_use[one->place] += (unsigned)by;
}

static size_t random_bytes(struct test_random *random)
{
    static const size_t limits[] = {2, 1000, 1025, 4000, 4097, 9000};
    return 1 + test_random_below(random, limits[test_random_below(random, 6)]);
}

static void take(struct canp_mempool *pool, struct test_random *random, struct model *model,
                 struct modelled *one)
{
    bool direct_too = test_random_below(random, 4) != 0;

    one->bytes = random_bytes(random);
    one->place = expected_place(model, one->bytes, direct_too);
    one->block =
        direct_too ? canp_mempool_acquire(pool, one->bytes) : canp_mempool_try_acquire(pool, one->bytes);
    cr_assert_eq(one->block == NULL, one->place == REFUSED, "%zu bytes", one->bytes);
    if (one->block == NULL)
        return;
    cr_assert_eq(canp_mempool_block_bytes(pool, one->block),
                 one->place == DIRECT ? one->bytes : classes[one->place].bytes, "%zu bytes", one->bytes);
    one->fill = (unsigned char)test_random_u64(random);
    memset(one->block, one->fill, one->bytes);
    account(model, one, 1);
}

static void give_back(struct canp_mempool *pool, struct model *model, struct modelled *one)
{
    for (size_t i = 0; i < one->bytes; i++)
        cr_assert_eq(one->block[i], one->fill, "somebody wrote into a block that was held");
    canp_mempool_release(pool, one->block);
    one->block = NULL;
    account(model, one, -1);
}

Test(mempool, a_million_random_steps_match_the_model)
{
    struct test_random random = test_random_start("mempool");
    struct canp_mempool *pool = small_pool();
    struct modelled blocks[BLOCKS] = {{.block = NULL}};
    struct model model = {.direct_bytes = 0};

    for (uint64_t step = 1; step <= test_steps(1000000); step++) {
        struct modelled *one = &blocks[test_random_below(&random, BLOCKS)];
        if (one->block != NULL)
            give_back(pool, &model, one);
        else
            take(pool, &random, &model, one);
        if (step % 1000 == 0) {
            struct canp_mempool_stats stats = stats_of(pool);
            cr_assert_eq(stats.classes[0].in_use, model.in_use[0]);
            cr_assert_eq(stats.classes[1].in_use, model.in_use[1]);
            cr_assert_eq(stats.direct_bytes, model.direct_bytes);
        }
    }
    for (int i = 0; i < BLOCKS; i++) {
        if (blocks[i].block != NULL)
            give_back(pool, &model, &blocks[i]);
    }
    cr_expect_eq(buffer_bytes(), 0);
    canp_mempool_close(pool);
}
