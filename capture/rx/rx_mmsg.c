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

static void rx_mmsg_close(struct canp_recorder *rec)
{
    if (!rec->rx)
        return;
    canp_rx_batch_close(&rec->rx->batch);
    free(rec->rx);
    rec->rx = NULL;
}

static uint32_t largest_frame(const struct canp_recorder *rec)
{
    uint32_t bytes = RX_FRAME_BYTES;
    for (unsigned i = 0; i < rec->chan_count; i++) {
        uint32_t n = rx_frame_bytes(&rec->chans[i]);
        bytes = n > bytes ? n : bytes;
    }
    return bytes;
}

static void set_up_polls(const struct canp_recorder *rec, struct rx *rx)
{
    for (unsigned i = 0; i < rec->chan_count; i++)
        rx->polls[i] = (struct pollfd){.fd = rec->chans[i].fd, .events = POLLIN};
    rx->polls[rec->chan_count] = (struct pollfd){.fd = rec->stop_fd, .events = POLLIN};
    rx->polls[rec->chan_count + 1] = (struct pollfd){.fd = rec->watch_fd, .events = POLLIN};
}

static int rx_mmsg_open(struct canp_recorder *rec, struct canp_why *why)
{
    rec->rx = calloc(1, sizeof(*rec->rx));
    if (!rec->rx || canp_rx_batch_open(&rec->rx->batch, rx_control_bytes(rec), largest_frame(rec)) < 0) {
        rx_mmsg_close(rec);
        return canp_fail(why, -ENOMEM, "out of memory");
    }
    set_up_polls(rec, rec->rx);
    return 0;
}

static void rx_mmsg_wait(struct canp_recorder *rec, int64_t timeout_ns)
{
    struct rx *rx = rec->rx;
    struct timespec limit = canp_timespec_of_ns(timeout_ns);
    if (ppoll(rx->polls, rec->chan_count + 2, timeout_ns < 0 ? NULL : &limit, NULL) > 0)
        rec->links_changed = rec->links_changed || rx->polls[rec->chan_count + 1].revents != 0;
}

static void rx_mmsg_harvest(struct canp_recorder *rec)
{
    for (unsigned i = 0; i < rec->chan_count; i++)
        canp_rx_batch_empty(rec, &rec->rx->batch, &rec->chans[i]);
    rec->links_changed = true; /* one look per harvest; it does not wait */
}

const struct rx_ops canp_rx_mmsg_ops = {"recvmmsg", rx_mmsg_open, rx_mmsg_wait, rx_mmsg_harvest,
                                        rx_mmsg_close};
