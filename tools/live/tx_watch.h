/*
 * For commands that send: tells whether frames that were handed over are really sent. A queue that stays full
 * for a second is reported once, with the controller's state, and may end the command; at the end the
 * driver's counters are compared. One watch belongs to one sender and its thread.
 */
#ifndef CANP_TOOLS_TX_WATCH_H
#define CANP_TOOLS_TX_WATCH_H

#include <canp/sender.h>
#include <stdbool.h>

struct tx_watch {
    const char *command;
    const struct canp_sender *sender;
    uint64_t give_up_ns; /* 0 = never */
    uint64_t tx_before;  /* the driver's counters when the watch began */
    uint64_t dropped_before;
    uint64_t frames; /* handed over when it was looked last */
    uint64_t since_ns;
    bool told;
};

void tx_watch_begin(struct tx_watch *w, const char *command, const struct canp_sender *sender,
                    uint64_t give_up_ns);

/* To be called each time a flush said that the queue takes nothing (-EINTR). 0: go on; -ETIMEDOUT: give up.
 */
int tx_watch_wait(struct tx_watch *w);

/* After the last flush: what was handed over and did not go out is told on stderr. CANP_EXIT_DONE, or
 * CANP_EXIT_FINDING when nothing went out at all. Waits 0.3 s at most for the driver, and not after a stop.
 */
int tx_watch_end(const struct tx_watch *w);

#endif
