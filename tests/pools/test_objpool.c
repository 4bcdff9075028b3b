/* Object pool: bounds, exhaustion, caches, create and destroy, debug modes, and 10^6 steps against a model.
 */
#include <canp/pools/objpool.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>

#include "seed.h"

static unsigned modes_before;

static void plain_modes(void)
{
    modes_before = canp_ledger_set_modes(0);
}

TestSuite(objpool, .init = plain_modes, .timeout = 120);

static struct canp_objpool_opts opts_of(size_t object_bytes, unsigned ready, unsigned max, unsigned batch)
{
    struct canp_objpool_opts opts = CANP_OBJPOOL_OPTS_INIT;

    opts.object_bytes = object_bytes;
    opts.ready_count = ready;
    opts.object_count_max = max;
    opts.batch_count = batch ? batch : CANP_OBJPOOL_NO_CACHES;
    return opts;
}

static struct canp_objpool *make_pool(size_t object_bytes, unsigned ready, unsigned max, unsigned batch)
{
    struct canp_objpool_opts opts = opts_of(object_bytes, ready, max, batch);
    struct canp_objpool *pool = NULL;

    cr_assert_eq(canp_objpool_open(&opts, &pool), 0);
    cr_assert(canp_objpool_is_valid(pool));
    return pool;
}

static struct canp_objpool_stats stats_of(const struct canp_objpool *pool)
{
    struct canp_objpool_stats stats;

    canp_objpool_stats(pool, &stats);
    return stats;
}

static void expect_refused(struct canp_objpool_opts opts)
{
    struct canp_objpool *pool = NULL;

    cr_expect_eq(canp_objpool_open(&opts, &pool), -EINVAL);
    cr_expect_null(pool, "*out was touched");
}

Test(objpool, create_refuses_what_is_out_of_bounds)
{
    struct canp_objpool_opts opts = opts_of(8, 1, 1, 1);

    expect_refused(opts_of(0, 1, 1, 1));
    expect_refused(opts_of(CANP_OBJPOOL_OBJECT_BYTES_MAX + 1, 1, 1, 1));
    expect_refused(opts_of(8, 0, 0, 1));
    expect_refused(opts_of(8, 0, CANP_OBJPOOL_OBJECTS_MAX + 1, 1));
    expect_refused(opts_of(8, 2, 1, 1));
    expect_refused(opts_of(8, 1, 1, CANP_OBJPOOL_BATCH_MAX + 1));
    opts.align_bytes = 48;
    expect_refused(opts);
    opts.align_bytes = 2 * CANP_OBJPOOL_ALIGN_MAX;
    expect_refused(opts);
    opts.align_bytes = 0;
    opts.tag = CANP_MEMTAG_COUNT;
    expect_refused(opts);
    canp_objpool_close(NULL);
}

Test(objpool, create_takes_the_bounds_themselves)
{
    bool narrow = sizeof(void *) < 8; /* the largest pools do not fit into 32 bits of addresses */
    unsigned most = narrow ? CANP_OBJPOOL_OBJECTS_MAX / 64 : CANP_OBJPOOL_OBJECTS_MAX;
    struct canp_objpool *pool = make_pool(1, 0, most, CANP_OBJPOOL_BATCH_MAX);
    void *object = canp_objpool_acquire(pool);

    cr_expect_not_null(object);
    canp_objpool_release(pool, object);
    canp_objpool_close(pool);
    pool = make_pool(narrow ? CANP_OBJPOOL_OBJECT_BYTES_MAX / 2 : CANP_OBJPOOL_OBJECT_BYTES_MAX, 0, 2, 0);
    canp_objpool_release(pool, canp_objpool_acquire(pool));
    canp_objpool_close(pool);
}

/* Exhaustion: the bound is met exactly, and said. */
static void exhaust(unsigned batch)
{
    struct canp_objpool *pool = make_pool(24, 3, 10, batch);
    void *object[10];

    for (int i = 0; i < 10; i++) {
        object[i] = canp_objpool_acquire(pool);
        cr_assert_not_null(object[i]);
        cr_expect_eq((uintptr_t)object[i] % 64, 0);
        memset(object[i], i, 24);
    }
    cr_expect_null(canp_objpool_acquire(pool));
    cr_expect_null(canp_objpool_try_acquire(pool));
    cr_expect(canp_objpool_is_valid(pool));
    struct canp_objpool_stats stats = stats_of(pool);
    cr_expect_eq(stats.created, 10);
    cr_expect_eq(stats.in_use, 10);
    cr_expect_eq(stats.misses, 7);
    cr_expect_eq(stats.refusals, 2);
    for (int i = 0; i < 10; i++) {
        for (int at = 0; at < 24; at++)
            cr_assert_eq(((char *)object[i])[at], i, "objects overlap");
        canp_objpool_release(pool, object[i]);
        cr_assert(canp_objpool_is_valid(pool));
    }
    for (int i = 0; i < 10; i++)
        cr_assert_not_null(object[i] = canp_objpool_try_acquire(pool), "a free object was not found");
    cr_expect_eq(stats_of(pool).in_use, 10);
    canp_objpool_close(pool);
}

