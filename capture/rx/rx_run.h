/*
 * Takes a run of completions of one socket, the usual case with io_uring, in one loop (row_run.h). Capture
 * thread only.
 */
#ifndef CANP_CAPTURE_RX_RUN_H
#define CANP_CAPTURE_RX_RUN_H

#include "intake/row_run.h"
#include "rx_ring.h"

/* A completion's result and flags as one word, the buffer's number left out, for a usual frame of this size.
 */
static inline bool rx_run_is_of(const struct io_uring_cqe *cqe, uint32_t frame_bytes)
{
    const uint64_t ignored = UINT64_C(0xFFFF) << 48 | (uint64_t)IORING_CQE_F_SOCK_NONEMPTY << 32;
    const uint64_t flags = (uint64_t)(IORING_CQE_F_BUFFER | IORING_CQE_F_MORE) << 32;
    const uint32_t bytes = sizeof(struct io_uring_recvmsg_out) + ROW_RUN_FRAME_AT;
    return (canp_load_u64(&cqe->res) & ~ignored) == (flags | (bytes + frame_bytes));
}

/* By its completion, the size of the usual frame that this could be: classic or FD; 0 = it is none. */
static inline uint32_t rx_run_frame_bytes(const struct io_uring_cqe *cqe)
{
    if (__builtin_expect(rx_run_is_of(cqe, ROW_RUN_CLASSIC_BYTES), 1))
        return ROW_RUN_CLASSIC_BYTES;
    return rx_run_is_of(cqe, RX_FRAME_BYTES) ? RX_FRAME_BYTES : 0;
}

/*
 * Takes in completions from queue position `head` up to, not including, `tail`, as long as they are usual and
 * of this size, and gives their buffers back. The number taken, 0 too: the next one is not such and is for
 * the caller to take.
 */
unsigned canp_rx_run_take(struct intake *in, unsigned head, unsigned tail, uint32_t frame_bytes);

#endif
