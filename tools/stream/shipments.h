/*
 * The recordings that one `canp ship` sends: it finds them, takes turns with them, and says in the fleet's
 * table how far it is. Bounded: so many are open at a time; the others wait their turn. Main thread.
 */
#ifndef CANP_TOOLS_SHIPMENTS_H
#define CANP_TOOLS_SHIPMENTS_H

#include <canp/stream.h>

struct shipment {
    struct shipment *next;
    struct canp_ship *ship; /* NULL: waits its turn, or has ended */
    bool ended;
    bool trouble; /* was told of */
    char path[];
};

struct shipments {
    const char *command;
    char **roots; /* borrowed: recordings, or directories of these */
    unsigned root_count;
    const struct canp_ship_opts *opts;
    bool follow;
    struct shipment *first;
    unsigned open_count, finished, failed;
    uint64_t looked_ns, told_ns;       /* CLOCK_MONOTONIC */
    bool waits;                        /* the last step was refused */
    struct canp_ship_stats ended_sums; /* of those that ended */
    struct canp_ship_stats sums;       /* of all, after shipments_close() */
};

/* An exit status; 0: there is something to ship, or with `follow` there may be later. */
int shipments_open(struct shipments *all, char **roots, unsigned count, const struct canp_ship_opts *opts,
                   bool follow);
/* 1: something was done; 0: not; negative: it was told why, and is the end. */
int shipments_step(struct shipments *all, struct canp_stream *stream, uint64_t wait_ns);
/* All that there is now is stored. */
bool shipments_are_level(const struct shipments *all);
void shipments_sum_up(const struct shipments *all, struct canp_ship_stats *out);
void shipments_close(struct shipments *all);

#endif
