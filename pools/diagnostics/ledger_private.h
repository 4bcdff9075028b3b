/* The functions by which pools take part in the ledger (canp/pools/ledger.h). Any thread. */
#ifndef CANP_POOLS_LEDGER_PRIVATE_H
#define CANP_POOLS_LEDGER_PRIVATE_H

#include <canp/pools/ledger.h>
#include <stdatomic.h>

/* What a held object is stamped with: one load for each acquire. Written by ledger.c alone. */
extern uint32_t canp_ledger_generation_ __attribute__((visibility("hidden")));

static inline uint32_t canp_ledger_generation(void)
{
    return __atomic_load_n(&canp_ledger_generation_, __ATOMIC_RELAXED);
}

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

/* Counts it and tells whoever asked by canp_ledger_on_overrun(). Call it without a lock. */
void canp_ledger_report_overrun(const struct canp_ledger_item *item);

/* Others that hold things to be listed: walked under the ledger's lock, so they must not call the ledger
 * while they hold a lock that their walk takes. */
struct canp_ledger_source {
    void (*walk)(struct canp_ledger_source *source, struct canp_ledger_walk *walk);
    struct canp_ledger_source *next, *prev;
};
void canp_ledger_add_source(struct canp_ledger_source *source);
void canp_ledger_remove_source(struct canp_ledger_source *source); /* one never added is fine */

#endif
