/*
 * Leaping: in a sealed segment the index tells a cursor which blocks hold nothing that it wants, so that it
 * goes from one that does to the next.
 *
 * Invariant: where a leap leads there is the block that the index promised, or the cursor goes back and
 * walks. One thread.
 */
#ifndef CANP_ENGINE_INDEX_SKIP_H
#define CANP_ENGINE_INDEX_SKIP_H

#include "query.h"
#include "segment/segment_reader.h"

struct canp_cursor;

struct index_skip {
    bool on;      /* in this segment */
    bool skipped; /* the cursor stands where the index says, and not where it walked to: */
    uint64_t from_offset;
    uint32_t from_seq;
    bool learn_ifaces; /* the segment may name channels that the reader does not know */
    struct index_view index;
    uint64_t ids[QUERY_ID_WORDS]; /* those that are wanted */
};

/* To be called when a segment has been opened. */
void canp_index_skip_enter(struct canp_cursor *c);

/* Moves the cursor over blocks that are not wanted. False when the file was cut: what the index said then is
 * nothing. */
bool canp_index_skip_forward(struct canp_cursor *c);

/* Is this what the index promised, if it promised anything? Else the cursor is back where it skipped from,
 * and walks this segment. r is what canp_segment_reader_block_at() said of *b. */
bool canp_index_skip_is_right(struct canp_cursor *c, int r, const struct segment_block *b);

#endif
