/* The inside of a cursor, for the parts of engine/ that walk blocks. One thread. */
#ifndef CANP_ENGINE_CURSOR_H
#define CANP_ENGINE_CURSOR_H

#include <canp/pack.h>
#include <canp/pools/buf.h>

#include "index_skip.h"
#include "query.h"
#include "reader_priv.h"

/* What going backwards needs (cursor_back.c): nothing until it is. */
struct back {
    uint64_t *blocks; /* where the open segment's blocks begin, those in front of blocks_end */
    size_t block_count, block_capacity;
    uint64_t blocks_end; /* 0 = not listed */
    uint64_t walked_to;
    uint32_t *rows; /* where the current block's rows begin, when rows_known */
    size_t row_count, row_capacity;
    bool rows_known;
};

struct canp_cursor {
    struct canp_reader *reader;
    struct canp_cursor_opts opts;
    struct query query;            /* by the options */
    struct segment_reader segment; /* when segment_open */
    bool segment_open;
    bool at_end;          /* behind the last segment that is wanted */
    bool rechecked;       /* this unsealed segment was looked at once more after its successor was seen */
    uint64_t number;      /* of the segment */
    uint64_t last_number; /* the walk ends with this segment */
    uint64_t offset;      /* of the next block */
    uint32_t next_seq;
    bool heads_only; /* blocks that tell their counts have no rows to lend: for summing up (info.c) */
    struct index_skip skip;
    uint32_t damaged; /* places skipped */
    int64_t last_ns;  /* highest time of the last whole block; INT64_MIN = none yet */
    bool damage_open; /* a damaged place whose end in time is not known yet: */
    struct canp_damage damage;

    struct segment_block block;     /* the current one */
    struct canp_unpacker *unpacker; /* made for the first packed block, and again for a larger one */
    size_t unpacker_bytes;          /* what it is made for */
    struct canp_mbuf unpacked;      /* from the reader's pool */
    uint8_t *chosen;                /* lanes of a packed block; made when something is chosen */

    const uint8_t *rows;
    size_t rows_bytes;
    size_t at;    /* of the next row */
    bool partial; /* not all rows of the block, but so many: */
    uint32_t partial_records, partial_frames;
    int64_t base_ns;

    struct back back;
    int64_t floor_ns;      /* from_ns as the cursor was opened: how far back it goes */
    uint64_t told_segment; /* the farthest damaged place that was counted: going back and on again */
    uint64_t told_end;     /* does not count it twice */
};

/* Moves to the next block with rows to lend. 1, 0 at the end of what is there now, or an error. */
int canp_cursor_next_block(struct canp_cursor *c);

/* Makes this segment, opened, the one that the cursor is at the start of; the one before is left. */
void canp_cursor_enter_segment(struct canp_cursor *c, uint64_t number, const struct segment_reader *segment);

/* Moves to the row in front of the cursor's place in the block, which is not the first. 0 or -ENOMEM. */
int canp_cursor_previous_row(struct canp_cursor *c);

/* Moves to the end of the block in front that has rows to lend. 1, 0 at the start, or an error. */
int canp_cursor_previous_block(struct canp_cursor *c);

/*
 * Makes the block's rows ready to lend: rows, rows_bytes, partial. 0; -CANP_E_DAMAGED when they are no rows
 * in spite of the checksum; -CANP_E_LOST; -ENOMEM. In cursor_rows.c.
 */
int canp_cursor_load_rows(struct canp_cursor *c, const struct segment_block *b);

#endif
