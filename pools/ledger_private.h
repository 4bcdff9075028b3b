/* What the pools need of the ledger (canp/ledger.h). Any thread. */
#ifndef CANP_POOLS_LEDGER_PRIVATE_H
#define CANP_POOLS_LEDGER_PRIVATE_H

#include <canp/ledger.h>
#include <stdatomic.h>

struct canp_ledger_trace {
    uint64_t since_ns;
    unsigned frame_count;
    void *frames[CANP_LEDGER_FRAMES_MAX];
};

/* How long ago, at least, this generation ended; 0 for the current one. */
uint64_t canp_ledger_generation_age_ns(uint32_t generation, uint64_t now_ns);

/* Fills the trace of the caller's caller. */
void canp_ledger_take_trace(struct canp_ledger_trace *trace);

/* Reads one item, if it is old enough, to the visitor that canp_ledger_each() was given. */
struct canp_ledger_walk;
void canp_ledger_meet(struct canp_ledger_walk *walk, const struct canp_ledger_item *item);
uint64_t canp_ledger_walk_now_ns(const struct canp_ledger_walk *walk);

#endif
