/*
 * All object pools of the process: for statistics, for the ledger, and for the caches of threads that end.
 *
 * Invariant: a pool is on the list from the end of its creation to the beginning of its end. `lock` guards
 * the list and is held while a pool is looked at, so none goes away meanwhile. Never on the fast path.
 * Locks: the ledger's, then `lock`, then `trace_lock`.
 */
#include <pthread.h>
#include <string.h>

#include "diagnostics/memstats_private.h"
#include "objpool_private.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t trace_lock = PTHREAD_MUTEX_INITIALIZER;
static struct canp_objpool *pools;

void canp_objpools_register(struct canp_objpool *pool)
{
    pthread_mutex_lock(&lock);
    pool->prev = NULL;
    pool->next = pools;
    if (pools != NULL)
        pools->prev = pool;
    pools = pool;
    pool->registered = true;
    pthread_mutex_unlock(&lock);
}

void canp_objpools_flush_slot(unsigned slot)
{
    pthread_mutex_lock(&lock);
    for (struct canp_objpool *pool = pools; pool != NULL; pool = pool->next) {
        if (pool->cached)
            canp_objpool_flush_cache(pool, canp_obj_cache_of(pool, slot));
    }
    pthread_mutex_unlock(&lock);
}

/* ------------------------------------------------------------------ counts */

