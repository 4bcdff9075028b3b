/*
 * Profiling: how long an operation takes, and what it allocates.
 *
 *   static struct canp_profile unpacking = CANP_PROFILE_INIT("unpack");
 *   {
 *       CANP_PROFILE_SCOPE(&unpacking);
 *       ... what is measured, to the end of the block, by whatever way it is left
 *   }
 *
 * Allocations are those of the calling thread, as the memory statistics count them (canp/memstats.h): pools,
 * mappings, and what was counted by hand; not plain malloc. Reading them costs some microseconds before and
 * after, which are not in the times.
 *
 * Threads: a profile may be used by several at once; a scope belongs to one.
 */
#ifndef CANP_PROFILE_H
#define CANP_PROFILE_H

#include <canp/export.h>
#include <canp/memstats.h>
#include <stddef.h>
#include <stdint.h>

CANP_BEGIN_DECLS

/* Sums over all scopes that have ended. */
struct canp_profile {
    const char *name;
    uint64_t calls;
    uint64_t total_ns;
    uint64_t max_ns;
    uint64_t allocs;
    uint64_t frees;
    uint64_t allocated_bytes;
    uint64_t freed_bytes;
};
#define CANP_PROFILE_INIT(name)                                                                              \
    {                                                                                                        \
        (name), 0, 0, 0, 0, 0, 0, 0                                                                          \
    }

struct canp_profile_scope {
    struct canp_profile *profile;
    uint64_t start_ns;
    struct canp_memcount before;
};

/* By hand, where a block does not fit: begin, then end once. */
CANP_API void canp_profile_begin(struct canp_profile_scope *scope, struct canp_profile *profile);
CANP_API void canp_profile_end(struct canp_profile_scope *scope);

/* To the end of the enclosing block; at most one per block. */
#define CANP_PROFILE_SCOPE(profile)                                                                          \
    struct canp_profile_scope canp_profile_scope_ __attribute__((cleanup(canp_profile_end)));                \
    canp_profile_begin(&canp_profile_scope_, (profile))

/* A snapshot that may be read while others measure. */
CANP_API void canp_profile_read(const struct canp_profile *profile, struct canp_profile *out);

/* {"name","calls","total_ns","max_ns","allocs","frees","allocated_bytes","freed_bytes"}. Like snprintf. */
CANP_API size_t canp_profile_json(const struct canp_profile *profile, char *text, size_t text_bytes);

CANP_END_DECLS

#endif
