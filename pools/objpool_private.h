/*
 * Inside an object pool: for objpool*.c, and for the layered pool, which keeps its buffers' reference counts
 * beside the objects. See objpool.c for the invariants.
 */
#ifndef CANP_POOLS_OBJPOOL_PRIVATE_H
#define CANP_POOLS_OBJPOOL_PRIVATE_H

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
    /* The mark: written by who holds the object, read by the ledger. */
    _Alignas(64) const struct canp_site *site; /* non-NULL: held, since `generation` */
    uint32_t generation;
    uint32_t index;              /* constant once given out */
    struct canp_obj *next;       /* in a batch: the chain's next, or NULL */
    _Atomic uint32_t next_batch; /* index of the next batch's head; read by losers of a race */
    uint32_t batch_count;        /* in a batch's head: the length of its chain */
    _Alignas(8) unsigned char sidecar[CANP_OBJ_SIDECAR_BYTES];
};
_Static_assert(sizeof(struct canp_obj) == 64, "one line");

/* A thread's own. The one for slot 0 keeps nothing, so that a thread without a slot drops out of the fast
 * path without a test of its own; its counters are those of all such threads. */
struct canp_obj_cache {
    _Alignas(64) void *hot; /* the object released last, if it has not gone out since; else NULL */
    /* One writer, relaxed; those of slot 0 by atomic additions. */
    _Alignas(8) uint64_t acquires;
    uint64_t releases;
    uint32_t count; /* of the other objects in the cache */
    uint32_t limit; /* for count; 0 in a cache that keeps nothing */
    uint64_t misses;
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
    struct canp_obj_cache *caches[CANP_THREAD_ARRAY]; /* by thread slot; without caches: all the same one */
    unsigned char *objects;                           /* the first object */
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
    struct canp_obj_stack raw;                 /* objects whose create failed, one each */
    _Alignas(64) _Atomic uint32_t index_count; /* indexes given out so far */
    _Atomic uint32_t created;
};

static inline struct canp_obj_cache *canp_obj_cache_of(const struct canp_objpool *pool, unsigned slot)
{
    return pool->caches[slot];
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

static inline void canp_obj_mark(struct canp_obj *obj, const struct canp_site *site)
{
    __atomic_store_n(&obj->generation, canp_ledger_generation(), __ATOMIC_RELAXED);
    /* release: pairs with the acquire in canp_obj_site(), which then sees this generation or a later one */
    __atomic_store_n(&obj->site, site, __ATOMIC_RELEASE);
}

/* Non-NULL: the object is held. */
static inline const struct canp_site *canp_obj_site(const struct canp_obj *obj)
{
    return __atomic_load_n(&obj->site, __ATOMIC_ACQUIRE);
}

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

/* ---- objpool.c */
/* Creates the ready objects and stores them in batches: 0, or what `create` returned. */
int canp_objpool_fill(struct canp_objpool *pool);
/* At the pool's end: marks the objects that were never created. */
void canp_objpool_mark_raw(struct canp_objpool *pool);
void canp_objpool_flush_cache(struct canp_objpool *pool, struct canp_obj_cache *cache);

/* ---- objpool_debug.c: the ledger's debug modes */
/* Reserves what the modes need: 0, or -ENOMEM. */
int canp_objpool_map_debug(struct canp_objpool *pool);
void canp_objpool_unmap_debug(struct canp_objpool *pool);
/* The object to hand out for obj, entered in the ledger; NULL: no memory for it, or `create` failed. */
void *canp_objpool_enter_debug(struct canp_objpool *pool, struct canp_obj *obj, const struct canp_site *site);
/* Takes an object back; returns its obj. */
struct canp_obj *canp_objpool_leave_debug(struct canp_objpool *pool, void *object);
/* Between these, what canp_objpool_complete_item() looks at stays as it is. */
void canp_objpool_debug_lock(void);
void canp_objpool_debug_unlock(void);
/* What the modes know better about the object with this index. */
void canp_objpool_complete_item(const struct canp_objpool *pool, uint32_t index, uint64_t now_ns,
                                struct canp_ledger_item *item);

/* ---- objpool_stats.c */
/* Adds what was handed out through one slot's cache, or through all. */
void canp_objpool_add_counts(const struct canp_objpool *pool, unsigned slot, struct canp_memcount *to);
/* Objects in the shared store. Call it while no other thread uses the pool. */
uint64_t canp_objpool_stored(const struct canp_objpool *pool);

/* ---- objpool_registry.c: all pools of the process */
void canp_objpools_register(struct canp_objpool *pool);
/* Also hands the pool's counts over to the statistics. */
void canp_objpools_unregister(struct canp_objpool *pool);

#endif
