/* Runs of completions (rx_run.h). Invariant: completions that are not taken are not changed. Capture thread
 * only.
 */
#include "rx_run.h"

/* struct io_uring_recvmsg_out as two words: lengths of name and control, length of the payload and flags. */
#define OUT_LENGTHS(dropped) ((uint64_t)ROW_RUN_CONTROL_BYTES(dropped) << 32)
#define OUT_FLAGS            ((uint64_t)MSG_DONTROUTE << 32) /* set or not */
_Static_assert(sizeof(struct io_uring_recvmsg_out) == 16, "two words");

#define DIR_SHIFT (32 - ROW_RUN_DIR_SHIFT) /* from OUT_FLAGS */

/* The loop. `dropped`: the socket dropped frames before, `drops` as it says. The number of frames taken. */
static ALWAYS_INLINE unsigned take(struct rx *rx, struct row_run *caller, unsigned head, unsigned limit,
                                   uint32_t frame_bytes, bool dropped, uint32_t drops)
{
    struct row_run run = *caller; /* in registers */
    struct group *g = &rx->groups[GROUP_FRAMES];
    const struct io_uring_cqe *cqes = rx->uring.cq.cqes;
    unsigned mask = rx->uring.cq.ring_mask, back = group_tail(g), n = 0;
    const uint8_t *buffers = g->buffers;
    uint32_t buffer_bytes = g->buffer_bytes;
    for (; n < limit; n++) {
        const struct io_uring_cqe *cqe = &cqes[(head + n) & mask];
        uint32_t id = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
        const uint8_t *out = buffers + (size_t)id * buffer_bytes;
        const uint8_t *control = out + sizeof(struct io_uring_recvmsg_out);
        uint64_t flags = row_run_word(out, 1);
        if (cqe->user_data != run.channel || !rx_run_is_of(cqe, frame_bytes) ||
            row_run_word(out, 0) != OUT_LENGTHS(dropped) || (flags & ~OUT_FLAGS) != frame_bytes ||
            !row_run_is_usual(control, frame_bytes) || (dropped && !row_run_drops_are(control, drops)) ||
            !row_run_put(&run, control, flags >> DIR_SHIFT, frame_bytes))
            break;
        group_put(g, back + n, id);
    }
    g->returned += (int)n;
    *caller = run;
    return n;
}

/* A function each, so that it has the registers to itself. */
static __attribute__((noinline)) unsigned take_classic(struct rx *rx, struct row_run *run, unsigned head,
                                                       unsigned limit)
{
    return take(rx, run, head, limit, ROW_RUN_CLASSIC_BYTES, false, 0);
}

static __attribute__((noinline)) unsigned take_fd(struct rx *rx, struct row_run *run, unsigned head,
                                                  unsigned limit)
{
    return take(rx, run, head, limit, RX_FRAME_BYTES, false, 0);
}

static __attribute__((noinline)) unsigned take_classic_dropped(struct rx *rx, struct row_run *run,
                                                               unsigned head, unsigned limit, uint32_t drops)
{
    return take(rx, run, head, limit, ROW_RUN_CLASSIC_BYTES, true, drops);
}

static __attribute__((noinline)) unsigned take_fd_dropped(struct rx *rx, struct row_run *run, unsigned head,
                                                          unsigned limit, uint32_t drops)
{
    return take(rx, run, head, limit, RX_FRAME_BYTES, true, drops);
}

static unsigned take_dropped(struct rx *rx, struct row_run *run, unsigned head, unsigned limit,
                             uint32_t frame_bytes, uint32_t drops)
{
    return frame_bytes == ROW_RUN_CLASSIC_BYTES ? take_classic_dropped(rx, run, head, limit, drops)
                                                : take_fd_dropped(rx, run, head, limit, drops);
}

unsigned canp_rx_run_take(struct intake *in, unsigned head, unsigned tail, uint32_t frame_bytes)
{
    struct rx *rx = in->rx;
    uint64_t channel = rx->uring.cq.cqes[head & rx->uring.cq.ring_mask].user_data;
    if (channel >= CANP_RECORDER_IFACES_MAX)
        return 0;
    struct chan *ch = &in->chans[channel];
    struct row_run run;
    unsigned limit = canp_row_run_begin(in, ch, tail - head, frame_bytes, &run);
    if (limit == 0)
        return 0;
    unsigned n;
    if (__builtin_expect(ch->drops_seen != 0, 0))
        n = take_dropped(rx, &run, head, limit, frame_bytes, ch->drops_seen);
    else
        n = frame_bytes == ROW_RUN_CLASSIC_BYTES ? take_classic(rx, &run, head, limit)
                                                 : take_fd(rx, &run, head, limit);
    if (n)
        canp_row_run_end(in, ch, &run, n, frame_bytes);
    return n;
}
