/*
 * Opens and closes object pools; objpool.c has the rest.
 *
 * Invariant: a pool that canp_objpool_open() returned is registered and holds its ready objects; where it
 * fails, nothing is left behind. Called while nobody else uses the pool.
 */
#include <canp/private/opts.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "objpool_private.h"
#include "poison.h"

static bool opts_are_good(const struct canp_objpool_opts *opts)
{
    size_t align_bytes = opts->align_bytes;

    return opts->object_bytes >= 1 && opts->object_bytes <= CANP_OBJPOOL_OBJECT_BYTES_MAX &&
           align_bytes <= CANP_OBJPOOL_ALIGN_MAX && (align_bytes & (align_bytes - 1)) == 0 &&
           opts->object_count_max >= 1 && opts->object_count_max <= CANP_OBJPOOL_OBJECTS_MAX &&
           opts->ready_count <= opts->object_count_max && opts->batch_count <= CANP_OBJPOOL_BATCH_MAX &&
           (unsigned)opts->tag < CANP_MEMTAG_COUNT;
}

/* Slot 0 first; each slot's cache starts a cache line. */
static int map_caches(struct canp_objpool *pool)
{
    unsigned limit = pool->cached ? 2 * pool->opts.batch_count : 0;
    size_t bytes = (sizeof(struct canp_obj_cache) + limit * sizeof(void *) + 63) / 64 * 64;
    size_t cache_count = canp_objpool_cache_count(pool);
    int r = canp_pages_map(cache_count * bytes, cache_count * bytes, false, false, &pool->cache_pages);

    if (r < 0)
        return r;
    for (unsigned slot = 0; slot < CANP_THREAD_ARRAY; slot++) {
        void *cache = (unsigned char *)pool->cache_pages.base + (pool->cached ? slot * bytes : 0);
        pool->caches[slot] = cache;
        pool->caches[slot]->limit = slot > 0 ? limit : 0;
    }
    return 0;
}

/* The first header lies right before the first aligned object. */
static int map_objects(struct canp_objpool *pool)
{
    const struct canp_objpool_opts *opts = &pool->opts;
    uint64_t bytes = opts->align_bytes + opts->object_count_max * pool->stride_bytes;
    size_t ready_bytes = (size_t)(opts->ready_count * pool->stride_bytes);
    bool guarded = canp_ledger_modes() & CANP_LEDGER_GUARDS;
    int r = bytes > SIZE_MAX / 2 ? -ENOMEM : 0; /* more than a 32-bit process has */

    if (r < 0)
        return r;
    r = canp_pages_map((size_t)bytes, guarded ? 0 : ready_bytes, opts->huge_pages, opts->lock_memory,
                       &pool->object_pages);

    if (r == 0)
        pool->objects = (unsigned char *)pool->object_pages.base + opts->align_bytes;
    return r;
}

static void init_pool(struct canp_objpool *pool, const struct canp_objpool_opts *opts)
{
    pool->opts = *opts;
    if (opts->align_bytes < sizeof(struct canp_obj))
        pool->opts.align_bytes = sizeof(struct canp_obj);
    size_t align_bytes = pool->opts.align_bytes;
    size_t bytes = sizeof(struct canp_obj) + opts->object_bytes;
    pool->stride_bytes = (bytes + align_bytes - 1) / align_bytes * align_bytes;
    pool->cached = opts->batch_count > 0 && canp_ledger_modes() == 0;
    atomic_init(&pool->free_batches.top, CANP_OBJ_NO_INDEX);
    atomic_init(&pool->raw.top, CANP_OBJ_NO_INDEX);
}

/* Says what zeros mean. */
static int take_opts(const struct canp_objpool_opts *opts, struct canp_objpool_opts *taken)
{
    int r = canp_opts_take(taken, sizeof(*taken), sizeof(*taken), opts);

    if (r < 0)
        return r;
    if (taken->name == NULL)
        taken->name = "objects";
    if (taken->batch_count == 0)
        taken->batch_count = 16;
    else if (taken->batch_count == CANP_OBJPOOL_NO_CACHES)
        taken->batch_count = 0;
    if (taken->tag == 0)
        taken->tag = CANP_MEMTAG_OBJECTS;
    return opts_are_good(taken) ? 0 : -EINVAL;
}

int canp_objpool_open(const struct canp_objpool_opts *opts, struct canp_objpool **out)
{
    struct canp_objpool_opts taken;
    int r = take_opts(opts, &taken);

    if (r < 0)
        return r;
    struct canp_objpool *pool = aligned_alloc(64, sizeof(*pool));
    if (pool == NULL)
        return -ENOMEM;
    memset(pool, 0, sizeof(*pool));
    init_pool(pool, &taken);
    r = map_caches(pool);
    if (r == 0)
        r = map_objects(pool);
    if (r == 0)
        r = canp_objpool_map_debug(pool);
    if (r == 0)
        r = canp_objpool_fill(pool);
    if (r < 0) {
        canp_objpool_close(pool);
        return r;
    }
    canp_objpools_register(pool);
    *out = pool;
    return 0;
}

static void destroy_objects(struct canp_objpool *pool)
{
    uint32_t index_count = atomic_load_explicit(&pool->index_count, memory_order_relaxed);

    if (pool->objects == NULL)
        return;
    canp_unpoison(pool->objects, index_count * pool->stride_bytes);
    if (pool->opts.destroy == NULL || pool->guarded != NULL)
        return;
    canp_objpool_mark_raw(pool);
    for (uint32_t i = 0; i < index_count; i++) {
        if (canp_obj_at(pool, i)->batch_count != CANP_OBJ_RAW)
            pool->opts.destroy(canp_obj_at(pool, i) + 1, pool->opts.user);
    }
}

void canp_objpool_close(struct canp_objpool *pool)
{
    if (pool == NULL)
        return;
    canp_objpools_unregister(pool);
    destroy_objects(pool);
    canp_objpool_unmap_debug(pool);
    canp_pages_unmap(&pool->object_pages);
    canp_pages_unmap(&pool->cache_pages);
    free(pool);
}
