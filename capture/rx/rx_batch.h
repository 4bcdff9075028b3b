/*
 * A batch of messages that recvmmsg fills and that are turned into rows. Machines without io_uring receive
 * this way, and so do busy sockets with io_uring (rx_uring.c says when). All sockets use the same batch, one
 * after the other. Capture thread only.
 */
#ifndef CANP_CAPTURE_RX_BATCH_H
#define CANP_CAPTURE_RX_BATCH_H

#include <sys/socket.h>
#include <sys/uio.h>

#include "rx.h"

#define RX_BATCH 256U /* messages of one recvmmsg */

struct rx_batch {
    struct mmsghdr messages[RX_BATCH];
    struct iovec vectors[RX_BATCH];
    uint8_t *bodies; /* of each message: room for control messages, and the frame behind it */
    uint32_t control_bytes;
    uint32_t body_bytes;
};

/* For frames of up to `frame_bytes`. 0 or -ENOMEM. Owned: what canp_rx_batch_close() frees, which may be
 * called for a zeroed batch, too. */
int canp_rx_batch_open(struct rx_batch *b, uint32_t control_bytes, uint32_t frame_bytes);
void canp_rx_batch_close(struct rx_batch *b);

/* Takes in what the socket holds, within its share of RX_HARVEST_MAX. An error of the interface (down, gone)
 * is told once by the socket and needs nothing here: link_events.c hears of it. */
void canp_rx_batch_empty(struct intake *in, struct rx_batch *b, struct chan *ch);

/* Takes in the batch's first n messages, of this socket, and makes them ready for the next. */
void canp_rx_batch_take(struct intake *in, struct rx_batch *b, struct chan *ch, unsigned n);

#endif
