/*
 * Receiving with recvmmsg: for machines where io_uring is switched off. Same pace, same rows.
 *
 * Invariant: all memory is taken in open; one batch of messages is shared by all sockets, so only one
 * socket's frames are in it at a time. Capture thread only.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "intake.h"

#define BATCH 256U /* messages of one recvmmsg */

struct rx {
    struct pollfd polls[CANP_RECORDER_IFACES_MAX + 2];
    struct mmsghdr messages[BATCH];
    struct iovec vectors[BATCH];
    uint32_t control_bytes;
    uint8_t *control; /* BATCH times control_bytes */
    uint8_t *frames;  /* BATCH times the largest frame */
};

static void rx_mmsg_close(struct canp_recorder *rec)
{
    struct rx *rx = rec->rx;
    if (!rx)
        return;
    free(rx->control);
    free(rx->frames);
    free(rx);
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

static void set_up_messages(struct rx *rx, uint32_t frame_bytes)
{
    for (unsigned i = 0; i < BATCH; i++) {
        rx->vectors[i] = (struct iovec){rx->frames + (size_t)i * frame_bytes, frame_bytes};
        rx->messages[i].msg_hdr = (struct msghdr){.msg_iov = &rx->vectors[i],
                                                  .msg_iovlen = 1,
                                                  .msg_control = rx->control + (size_t)i * rx->control_bytes,
                                                  .msg_controllen = rx->control_bytes};
    }
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
    struct rx *rx = calloc(1, sizeof(*rx));
    rec->rx = rx;
    if (!rx)
        return canp_fail(why, -ENOMEM, "out of memory");
    uint32_t frame_bytes = canp_align8(largest_frame(rec));
    rx->control_bytes = rx_control_bytes(rec);
    rx->control = calloc(BATCH, rx->control_bytes);
    rx->frames = calloc(BATCH, frame_bytes);
    if (!rx->control || !rx->frames) {
        rx_mmsg_close(rec);
        return canp_fail(why, -ENOMEM, "out of memory");
    }
    set_up_messages(rx, frame_bytes);
    set_up_polls(rec, rx);
    return 0;
}

static void rx_mmsg_wait(struct canp_recorder *rec, int64_t timeout_ns)
{
    struct rx *rx = rec->rx;
    struct timespec limit = {timeout_ns / 1000000000, timeout_ns % 1000000000};
    if (ppoll(rx->polls, rec->chan_count + 2, timeout_ns < 0 ? NULL : &limit, NULL) > 0)
        rec->links_changed = rec->links_changed || rx->polls[rec->chan_count + 1].revents != 0;
}

/* Takes in one batch; the number of messages, or 0. An error of the interface (down, gone) is told once by
 * the socket and needs nothing here: links.c hears of it. */
static unsigned take_batch(struct canp_recorder *rec, struct chan *ch)
{
    struct rx *rx = rec->rx;
    int n = recvmmsg(ch->fd, rx->messages, BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < n; i++) {
        struct msghdr *h = &rx->messages[i].msg_hdr;
        intake_frame(rec, ch, h->msg_iov->iov_base, rx->messages[i].msg_len, (uint32_t)h->msg_flags,
                     h->msg_control, (uint32_t)h->msg_controllen);
        h->msg_controllen = rx->control_bytes;
        h->msg_flags = 0;
    }
    return n > 0 ? (unsigned)n : 0;
}

static void rx_mmsg_harvest(struct canp_recorder *rec)
{
    for (unsigned i = 0; i < rec->chan_count; i++) {
        unsigned sum = 0, n;
        do {
            n = take_batch(rec, &rec->chans[i]);
            sum += n;
        } while (n == BATCH && sum < RX_HARVEST_MAX / CANP_RECORDER_IFACES_MAX * 8);
    }
    rec->links_changed = true; /* one look per harvest; it does not wait */
}

const struct rx_ops rx_mmsg_ops = {"recvmmsg", rx_mmsg_open, rx_mmsg_wait, rx_mmsg_harvest, rx_mmsg_close};
