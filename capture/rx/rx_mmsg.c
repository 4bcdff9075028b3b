/*
 * Receiving with recvmmsg: for machines where io_uring is switched off. Same pace, same rows.
 *
 * Invariant: all memory is taken in open. Capture thread only.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>

#include "intake/intake.h"
#include "rx_batch.h"

struct rx {
    struct pollfd polls[CANP_RECORDER_IFACES_MAX + 2];
    struct rx_batch batch;
};

static void rx_mmsg_close(struct intake *in)
{
    if (!in->rx)
        return;
    canp_rx_batch_close(&in->rx->batch);
    free(in->rx);
    in->rx = NULL;
}

static uint32_t largest_frame(const struct intake *in)
{
    uint32_t bytes = RX_FRAME_BYTES;
    for (unsigned i = 0; i < in->chan_count; i++) {
        uint32_t n = rx_frame_bytes(&in->chans[i]);
        bytes = n > bytes ? n : bytes;
    }
    return bytes;
}

static void set_up_polls(const struct intake *in, struct rx *rx)
{
    for (unsigned i = 0; i < in->chan_count; i++)
        rx->polls[i] = (struct pollfd){.fd = in->chans[i].fd, .events = POLLIN};
    rx->polls[in->chan_count] = (struct pollfd){.fd = in->stop_fd, .events = POLLIN};
    rx->polls[in->chan_count + 1] = (struct pollfd){.fd = in->watch_fd, .events = POLLIN};
}

static int rx_mmsg_open(struct intake *in, struct canp_why *why)
{
    in->rx = calloc(1, sizeof(*in->rx));
    if (!in->rx || canp_rx_batch_open(&in->rx->batch, rx_control_bytes(in), largest_frame(in)) < 0) {
        rx_mmsg_close(in);
        return canp_fail(why, -ENOMEM, "out of memory");
    }
    set_up_polls(in, in->rx);
    return 0;
}

static void rx_mmsg_wait(struct intake *in, int64_t timeout_ns)
{
    struct rx *rx = in->rx;
    struct timespec limit = canp_timespec_of_ns(timeout_ns);
    if (ppoll(rx->polls, in->chan_count + 2, timeout_ns < 0 ? NULL : &limit, NULL) > 0)
        in->links_changed = in->links_changed || rx->polls[in->chan_count + 1].revents != 0;
}

static void rx_mmsg_harvest(struct intake *in)
{
    for (unsigned i = 0; i < in->chan_count; i++)
        canp_rx_batch_empty(in, &in->rx->batch, &in->chans[i]);
    in->links_changed = true; /* one look per harvest; it does not wait */
}

const struct rx_ops canp_rx_mmsg_ops = {"recvmmsg", rx_mmsg_open, rx_mmsg_wait, rx_mmsg_harvest,
                                        rx_mmsg_close};
