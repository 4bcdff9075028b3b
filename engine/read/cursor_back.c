/*
 * Moves a cursor backwards (canp/reader.h): row by row within a block, and from block to block by a list of
 * the offsets of the segment's blocks. The list is made when it is first needed, from the index or else by
 * reading all block headers.
 *
 * Invariant: `back.blocks` are those of the open segment before blocks_end, `back.rows` those of the
 * current block when rows_known. A block is entered here under the same checks as forwards. One thread.
 */
#include "cursor_priv.h"

#include <errno.h>
#include <stdlib.h>

/* ---- the rows of a block ------------------------------------------------------------------------ */

static int know_rows(struct canp_cursor *c)
{
    struct back *back = &c->back;
    if (back->rows_known)
        return 0;
    size_t count = 0;
    for (size_t at = 0; at < c->rows_bytes; at += canp_row_bytes(c->head.rows + at)) {
        if (count == back->row_capacity) {
            size_t capacity = count ? 2 * count : 1024;
            uint32_t *rows = realloc(back->rows, capacity * sizeof(*rows));
            if (!rows)
                return -ENOMEM;
            back->rows = rows;
            back->row_capacity = capacity;
        }
        back->rows[count++] = (uint32_t)at;
    }
    back->row_count = count;
    back->rows_known = true;
    return 0;
}

int canp_cursor_previous_row(struct canp_cursor *c)
{
    if (c->head.stride) {
        c->head.at -= c->head.stride;
        return 0;
    }
    int r = know_rows(c);
    if (r < 0)
        return r;
    size_t low = 0, high = c->back.row_count; /* the last row in front of `at` is in [low, high) */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (c->back.rows[middle] < c->head.at)
            low = middle;
        else
            high = middle;
    }
    c->head.at = c->back.rows[low];
    return 0;
}

/* ---- the blocks of a segment -------------------------------------------------------------------- */

static int add_block(struct back *back, uint64_t offset)
{
    if (back->block_count == back->block_capacity) {
        size_t capacity = back->block_capacity ? 2 * back->block_capacity : 256;
        uint64_t *blocks = realloc(back->blocks, capacity * sizeof(*blocks));
        if (!blocks)
            return -ENOMEM;
        back->blocks = blocks;
        back->block_capacity = capacity;
    }
    back->blocks[back->block_count++] = offset;
    return 0;
}

static int list_by_index(struct back *back, const struct index_view *index)
{
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < index->header.blocks; i++)
        r = add_block(back, index_block_at(index, i)->offset);
    return r;
}

/* Past damaged places as forwards. */
static int list_by_walk(struct canp_cursor *c)
{
    struct segment_block b;
    uint64_t at = c->segment.header.header_bytes;
    uint32_t seq = 0;
    for (;;) {
        int r = canp_segment_reader_block_at(&c->segment, at, &b);
        if (r == -CANP_E_DAMAGED || (r == 1 && b.header.seq < seq))
            r = canp_segment_reader_block_after(&c->segment, at, seq, &b);
        if (r == 1)
            r = add_block(&c->back, b.offset) < 0 ? -ENOMEM : 1;
        if (r <= 0)
            return r;
        c->back.walked_to = at = b.end;
        seq = b.header.seq + 1;
    }
}

/* Lists the blocks in front of this offset. 0 or an error. */
static int know_blocks(struct canp_cursor *c, uint64_t end)
{
    struct back *back = &c->back;
    struct index_view index;
    if (!c->segment_open || (back->blocks_end && end <= back->blocks_end))
        return 0;
    back->block_count = 0;
    int r = canp_segment_reader_index(&c->segment, &index) ? list_by_index(back, &index) : list_by_walk(c);
    if (r == 0)
        back->blocks_end = c->segment.sealed ? UINT64_MAX : back->walked_to;
    return r;
}

/* How many blocks begin in front of this offset. */
static size_t blocks_before(const struct back *back, uint64_t offset)
{
    size_t low = 0, high = back->block_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (back->blocks[middle] < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Enters the block at its end. 1; 0 when nothing of it is wanted or it is damaged; or an error. */
static int enter_back(struct canp_cursor *c, uint64_t offset)
{
    struct block_header h;
    struct segment_block b;
    int r = canp_segment_reader_header_at(&c->segment, offset, &h);
    if (r != 1 || !canp_query_block(&c->query, &h))
        return r < 0 ? r : 0;
    r = canp_segment_reader_block_at(&c->segment, offset, &b);
    if (r != 1)
        return r == -CANP_E_DAMAGED ? 0 : r;
    c->block = b;
    c->place.offset = b.end;
    c->place.next_seq = b.header.seq + 1;
    c->last_ns = b.header.last_ns;
    c->head.base_ns = b.header.base_ns;
    r = canp_cursor_load_rows(c, &b);
    if (r < 0)
        return r == -CANP_E_DAMAGED ? 0 : r;
    if (b.header.flags & CANP_BLOCK_HAS_IFACES)
        canp_reader_learn_ifaces(c->reader, c->head.rows, c->rows_bytes);
    c->head.at = c->rows_bytes;
    return c->head.at > 0;
}

/* ---- all ---------------------------------------------------------------------------------------- */

/* Opens the segment in front, past those that cannot be read. 1, 0 when there is none, or an error. */
static int enter_segment_before(struct canp_cursor *c)
{
    uint64_t number = c->number;
    while ((number = canp_reader_segment_before(c->reader, number)) != 0) {
        struct segment_reader segment;
        int r = canp_reader_open_segment(c->reader, number, &segment);
        if (reader_error_passes(r))
            return r;
        if (r < 0)
            continue;
        canp_cursor_enter_segment(c, number, &segment);
        return 1;
    }
    return 0;
}

int canp_cursor_previous_block(struct canp_cursor *c)
{
    uint64_t end = c->rows_bytes ? c->block.offset : c->place.offset;
    cursor_drop_rows(c);
    for (;;) {
        int r = know_blocks(c, end);
        for (size_t i = c->segment_open && r == 0 ? blocks_before(&c->back, end) : 0; i > 0 && r == 0; i--)
            r = enter_back(c, c->back.blocks[i - 1]);
        if (r == -CANP_E_LOST) { /* told once; the segments in front are still there */
            c->place.offset = c->segment.header.header_bytes;
            c->back.block_count = 0;
            c->back.blocks_end = UINT64_MAX;
        }
        if (r != 0)
            return r;
        if (c->segment_open) {
            c->place.offset = c->segment.header.header_bytes;
            c->place.next_seq = 0;
        }
        r = enter_segment_before(c);
        if (r == 0 && !c->segment_open)
            c->number = 0;
        if (r <= 0)
            return r;
        end = UINT64_MAX;
    }
}
