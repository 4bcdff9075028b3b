/*
 * The state of receiving by io_uring, for rx_uring.c and for the benchmark that fills the completion queue
 * itself (tools/bench/bench_drill.c). Capture thread only.
 */
#ifndef CANP_CAPTURE_RX_RING_H
#define CANP_CAPTURE_RX_RING_H

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

#include "rx.h"
#include "rx_batch.h"

enum {
    GROUP_FRAMES = 0, /* classic and FD */
    GROUP_XL = 1,     /* once an interface's mtu is XL */
    GROUP_COUNT = 2,
    FRAME_BUFFERS = 1024, /* power of two */
    XL_BUFFERS = 256,
    CQ_ENTRIES = 2048, /* >= all buffers + requests */
    SQ_ENTRIES = 256,  /* >= all requests, and a cancel for each */
};
_Static_assert(FRAME_BUFFERS + XL_BUFFERS + 2 * CANP_RECORDER_IFACES_MAX + 2 <= CQ_ENTRIES,
               "the CQ cannot overflow");
_Static_assert(2 * CANP_RECORDER_IFACES_MAX + 2 <= SQ_ENTRIES, "all requests fit the SQ");

struct group {
    struct io_uring_buf_ring *ring; /* zeroed before the buffers are put into it; NULL: not used */
    uint8_t *buffers;
    uint32_t buffer_bytes;
    uint32_t count;
    uint32_t mask;
    int returned; /* buffers put back but not yet shown to the kernel */
};

struct rx {
    struct io_uring uring;
    bool uring_open;
    bool deferred;         /* the kernel reads only when it is asked for events */
    struct msghdr message; /* only the lengths of name and control count */
    struct group groups[GROUP_COUNT];
    struct rx_batch batch;                      /* when deferred */
    uint8_t group_of[CANP_RECORDER_IFACES_MAX]; /* that the channel's request takes its buffers from */
    bool armed[CANP_RECORDER_IFACES_MAX];       /* it was once: it is, or will be */
    bool rearm[CANP_RECORDER_IFACES_MAX];
    bool rearm_watch;
    bool rearm_any;
    unsigned odd_errors;
};

/* Where the next buffer goes that is put back. */
static inline unsigned group_tail(const struct group *g)
{
    return g->ring->tail + (unsigned)g->returned;
}

/* Puts a buffer back at this place of the ring. What stands there of an earlier round is mostly the same: the
 * kernel takes buffers in turn, and does not write to the ring. */
static inline void group_put(struct group *g, unsigned tail, uint32_t id)
{
    struct io_uring_buf *place = &g->ring->bufs[tail & g->mask];
    if (__builtin_expect(place->bid == id && place->len == g->buffer_bytes, 1))
        return; /* the length is 0 until the first time */
    place->addr = (uint64_t)(uintptr_t)(g->buffers + (size_t)id * g->buffer_bytes);
    place->len = g->buffer_bytes;
    place->bid = (uint16_t)id;
}

#endif
