/*
 * The object pool's fast path, for canp/pools/objpool.h only: what a thread released last, it gets again
 * without a call. Everything here is private and changes with the library's soname; everything else of the
 * pool is behind calls. Under AddressSanitizer all goes by calls, which poison what is free.
 */
#ifndef CANP_POOLS_OBJPOOL_INLINE_H
#define CANP_POOLS_OBJPOOL_INLINE_H

#include <canp/export.h>
#include <canp/pools/ledger.h>
#include <stdint.h>

CANP_BEGIN_DECLS

struct canp_objpool;

/* Right before each object. Written by who holds the object; the ledger reads it. */
struct canp_objpool_mark_ {
    const struct canp_site *site; /* non-NULL: held, since `generation` */
    uint32_t generation;
};
#define CANP_OBJPOOL_MARK_BYTES_ 64 /* from a mark to its object */

/* The start of a thread's cache. */
struct canp_objpool_cache_ {
    void *hot;         /* the object released last, if it has not gone out since; else NULL */
    uint64_t acquires; /* one writer, relaxed */
    uint64_t releases; /* one writer, relaxed */
    uint32_t count;    /* of the other objects in the cache */
    uint32_t limit;    /* for count; 0 in a cache that keeps nothing */
};

/* The start of a pool: the caches by thread slot. That of slot 0 keeps nothing. */
struct canp_objpool_caches_ {
    struct canp_objpool_cache_ *by_slot[65];
};

/* One load each; written by the library alone. */
extern CANP_API __thread unsigned canp_thread_slot_ __attribute__((tls_model("initial-exec")));
extern CANP_API uint32_t canp_ledger_generation_;

static inline void canp_objpool_count_(uint64_t *counter)
{
    __atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
}

static inline struct canp_objpool_mark_ *canp_objpool_mark_of_(void *object)
{
    return (struct canp_objpool_mark_ *)(void *)((unsigned char *)object - CANP_OBJPOOL_MARK_BYTES_);
}

static inline void canp_objpool_mark_(void *object, const struct canp_site *site)
{
    struct canp_objpool_mark_ *mark = canp_objpool_mark_of_(object);
    uint32_t generation = __atomic_load_n(&canp_ledger_generation_, __ATOMIC_RELAXED);

    __atomic_store_n(&mark->generation, generation, __ATOMIC_RELAXED);
    /* release: pairs with the acquire of the ledger's walk, which then sees this generation or a later one */
    __atomic_store_n(&mark->site, site, __ATOMIC_RELEASE);
}

/* The hot object, or NULL. */
static inline void *canp_objpool_take_hot_(struct canp_objpool *pool, const struct canp_site *site)
{
    struct canp_objpool_cache_ *cache =
        ((struct canp_objpool_caches_ *)(void *)pool)->by_slot[canp_thread_slot_];
    void *object = cache->hot;

    if (__builtin_expect(object == NULL, 0))
        return NULL;
    cache->hot = NULL;
    canp_objpool_count_(&cache->acquires);
    canp_objpool_mark_(object, site);
    return object;
}

/* Whether the object became the hot one. */
static inline int canp_objpool_keep_hot_(struct canp_objpool *pool, void *object)
{
    struct canp_objpool_cache_ *cache =
        ((struct canp_objpool_caches_ *)(void *)pool)->by_slot[canp_thread_slot_];

    if (__builtin_expect(object == NULL || cache->hot != NULL || cache->limit == 0, 0))
        return 0;
    __atomic_store_n(&canp_objpool_mark_of_(object)->site, (const struct canp_site *)NULL, __ATOMIC_RELAXED);
    cache->hot = object;
    canp_objpool_count_(&cache->releases);
    return 1;
}

CANP_END_DECLS

#endif
