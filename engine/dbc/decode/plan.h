/*
 * The parts of a plan. A signal that lies within one aligned 64 bit word of the first 64 bytes, and is an
 * integer that fits a signed 64 bit number, takes two shifts and a mask. All others are `odd`. A group holds
 * the signals that are decoded together: those that are always present, or those below one value of one
 * muxer. Its muxers lead to further groups. Constant once compiled; any thread.
 */
#ifndef CANP_DBC_PLAN_H
#define CANP_DBC_PLAN_H

#include <canp/decode.h>

#include "dbc/base/dbc_mux.h"

#define PLAN_WORDS 8 /* of 64 bits that the short way knows */

enum plan_kind {
    PLAN_SIGNED,   /* or unsigned of fewer than 64 bits */
    PLAN_UNSIGNED, /* of 64 bits */
    PLAN_FLOAT32,
    PLAN_FLOAT64,
    PLAN_BYTES, /* more than 64 bits */
};

/* One cache line. */
struct plan_op {
    uint8_t word;        /* short way: 2 * index of the word, + 1 for its bytes reversed */
    uint8_t left, right; /* shifts */
    uint8_t kind;        /* enum plan_kind */
    uint32_t end_bytes;  /* the payload must have as many */
    uint64_t mask;       /* after the arithmetic shift: all ones for signed */
    double factor, offset, minimum, maximum; /* without bounds: infinite */
    uint64_t special; /* raw values from here on may be J1939 marks; UINT64_MAX: none are */
    const struct canp_dbc_signal *signal;
};
_Static_assert(sizeof(struct plan_op) == 64 || sizeof(void *) < 8, "one cache line");

struct plan_case {
    uint64_t first, last; /* of the muxer's raw bits */
    uint64_t highest;     /* `last` of all cases up to this one */
    struct plan_group *group;
};

struct plan_muxer {
    const struct canp_dbc_signal *signal;
    struct plan_case *cases; /* by rising first */
    uint32_t case_count;
};

struct plan_group {
    struct plan_op *ops; /* the short ones first */
    uint32_t short_count, op_count;
    uint32_t short_end_bytes; /* the most that a short one needs */
    uint32_t muxer_count;
    const struct plan_muxer **muxers; /* shared by all groups that a muxer is in */
};

struct canp_plan {
    struct plan_group always;
    const struct canp_dbc_message *message;
    uint32_t values_max;
    uint32_t words; /* that the short way needs, at most PLAN_WORDS */
    bool is_j1939;  /* found by its group, too */
};

/* One signal of a message by itself. It is there when each of `muxed`, itself and what is above it, is
 * selected by its muxer. */
struct plan_single {
    struct plan_op op;
    bool is_short;
    uint32_t muxed_count;
    const struct canp_dbc_signal *muxed[DBC_MUX_DEPTH_MAX];
};

enum plan_single_result {
    PLAN_SINGLE_VALUE,
    PLAN_SINGLE_SHORT,      /* the payload ends before it */
    PLAN_SINGLE_UNSELECTED, /* by its muxer, or that is missing itself */
};

/* False when nobody knows when the signal is there (CANP_DBC_NO_MUXER, of it or above). */
bool canp_plan_single(const struct canp_plan *plan, const struct canp_dbc_signal *signal,
                      struct plan_single *out);

/* The same value as canp_plan_decode() gives. */
enum plan_single_result canp_plan_single_decode(const struct plan_single *single, const uint8_t *data,
                                                size_t bytes, struct canp_value *out);

struct plan_slot {
    uint32_t key;
    uint32_t plan; /* index + 1; 0: empty */
};

struct plan_table {
    struct plan_slot *slots;
    uint32_t mask;
};

struct canp_decoder {
    struct canp_dbc *dbc;
    struct canp_plan *plans;
    uint32_t values_max;
    uint64_t seed; /* of the tables' hash, odd */
    struct plan_table by_id, by_pgn;
};

static inline uint32_t plan_hash(uint32_t key, uint64_t seed)
{
    return (uint32_t)((((uint64_t)key + 1) * seed) >> 32);
}

static inline const struct canp_plan *plan_find(const struct canp_decoder *d, const struct plan_table *table,
                                                uint32_t key)
{
    for (uint32_t at = plan_hash(key, d->seed) & table->mask; table->slots[at].plan;
         at = (at + 1) & table->mask)
        if (table->slots[at].key == key)
            return &d->plans[table->slots[at].plan - 1];
    return NULL;
}

#endif
