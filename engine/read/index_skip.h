/*
 * Skipping by the index: the index of a sealed segment tells in which blocks nothing can match, so a cursor
 * moves directly to the next block with a possible match.
 *
 * Invariant: a skip ends at a block that agrees with the index; if the block there does not, the cursor goes
 * back to where the skip began and reads block by block. One thread.
 */
#ifndef CANP_ENGINE_INDEX_SKIP_H
#define CANP_ENGINE_INDEX_SKIP_H

#include "query.h"
#include "segment/segment_reader.h"

/* A place in a segment: in front of a block. */
struct block_place {
    uint64_t offset;   /* of the next block */
    uint32_t next_seq; /* its number, as far as the blocks in front tell */
};

struct index_skip {
    bool on;      /* in this segment */
    bool skipped; /* the place is where the index says, and not where the blocks led to: */
    struct block_place from;
    bool learn_ifaces; /* blocks that name channels are wanted, too */
    struct index_view index;
    uint64_t ids[QUERY_ID_WORDS]; /* those that are wanted */
};

/* To be called when a segment has been opened; whether its blocks can be skipped. */
bool canp_index_skip_enter(struct index_skip *skip, const struct query *query,
                           struct segment_reader *segment);

/* Moves the place over blocks that are not wanted. False when the file was cut: what the index said then is
 * nothing. */
bool canp_index_skip_forward(struct index_skip *skip, const struct query *query,
                             const struct segment_reader *segment, struct block_place *place);

/* Is this the block that the index promised, if it promised one? If not, the place is where the skip began,
 * and this segment is not skipped in any more. r is what canp_segment_reader_block_at() said of *b. */
bool canp_index_skip_is_right(struct index_skip *skip, int r, const struct segment_block *b,
                              struct block_place *place);

#endif
