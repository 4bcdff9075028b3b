/*
 * A place in a recording: walks blocks in recorded order, lends records into the mapping (canp/reader.h).
 *
 * Invariant: `rows` are well-formed rows (canp_rows_check) of a block whose checksum is right. One thread.
 */
#include "cursor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static void leave_segment(struct canp_cursor *c)
{
    if (c->segment_open)
        segin_close(&c->segment);
    c->segment_open = false;
}

/* Opens the next segment that can be read; unreadable ones count as damaged. 1, or 0 when there is none. */
static int enter_next_segment(struct canp_cursor *c)
{
    uint64_t number = c->number;
    while ((number = recording_next_segment(c->reader, number)) != 0) {
        struct segin next;
        if (recording_open_segment(c->reader, number, &next) < 0) {
            c->damaged++;
            c->number = number;
            continue;
        }
        leave_segment(c);
        c->segment = next;
        c->segment_open = true;
        c->number = number;
        c->offset = SEG_HEADER_BYTES;
        c->next_seq = 0;
        return 1;
    }
    return 0;
}

/* The next whole block of this segment, past damaged places. 1, 0 (end, or not yet) or an error. */
static int next_block_here(struct canp_cursor *c, struct segin_block *b)
{
    int r = segin_block_at(&c->segment, c->offset, b);
    if (r != -CANP_E_DAMAGED && !(r == 1 && b->header.seq < c->next_seq))
        return r;
    uint64_t from = c->offset;
    r = segin_block_after(&c->segment, from, c->next_seq, b);
    if (r == 1) {
        c->damaged++;
        return 1;
    }
    /* Nothing whole behind it: the torn end of a segment whose writer was killed, or a block being written.
     */
    if (r == 0 && c->segment.sealed) {
        c->damaged++;
        c->offset = c->segment.seal.blocks_end;
    }
    return r;
}

static bool block_is_wanted(const struct canp_cursor *c, const struct block_header *h)
{
    return h->last_ns >= c->opts.from_ns && h->first_ns <= c->opts.to_ns;
}

/* 1 when its rows can be lent. */
static int enter_block(struct canp_cursor *c, const struct segin_block *b)
{
    const struct block_header *h = &b->header;
    c->offset = b->end;
    c->next_seq = h->seq + 1;
    c->block = *b;
    if (!block_is_wanted(c, h) && !(h->flags & CANP_BLOCK_HAS_IFACES))
        return 0;
    int64_t rows = canp_rows_check(b->payload, h->rows_bytes);
    if ((h->flags & CANP_BLOCK_PACKED) || rows != h->records) {
        c->damaged++;
        return 0;
    }
    if (h->flags & CANP_BLOCK_HAS_IFACES)
        recording_learn_ifaces(c->reader, b->payload, h->rows_bytes);
    if (!block_is_wanted(c, h))
        return 0;
    c->rows = b->payload;
    c->rows_bytes = h->rows_bytes;
    c->base_ns = h->base_ns;
    c->at = 0;
    return 1;
}

/* Moves to the next block with rows to lend. 1, 0 at the end of what is there now, or an error. */
int cursor_next_block(struct canp_cursor *c)
{
    c->rows_bytes = c->at = 0;
    for (;;) {
        struct segin_block b;
        int r = c->segment_open ? next_block_here(c, &b) : 0;
        if (r < 0)
            return r;
        if (r == 1) {
            if (enter_block(c, &b) == 1)
                return 1;
            continue;
        }
        if (c->segment_open && !c->segment.sealed && !c->rechecked) {
            /* The writer publishes a segment after the last block of the one before: look once more. */
            c->rechecked = recording_next_segment(c->reader, c->number) != 0;
            segin_refresh(&c->segment);
            if (c->rechecked || c->segment.sealed)
                continue;
            return 0;
        }
        c->rechecked = false;
        if (!enter_next_segment(c))
            return 0;
    }
}

int canp_cursor_open(struct canp_reader *reader, const struct canp_cursor_opts *opts,
                     struct canp_cursor **out)
{
    static const struct canp_cursor_opts defaults = CANP_CURSOR_OPTS_INIT;
    struct canp_cursor *c = calloc(1, sizeof(*c));
    if (!c)
        return -ENOMEM;
    c->reader = reader;
    c->opts = opts ? *opts : defaults;
    *out = c;
    return 0;
}

void canp_cursor_close(struct canp_cursor *c)
{
    if (!c)
        return;
    leave_segment(c);
    free(c);
}

static bool record_is_wanted(const struct canp_cursor *c, const struct canp_record *r)
{
    if (r->time_ns < c->opts.from_ns || r->time_ns > c->opts.to_ns)
        return false;
    return !c->opts.frames_only || canp_kind_is_frame(r->kind);
}

int canp_cursor_next(struct canp_cursor *c, struct canp_record *out)
{
    for (;;) {
        while (c->at < c->rows_bytes) {
            canp_row_read(c->rows + c->at, c->base_ns, out);
            c->at += out->row_bytes;
            if (record_is_wanted(c, out))
                return 1;
        }
        int r = cursor_next_block(c);
        if (r <= 0)
            return r;
    }
}

int canp_cursor_next_batch(struct canp_cursor *c, struct canp_batch *out)
{
    if (c->at >= c->rows_bytes) {
        int r = cursor_next_block(c);
        if (r <= 0)
            return r;
    }
    out->rows = c->rows + c->at;
    out->bytes = c->rows_bytes - c->at;
    out->stride = c->block.header.stride;
    out->base_ns = c->base_ns;
    out->records = c->at == 0 ? c->block.header.records : (uint32_t)canp_rows_check(out->rows, out->bytes);
    c->at = c->rows_bytes;
    return 1;
}

uint32_t canp_cursor_damaged(const struct canp_cursor *c)
{
    return c->damaged;
}