Test(objpool, exhaustion_with_caches)
{
    exhaust(2);
    exhaust(CANP_OBJPOOL_BATCH_MAX);
}

Test(objpool, exhaustion_without_caches)
{
    exhaust(0);
}

Test(objpool, try_acquire_never_creates)
{
    struct canp_objpool *pool = make_pool(8, 1, 4, 4);
    void *object = canp_objpool_try_acquire(pool);

    cr_expect_not_null(object);
    cr_expect_null(canp_objpool_try_acquire(pool));
    cr_expect_eq(stats_of(pool).created, 1);
    canp_objpool_release(pool, NULL);
    canp_objpool_release(pool, object);
    cr_expect_eq(canp_objpool_try_acquire(pool), object);
    canp_objpool_close(pool);
}

Test(objpool, alignment_is_kept)
{
    struct canp_objpool_opts opts = opts_of(100, 2, 4, 2);
    struct canp_objpool *pool = NULL;

    for (opts.align_bytes = 1; opts.align_bytes <= CANP_OBJPOOL_ALIGN_MAX; opts.align_bytes *= 2) {
        cr_assert_eq(canp_objpool_open(&opts, &pool), 0);
        for (int i = 0; i < 4; i++)
            cr_expect_eq((uintptr_t)canp_objpool_acquire(pool) % opts.align_bytes, 0);
        canp_objpool_close(pool);
    }
}

struct counts {
    int created, destroyed, fail_from;
};

static int create_object(void *object, void *user)
{
    struct counts *counts = user;

    if (counts->created == counts->fail_from)
        return -EIO;
    *(int *)object = ++counts->created;
    return 0;
}

static void destroy_object(void *object, void *user)
{
    struct counts *counts = user;

    cr_expect_gt(*(int *)object, 0, "destroyed without create");
    *(int *)object = 0;
    counts->destroyed++;
}

Test(objpool, create_and_destroy_run_once_per_object)
{
    struct counts counts = {.fail_from = 3};
    struct canp_objpool_opts opts = opts_of(sizeof(int), 2, 5, 2);
    struct canp_objpool *pool = NULL;

    opts.create = create_object;
    opts.destroy = destroy_object;
    opts.user = &counts;
    cr_assert_eq(canp_objpool_open(&opts, &pool), 0);
    cr_expect_eq(counts.created, 2);
    int *object[3];
    for (int i = 0; i < 3; i++)
        object[i] = canp_objpool_acquire(pool);
    cr_expect_null(canp_objpool_acquire(pool), "create failed");
    cr_expect_null(canp_objpool_acquire(pool));
    cr_expect(canp_objpool_is_valid(pool));
    int content = *object[0];
    canp_objpool_release(pool, object[0]);
    cr_expect_eq(canp_objpool_acquire(pool), object[0]);
    cr_expect_eq(*object[0], content, "content is kept between uses");
    cr_expect_eq(counts.created, 3);
    canp_objpool_close(pool);
    cr_expect_eq(counts.destroyed, 3);

    counts = (struct counts){.fail_from = 1};
    cr_expect_eq(canp_objpool_open(&opts, &pool), -EIO, "a ready object could not be created");
    cr_expect_eq(counts.destroyed, 1);
}

/* ---- between threads */

struct handover {
    struct canp_objpool *pool;
    void *object[40];
};

static void *take_all(void *arg)
{
    struct handover *handover = arg;

    for (int i = 0; i < 40; i++)
        handover->object[i] = canp_objpool_acquire(handover->pool);
    return NULL;
}

static void *bring_all(void *arg)
{
    struct handover *handover = arg;

    for (int i = 0; i < 40; i++)
        canp_objpool_release(handover->pool, handover->object[i]);
    return NULL;
}

static void run_thread(void *(*run)(void *), void *arg)
{
    pthread_t thread;

    cr_assert_eq(pthread_create(&thread, NULL, run, arg), 0);
    pthread_join(thread, NULL);
}

