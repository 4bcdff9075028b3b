/* A slab's header, in the slab's user area. The capture thread fills it, the flush thread reads it. */
#ifndef CANP_CAPTURE_SLAB_HEAD_H
#define CANP_CAPTURE_SLAB_HEAD_H

#include <stdint.h>

#include <canp/pools/slabring.h>
#include <canp/rows.h>

/* When a slab was closed: CLOCK_MONOTONIC, and how far CLOCK_REALTIME was ahead of it. */
struct slab_time {
    int64_t monotonic_ns;
    int64_t offset_ns;
};

struct slab_head {
    struct canp_rowbuf rows;
    struct slab_time closed;
};
_Static_assert(sizeof(struct slab_head) <= CANP_SLAB_USER_BYTES, "the slab's user area holds its header");

#endif
