/* The inside of a cursor, for the parts of engine/ that walk blocks. One thread. */
#ifndef CANP_ENGINE_CURSOR_H
#define CANP_ENGINE_CURSOR_H

#include <canp/buf.h>
#include <canp/pack.h>

#include "leap.h"
#include "recording.h"
#include "wanted.h"

struct canp_cursor {
    struct canp_reader *reader;
    struct canp_cursor_opts opts;
    struct wanted wanted; /* by the options */
    struct segin segment; /* when segment_open */
    bool segment_open;
    bool rechecked;       /* this unsealed segment was looked at once more after its successor was seen */
    uint64_t number;      /* of the segment */
    uint64_t last_number; /* the walk ends with this segment */
    uint64_t offset;      /* of the next block */
    uint32_t next_seq;
    struct leap leap;
    uint32_t damaged; /* places skipped */
    int64_t last_ns;  /* highest time of the last whole block; INT64_MIN = none yet */
    bool damage_open; /* a damaged place whose end in time is not known yet: */
    struct canp_damage damage;

    struct segin_block block;       /* the current one */
    struct canp_unpacker *unpacker; /* made for the first packed block, and again for a larger one */
    size_t unpacker_bytes;          /* what it is made for */
    struct canp_mbuf unpacked;      /* from the reader's pool */
    uint8_t *chosen;                /* lanes of a packed block; made when something is chosen */

    const uint8_t *rows;
    size_t rows_bytes;
    size_t at;    /* of the next row */
    bool partial; /* not all rows of the block */
    int64_t base_ns;
};

/* Moves to the next block with rows to lend. 1, 0 at the end of what is there now, or an error. */
int cursor_next_block(struct canp_cursor *c);

/*
 * Makes the block's rows ready to lend: rows, rows_bytes, partial. 0; -CANP_E_DAMAGED when they are no rows
 * in spite of the checksum; -CANP_E_LOST; -ENOMEM. In cursor_rows.c.
 */
int cursor_load_rows(struct canp_cursor *c, const struct segin_block *b);

#endif
