/*
 * Object pool: objects of one size that are created once and reused.
 *
 * Objects keep their content between uses; `create` runs once per object, not once per acquire. Each thread
 * keeps a few in a cache of its own (no lock, no atomic read-modify-write). The others are in a lock-free
 * stack shared by all threads; objects move between it and a cache in batches. canp_objpool_open() reserves
 * the address space and canp_objpool_close() returns it; nothing in between calls malloc.
 *
 * Threads: acquire, try_acquire, release and stats from any thread, and an object may be released by another
 * thread than the one that acquired it; open and close while nobody else uses the pool. A signal handler must
 * not call any of them.
 */
#ifndef CANP_POOLS_OBJPOOL_H
#define CANP_POOLS_OBJPOOL_H

#include <canp/export.h>
#include <canp/pools/ledger.h>
#include <canp/pools/memstats.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

CANP_BEGIN_DECLS

/* Bounds of canp_objpool_open(); outside of them it returns -EINVAL. */
#define CANP_OBJPOOL_OBJECTS_MAX      16777216u
#define CANP_OBJPOOL_OBJECT_BYTES_MAX ((size_t)1 << 30)
#define CANP_OBJPOOL_ALIGN_MAX        4096u
#define CANP_OBJPOOL_BATCH_MAX        256u

#define CANP_OBJPOOL_NO_CACHES                                                                               \
    UINT32_MAX /* as batch_count: no caches, so every free object is available to every thread               \
                */

struct canp_objpool;

struct canp_objpool_opts {
    size_t size;               /* canp/export.h */
    const char *name;          /* borrowed for the pool's life; for reports. NULL: "objects" */
    size_t object_bytes;       /* 1 .. CANP_OBJPOOL_OBJECT_BYTES_MAX */
    size_t align_bytes;        /* 0: 16; else a power of two up to CANP_OBJPOOL_ALIGN_MAX */
    unsigned ready_count;      /* created and prefaulted by open; at most object_count_max */
    unsigned object_count_max; /* 1 .. CANP_OBJPOOL_OBJECTS_MAX: never more than these exist */
    /* A thread's cache holds up to 2 * batch_count + 1 objects, which other threads cannot get until they are
     * flushed (when the thread ends, or by canp_objpool_flush()). 0: 16. Up to
     * CANP_OBJPOOL_BATCH_MAX, or CANP_OBJPOOL_NO_CACHES.
     */
    unsigned batch_count;
    enum canp_memtag tag; /* 0: CANP_MEMTAG_OBJECTS */
    bool lock_memory;     /* mlock() of the ready objects; refusal is no error, see stats.lock_error */
    bool huge_pages;      /* asks for transparent huge pages */
    /* Called once per object, before its first use. Returns 0 or a negative errno; then the pool tries again
     * with a later acquire. NULL: objects begin zeroed. In the ledger's guards mode `create` is called at
     * each acquire and `destroy` at each release.
     */
    int (*create)(void *object, void *user);
    void (*destroy)(void *object,
                    void *user); /* by canp_objpool_close(), for each created object; may be NULL */
    void *user;
};
#define CANP_OBJPOOL_OPTS_INIT CANP_OPTS_INIT_(canp_objpool_opts)

struct canp_objpool_stats {
    const char *name;
    size_t object_bytes;
    unsigned object_count_max;
    unsigned created;  /* objects that exist; also the most that were ever in use */
    uint64_t in_use;   /* acquires - releases */
    uint64_t acquires; /* granted */
    uint64_t releases;
    uint64_t misses;   /* granted by creating an object */
    uint64_t refusals; /* acquires that returned NULL */
    uint64_t batches;  /* moves between a thread's cache and the shared stack; threads without a cache do not
                          count */
    size_t reserved_bytes; /* address space */
    bool locked;
    int lock_error; /* asked for and refused: a negative errno, else 0 */
};

/* *out is owned: canp_objpool_close(). 0; -EINVAL; -ENOMEM; -E2BIG; what `create` returned for a ready
 * object. */
CANP_API int canp_objpool_open(const struct canp_objpool_opts *opts, struct canp_objpool **out);

/* Destroys and unmaps all objects; those still held become invalid. NULL is allowed. */
CANP_API void canp_objpool_close(struct canp_objpool *pool);

/* An object that exists already; NULL (counted as a refusal) when none is free. Never creates one. Lent until
 * canp_objpool_release(). */
#define canp_objpool_try_acquire(pool) canp_objpool_try_acquire_at((pool), CANP_SITE_HERE)

/* The same, but creates an object when none is free and the bound allows one more; that costs a call of
 * `create` and page faults. NULL: the bound is reached, or `create` failed. With thread caches the bound may
 * be reached while other threads' caches still hold free objects. */
#define canp_objpool_acquire(pool) canp_objpool_acquire_at((pool), CANP_SITE_HERE)

/* Gives an object back. Its content stays as it is. NULL is allowed. */
CANP_API void canp_objpool_release(struct canp_objpool *pool, void *object);

/* The same with an explicit call site, which must be static or live as long as the pool. */
CANP_API void *canp_objpool_try_acquire_at(struct canp_objpool *pool, const struct canp_site *site);
CANP_API void *canp_objpool_acquire_at(struct canp_objpool *pool, const struct canp_site *site);

/* Moves the objects in the calling thread's cache to the shared stack. */
CANP_API void canp_objpool_flush(struct canp_objpool *pool);

CANP_API void canp_objpool_stats(const struct canp_objpool *pool, struct canp_objpool_stats *out);

/* Whether each object is exactly once free, cached or held. For assertions; O(objects). Call it while no
 * other thread uses the pool. */
CANP_API bool canp_objpool_is_valid(const struct canp_objpool *pool);

CANP_END_DECLS

#endif
