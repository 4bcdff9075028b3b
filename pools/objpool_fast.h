/*
 * The object pool's fast path: a thread gets the object that it released last by a few loads and stores. It
 * is inline in this room and in the benchmarks only. Programs call canp_objpool_acquire_at() and
 * canp_objpool_release(), so nothing in here is part of the library's interface.
 *
 * Invariant: a cache is touched by its own thread alone, and the one of slot 0, which threads share, never
 * has a hot object nor room for one. Any thread.
 */
#ifndef CANP_POOLS_OBJPOOL_FAST_H
#define CANP_POOLS_OBJPOOL_FAST_H

#include "objpool_private.h"
#include "poison.h"

/* For counters with one writer, which others may read meanwhile. */
static inline void canp_objpool_count(uint64_t *counter)
{
    __atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
}

/* The hot object, or NULL. */
static inline void *canp_objpool_take_hot(struct canp_objpool *pool, struct canp_obj_cache *cache,
                                          const struct canp_site *site)
{
    void *object = cache->hot;

    if (__builtin_expect(object == NULL, 0))
        return NULL;
    cache->hot = NULL;
    canp_objpool_count(&cache->acquires);
    canp_obj_mark(canp_obj_before(object), site);
    canp_unpoison(object, pool->opts.object_bytes);
    return object;
}

/* Whether the object became the hot one. */
static inline bool canp_objpool_keep_hot(struct canp_objpool *pool, struct canp_obj_cache *cache,
                                         void *object)
{
    if (__builtin_expect(cache->hot != NULL || cache->limit == 0, 0))
        return false;
    __atomic_store_n(&canp_obj_before(object)->site, NULL, __ATOMIC_RELAXED);
    canp_poison(object, pool->opts.object_bytes);
    cache->hot = object;
    canp_objpool_count(&cache->releases);
    return true;
}

static inline void *canp_objpool_acquire_fast(struct canp_objpool *pool, const struct canp_site *site)
{
    void *object = canp_objpool_take_hot(pool, canp_obj_cache_of(pool, canp_thread_slot()), site);

    return object != NULL ? object : canp_objpool_acquire_at(pool, site);
}

/* NULL is not fine. */
static inline void canp_objpool_release_fast(struct canp_objpool *pool, void *object)
{
    if (!canp_objpool_keep_hot(pool, canp_obj_cache_of(pool, canp_thread_slot()), object))
        canp_objpool_release(pool, object);
}

#endif
