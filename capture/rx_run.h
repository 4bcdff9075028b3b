/*
 * The usual case of receiving with io_uring, many frames in one go: a run of completions of one socket, all
 * classic frames whose only control message is the kernel's stamp. What changes per frame stays in registers.
 * Capture thread only.
 */
#ifndef CANP_CAPTURE_RX_RUN_H
#define CANP_CAPTURE_RX_RUN_H

#include "intake.h"
#include "rx_uring.h"

#define RX_RUN_FRAME_BYTES 16U /* struct can_frame */
/* Where in the message, in words of 8 bytes, the frame is. */
#define RX_RUN_FRAME_AT                                                                                      \
    ((sizeof(struct io_uring_recvmsg_out) + RX_CONTROL_BYTES_DROPS + RX_CONTROL_BYTES_STAMP_NS) / 8)

/* By its completion, could this be the usual frame? Result and flags as one word, without the buffer's
 * number. */
static inline bool rx_run_is_usual(const struct io_uring_cqe *cqe)
{
    const uint64_t ignored = UINT64_C(0xFFFF) << 48 | (uint64_t)IORING_CQE_F_SOCK_NONEMPTY << 32;
    const uint64_t usual = (uint64_t)(IORING_CQE_F_BUFFER | IORING_CQE_F_MORE) << 32 |
                           (RX_RUN_FRAME_AT * 8 + RX_RUN_FRAME_BYTES);
    return (canp_load_u64(&cqe->res) & ~ignored) == usual;
}

/*
 * Takes in completions from queue position `head` up to, not including, `tail`, as long as they are usual,
 * and gives their buffers back. The number taken, 0 too: the next one is not usual and is for the caller to
 * take. Does what intake_frame() would do (intake.h), frame by frame; a test compares the two.
 */
unsigned rx_run_take(struct canp_recorder *rec, unsigned head, unsigned tail);

#endif
