/*
 * The list of all object pools of the process, for the statistics, the ledger and the caches of threads that
 * end. These three do not depend on pools; the first pool that registers gives them a function to call.
 *
 * Invariant: a pool is on the list from the end of its creation to the beginning of its end. `lock` guards
 * the list and is held while a pool is read, so that the pool cannot be closed meanwhile. The fast path never
 * takes it. Order of locks: the ledger's, `lock`, that of objpool_debug.c. Any thread.
 */
#include <pthread.h>

#include "diagnostics/memstats_private.h"
#include "objpool_private.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t introduced = PTHREAD_ONCE_INIT;
static struct canp_objpool *pools;

/* ------------------------------------------------------------------ who asks for all pools */

/* At the end of the thread that owns the slot. */
static void flush_slot(unsigned slot)
{
    pthread_mutex_lock(&lock);
    for (struct canp_objpool *pool = pools; pool != NULL; pool = pool->next) {
        if (pool->cached)
            canp_objpool_flush_cache(pool, canp_obj_cache_of(pool, slot));
    }
    pthread_mutex_unlock(&lock);
}

static void add_counts(struct canp_memstats *stats, unsigned slot)
{
    pthread_mutex_lock(&lock);
    for (const struct canp_objpool *pool = pools; pool != NULL; pool = pool->next)
        canp_objpool_add_counts(pool, slot, &stats->tag[pool->opts.tag]);
    pthread_mutex_unlock(&lock);
}

static void meet(const struct canp_objpool *pool, uint32_t index, struct canp_ledger_walk *walk)
{
    const struct canp_obj *obj = canp_obj_at(pool, index);
    const struct canp_site *site = canp_obj_site(obj);
    uint64_t now_ns = canp_ledger_walk_now_ns(walk);

    if (site == NULL)
        return;
    uint32_t generation = __atomic_load_n(&obj->generation, __ATOMIC_RELAXED);
    struct canp_ledger_item item = {
        .object = obj + 1,
        .bytes = pool->opts.object_bytes,
        .tag = pool->opts.tag,
        .site = site,
        .age_ns = canp_ledger_generation_age_ns(generation, now_ns),
    };
    canp_objpool_complete_item(pool, index, now_ns, &item);
    canp_ledger_meet(walk, &item);
}

static void walk_pool(const struct canp_objpool *pool, struct canp_ledger_walk *walk)
{
    uint32_t index_count = atomic_load_explicit(&pool->index_count, memory_order_relaxed);

    for (uint32_t i = 0; i < index_count; i++)
        meet(pool, i, walk);
}

static void walk_pools(struct canp_ledger_source *source, struct canp_ledger_walk *walk)
{
    (void)source;
    pthread_mutex_lock(&lock);
    canp_objpool_debug_lock();
    for (const struct canp_objpool *pool = pools; pool != NULL; pool = pool->next)
        walk_pool(pool, walk);
    canp_objpool_debug_unlock();
    pthread_mutex_unlock(&lock);
}

static void introduce(void)
{
    static struct canp_ledger_source source = {.walk = walk_pools};

    canp_thread_at_end(flush_slot);
    canp_memstats_count_pools(add_counts);
    canp_ledger_add_source(&source);
}

/* ------------------------------------------------------------------ coming and going */

void canp_objpools_register(struct canp_objpool *pool)
{
    pthread_once(&introduced, introduce); /* outside of the lock: it takes the ledger's */
    pthread_mutex_lock(&lock);
    pool->prev = NULL;
    pool->next = pools;
    if (pools != NULL)
        pools->prev = pool;
    pools = pool;
    pool->registered = true;
    pthread_mutex_unlock(&lock);
}

void canp_objpools_unregister(struct canp_objpool *pool)
{
    struct canp_memcount count = {0};

    if (!pool->registered)
        return;
    pthread_mutex_lock(&lock);
    canp_objpool_add_counts(pool, CANP_MEMSTATS_ALL_SLOTS, &count);
    count.freed_bytes = count.allocated_bytes; /* what is still held goes with the pool */
    count.frees = count.allocs;
    canp_memstats_retire(pool->opts.tag, &count);
    if (pool->prev != NULL)
        pool->prev->next = pool->next;
    else
        pools = pool->next;
    if (pool->next != NULL)
        pool->next->prev = pool->prev;
    pthread_mutex_unlock(&lock);
    uint64_t out = atomic_load_explicit(&pool->created, memory_order_relaxed) - canp_objpool_stored(pool);
    canp_memstats_move_level(pool->opts.tag, -(int64_t)(out * pool->opts.object_bytes));
}
