/*
 * Receives by recvmmsg, for machines where io_uring is switched off. Pace and rows are the same as with
 *
 io_uring. Invariant: open allocates all memory except that for CAN XL, which is allocated when an
 *
 interface can receive such frames. Capture
 * thread only.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>

#include "intake/intake.h"
#include "link/can_socket.h"
#include "rx_batch.h"

struct rx {
    struct pollfd polls[CANP_RECORDER_IFACES_MAX + 2];
    struct rx_batch batch;
    struct rx_batch xl_batch; /* once an interface's mtu is XL */
};

static void rx_mmsg_close(struct intake *in)
{
    if (!in->rx)
        return;
    canp_rx_batch_close(&in->rx->batch);
    canp_rx_batch_close(&in->rx->xl_batch);
    free(in->rx);
    in->rx = NULL;
}

static void set_up_polls(const struct intake *in, struct rx *rx)
{
    for (unsigned i = 0; i < in->chan_count; i++)
        rx->polls[i] = (struct pollfd){.fd = in->chans[i].fd, .events = POLLIN};
    rx->polls[in->chan_count] = (struct pollfd){.fd = in->stop_fd, .events = POLLIN};
    rx->polls[in->chan_count + 1] = (struct pollfd){.fd = in->watch_fd, .events = POLLIN};
}

static void rx_mmsg_take_up(struct intake *in, struct chan *ch)
{
    struct rx *rx = in->rx;
    set_up_polls(in, rx);
    if (!ch->xl)
        return;
    int r =
        rx->xl_batch.bodies ? 0 : canp_rx_batch_open(&rx->xl_batch, rx_control_bytes(in), RX_XL_FRAME_BYTES);
    if (r == 0)
        r = canp_can_socket_take_xl(ch->fd);
    if (r < 0)
        canp_intake_notice(in, "%s: CAN XL frames cannot be received: %s", ch->name, canp_strerror(r));
}

static int rx_mmsg_open(struct intake *in, struct canp_why *why)
{
    in->rx = calloc(1, sizeof(*in->rx));
    if (!in->rx || canp_rx_batch_open(&in->rx->batch, rx_control_bytes(in), RX_FRAME_BYTES) < 0) {
        rx_mmsg_close(in);
        return canp_fail(why, -ENOMEM, "out of memory");
    }
    for (unsigned i = 0; i < in->chan_count; i++)
        rx_mmsg_take_up(in, &in->chans[i]);
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

static void empty(struct intake *in, struct chan *ch)
{
    struct rx *rx = in->rx;
    canp_rx_batch_empty(in, ch->xl && rx->xl_batch.bodies ? &rx->xl_batch : &rx->batch, ch);
}

static void rx_mmsg_harvest(struct intake *in)
{
    for (unsigned i = 0; i < in->chan_count; i++)
        empty(in, &in->chans[i]);
    in->links_changed = true; /* one look per harvest; it does not wait */
}

const struct rx_ops canp_rx_mmsg_ops = {"recvmmsg",      rx_mmsg_open,    rx_mmsg_wait,
                                        rx_mmsg_harvest, rx_mmsg_take_up, rx_mmsg_close};
