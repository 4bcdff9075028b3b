/*
 * Inside an object pool: for objpool*.c, and for the layered pool, which keeps its buffers' reference counts
 * beside the objects. See objpool.c for the invariants.
 */
#ifndef CANP_POOLS_OBJPOOL_PRIVATE_H
#define CANP_POOLS_OBJPOOL_PRIVATE_H

#define CANP_OBJPOOL_BY_CALLS 1
#include <canp/pools/objpool.h>
#include <stdatomic.h>

#include "diagnostics/ledger_private.h"
#include "pages.h"
#include "threads.h"

#define CANP_OBJ_SIDECAR_BYTES 24
#define CANP_OBJ_NO_INDEX      UINT32_MAX
#define CANP_OBJ_RAW           UINT32_MAX /* as batch_count, at the pool's end: never created */

/* Right before each object, on a cache line of its own. Who holds the object owns `next`, `batch_count` and
 * the sidecar. In the guards mode a held object has a proxy, whose index is that of the real one. */
struct canp_obj {
    _Alignas(64) struct canp_objpool_mark_ mark;
    uint32_t index;              /* constant once born */
    struct canp_obj *next;       /* in a batch: the chain's next, or NULL */
    _Atomic uint32_t next_batch; /* index of the next batch's head; read by losers of a race */
    uint32_t batch_count;        /* in a batch's head: the length of its chain */
    _Alignas(8) unsigned char sidecar[CANP_OBJ_SIDECAR_BYTES];
};
_Static_assert(sizeof(struct canp_obj) == CANP_OBJPOOL_MARK_BYTES_, "right before the object");

/* A thread's own. The one for slot 0 keeps nothing, so that a thread without a slot drops out of the fast
 * path without a test of its own; its counters are those of all such threads. */
struct canp_obj_cache {
    _Alignas(64) struct canp_objpool_cache_ fast;
    uint64_t misses; /* like those in `fast`: one writer, or the shared one by atomic additions */
    uint64_t refusals;
    uint64_t batches;
    void *objects[]; /* those that are free besides the hot one; the last goes out next */
};

/* A lock-free stack of batches: index of the first batch's head, and a tag that every pop increments, in one
 * word. That an index comes back under a pop that looked at it earlier (ABA) is seen by the tag. */
struct canp_obj_stack {
    _Alignas(64) _Atomic uint64_t top;
};

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): lines of their own are the point */
struct canp_objpool {
    /* Constant after creation, but for the registry's links. */
    struct canp_objpool_caches_ caches; /* without thread caches: all the same one */
    unsigned char *objects;             /* the first object */
    uint64_t stride_bytes;
    struct canp_objpool_opts opts;
    struct canp_pages cache_pages;
    struct canp_pages object_pages;
    void **guarded; /* by index, in the guards mode: the object handed out */
    struct canp_pages guarded_pages;
    struct canp_ledger_trace *traces; /* by index, in the stacks mode; under the registry's trace lock */
    struct canp_pages trace_pages;
    bool cached; /* threads have caches */
    bool registered;
    struct canp_objpool *next, *prev; /* the registry's */

    struct canp_obj_stack free_batches;
    struct canp_obj_stack raw;          /* objects whose create failed, one each */
    _Alignas(64) _Atomic uint32_t born; /* indexes given out so far */
    _Atomic uint32_t created;
};

static inline struct canp_obj_cache *canp_obj_cache_of(const struct canp_objpool *pool, unsigned slot)
{
    return (struct canp_obj_cache *)(void *)pool->caches.by_slot[slot];
}

static inline struct canp_obj *canp_obj_at(const struct canp_objpool *pool, uint32_t index)
{
    return (struct canp_obj *)(void *)(pool->objects + index * pool->stride_bytes) - 1;
}

/* The header right before an object: the real one, or in the guards mode its proxy. */
static inline struct canp_obj *canp_obj_before(const void *object)
{
    return (struct canp_obj *)(uintptr_t)object - 1;
}

/* ---- objpool.c */
/* Creates the ready objects and stores them in batches: 0, or what `create` returned. */
int canp_objpool_fill(struct canp_objpool *pool);
/* At the pool's end: marks the objects that were never created. */
void canp_objpool_mark_raw(struct canp_objpool *pool);
void canp_objpool_flush_cache(struct canp_objpool *pool, struct canp_obj_cache *cache);

static inline bool canp_objpool_owns(const struct canp_objpool *pool, const void *object)
{
    uint64_t offset = (uint64_t)((const unsigned char *)object - pool->objects);
    return offset < pool->stride_bytes * pool->opts.object_count_max;
}

/* Caches that are distinct. */
static inline unsigned canp_objpool_cache_count(const struct canp_objpool *pool)
{
    return pool->cached ? CANP_THREAD_ARRAY : 1;
}

/* ---- objpool_registry.c: all pools of the process */
#define CANP_OBJPOOLS_ALL_SLOTS CANP_THREAD_ARRAY

void canp_objpools_register(struct canp_objpool *pool);
/* Also hands the pool's counts over to the statistics. */
void canp_objpools_unregister(struct canp_objpool *pool);
/* At the end of the thread that owns the slot. */
void canp_objpools_flush_slot(unsigned slot);
/* Adds what the pools handed out, in one slot or in all. */
void canp_objpools_add_counts(struct canp_memstats *stats, unsigned slot);
/* Shows the walk each held object. */
void canp_objpools_walk(struct canp_ledger_walk *walk);
/* In the debug modes: hands the object out, takes it back, under a lock, so that a walk sees it whole. */
void canp_objpool_enter_debug(struct canp_objpool *pool, struct canp_obj *obj, void *object,
                              const struct canp_site *site);
void canp_objpool_leave_debug(struct canp_objpool *pool, struct canp_obj *obj);

#endif
