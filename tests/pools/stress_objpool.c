/*
 * Threads acquire, mark, pass on and release objects of one small pool: no object is ever held twice, counts
 * add up, and nothing is lost when threads end. Half the releases happen in another thread than the acquire.
 * A further thread reads statistics and ledger all the while.
 */
#include <canp/pools/ledger.h>
#include <canp/pools/memstats.h>
#include <canp/pools/objpool.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "seed.h"

#define THREADS    6
#define HELD_MAX   12
#define DROP_BOXES 16 /* a quarter of the objects at most */

struct object {
    _Atomic uint64_t holder; /* 0: free */
    uint64_t content[6];     /* plain: TSan watches the handing on */
};

static struct canp_objpool *pool;
static _Atomic(struct object *) drop_box[DROP_BOXES];
static _Atomic uint64_t errors, acquires;
static _Atomic bool stop;
static uint64_t step_count;
static unsigned object_count;

static void hold(struct object *object, uint64_t me)
{
    if (atomic_exchange(&object->holder, me) != 0)
        atomic_fetch_add(&errors, 1);
    for (int i = 0; i < 6; i++)
        object->content[i] = me;
    atomic_fetch_add(&acquires, 1);
}

static void let_go(struct object *object)
{
    uint64_t holder = atomic_exchange(&object->holder, 0);

    for (int i = 0; i < 6; i++) {
        if (object->content[i] != holder)
            atomic_fetch_add(&errors, 1);
    }
    canp_objpool_release(pool, object);
}

static void *work(void *arg)
{
    struct test_random random = {(uint64_t)(uintptr_t)arg * 1000003};
    struct object *held[HELD_MAX];
    unsigned held_count = 0;

    for (uint64_t step = 1; step <= step_count; step++) {
        uint64_t choice = test_random_below(&random, 4);
        if (choice < 2 && held_count < HELD_MAX) {
            struct object *object = choice ? canp_objpool_acquire(pool) : canp_objpool_try_acquire(pool);
            if (object == NULL)
                continue;
            hold(object, (uint64_t)(uintptr_t)arg << 40 | step);
            held[held_count++] = object;
        } else if (held_count > 0 && choice == 2) {
            let_go(held[--held_count]);
        } else if (held_count > 0) {
            _Atomic(struct object *) *box = &drop_box[test_random_below(&random, object_count / 4)];
            struct object *other = atomic_exchange(box, held[--held_count]);
            if (other != NULL)
                let_go(other);
        }
    }
    while (held_count > 0)
        let_go(held[--held_count]);
    return NULL;
}

static void *watch(void *arg)
{
    struct canp_memstats stats;
    struct canp_objpool_stats pool_stats;

    while (!atomic_load(&stop)) {
        canp_memstats_read(&stats);
        canp_objpool_stats(pool, &pool_stats);
        if (canp_ledger_each(0, NULL, NULL) > object_count || pool_stats.created > object_count)
            atomic_fetch_add(&errors, 1);
    }
    return arg;
}

static bool run(unsigned objects, unsigned batch_count, uint64_t seed)
{
    struct canp_objpool_opts opts = CANP_OBJPOOL_OPTS_INIT;
    struct canp_objpool_stats stats;
    pthread_t thread[THREADS], watcher;

    opts.object_bytes = sizeof(struct object);
    object_count = objects;
    opts.object_count_max = objects;
    opts.ready_count = objects / 2;
    opts.batch_count = batch_count ? batch_count : CANP_OBJPOOL_NO_CACHES;
    if (canp_objpool_open(&opts, &pool) < 0)
        return false;
    atomic_store(&acquires, 0);
    atomic_store(&stop, false);
    pthread_create(&watcher, NULL, watch, NULL);
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&thread[i], NULL, work, (void *)(uintptr_t)(i + 1 + seed % 1000 * THREADS));
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    atomic_store(&stop, true);
    pthread_join(watcher, NULL);
    for (int i = 0; i < DROP_BOXES; i++) {
        struct object *object = atomic_exchange(&drop_box[i], NULL);
        if (object != NULL)
            let_go(object);
    }
    canp_objpool_stats(pool, &stats);
    bool good = canp_objpool_is_valid(pool) && stats.in_use == 0 &&
                stats.acquires == atomic_load(&acquires) && atomic_load(&errors) == 0;
    printf("%s: %u objects, batches of %u: %" PRIu64 " acquires, %" PRIu64 " refusals, %" PRIu64
           " batches moved, %u created\n",
           good ? "ok" : "FAILED", objects, batch_count, stats.acquires, stats.refusals, stats.batches,
           stats.created);
    canp_objpool_close(pool);
    return good;
}

int main(void)
{
    uint64_t seed = test_random_start("stress_objpool").state;

    canp_ledger_set_modes(0);
    step_count = test_steps(200000);
    /* The last one lets the same few objects come and go under everybody's pops: ABA, were it not for the
     * tag. */
    return run(64, 2, seed) && run(64, 1, seed) && run(64, 0, seed) && run(5, 0, seed) ? 0 : 1;
}
