/*
 * Layered pool (canp/pools/mempool.h): a thin layer over object pools, one per class.
 *
 * Invariant: the header before each block names its pool and, while the block is held, its class (in the
 * field that is the length of a batch while it is free). Direct blocks have the same header, and a ledger
 * node. Any thread.
 */
#include <assert.h>
#include <canp/pools/mempool.h>
#include <canp/private/opts.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mempool_private.h"
#include "objpool_fast.h"

#define DIRECT UINT32_MAX /* as a class */

struct canp_mempool {
    unsigned class_count;
    size_t block_bytes[CANP_MEMPOOL_CLASSES_MAX];
    struct canp_objpool *pools[CANP_MEMPOOL_CLASSES_MAX];
    size_t direct_bytes_max;
    enum canp_memtag tag;
    /* Written only off the fast path: a miss, a direct block, a refusal. */
    _Alignas(64) _Atomic uint64_t misses[CANP_MEMPOOL_CLASSES_MAX];
    _Atomic uint64_t direct_allocs;
    _Atomic uint64_t direct_in_use;
    _Atomic uint64_t direct_bytes;
    _Atomic uint64_t refusals;
};

struct direct {
    struct canp_ledger_node node;
    size_t bytes;
    struct canp_obj header; /* the block follows */
};

static void add(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static uint64_t load(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* ------------------------------------------------------------------ creation */

static int add_class(struct canp_mempool *pool, const struct canp_mempool_opts *opts,
                     const struct canp_mempool_class_opts *class)
{
    struct canp_objpool_opts objpool_opts = {
        .size = sizeof(objpool_opts),
        .name = "blocks",
        .object_bytes = class->block_bytes,
        .align_bytes = opts->align_bytes,
        .ready_count = class->ready_count,
        .object_count_max = class->count_max,
        .batch_count = class->batch_count,
        .tag = opts->tag,
        .lock_memory = opts->lock_memory,
        .huge_pages = opts->huge_pages,
    };
    unsigned at = pool->class_count;

    if (at > 0 && class->block_bytes <= pool->block_bytes[at - 1])
        return -EINVAL;
    int r = canp_objpool_open(&objpool_opts, &pool->pools[at]);
    if (r < 0)
        return r;
    pool->block_bytes[at] = class->block_bytes;
    pool->class_count = at + 1;
    return 0;
}

/* Says what zeros mean. */
static int take_opts(const struct canp_mempool_opts *opts, struct canp_mempool_opts *taken)
{
    static const struct canp_mempool_class_opts usual[CANP_MEMPOOL_CLASSES_MAX] = CANP_MEMPOOL_USUAL_CLASSES;
    int r = canp_opts_take(taken, sizeof(*taken), sizeof(*taken), opts);

    if (r < 0)
        return r;
    if (taken->no_classes)
        taken->classes[0].block_bytes = 0;
    else if (taken->classes[0].block_bytes == 0)
        memcpy(taken->classes, usual, sizeof(usual));
    if (taken->no_direct)
        taken->direct_bytes_max = 0;
    else if (taken->direct_bytes_max == 0)
        taken->direct_bytes_max = (size_t)256 << 20;
    if (taken->align_bytes == 0)
        taken->align_bytes = 64;
    if (taken->tag == 0)
        taken->tag = CANP_MEMTAG_BUFFERS;
    return 0;
}

int canp_mempool_open(const struct canp_mempool_opts *opts, struct canp_mempool **out)
{
    struct canp_mempool_opts taken;
    int r = take_opts(opts, &taken);

    if (r < 0)
        return r;
    struct canp_mempool *pool = aligned_alloc(64, sizeof(*pool));
    if (pool == NULL)
        return -ENOMEM;
    memset(pool, 0, sizeof(*pool));
    pool->direct_bytes_max = taken.direct_bytes_max;
    pool->tag = taken.tag;
    for (unsigned i = 0; i < CANP_MEMPOOL_CLASSES_MAX && taken.classes[i].block_bytes > 0; i++) {
        r = add_class(pool, &taken, &taken.classes[i]);
        if (r < 0) {
            canp_mempool_close(pool);
            return r;
        }
    }
    *out = pool;
    return 0;
}

void canp_mempool_close(struct canp_mempool *pool)
{
    if (pool == NULL)
        return;
    assert(load(&pool->direct_in_use) == 0);
    for (unsigned i = 0; i < pool->class_count; i++)
        canp_objpool_close(pool->pools[i]);
    free(pool);
}

/* ------------------------------------------------------------------ direct blocks */

/* Reserves room under the bound. */
static bool reserve_direct(struct canp_mempool *pool, size_t bytes)
{
    uint64_t before = load(&pool->direct_bytes);

    do { /* ends at the bound at the latest */
        if (bytes > pool->direct_bytes_max || before > pool->direct_bytes_max - bytes)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&pool->direct_bytes, &before, before + bytes,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}

static void *alloc_direct(struct canp_mempool *pool, size_t bytes, const struct canp_site *site)
{
    if (!reserve_direct(pool, bytes))
        return NULL;
    struct direct *direct = aligned_alloc(64, (sizeof(*direct) + bytes + 63) / 64 * 64);
    if (direct == NULL) {
        add(&pool->direct_bytes, -(uint64_t)bytes);
        return NULL;
    }
    memset(direct, 0, sizeof(*direct));
    direct->bytes = bytes;
    direct->header.site = site;
    canp_ledger_enter(&direct->node, pool->tag, direct + 1, bytes, site);
    canp_memstats_alloc(pool->tag, bytes);
    add(&pool->direct_allocs, 1);
    add(&pool->direct_in_use, 1);
    return direct + 1;
}

static void release_direct(struct canp_mempool *pool, void *block)
{
    struct direct *direct = (struct direct *)block - 1;

    canp_ledger_leave(&direct->node);
    canp_memstats_free(pool->tag, direct->bytes);
    add(&pool->direct_bytes, -(uint64_t)direct->bytes);
    add(&pool->direct_in_use, (uint64_t)-1);
    free(direct);
}

/* ------------------------------------------------------------------ blocks */

/* The smallest class that fits, or class_count. */
static unsigned class_for(const struct canp_mempool *pool, size_t bytes)
{
    unsigned class = 0;

    while (class < pool->class_count && pool->block_bytes[class] < bytes)
        class ++;
    return class;
}

static void *alloc(struct canp_mempool *pool, size_t bytes, const struct canp_site *site, bool may_go_direct)
{
    unsigned class = class_for(pool, bytes);
    void *block = NULL;

    bytes = bytes > 0 ? bytes : 1;
    if (class < pool->class_count) {
        block = canp_objpool_acquire_fast(pool->pools[class], site);
        if (block == NULL)
            add(&pool->misses[class], 1);
    }
    if (block == NULL) {
        block = may_go_direct ? alloc_direct(pool, bytes, site) : NULL;
        class = DIRECT;
    }
    if (block == NULL) {
        add(&pool->refusals, 1);
        return NULL;
    }
    canp_obj_before(block)->batch_count = class;
    canp_block_of(block)->pool = pool;
    return block;
}

void *canp_mempool_acquire_at(struct canp_mempool *pool, size_t bytes, const struct canp_site *site)
{
    return alloc(pool, bytes, site, true);
}

void *canp_mempool_try_acquire_at(struct canp_mempool *pool, size_t bytes, const struct canp_site *site)
{
    return alloc(pool, bytes, site, false);
}

void canp_mempool_release(struct canp_mempool *pool, void *block)
{
    if (block == NULL)
        return;
    uint32_t class = canp_obj_before(block)->batch_count;

    assert(canp_block_of(block)->pool == pool);
    if (class == DIRECT)
        release_direct(pool, block);
    else
        canp_objpool_release_fast(pool->pools[class], block);
}

size_t canp_mempool_block_bytes(const struct canp_mempool *pool, const void *block)
{
    uint32_t class = canp_obj_before(block)->batch_count;

    return class == DIRECT ? ((const struct direct *)block - 1)->bytes : pool->block_bytes[class];
}

void canp_mempool_flush(struct canp_mempool *pool)
{
    for (unsigned i = 0; i < pool->class_count; i++)
        canp_objpool_flush(pool->pools[i]);
}

void canp_mempool_stats(const struct canp_mempool *pool, struct canp_mempool_stats *out)
{
    struct canp_mempool_stats stats = {
        .class_count = pool->class_count,
        .direct_allocs = load(&pool->direct_allocs),
        .direct_in_use = load(&pool->direct_in_use),
        .direct_bytes = load(&pool->direct_bytes),
        .refusals = load(&pool->refusals),
    };

    for (unsigned i = 0; i < pool->class_count; i++) {
        struct canp_objpool_stats class;
        canp_objpool_stats(pool->pools[i], &class);
        stats.classes[i] = (struct canp_mempool_class_stats){
            .block_bytes = class.object_bytes,
            .count_max = class.object_count_max,
            .created = class.created,
            .in_use = class.in_use,
            .acquires = class.acquires,
            .misses = load(&pool->misses[i]),
        };
    }
    *out = stats;
}
