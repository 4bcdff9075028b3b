/* Batches of messages (rx_batch.h). Invariant: a message that was taken is ready for the next recvmmsg.
 * Capture thread only. */
#include "rx_batch.h"

#include <errno.h>
#include <stdlib.h>

#include "intake/row_run.h"

int canp_rx_batch_open(struct rx_batch *b, uint32_t control_bytes, uint32_t frame_bytes)
{
    b->control_bytes = control_bytes;
    b->body_bytes = canp_align8(control_bytes + frame_bytes);
    b->bodies = calloc(RX_BATCH, b->body_bytes);
    if (!b->bodies)
        return -ENOMEM;
    for (unsigned i = 0; i < RX_BATCH; i++) {
        uint8_t *control = b->bodies + (size_t)i * b->body_bytes;
        b->vectors[i] = (struct iovec){control + control_bytes, frame_bytes};
        b->messages[i].msg_hdr = (struct msghdr){.msg_iov = &b->vectors[i],
                                                 .msg_iovlen = 1,
                                                 .msg_control = control,
                                                 .msg_controllen = control_bytes};
    }
    return 0;
}

void canp_rx_batch_close(struct rx_batch *b)
{
    free(b->bodies);
    b->bodies = NULL;
}

/* ---- runs ----------------------------------------------------------------------------------------- */

static ALWAYS_INLINE unsigned take(struct rx_batch *b, struct row_run *caller, unsigned at, unsigned limit,
                                   uint32_t frame_bytes, bool dropped, uint32_t drops)
{
    struct row_run run = *caller; /* in registers */
    const uint8_t *control = b->bodies + (size_t)at * b->body_bytes;
    const uint32_t body_bytes = b->body_bytes, control_bytes = b->control_bytes;
    struct mmsghdr *m = &b->messages[at];
    unsigned n = 0;
    for (; n < limit; n++, m++, control += body_bytes) {
        unsigned flags = (unsigned)m->msg_hdr.msg_flags;
        if (m->msg_len != frame_bytes || m->msg_hdr.msg_controllen != ROW_RUN_CONTROL_BYTES(dropped) ||
            (flags & ~(unsigned)MSG_DONTROUTE) || !row_run_is_usual(control, frame_bytes) ||
            (dropped && !row_run_drops_are(control, drops)) ||
            !row_run_put(&run, control, (uint64_t)flags << ROW_RUN_DIR_SHIFT, frame_bytes))
            break;
        m->msg_hdr.msg_controllen = control_bytes;
    }
    *caller = run;
    return n;
}

/* A function each, so that it has the registers to itself. */
static __attribute__((noinline)) unsigned take_classic(struct rx_batch *b, struct row_run *run, unsigned at,
                                                       unsigned limit)
{
    return take(b, run, at, limit, ROW_RUN_CLASSIC_BYTES, false, 0);
}

static __attribute__((noinline)) unsigned take_fd(struct rx_batch *b, struct row_run *run, unsigned at,
                                                  unsigned limit)
{
    return take(b, run, at, limit, RX_FRAME_BYTES, false, 0);
}

static __attribute__((noinline)) unsigned take_classic_dropped(struct rx_batch *b, struct row_run *run,
                                                               unsigned at, unsigned limit, uint32_t drops)
{
    return take(b, run, at, limit, ROW_RUN_CLASSIC_BYTES, true, drops);
}

static __attribute__((noinline)) unsigned take_fd_dropped(struct rx_batch *b, struct row_run *run,
                                                          unsigned at, unsigned limit, uint32_t drops)
{
    return take(b, run, at, limit, RX_FRAME_BYTES, true, drops);
}

static unsigned take_dropped(struct rx_batch *b, struct row_run *run, unsigned at, unsigned limit,
                             uint32_t frame_bytes, uint32_t drops)
{
    return frame_bytes == ROW_RUN_CLASSIC_BYTES ? take_classic_dropped(b, run, at, limit, drops)
                                                : take_fd_dropped(b, run, at, limit, drops);
}

/* Messages `at` up to `end`, as long as they are usual and of the size of the first. The number taken. */
static unsigned take_run(struct intake *in, struct rx_batch *b, struct chan *ch, unsigned at, unsigned end)
{
    uint32_t frame_bytes = b->messages[at].msg_len;
    struct row_run run;
    if (frame_bytes != ROW_RUN_CLASSIC_BYTES && frame_bytes != RX_FRAME_BYTES)
        return 0;
    unsigned limit = canp_row_run_begin(in, ch, end - at, frame_bytes, &run);
    if (limit == 0)
        return 0;
    unsigned n;
    if (__builtin_expect(ch->drops_seen != 0, 0))
        n = take_dropped(b, &run, at, limit, frame_bytes, ch->drops_seen);
    else
        n = frame_bytes == ROW_RUN_CLASSIC_BYTES ? take_classic(b, &run, at, limit)
                                                 : take_fd(b, &run, at, limit);
    if (n)
        canp_row_run_end(in, ch, &run, n, frame_bytes);
    return n;
}

/* ---- batches -------------------------------------------------------------------------------------- */

static void take_message(struct intake *in, struct rx_batch *b, struct chan *ch, unsigned at)
{
    struct msghdr *h = &b->messages[at].msg_hdr;
    intake_frame(in, ch, h->msg_iov->iov_base, b->messages[at].msg_len, (uint32_t)h->msg_flags,
                 h->msg_control, (uint32_t)h->msg_controllen);
    h->msg_controllen = b->control_bytes;
}

void canp_rx_batch_take(struct intake *in, struct rx_batch *b, struct chan *ch, unsigned n)
{
    for (unsigned at = 0; at < n;) {
        unsigned taken = take_run(in, b, ch, at, n);
        if (taken == 0)
            take_message(in, b, ch, at);
        at += taken ? taken : 1;
    }
}

void canp_rx_batch_empty(struct intake *in, struct rx_batch *b, struct chan *ch)
{
    unsigned left = RX_HARVEST_MAX / CANP_RECORDER_IFACES_MAX * 8;
    int n;
    do {
        n = recvmmsg(ch->fd, b->messages, RX_BATCH, MSG_DONTWAIT, NULL);
        canp_rx_batch_take(in, b, ch, n > 0 ? (unsigned)n : 0);
        left -= RX_BATCH;
    } while (n == (int)RX_BATCH && left > 0);
}
