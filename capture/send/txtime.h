/*
 * Makes the kernel send frames at given times (SO_TXTIME), and tells when it did.
 *
 * A struct txtime belongs to a sender and its thread. Nothing allocates.
 */
#ifndef CANP_CAPTURE_TXTIME_H
#define CANP_CAPTURE_TXTIME_H

#include <canp/error.h>
#include <canp/link.h>
#include <canp/sender.h>
#include <stdbool.h>
#include <sys/socket.h>

#define TXTIME_UNDERWAY_MAX                                                                                  \
    4096 /* frames handed over and not heard of: more than a socket's buffer holds                           \
          */

struct txtime {
    bool on;
    struct canp_sender_txtime_stats stats;
    uint64_t handed, heard;              /* frames underway: [heard, handed) of due_ns, modulo its size */
    int64_t due_ns[TXTIME_UNDERWAY_MAX]; /* CLOCK_MONOTONIC */
    int64_t batch_ns[CANP_SENDER_BATCH]; /* of the frames gathered: when they are due */
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(uint64_t))];
    } control[CANP_SENDER_BATCH];
};

/* Makes the socket one that sends at given times. 0, or a negative error and `why`. */
int canp_txtime_begin(struct txtime *t, int fd, const struct canp_link *link, struct canp_why *why);

/* The frame in this place of the batch is due then (CLOCK_MONOTONIC). */
void canp_txtime_set(struct txtime *t, unsigned place, struct msghdr *message, int64_t due_ns);

/* So many of the batch, from `first`, were handed over. */
void canp_txtime_handed(struct txtime *t, unsigned first, unsigned count);

/* Reads what the kernel has to say so far of frames handed over. Never blocks. */
void canp_txtime_hear(struct txtime *t, int fd);

/* Frames handed over of which nothing was heard yet. */
unsigned canp_txtime_underway(const struct txtime *t);

#endif
