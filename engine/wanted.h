/*
 * What a cursor is asked for, in the form in which blocks, lanes and records are compared with it: what
 * cannot match is not touched.
 *
 * Invariant: a block or lane is left out only when no record of it can pass wanted_record(). Any thread; no
 * state but the struct.
 */
#ifndef CANP_ENGINE_WANTED_H
#define CANP_ENGINE_WANTED_H

#include <canp/pack.h>
#include <canp/reader.h>

#include "format.h"

struct wanted {
    int64_t from_ns;
    int64_t to_ns;
    const struct canp_filter_set *filter; /* NULL: all */
    uint32_t kinds;                       /* bit per kind */
    uint8_t dirs;                         /* bit per direction */
    bool everything;                      /* but for the time */
    uint64_t channels[4];                 /* bit per channel */
    uint64_t channel_mask;                /* the same as blocks have it */
    uint64_t id_bits;                     /* canp_id_hash() of all ids that may pass */
};

void wanted_init(struct wanted *w, const struct canp_cursor_opts *opts);

/* May a block with this header hold records that are wanted? */
bool wanted_block(const struct wanted *w, const struct block_header *h);

bool wanted_lane(const struct wanted *w, const struct canp_lane *lane);
bool wanted_record(const struct wanted *w, const struct canp_record *r);

#endif
