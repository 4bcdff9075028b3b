/* The recorders of the interfaces that `canp top` shows: how full their slabs are, and how fast they store.
 * Main thread. */
#ifndef CANP_TOOLS_TOP_RECORDERS_H
#define CANP_TOOLS_TOP_RECORDERS_H

#include "live/live.h"
#include "top_screen.h"

struct top_recorders {
    struct live_state before[TOP_RECORDERS_MAX]; /* of the last look, for the rates */
    unsigned before_count;
    int64_t looked_ns; /* CLOCK_MONOTONIC of the last look */
};

/* Asks, once a second at most, and writes the lines. dir: of a recording, NULL = who records one of the
 * interfaces. */
void top_recorders_look(struct top_recorders *r, const char *dir, const struct top_stats *stats,
                        int64_t now_ns, struct top_view *view);

#endif
