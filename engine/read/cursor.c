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

#include "segment/block_counts.h"

static void leave_segment(struct canp_cursor *c)
{
    if (c->segment_open)
        canp_segment_reader_close(&c->segment);
    c->segment_open = false;
    c->back.blocks_end = 0;
}

void canp_cursor_enter_segment(struct canp_cursor *c, uint64_t number, const struct segment_reader *segment)
{
    leave_segment(c);
    c->segment = *segment;
    c->segment_open = true;
    c->number = number;
    c->offset = segment->header.header_bytes;
    c->next_seq = 0;
    c->rechecked = c->at_end = false;
    canp_index_skip_enter(c);
}

/* ---- damage: told once the first whole block behind it is known ---------------------------------- */

static void tell_damage(struct canp_cursor *c, int64_t to_ns)
{
    if (!c->damage_open)
        return;
    c->damage_open = false;
    c->damage.to_ns = to_ns;
    if (c->opts.on_damage)
        c->opts.on_damage(c->opts.user, &c->damage);
}

static void note_damage(struct canp_cursor *c, struct canp_damage damage)
{
    uint64_t end = damage.offset + (damage.bytes ? damage.bytes : 1);
    if (!damage.segment)
        damage.segment = c->number;
    if (damage.segment < c->told_segment || (damage.segment == c->told_segment && end <= c->told_end))
        return;
    tell_damage(c, INT64_MAX);
    c->damaged++;
    c->told_segment = damage.segment;
    c->told_end = end;
    damage.from_ns = c->last_ns;
    c->damage = damage;
    c->damage_open = true;
}

/* Frames in the blocks from `offset` up to `end`, as far as their headers lead there: 0 when they do not. */
static bool sum_by_headers(const struct segment_reader *s, uint64_t offset, uint64_t end,
                           struct canp_damage *damage)
{
    while (offset < end) {
        struct block_header h;
        if (canp_segment_reader_header_at(s, offset, &h) != 1 || !canp_block_header_is_sane(&h, end - offset))
            return false;
        damage->frames += h.frames;
        damage->blocks++;
        offset += sizeof(h) + h.stored_bytes;
    }
    return offset == end;
}

/* The place from the cursor's offset up to `end`, with `next_seq` the number of the block there (0 =
 * unknown). */
static void note_damaged_blocks(struct canp_cursor *c, uint64_t end, uint32_t next_seq)
{
    struct canp_damage d = {
        .block = c->next_seq, .offset = c->offset, .bytes = end - c->offset, .error = -CANP_E_DAMAGED};
    d.frames_known = end > c->offset && sum_by_headers(&c->segment, c->offset, end, &d);
    if (!d.frames_known) {
        d.frames = 0;
        d.blocks = next_seq > c->next_seq ? next_seq - c->next_seq : 0;
    }
    note_damage(c, d);
}

/* What is no block, and affects no frame: told to those who want to know everything. */
static void note_damaged_cache(struct canp_cursor *c, uint64_t offset, uint64_t bytes)
{
    note_damage(c, (struct canp_damage){.block = UINT32_MAX,
                                        .offset = offset,
                                        .bytes = bytes,
                                        .frames_known = true,
                                        .error = -CANP_E_DAMAGED});
}

static void check_header(struct canp_cursor *c)
{
    if (c->segment.header_mended)
        note_damaged_cache(c, 0, sizeof(c->segment.header));
}

/* Where a seal would be there are zeros, or it is being written right now. */
static void check_seal(struct canp_cursor *c)
{
    static const struct seg_seal none;
    struct segment_reader *s = &c->segment;
    if (s->sealed || memcmp(&s->seal, &none, sizeof(none)) == 0)
        return;
    if (canp_segment_reader_refresh(s) == 0 && !s->sealed)
        note_damaged_cache(c, SEG_SEAL_OFFSET, sizeof(none));
}

/* Once its blocks were read. A file that was cut has lost its index with them. */
static void check_index(struct canp_cursor *c)
{
    struct segment_reader *s = &c->segment;
    struct index_view index;
    if (s->sealed && s->map && s->seal.index_bytes && s->seal.blocks_end <= s->file_bytes &&
        !canp_segment_reader_index(s, &index))
        note_damaged_cache(c, s->seal.index_offset, s->seal.index_bytes);
}

/* ---- walking ------------------------------------------------------------------------------------- */

/* Segments between two that are listed one behind the other. Retention begins with the oldest: when that in
 * front has gone, those that are missing went with it. */
static void note_missing(struct canp_cursor *c, uint64_t before, uint64_t number)
{
    if (before && number > before + 1 && canp_reader_has_segment(c->reader, before))
        note_damage(c, (struct canp_damage){.segment = before + 1, .block = UINT32_MAX, .error = -ENOENT});
}

/* Opens the next segment that can be read; unreadable ones count as damaged, ones that retention has removed
 * do not. 1, 0 when there is none, or an error after which one may try again. */