static uint64_t load(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static void add_counts(const struct canp_objpool *pool, unsigned slot, struct canp_memcount *to)
{
    const struct canp_obj_cache *cache = canp_obj_cache_of(pool, slot);
    uint64_t frees = load(&cache->fast.releases); /* before the acquires: see memstats.c */
    uint64_t allocs = load(&cache->fast.acquires);

    to->frees += frees;
    to->freed_bytes += frees * pool->opts.object_bytes;
    to->allocs += allocs;
    to->allocated_bytes += allocs * pool->opts.object_bytes;
}

static void add_all_counts(const struct canp_objpool *pool, struct canp_memcount *to)
{
    for (unsigned slot = 0; slot < canp_objpool_cache_count(pool); slot++)
        add_counts(pool, slot, to);
}

void canp_objpools_add_counts(struct canp_memstats *stats, unsigned slot)
{
    pthread_mutex_lock(&lock);
    for (const struct canp_objpool *pool = pools; pool != NULL; pool = pool->next) {
        if (slot == CANP_OBJPOOLS_ALL_SLOTS)
            add_all_counts(pool, &stats->tag[pool->opts.tag]);
        else if (slot < canp_objpool_cache_count(pool))
            add_counts(pool, slot, &stats->tag[pool->opts.tag]);
    }
    pthread_mutex_unlock(&lock);
}

static uint64_t objects_in_store(const struct canp_objpool *pool)
{
    uint64_t stored = 0;
    uint32_t index = (uint32_t)atomic_load_explicit(&pool->free_batches.top, memory_order_relaxed);

    while (index != CANP_OBJ_NO_INDEX) { /* ends: nobody else uses the pool */
        stored += canp_obj_at(pool, index)->batch_count;
        index = atomic_load_explicit(&canp_obj_at(pool, index)->next_batch, memory_order_relaxed);
    }
    return stored;
}

void canp_objpools_unregister(struct canp_objpool *pool)
{
    struct canp_memcount count = {0};

    if (!pool->registered)
        return;
    pthread_mutex_lock(&lock);
    add_all_counts(pool, &count);
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
    uint64_t out = atomic_load_explicit(&pool->created, memory_order_relaxed) - objects_in_store(pool);
    canp_memstats_move_level(pool->opts.tag, -(int64_t)(out * pool->opts.object_bytes));
}

void canp_objpool_stats(const struct canp_objpool *pool, struct canp_objpool_stats *out)
{
    struct canp_objpool_stats stats = {
        .name = pool->opts.name,
        .object_bytes = pool->opts.object_bytes,
        .object_count_max = pool->opts.object_count_max,
        .created = atomic_load_explicit(&pool->created, memory_order_relaxed),
        .reserved_bytes = pool->object_pages.map_bytes + pool->cache_pages.map_bytes +
                          pool->guarded_pages.map_bytes + pool->trace_pages.map_bytes,
        .locked = pool->object_pages.locked,
        .lock_error = pool->object_pages.lock_error,
    };

    for (unsigned slot = 0; slot < canp_objpool_cache_count(pool); slot++) {
        const struct canp_obj_cache *cache = canp_obj_cache_of(pool, slot);
        stats.releases += load(&cache->fast.releases);
        stats.acquires += load(&cache->fast.acquires);
        stats.misses += load(&cache->misses);
        stats.refusals += load(&cache->refusals);
        stats.batches += load(&cache->batches);
    }
    stats.in_use = stats.acquires > stats.releases ? stats.acquires - stats.releases : 0;
    *out = stats;
}

/* ------------------------------------------------------------------ the ledger's walk */

void canp_objpool_enter_debug(struct canp_objpool *pool, struct canp_obj *obj, void *object,
                              const struct canp_site *site)
{
    pthread_mutex_lock(&trace_lock);
    if (pool->traces != NULL)
        canp_ledger_take_trace(&pool->traces[obj->index]);
    if (pool->guarded != NULL)
        pool->guarded[obj->index] = object;
    canp_objpool_mark_(obj + 1, site);
    canp_objpool_mark_(object, site);
    pthread_mutex_unlock(&trace_lock);
}

void canp_objpool_leave_debug(struct canp_objpool *pool, struct canp_obj *obj)
{
    (void)pool;
    pthread_mutex_lock(&trace_lock);
    __atomic_store_n(&obj->mark.site, NULL, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&trace_lock);
}

static const struct canp_site *site_of(const struct canp_obj *obj)
{
    /* acquire: pairs with the release in canp_objpool_mark_() */
    return __atomic_load_n(&obj->mark.site, __ATOMIC_ACQUIRE);
}

static void meet(const struct canp_objpool *pool, uint32_t index, struct canp_ledger_walk *walk)
{
    const struct canp_obj *obj = canp_obj_at(pool, index);
    const struct canp_site *site = site_of(obj);
    uint64_t now_ns = canp_ledger_walk_now_ns(walk);

    if (site == NULL)
        return;
    uint32_t generation = __atomic_load_n(&obj->mark.generation, __ATOMIC_RELAXED);
    struct canp_ledger_item item = {
        .object = pool->guarded != NULL ? pool->guarded[index] : obj + 1,
        .bytes = pool->opts.object_bytes,
        .tag = pool->opts.tag,
        .site = site,
        .age_ns = canp_ledger_generation_age_ns(generation, now_ns),
    };
    if (pool->traces != NULL) {
        const struct canp_ledger_trace *trace = &pool->traces[index];
        item.age_ns = now_ns > trace->since_ns ? now_ns - trace->since_ns : 0;
        item.frame_count = trace->frame_count;
        item.frames = trace->frames;
    }
    canp_ledger_meet(walk, &item);
}

static void walk_pool(const struct canp_objpool *pool, struct canp_ledger_walk *walk)
{
    uint32_t born = atomic_load_explicit(&pool->born, memory_order_relaxed);

    for (uint32_t i = 0; i < born; i++)
        meet(pool, i, walk);
}

void canp_objpools_walk(struct canp_ledger_walk *walk)
{
    pthread_mutex_lock(&lock);
    pthread_mutex_lock(&trace_lock);
    for (const struct canp_objpool *pool = pools; pool != NULL; pool = pool->next)
        walk_pool(pool, walk);
    pthread_mutex_unlock(&trace_lock);
    pthread_mutex_unlock(&lock);
}

/* ------------------------------------------------------------------ validity */

/* Length of a chain, or UINT32_MAX if it is longer than `limit` or holds a held object. */
static uint32_t chain_length(const struct canp_obj *obj, uint32_t limit)
{
    uint32_t length = 0;

    for (; obj != NULL && length <= limit; obj = obj->next) {
        if (site_of(obj) != NULL)
            return UINT32_MAX;
        length++;
    }
    return length <= limit ? length : UINT32_MAX;
}

static bool is_free(const struct canp_objpool *pool, const void *object)
{
    return canp_objpool_owns(pool, object) && site_of(canp_obj_before(object)) == NULL;
}

static bool cache_is_valid(const struct canp_objpool *pool, const struct canp_obj_cache *cache,
                           uint64_t *free)
{
    if (cache->fast.count > cache->fast.limit)
        return false;
    for (uint32_t i = 0; i < cache->fast.count; i++) {
        if (!is_free(pool, cache->objects[i]))
            return false;
    }
    *free += cache->fast.count;
    if (cache->fast.hot == NULL)
        return true;
    ++*free;
    return is_free(pool, cache->fast.hot);
}

static bool store_is_valid(const struct canp_objpool *pool, uint64_t *free)
{
    uint32_t index = (uint32_t)atomic_load_explicit(&pool->free_batches.top, memory_order_relaxed);
    uint32_t batches = 0;

    for (; index != CANP_OBJ_NO_INDEX; batches++) {
        const struct canp_obj *head = canp_obj_at(pool, index);
        if (index >= pool->opts.object_count_max || batches > pool->opts.object_count_max ||
            chain_length(head, head->batch_count) != head->batch_count)
            return false;
        *free += head->batch_count;
        index = atomic_load_explicit(&head->next_batch, memory_order_relaxed);
    }
    return true;
}

bool canp_objpool_is_valid(const struct canp_objpool *pool)
{
    struct canp_objpool_stats stats;
    uint32_t born = atomic_load_explicit(&pool->born, memory_order_relaxed);
    uint64_t free = 0, held = 0;

    for (unsigned slot = 0; slot < canp_objpool_cache_count(pool); slot++) {
        if (!cache_is_valid(pool, canp_obj_cache_of(pool, slot), &free))
            return false;
    }
    if (!store_is_valid(pool, &free))
        return false;
    for (uint32_t i = 0; i < born; i++)
        held += site_of(canp_obj_at(pool, i)) != NULL;
    canp_objpool_stats(pool, &stats);
    return held == stats.in_use && held + free == stats.created && stats.created <= born &&
           born <= pool->opts.object_count_max;
}
