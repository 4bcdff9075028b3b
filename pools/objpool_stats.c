/*
 * Statistics of an object pool, and the check of its invariants (objpool.c).
 *
 * Invariant: counts are read by relaxed loads while others count; a release is read before the acquires, so
 * that an object that passes through between the two reads does not count below zero. Any thread; call the
 * check, and what counts stored objects, only while no other thread uses the pool.
 */
#include "diagnostics/memstats_private.h"
#include "objpool_private.h"

static uint64_t load(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static void add_cache(const struct canp_objpool *pool, unsigned slot, struct canp_memcount *to)
{
    const struct canp_obj_cache *cache = canp_obj_cache_of(pool, slot);
    uint64_t frees = load(&cache->releases);
    uint64_t allocs = load(&cache->acquires);

    to->frees += frees;
    to->freed_bytes += frees * pool->opts.object_bytes;
    to->allocs += allocs;
    to->allocated_bytes += allocs * pool->opts.object_bytes;
}

void canp_objpool_add_counts(const struct canp_objpool *pool, unsigned slot, struct canp_memcount *to)
{
    unsigned cache_count = canp_objpool_cache_count(pool);

    if (slot < cache_count)
        add_cache(pool, slot, to);
    if (slot == CANP_MEMSTATS_ALL_SLOTS) {
        for (unsigned i = 0; i < cache_count; i++)
            add_cache(pool, i, to);
    }
}

uint64_t canp_objpool_stored(const struct canp_objpool *pool)
{
    uint64_t stored = 0;
    uint32_t index = (uint32_t)atomic_load_explicit(&pool->free_batches.top, memory_order_relaxed);

    while (index != CANP_OBJ_NO_INDEX) { /* ends: nobody else uses the pool */
        stored += canp_obj_at(pool, index)->batch_count;
        index = atomic_load_explicit(&canp_obj_at(pool, index)->next_batch, memory_order_relaxed);
    }
    return stored;
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
        stats.releases += load(&cache->releases);
        stats.acquires += load(&cache->acquires);
        stats.misses += load(&cache->misses);
        stats.refusals += load(&cache->refusals);
        stats.batches += load(&cache->batches);
    }
    stats.in_use = stats.acquires > stats.releases ? stats.acquires - stats.releases : 0;
    *out = stats;
}

/* ------------------------------------------------------------------ validity */

/* Length of a chain, or UINT32_MAX if it is longer than `limit` or holds a held object. */
static uint32_t chain_length(const struct canp_obj *obj, uint32_t limit)
{
    uint32_t length = 0;

    for (; obj != NULL && length <= limit; obj = obj->next) {
        if (canp_obj_site(obj) != NULL)
            return UINT32_MAX;
        length++;
    }
    return length <= limit ? length : UINT32_MAX;
}

static bool is_free(const struct canp_objpool *pool, const void *object)
{
    return canp_objpool_owns(pool, object) && canp_obj_site(canp_obj_before(object)) == NULL;
}

static bool cache_is_valid(const struct canp_objpool *pool, const struct canp_obj_cache *cache,
                           uint64_t *free)
{
    if (cache->count > cache->limit)
        return false;
    for (uint32_t i = 0; i < cache->count; i++) {
        if (!is_free(pool, cache->objects[i]))
            return false;
    }
    *free += cache->count;
    if (cache->hot == NULL)
        return true;
    ++*free;
    return is_free(pool, cache->hot);
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
    uint32_t index_count = atomic_load_explicit(&pool->index_count, memory_order_relaxed);
    uint64_t free = 0, held = 0;

    for (unsigned slot = 0; slot < canp_objpool_cache_count(pool); slot++) {
        if (!cache_is_valid(pool, canp_obj_cache_of(pool, slot), &free))
            return false;
    }
    if (!store_is_valid(pool, &free))
        return false;
    for (uint32_t i = 0; i < index_count; i++)
        held += canp_obj_site(canp_obj_at(pool, i)) != NULL;
    canp_objpool_stats(pool, &stats);
    return held == stats.in_use && held + free == stats.created && stats.created <= index_count &&
           index_count <= pool->opts.object_count_max;
}