Test(objpool, a_thread_that_ends_leaves_nothing_in_its_cache)
{
    struct handover handover = {.pool = make_pool(64, 40, 40, 16)};

    for (int round = 0; round < 3; round++) {
        run_thread(take_all, &handover);
        cr_expect_eq(stats_of(handover.pool).in_use, 40);
        run_thread(bring_all, &handover);
        cr_expect_eq(stats_of(handover.pool).in_use, 0);
        cr_expect(canp_objpool_is_valid(handover.pool));
    }
    for (int i = 0; i < 40; i++)
        cr_assert_not_null(canp_objpool_try_acquire(handover.pool), "object %d is out of reach", i);
    canp_objpool_close(handover.pool);
}

Test(objpool, flush_makes_a_cache_available_to_others)
{
    struct handover handover = {.pool = make_pool(64, 40, 40, 64)};

    take_all(&handover);
    bring_all(&handover);
    run_thread(take_all, &handover);
    cr_expect_null(handover.object[0], "40 objects rest in this thread's cache");
    canp_objpool_flush(handover.pool);
    cr_expect(canp_objpool_is_valid(handover.pool));
    run_thread(take_all, &handover);
    cr_expect_not_null(handover.object[39]);
    canp_objpool_close(handover.pool);
}

/* More threads than there are slots: all are served, by the shared path. */
#define MANY_THREADS 80

static pthread_barrier_t barrier;

static void *acquire_in_company(void *arg)
{
    struct canp_objpool *pool = arg;
    void *object = canp_objpool_acquire(pool);

    pthread_barrier_wait(&barrier);
    cr_assert_not_null(object);
    canp_objpool_release(pool, object);
    pthread_barrier_wait(&barrier);
    return NULL;
}

Test(objpool, more_threads_than_slots)
{
    struct canp_objpool *pool = make_pool(64, 0, MANY_THREADS, 4);
    pthread_t thread[MANY_THREADS];

    pthread_barrier_init(&barrier, NULL, MANY_THREADS);
    for (int i = 0; i < MANY_THREADS; i++)
        cr_assert_eq(pthread_create(&thread[i], NULL, acquire_in_company, pool), 0);
    for (int i = 0; i < MANY_THREADS; i++)
        pthread_join(thread[i], NULL);
    cr_expect_eq(stats_of(pool).acquires, MANY_THREADS);
    cr_expect_eq(stats_of(pool).in_use, 0);
    cr_expect(canp_objpool_is_valid(pool));
    canp_objpool_close(pool);
}

/* ---- debug modes */

static void overrun(bool after_release)
{
    struct canp_objpool_opts opts = opts_of(100, 0, 4, 4);
    struct canp_objpool *pool = NULL;

    canp_ledger_set_modes(CANP_LEDGER_GUARDS);
    cr_assert_eq(canp_objpool_open(&opts, &pool), 0);
    volatile char *object = canp_objpool_acquire(pool);
    memset((char *)object, 1, 100);
    if (after_release) {
        canp_objpool_release(pool, (char *)object);
        object[0] = 1;
    } else {
        object[128] = 1;
    }
}

Test(objpool, guards_catch_an_overrun, .signal = SIGSEGV)
{
    signal(SIGSEGV, SIG_DFL); /* not AddressSanitizer's own report */
    overrun(false);
}

Test(objpool, guards_catch_a_use_after_release, .signal = SIGSEGV)
{
    signal(SIGSEGV, SIG_DFL);
    overrun(true);
}

struct told {
    unsigned times;
    struct canp_ledger_item item;
};

static void note_overrun(void *user, const struct canp_ledger_item *item)
{
    struct told *told = user;

    told->times++;
    told->item = *item;
}

