/*
 * Layered pool: memory in size classes. Each class is an object pool (canp/pools/objpool.h); larger requests
 * are direct allocations, whose total is bounded.
 *
 * A request gets a block of the smallest class that fits. When that class is exhausted,
 * canp_mempool_acquire() makes a direct block and counts a miss; canp_mempool_try_acquire(), for callers that
 * must not call malloc, returns NULL. A released block always goes back to where it came from.
 *
 * Threads: all functions from any thread, and a block may be released by another thread than the one that
 * acquired it; open and close while nobody else uses the pool.
 */
#ifndef CANP_POOLS_MEMPOOL_H
#define CANP_POOLS_MEMPOOL_H

#include <canp/export.h>
#include <canp/pools/ledger.h>
#include <canp/pools/memstats.h>
#include <canp/pools/objpool.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

CANP_BEGIN_DECLS

#define CANP_MEMPOOL_CLASSES_MAX 6

struct canp_mempool;

struct canp_mempool_class_opts {
    size_t block_bytes;   /* ascending from class to class; 0 ends the list */
    unsigned ready_count; /* prefaulted at the start */
    unsigned count_max;   /* never more than these exist */
    unsigned batch_count; /* as in canp/pools/objpool.h: 0 means 16, CANP_OBJPOOL_NO_CACHES none */
};

/* The four usual classes, 1, 4, 16 and 64 KiB, as an initializer for programs that change some of them. */
#define CANP_MEMPOOL_USUAL_CLASSES                                                                           \
    {                                                                                                        \
        {1024, 16, 4096, 16}, {4096, 8, 2048, 8}, {16384, 4, 1024, 4},                                       \
        {                                                                                                    \
            65536, 4, 512, 1                                                                                 \
        }                                                                                                    \
    }

struct canp_mempool_opts {
    size_t size;                                                      /* canp/export.h */
    struct canp_mempool_class_opts classes[CANP_MEMPOOL_CLASSES_MAX]; /* none: the usual ones */
    size_t direct_bytes_max; /* of all direct blocks at once; 0: 256 MiB */
    size_t align_bytes;      /* of blocks of classes, 0: 64, see canp/pools/objpool.h; direct ones have 64 */
    enum canp_memtag tag;    /* 0: CANP_MEMTAG_BUFFERS */
    bool lock_memory;        /* of the ready blocks */
    bool huge_pages;
    bool no_classes; /* all blocks are direct */
    bool no_direct;  /* no block is direct */
};
#define CANP_MEMPOOL_OPTS_INIT CANP_OPTS_INIT_(canp_mempool_opts)

struct canp_mempool_class_stats {
    size_t block_bytes;
    unsigned count_max;
    unsigned created;
    uint64_t in_use;
    uint64_t acquires;
    uint64_t misses; /* requests that found this class exhausted: they became direct blocks or were refused */
};

struct canp_mempool_stats {
    unsigned class_count;
    struct canp_mempool_class_stats classes[CANP_MEMPOOL_CLASSES_MAX];
    uint64_t direct_allocs; /* blocks ever made outside of the classes, misses included */
    uint64_t direct_in_use; /* blocks */
    uint64_t direct_bytes;  /* in use */
    uint64_t refusals;      /* requests that got NULL */
};

/* *out is owned: canp_mempool_close(). 0; -EINVAL (classes not ascending or out of the bounds of
 * canp/pools/objpool.h); -ENOMEM. */
CANP_API int canp_mempool_open(const struct canp_mempool_opts *opts, struct canp_mempool **out);

/* Blocks of classes that are still held become invalid; direct blocks must be released before. NULL is
 * allowed. */
CANP_API void canp_mempool_close(struct canp_mempool *pool);

/* At least `bytes` bytes of memory (0 means 1), not cleared; NULL when the bounds are reached. Released by
 * canp_mempool_release(). */
#define canp_mempool_acquire(pool, bytes) canp_mempool_acquire_at((pool), (bytes), CANP_SITE_HERE)

/* The same, from the classes only: never calls malloc. NULL when the class is exhausted or none is large
 * enough. */
#define canp_mempool_try_acquire(pool, bytes) canp_mempool_try_acquire_at((pool), (bytes), CANP_SITE_HERE)

CANP_API void *canp_mempool_acquire_at(struct canp_mempool *pool, size_t bytes, const struct canp_site *site);
CANP_API void *canp_mempool_try_acquire_at(struct canp_mempool *pool, size_t bytes,
                                           const struct canp_site *site);

/* NULL is allowed. */
CANP_API void canp_mempool_release(struct canp_mempool *pool, void *block);

/* The block's real size: that of its class, or of a direct block what was asked for. */
CANP_API size_t canp_mempool_block_bytes(const struct canp_mempool *pool, const void *block);

/* Makes the blocks in the calling thread's cache available to all threads. */
CANP_API void canp_mempool_flush(struct canp_mempool *pool);

CANP_API void canp_mempool_stats(const struct canp_mempool *pool, struct canp_mempool_stats *out);

CANP_END_DECLS

#endif
