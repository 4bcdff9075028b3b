/*
 * The interface of the two ways to receive: io_uring (rx_uring.c), or recvmmsg where io_uring is switched off
 * (rx_mmsg.c). The capture thread makes all calls, open included.
 */
#ifndef CANP_CAPTURE_RX_H
#define CANP_CAPTURE_RX_H

#include <canp/error.h>

#include "intake/state.h"

struct rx_ops {
    const char *name;
    int (*open)(struct intake *in, struct canp_why *why); /* and arms all sockets */
    /* Returns when a frame, a link change, a stop or (>= 0) the timeout came. Spurious returns are fine. */
    void (*wait)(struct intake *in, int64_t timeout_ns);
    /* Takes in what is there; bounded by RX_HARVEST_MAX frames, more stay for the next call. */
    void (*harvest)(struct intake *in);
    /* A channel more, or one whose interface takes CAN XL frames now (ch->xl). */
    void (*take_up)(struct intake *in, struct chan *ch);
    void (*close)(struct intake *in);
};

#define RX_HARVEST_MAX 65536U

extern const struct rx_ops canp_rx_uring_ops;
extern const struct rx_ops canp_rx_mmsg_ops;

#endif