static int enter_next_segment(struct canp_cursor *c)
{
    uint64_t number = c->number, before;
    while ((number = canp_reader_next_match(c->reader, number, &c->query, &before)) != 0 &&
           number <= c->last_number) {
        struct segment_reader next;
        int r = canp_reader_open_segment(c->reader, number, &next);
        if (reader_error_passes(r))
            return r;
        if (r == -ENOENT && !c->reader->file_path)
            continue; /* removed by retention since the directory was listed */
        note_missing(c, before > c->number ? before : c->number, number);
        c->number = number;
        if (r < 0) {
            note_damage(c, (struct canp_damage){.block = UINT32_MAX, .error = r});
            continue;
        }
        canp_cursor_enter_segment(c, number, &next);
        if (c->opts.thorough) {
            check_header(c);
            check_seal(c);
        }
        return 1;
    }
    return 0;
}

/* The block at the cursor's place, or behind it the first that the index does not rule out. As
 * canp_segment_reader_block_at().
 */
static int block_here(struct canp_cursor *c, struct segment_block *b)
{
    if (c->skip.on && !canp_index_skip_forward(c))
        return -CANP_E_LOST;
    int r = canp_segment_reader_block_at(&c->segment, c->offset, b);
    return canp_index_skip_is_right(c, r, b) ? r : canp_segment_reader_block_at(&c->segment, c->offset, b);
}

/* A seal says where the blocks end, and they do not go so far. */
static bool end_is_missing(const struct canp_cursor *c)
{
    return c->segment.sealed && c->offset < c->segment.seal.blocks_end;
}

/* The next whole block of this segment, past damaged places. 1, 0 (end, or not yet) or an error. */
static int next_block_here(struct canp_cursor *c, struct segment_block *b)
{
    int r = block_here(c, b);
    if (r == 1 && b->header.seq > c->next_seq)
        note_damaged_blocks(c, b->offset, b->header.seq); /* blocks are missing in front of it */
    bool cut = r == 0 && end_is_missing(c);
    if (r != -CANP_E_DAMAGED && !(r == 1 && b->header.seq < c->next_seq) && !cut)
        return r;
    r = canp_segment_reader_block_after(&c->segment, c->offset, c->next_seq, b);
    if (r == 1) {
        /* It was committed after the one in front of it, which may just have been torn by our own haste. */
        struct segment_block here;
        if (!c->segment.sealed && canp_segment_reader_block_at(&c->segment, c->offset, &here) == 1 &&
            here.header.seq == c->next_seq)
            *b = here;
        else
            note_damaged_blocks(c, b->offset, b->header.seq);
        return 1;
    }
    /* Nothing whole behind it: the torn end of a segment whose writer was killed, or a block being written.
     */
    if (r == 0 && end_is_missing(c)) {
        note_damaged_blocks(c, c->segment.seal.blocks_end, (uint32_t)c->segment.seal.blocks);
        c->offset = c->segment.seal.blocks_end;
    }
    return r;
}

