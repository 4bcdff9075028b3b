/*
 * Moves a cursor from block to block and from segment to segment in recorded order. It steps over damage and
 * skips blocks in which nothing can match (cursor_priv.h). One thread.
 */
#include "cursor_priv.h"

#include <errno.h>

#include "segment/block_counts.h"

void canp_cursor_leave_segment(struct canp_cursor *c)
{
    if (c->segment_open)
        canp_segment_reader_close(&c->segment);
    c->segment_open = false;
    c->back.blocks_end = 0;
}

void canp_cursor_enter_segment(struct canp_cursor *c, uint64_t number, const struct segment_reader *segment)
{
    canp_cursor_leave_segment(c);
    c->segment = *segment;
    c->segment_open = true;
    c->number = number;
    c->place = (struct block_place){segment->header.header_bytes, 0};
    c->rechecked = c->at_end = false;
    if (canp_index_skip_enter(&c->skip, &c->query, &c->segment))
        c->skip.learn_ifaces = !canp_reader_knows_channels(c->reader, c->segment.seal.channel_mask);
}

/* Segments between two that are listed one behind the other. Retention begins with the oldest: when that in
 * front has gone, those that are missing went with it. */
static void note_missing(struct canp_cursor *c, uint64_t before, uint64_t number)
{
    if (before && number > before + 1 && canp_reader_has_segment(c->reader, before))
        canp_cursor_note_damage(
            c, (struct canp_damage){.segment = before + 1, .block = UINT32_MAX, .error = -ENOENT});
}

/* Listed, and not there any more: was it another than retention? That removes the oldest first, and never the
 * last. */
static bool is_lost_segment(struct canp_cursor *c, uint64_t gone)
{
    return (c->number && canp_reader_has_segment(c->reader, c->number)) ||
           canp_segment_list_dir_last(c->reader->dir_fd) < gone;
}

static void note_gone(struct canp_cursor *c, uint64_t gone)
{
    if (gone && is_lost_segment(c, gone))
        canp_cursor_note_damage(c,
                                (struct canp_damage){.segment = gone, .block = UINT32_MAX, .error = -ENOENT});
}

/* Opens the next segment that can be read; unreadable ones count as damaged, ones that retention has removed
 * do not. 1, 0 when there is none, or an error after which one may try again. */
static int enter_next_segment(struct canp_cursor *c)
{
    uint64_t number = c->number, before, gone = 0;
    while ((number = canp_reader_next_match(c->reader, number, &c->query, &before)) != 0 &&
           number <= c->last_number) {
        struct segment_reader next;
        int r = canp_reader_open_segment(c->reader, number, &next);
        if (reader_error_passes(r))
            return r;
        if (r == -ENOENT && !c->reader->file_path) { /* removed since the directory was listed */
            gone = gone ? gone : number;
            continue;
        }
        note_gone(c, gone);
        gone = 0;
        note_missing(c, before > c->number ? before : c->number, number);
        c->number = number;
        if (r < 0) {
            canp_cursor_note_damage(c, (struct canp_damage){.block = UINT32_MAX, .error = r});
            continue;
        }
        canp_cursor_enter_segment(c, number, &next);
        if (c->opts.thorough)
            canp_cursor_check_segment(c);
        return 1;
    }
    note_gone(c, gone);
    return 0;
}

/* The block at the cursor's place, or behind it the first that the index does not rule out. As
 * canp_segment_reader_block_at().
 */
static int block_here(struct canp_cursor *c, struct segment_block *b)
{
    if (c->skip.on && !canp_index_skip_forward(&c->skip, &c->query, &c->segment, &c->place))
        return -CANP_E_LOST;
    int r = canp_segment_reader_block_at(&c->segment, c->place.offset, b);
    return canp_index_skip_is_right(&c->skip, r, b, &c->place)
               ? r
               : canp_segment_reader_block_at(&c->segment, c->place.offset, b);
}

/* A seal says where the blocks end, and they do not go so far. */
static bool end_is_missing(const struct canp_cursor *c)
{
    return c->segment.sealed && c->place.offset < c->segment.seal.blocks_end;
}

