/* Computes the size and number of slabs (slab_sizes.h). Invariant: a block of any slab fits the smallest
 * segment. */
#include "slab_sizes.h"

#include <errno.h>

#include <canp/pools/slabring.h>

#define DEFAULT_SLAB_BYTES (256U << 10)
#define DEFAULT_STALL_NS   UINT64_C(10000000000)
#define SLAB_BYTES_MIN     4096U
#define SLAB_BYTES_MAX     (16U << 20)
#define BLOCKS_PER_SEGMENT 4U /* a block must fit the smallest segment, and not waste much of it */

static int check(const struct canp_recorder_opts *o, struct canp_why *why)
{
    if (o->slab_bytes < SLAB_BYTES_MIN || o->slab_bytes > SLAB_BYTES_MAX || o->slab_count == 1 ||
        o->slab_count > CANP_SLABRING_SLOTS_MAX)
        return canp_fail(why, -EINVAL, "slabs: %u to %u bytes, 2 to %u", SLAB_BYTES_MIN, SLAB_BYTES_MAX,
                         CANP_SLABRING_SLOTS_MAX);
    return 0;
}

static int count_slabs(struct canp_recorder_opts *o, size_t block_bytes, struct canp_why *why)
{
    uint64_t stall_ns = o->stall_ns ? o->stall_ns : DEFAULT_STALL_NS;
    uint64_t limit_ns = (uint64_t)CANP_SLABRING_SLOTS_MAX * block_bytes / STALL_BYTES_PER_S * 1000000000U;
    if (stall_ns > limit_ns)
        return canp_fail(why, -EINVAL, "a disk stall of more than %llu s is not provided for",
                         (unsigned long long)(limit_ns / 1000000000U));
    double bytes = (double)stall_ns / 1e9 * STALL_BYTES_PER_S;
    o->slab_count = 4 + (unsigned)(bytes / (double)block_bytes);
    return 0;
}

int canp_slab_sizes(struct canp_recorder_opts *o, const struct canp_writer_opts *writer, size_t *block_bytes,
                    struct canp_why *why)
{
    size_t block_max = canp_writer_segment_bytes(writer) / BLOCKS_PER_SEGMENT & ~(size_t)(SLAB_BYTES_MIN - 1);
    if (o->slab_bytes == 0)
        o->slab_bytes = block_max < DEFAULT_SLAB_BYTES ? block_max : DEFAULT_SLAB_BYTES;
    *block_bytes = o->slab_bytes < block_max ? o->slab_bytes : block_max;
    int r = check(o, why);
    return r == 0 && o->slab_count == 0 ? count_slabs(o, *block_bytes, why) : r;
}