static void note_hostile_block(struct canp_cursor *c, const struct segment_block *b)
{
    /* The checksum is right, yet it is no block of ours. */
    note_damage(c, (struct canp_damage){.block = b->header.seq,
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
    tell_damage(c, h->first_ns);
    c->offset = b->end;
    c->next_seq = h->seq + 1;
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
        c->offset = b->offset;
        c->next_seq = h->seq;
        return r;
    }
    if (h->flags & CANP_BLOCK_HAS_IFACES)
        canp_reader_learn_ifaces(c->reader, c->rows, c->rows_bytes);
    if (!wanted)
        c->rows_bytes = 0;
    c->base_ns = h->base_ns;
    c->at = 0;
    return c->rows_bytes > 0;
}

/* The file was cut or broke under us. The rest of it is gone; the next call goes on with the next segment. */
static int lose_segment(struct canp_cursor *c)
{
    note_damage(c, (struct canp_damage){.block = c->next_seq, .offset = c->offset, .error = -CANP_E_LOST});
    c->rows_bytes = c->at = 0;
    c->skip.on = false;
    c->offset = UINT64_MAX;
    return -CANP_E_LOST;
}

/* What a caller has read of the mapping may have been wrong: told when the cursor moves on. */
static bool is_lost(const struct canp_cursor *c)
{
    return c->rows_bytes && c->rows == c->block.payload && segment_reader_status(&c->segment) < 0;
}

/* Moves to the next block with rows to lend. 1, 0 at the end of what is there now, or an error. */
int canp_cursor_next_block(struct canp_cursor *c)
{
    if (is_lost(c))
        return lose_segment(c);
    c->rows_bytes = c->at = 0;
    for (;;) {
        struct segment_block b;
        int r = c->segment_open ? next_block_here(c, &b) : 0;
        bool found = r == 1;
        if (found)
            r = enter_block(c, &b);
        if (r != 0)
            return r == -CANP_E_LOST ? lose_segment(c) : r;
        if (found)
            continue;
        if (c->segment_open && !c->segment.sealed && !c->rechecked) {
            /* The writer publishes a segment after the last block of the one before: look once more. */
            c->rechecked = canp_reader_next_segment(c->reader, c->number) != 0;
            canp_segment_reader_refresh(&c->segment);
            if (c->rechecked || c->segment.sealed)
                continue;
            return 0;
        }
        if (c->segment_open && c->opts.thorough)
            check_index(c);
        r = enter_next_segment(c);
        c->at_end = r == 0;
        if (r == 0)
            tell_damage(c, INT64_MAX);
        if (r <= 0)
            return r;
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
    c->last_ns = INT64_MIN;
    c->last_number = UINT64_MAX;
    c->opts = opts ? *opts : defaults;
    c->floor_ns = c->opts.from_ns;
    canp_query_init(&c->query, &c->opts);
    *out = c;
    return 0;
}

int canp_cursor_seek(struct canp_cursor *c, int64_t time_ns)
{
    int r = is_lost(c) ? -CANP_E_LOST : 0;
    tell_damage(c, INT64_MAX);
    leave_segment(c);
    c->opts.from_ns = c->query.from_ns = time_ns;
    c->number = 0;
    c->last_ns = INT64_MIN;
    c->rechecked = c->at_end = false;
    c->rows_bytes = c->at = 0;
    return r;
}

void canp_cursor_close(struct canp_cursor *c)
{
    if (!c)
        return;
    leave_segment(c);
    canp_unpacker_close(c->unpacker);
    canp_mbuf_release(&c->unpacked);
    free(c->chosen);
    free(c->back.blocks);
    free(c->back.rows);
    free(c);
}

bool canp_cursor_wants(const struct canp_cursor *c, const struct canp_record *record)
{
    return query_record(&c->query, record);
}

int canp_cursor_next(struct canp_cursor *c, struct canp_record *out)
{
    for (;;) {
        while (c->at < c->rows_bytes) {
            canp_row_read(c->rows + c->at, c->base_ns, out);
            if (is_lost(c))
                return lose_segment(c);
            c->at += out->row_bytes;
            if (query_record(&c->query, out))
                return 1;
        }
        int r = canp_cursor_next_block(c);
        if (r <= 0)
            return r;
    }
}

/* Where a cursor is that was opened or sent somewhere: in front of the first record that is wanted. */
static int find_place(struct canp_cursor *c)
{
    struct canp_record record;
    int r = canp_cursor_next(c, &record);
    if (r == 1)
        c->at -= record.row_bytes;
    return r < 0 ? r : 0;
}

int canp_cursor_prev(struct canp_cursor *c, struct canp_record *out)
{
    int r = c->segment_open ? 0 : find_place(c);
    if (r < 0)
        return r;
    if (c->query.from_ns > c->floor_ns) {
        c->opts.from_ns = c->query.from_ns = c->floor_ns;
        if (c->at_end) { /* segments behind the last one that was entered were left out as too early */
            leave_segment(c);
            c->number = UINT64_MAX;
        }
    }
    for (;;) {
        while (c->at > 0) {
            r = canp_cursor_previous_row(c);
            if (r < 0)
                return r;
            canp_row_read(c->rows + c->at, c->base_ns, out);
            if (is_lost(c))
                return lose_segment(c);
            if (query_record(&c->query, out))
                return 1;
        }
        r = canp_cursor_previous_block(c);
        if (r <= 0)
            return r;
    }
}

/* Of a block that was entered by single records before. */
static void count_rows(struct canp_batch *out)
{
    out->records = out->frames = 0;
    for (size_t at = 0; at < out->bytes; at += canp_row_bytes(out->rows + at)) {
        out->records++;
        out->frames += canp_kind_is_frame(canp_row_kind(out->rows + at));
    }
}

int canp_cursor_next_batch(struct canp_cursor *c, struct canp_batch *out)
{
    if (c->at >= c->rows_bytes) {
        int r = canp_cursor_next_block(c);
        if (r <= 0)
            return r;
    }
    out->rows = c->rows + c->at;
    out->bytes = c->rows_bytes - c->at;
    out->stride = c->block.header.stride;
    out->base_ns = c->base_ns;
    out->records = c->partial ? c->partial_records : c->block.header.records;
    out->frames = c->partial ? c->partial_frames : c->block.header.frames;
    if (c->at != 0)
        count_rows(out);
    c->at = c->rows_bytes;
    return 1;
}

uint32_t canp_cursor_damaged(const struct canp_cursor *c)
{
    return c->damaged;
}

int canp_cursor_share(struct canp_cursor *c, struct canp_buf *out)
{
    if (!c->rows_bytes)
        return -ENODATA;
    if (c->rows != c->unpacked.data)
        return canp_mapped_slice(c->segment.mapped, (size_t)(c->rows - c->segment.map), c->rows_bytes, out);
    *out = canp_buf_share(&(struct canp_buf){c->rows, c->rows_bytes, c->unpacked.store});
    return 0;
}