/* 100 bytes and alignment leave 28 before the guard page. */
Test(objpool, guards_tell_of_a_write_into_the_slack)
{
    struct canp_objpool_opts opts = opts_of(100, 0, 4, 4);
    struct canp_objpool *pool = NULL;
    struct told told = {0};

    canp_ledger_set_modes(CANP_LEDGER_GUARDS);
    canp_ledger_on_overrun(note_overrun, &told);
    cr_assert_eq(canp_objpool_open(&opts, &pool), 0);
    char *object = canp_objpool_acquire(pool);
    int line = __LINE__ - 1;
    memset(object, 1, 100);
    canp_objpool_release(pool, object);
    cr_expect_eq(canp_ledger_overruns(), 0, "its last byte is its own");
    object = canp_objpool_acquire(pool);
    ((volatile char *)object)[100] = 1;
    canp_objpool_release(pool, object);
    cr_expect_eq(canp_ledger_overruns(), 1);
    cr_expect_eq(told.times, 1);
    cr_expect_eq(told.item.object, object);
    cr_expect_eq(told.item.bytes, 100);
    cr_expect_eq(told.item.site->line, line + 5);
    canp_ledger_on_overrun(NULL, NULL);
    object = canp_objpool_acquire(pool);
    ((volatile char *)object)[127] = 1;
    canp_objpool_release(pool, object);
    cr_expect_eq(canp_ledger_overruns(), 2, "counted with nobody to be told");
    cr_expect_eq(told.times, 1);
    cr_expect(canp_objpool_is_valid(pool));
    canp_objpool_close(pool);
}

Test(objpool, debug_modes_hand_out_and_take_back)
{
    canp_ledger_set_modes(CANP_LEDGER_GUARDS | CANP_LEDGER_STACKS);
    exhaust(2);
    exhaust(0);
    canp_ledger_set_modes(CANP_LEDGER_STACKS);
    exhaust(2);
}

#ifndef NDEBUG
Test(objpool, a_double_release_fails_its_assertion, .signal = SIGABRT)
{
    struct canp_objpool *pool = make_pool(64, 2, 2, 0);
    void *object = canp_objpool_acquire(pool);

    canp_objpool_release(pool, object);
    canp_objpool_release(pool, object);
}
#endif

/* ---- against a model: a set of held objects, each with its number written all over it */

#define HELD_MAX 50

static void random_steps(unsigned batch)
{
    struct test_random random = test_random_start("objpool");
    struct canp_objpool *pool = make_pool(40, 10, HELD_MAX, batch);
    uint64_t *held[HELD_MAX];
    uint64_t number[HELD_MAX];
    uint64_t held_count = 0, acquires = 0, refusals = 0;

    for (uint64_t step = 0; step < test_steps(1000000); step++) {
        if (test_random_below(&random, 1000) == 0)
            canp_objpool_flush(pool);
        if (test_random_below(&random, 2) == 0) {
            uint64_t *object = canp_objpool_acquire(pool);
            cr_assert_eq(object != NULL, held_count < HELD_MAX);
            refusals += object == NULL;
            if (object == NULL)
                continue;
            acquires++;
            for (int i = 0; i < 5; i++)
                object[i] = step;
            held[held_count] = object;
            number[held_count++] = step;
        } else if (held_count > 0) {
            uint64_t at = test_random_below(&random, held_count);
            for (int i = 0; i < 5; i++)
                cr_assert_eq(held[at][i], number[at]);
            canp_objpool_release(pool, held[at]);
            held[at] = held[--held_count];
            number[at] = number[held_count];
        }
        if (step % 997 == 0)
            cr_assert(canp_objpool_is_valid(pool));
    }
    struct canp_objpool_stats stats = stats_of(pool);
    cr_expect_eq(stats.acquires, acquires);
    cr_expect_eq(stats.in_use, held_count);
    cr_expect_eq(stats.refusals, refusals);
    cr_expect_gt(refusals, 0u, "the run never met the bound");
    canp_objpool_close(pool);
}

Test(objpool, a_million_random_steps_with_caches)
{
    random_steps(4);
}

Test(objpool, a_million_random_steps_without_caches)
{
    random_steps(0);
}

Test(objpool, an_option_of_a_newer_library_is_refused)
{
    struct {
        struct canp_objpool_opts opts;
        uint64_t newer;
    } later = {opts_of(8, 0, 1, 1), 0};
    struct canp_objpool *pool = NULL;

    later.opts.size = sizeof(later);
    cr_assert_eq(canp_objpool_open(&later.opts, &pool), 0);
    canp_objpool_close(pool);
    later.newer = 1;
    cr_expect_eq(canp_objpool_open(&later.opts, &pool), -E2BIG);
}

Test(objpool, zero_means_the_usual_caches)
{
    struct canp_objpool_opts opts = {.object_bytes = 8, .object_count_max = 1000};
    struct canp_objpool *pool = NULL;

    cr_assert_eq(canp_objpool_open(&opts, &pool), 0);
    for (unsigned i = 0; i < 2; i++)
        canp_objpool_release(pool, canp_objpool_acquire(pool));
    cr_expect_str_eq(stats_of(pool).name, "objects");
    cr_expect_eq(stats_of(pool).misses, 1, "the thread's cache has it");
    canp_objpool_close(pool);
}
