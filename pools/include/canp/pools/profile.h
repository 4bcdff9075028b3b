/*
 * Profiling: how long an operation takes, and what it allocates.
 *
 *   static struct canp_memprofile unpacking = CANP_MEMPROFILE_INIT("unpack");
 *   {
 *       CANP_MEMPROFILE_SCOPE(&unpacking);
 *       ... what is measured: up to the end of the block, however it is left
 *   }
 *
 * Allocations are those of the calling thread, as the memory statistics count them (canp/pools/memstats.h):
 * pools, mappings, and what was counted by hand; not plain malloc. Reading them takes some microseconds
 * before and after; the times do not include these.
 *
 * Threads: several threads may use one profile at once; a scope belongs to one thread.
 */
#ifndef CANP_POOLS_PROFILE_H
#define CANP_POOLS_PROFILE_H

#include <canp/export.h>
#include <canp/pools/memstats.h>
#include <stddef.h>
#include <stdint.h>

CANP_BEGIN_DECLS

/* Sums over all scopes that have ended. */
struct canp_memprofile {
    const char *name;
    uint64_t calls __attribute__((aligned(8))); /* on 32 bits, too: these are added to atomically */
    uint64_t total_ns;
    uint64_t max_ns;
    uint64_t allocs;
    uint64_t frees;
    uint64_t allocated_bytes;
    uint64_t freed_bytes;
};
#define CANP_MEMPROFILE_INIT(name)                                                                           \
    {                                                                                                        \
        (name), 0, 0, 0, 0, 0, 0, 0                                                                          \
    }

struct canp_memprofile_scope {
    struct canp_memprofile *profile;
    uint64_t start_ns;
    struct canp_memcount before;
};

/* For spans that are not a block: call begin, then end once. */
CANP_API void canp_memprofile_begin(struct canp_memprofile_scope *scope, struct canp_memprofile *profile);
CANP_API void canp_memprofile_end(struct canp_memprofile_scope *scope);

/* Measures to the end of the enclosing block; at most one per block. */
#define CANP_MEMPROFILE_SCOPE(profile)                                                                       \
    struct canp_memprofile_scope canp_memprofile_scope_ __attribute__((cleanup(canp_memprofile_end)));       \
    canp_memprofile_begin(&canp_memprofile_scope_, (profile))

/* A snapshot that may be read while others measure. */
CANP_API void canp_memprofile_read(const struct canp_memprofile *profile, struct canp_memprofile *out);

/* {"name","calls","total_ns","max_ns","allocs","frees","allocated_bytes","freed_bytes"}. Like snprintf. */
CANP_API size_t canp_memprofile_json(const struct canp_memprofile *profile, char *text, size_t text_bytes);

CANP_END_DECLS

#endif