/* The next whole block of this segment, past damaged places. 1, 0 (end, or not yet) or an error. */
static int next_block_here(struct canp_cursor *c, struct segment_block *b)
{
    int r = block_here(c, b);
    if (r == 1 && b->header.seq > c->place.next_seq)
        canp_cursor_note_damaged_blocks(c, b->offset, b->header.seq); /* blocks are missing in front of it */
    bool cut = r == 0 && end_is_missing(c);
    if (r != -CANP_E_DAMAGED && !(r == 1 && b->header.seq < c->place.next_seq) && !cut)
        return r;
    r = canp_segment_reader_block_after(&c->segment, c->place.offset, c->place.next_seq, b);
    if (r == 1) {
        /* It was committed after the one in front of it, which may just have been torn by our own haste. */
        struct segment_block here;
        if (!c->segment.sealed && canp_segment_reader_block_at(&c->segment, c->place.offset, &here) == 1 &&
            here.header.seq == c->place.next_seq)
            *b = here;
        else
            canp_cursor_note_damaged_blocks(c, b->offset, b->header.seq);
        /* The look at `here` may have taken the memory that b's block was copied to. */
        return c->segment.by_copy ? canp_segment_reader_block_at(&c->segment, b->offset, b) : 1;
    }
    /* Nothing whole behind it: the torn end of a segment whose writer was killed, or a block being written.
     */
    if (r == 0 && end_is_missing(c)) {
        canp_cursor_note_damaged_blocks(c, c->segment.seal.blocks_end, (uint32_t)c->segment.seal.blocks);
        c->place.offset = c->segment.seal.blocks_end;
    }
    return r;
}

static void note_hostile_block(struct canp_cursor *c, const struct segment_block *b)
{
    /* The checksum is right, yet it is no block of ours. */
    canp_cursor_note_damage(c, (struct canp_damage){.block = b->header.seq,
                                                    .blocks = 1,
                                                    .offset = b->offset,
                                                    .bytes = b->end - b->offset,
                                                    .frames = b->header.frames,
                                                    .frames_known = true,
                                                    .error = -CANP_E_DAMAGED});
}

/* Will what the block says of itself do? */
static bool head_will_do(const struct canp_cursor *c, const struct segment_block *b)
{
    struct block_counts counts;
    return c->heads_only && !(b->header.flags & CANP_BLOCK_HAS_IFACES) &&
           (c->segment.header.compat & SEG_COMPAT_COUNTS) &&
           canp_block_counts_read(&b->header, b->payload, &counts);
}

/* 1 when its rows can be lent, 0 when the block is passed over. */
static int enter_block(struct canp_cursor *c, const struct segment_block *b)
{
    const struct block_header *h = &b->header;
    canp_cursor_tell_damage(c, h->first_ns);
    c->place.offset = b->end;
    c->place.next_seq = h->seq + 1;
    c->last_ns = h->last_ns;
    c->block = *b;
    if (head_will_do(c, b))
        return 1;
    bool wanted = canp_query_block(&c->query, h);
    if (!wanted && !(h->flags & CANP_BLOCK_HAS_IFACES))
        return 0;
    int r = canp_cursor_load_rows(c, b);
    if (r == -CANP_E_DAMAGED) {
        note_hostile_block(c, b);
        return 0;
    }
    if (r < 0) { /* no memory: the caller may come again */
        c->place.offset = b->offset;
        c->place.next_seq = h->seq;
        return r;
    }
    if (h->flags & CANP_BLOCK_HAS_IFACES)
        canp_reader_learn_ifaces(c->reader, c->head.rows, c->rows_bytes);
    if (!wanted)
        cursor_drop_rows(c);
    c->head.base_ns = h->base_ns;
    c->head.at = 0;
    return c->rows_bytes > 0;
}

int canp_cursor_lose_segment(struct canp_cursor *c)
{
    canp_cursor_note_damage(
        c,
        (struct canp_damage){.block = c->place.next_seq, .offset = c->place.offset, .error = -CANP_E_LOST});
    cursor_drop_rows(c);
    c->skip.on = false;
    c->place.offset = UINT64_MAX;
    return -CANP_E_LOST;
}

int canp_cursor_next_block(struct canp_cursor *c)
{
    if (cursor_is_lost(c))
        return canp_cursor_lose_segment(c);
    cursor_drop_rows(c);
    for (;;) {
        struct segment_block b;
        if (canp_stop_is_set(c->reader->stop))
            return -ECANCELED;
        int r = c->segment_open ? next_block_here(c, &b) : 0;
        bool found = r == 1;
        if (found)
            r = enter_block(c, &b);
        if (r != 0)
            return r == -CANP_E_LOST ? canp_cursor_lose_segment(c) : r;
        if (found)
            continue;
        if (c->segment_open && !c->segment.sealed && !c->rechecked) {
            /* The writer publishes a segment after the last block of the one before: look once more. */
            uint64_t before = c->segment.file_bytes;
            c->rechecked = canp_reader_next_segment(c->reader, c->number) != 0;
            canp_segment_reader_refresh(&c->segment);
            if (c->rechecked || c->segment.sealed || c->segment.file_bytes > before)
                continue;
            return 0;
        }
        if (c->segment_open && c->opts.thorough)
            canp_cursor_check_index(c);
        r = enter_next_segment(c);
        c->at_end = r == 0;
        if (r == 0)
            canp_cursor_tell_damage(c, INT64_MAX);
        if (r <= 0)
            return r;
    }
}
