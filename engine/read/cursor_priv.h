/* The inside of a cursor, for the parts of engine/ that read block by block. One thread. */
#ifndef CANP_ENGINE_CURSOR_PRIV_H
#define CANP_ENGINE_CURSOR_PRIV_H

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
    struct canp_cursor_head head; /* first, see canp/reader.h: where in the block's rows the cursor is */
    struct canp_reader *reader;
    struct canp_cursor_opts opts;
    struct query query;            /* by the options */
    struct segment_reader segment; /* when segment_open */
    bool segment_open;
    bool at_end;          /* behind the last segment that is wanted */
    bool rechecked;       /* this unsealed segment was looked at once more after its successor was seen */
    uint64_t number;      /* of the segment */
    uint64_t last_number; /* the walk ends with this segment */
    struct block_place place;
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

    size_t rows_bytes; /* of head.rows */
    bool partial;      /* not all rows of the block, but so many: */
    uint32_t partial_records, partial_frames;

    struct back back;
    int64_t floor_ns;      /* from_ns as the cursor was opened: how far back it goes */
    uint64_t told_segment; /* the farthest damaged place that was counted: going back and on again */
    uint64_t told_end;     /* does not count it twice */
};

/* ---- cursor_walk.c */

/* Moves to the next block with rows to lend. 1, 0 at the end of what is there now, or an error. */
int canp_cursor_next_block(struct canp_cursor *c);

/* Makes this segment, opened, the one that the cursor is at the start of; the one before is left. */
void canp_cursor_enter_segment(struct canp_cursor *c, uint64_t number, const struct segment_reader *segment);
void canp_cursor_leave_segment(struct canp_cursor *c);

/* The file was cut or broke under us, and the rest of it is gone: -CANP_E_LOST. The next call goes on with
 * the next segment. */
int canp_cursor_lose_segment(struct canp_cursor *c);

/* There are no rows to lend. */
static inline void cursor_drop_rows(struct canp_cursor *c)
{
    c->rows_bytes = c->head.at = c->head.ready_bytes = 0;
}

/* May what a caller has read of the mapping have been wrong? Told when the cursor moves on. */
static inline bool cursor_is_lost(const struct canp_cursor *c)
{
    return c->rows_bytes && c->head.rows == c->block.payload && segment_reader_status(&c->segment) < 0;
}

/* ---- cursor_damage.c */

/* A damaged place was met; it is told by canp_cursor_tell_damage(), when the first time behind it is known. A
 * `damage` without a segment is of the cursor's. */
void canp_cursor_note_damage(struct canp_cursor *c, struct canp_damage damage);
void canp_cursor_tell_damage(struct canp_cursor *c, int64_t to_ns);

/* The place from the cursor's up to `end` is damaged; next_seq is the number of the block there (0 = not
 * known). */
void canp_cursor_note_damaged_blocks(struct canp_cursor *c, uint64_t end, uint32_t next_seq);

/* Notes what is wrong with the open segment's header and seal; and with its index, once its blocks were read.
 */
void canp_cursor_check_segment(struct canp_cursor *c);
void canp_cursor_check_index(struct canp_cursor *c);

/* ---- cursor_back.c */

/* Moves to the row in front of the cursor's place in the block, which is not the first. 0 or -ENOMEM. */
int canp_cursor_previous_row(struct canp_cursor *c);

/* Moves to the end of the block in front that has rows to lend. 1, 0 at the start, or an error. */
int canp_cursor_previous_block(struct canp_cursor *c);

/* ---- cursor_rows.c */

/*
 * Makes the block's rows ready to lend: rows, rows_bytes, partial. 0; -CANP_E_DAMAGED when they are no rows
 * in spite of the checksum; -CANP_E_LOST; -ENOMEM.
 */
int canp_cursor_load_rows(struct canp_cursor *c, const struct segment_block *b);

#endif
