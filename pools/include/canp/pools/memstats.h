/*
 * Memory statistics: what the library and its user hold, by tag. They count for the whole process and are
 * always on.
 *
 * Each thread has counters of its own; reading adds them up. Of a pool, the memory that is handed out counts,
 * not the free objects that it keeps (its own statistics tell those). Any thread may call anything here.
 */
#ifndef CANP_POOLS_MEMSTATS_H
#define CANP_POOLS_MEMSTATS_H

#include <canp/export.h>
#include <stddef.h>
#include <stdint.h>

CANP_BEGIN_DECLS

/* X(TAG, name, what it counts) */
#define CANP_MEMTAGS(X)                                                                                      \
    X(SLABS, slabs, "slab rings, whole mappings")                                                            \
    X(OBJECTS, objects, "objects handed out by object pools")                                                \
    X(BUFFERS, buffers, "blocks handed out by layered pools")                                                \
    X(DECOMPRESS, decompress, "blocks handed out for unpacking")                                             \
    X(MAPPINGS, mappings, "mapped files, address space rather than memory")                                  \
    X(INDEX, index, "indexes and catalogues")                                                                \
    X(OTHER, other, "anything else")

enum canp_memtag {
#define CANP_MEMTAG_ENUM(TAG, name, text) CANP_MEMTAG_##TAG,
    CANP_MEMTAGS(CANP_MEMTAG_ENUM)
#undef CANP_MEMTAG_ENUM
        CANP_MEMTAG_COUNT
};

struct canp_memcount {
    uint64_t allocated_bytes; /* ever */
    uint64_t freed_bytes;     /* ever */
    uint64_t current_bytes;   /* allocated - freed */
    uint64_t peak_bytes;      /* highest current_bytes so far. Changes of less than 64 KiB per thread may be
                                 missing; objects in threads' caches count as used. */
    uint64_t allocs;          /* ever */
    uint64_t frees;           /* ever */
};

struct canp_memstats {
    struct canp_memcount tag[CANP_MEMTAG_COUNT];
    struct canp_memcount total; /* sums; the peak is the highest sum, not the sum of the peaks */
};

/* "slabs"; "?" for a number that is no tag. Static. */
CANP_API const char *canp_memtag_name(enum canp_memtag tag);

/* For memory that does not come from a pool of this library: call these where it is allocated and freed. */
CANP_API void canp_memstats_alloc(enum canp_memtag tag, size_t bytes);
CANP_API void canp_memstats_free(enum canp_memtag tag, size_t bytes);

/* A snapshot. While others allocate, its numbers may be a few events apart, but are never below zero. */
CANP_API void canp_memstats_read(struct canp_memstats *out);

/* What the calling thread allocated and freed; peaks are 0. The first 64 live threads have counters of their
 * own, all further ones share one set. A new thread may continue the counters of one that has ended: take the
 * difference of two readings. */
CANP_API void canp_memstats_read_thread(struct canp_memstats *out);

/* As JSON: {"total":{...},"slabs":{...},...}, keys as in struct canp_memcount. Like snprintf: returns the
 * length needed, cut (and terminated) if that is text_bytes or more. */
CANP_API size_t canp_memstats_json(const struct canp_memstats *stats, char *text, size_t text_bytes);

CANP_END_DECLS

#endif
