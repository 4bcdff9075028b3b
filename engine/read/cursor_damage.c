/*
 * Reports damage to whoever opened the cursor (struct canp_damage in canp/reader.h): each place once, as
 * soon as the first whole block behind it is known, because the report names the times around it. One
 * thread.
 */
#include "cursor_priv.h"

#include <string.h>

#include "segment/file_lock.h"

void canp_cursor_tell_damage(struct canp_cursor *c, int64_t to_ns)
{
    if (!c->damage_open)
        return;
    c->damage_open = false;
    c->damage.to_ns = to_ns;
    if (c->opts.on_damage)
        c->opts.on_damage(c->opts.user, &c->damage);
}

void canp_cursor_note_damage(struct canp_cursor *c, struct canp_damage damage)
{
    uint64_t end = damage.offset + (damage.bytes ? damage.bytes : 1);
    if (!damage.segment)
        damage.segment = c->number;
    if (damage.segment < c->told_segment || (damage.segment == c->told_segment && end <= c->told_end))
        return;
    canp_cursor_tell_damage(c, INT64_MAX);
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
void canp_cursor_note_damaged_blocks(struct canp_cursor *c, uint64_t end, uint32_t next_seq)
{
    struct canp_damage d = {.block = c->place.next_seq,
                            .offset = c->place.offset,
                            .bytes = end - c->place.offset,
                            .error = -CANP_E_DAMAGED};
    d.frames_known = end > c->place.offset && sum_by_headers(&c->segment, c->place.offset, end, &d);
    if (!d.frames_known) {
        d.frames = 0;
        d.blocks = next_seq > c->place.next_seq ? next_seq - c->place.next_seq : 0;
    }
    canp_cursor_note_damage(c, d);
}

/* What is no block, and affects no frame: told to those who want to know everything. */
static void note_damaged_cache(struct canp_cursor *c, uint64_t offset, uint64_t bytes)
{
    canp_cursor_note_damage(c, (struct canp_damage){.block = UINT32_MAX,
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

/* Where a seal would be there are zeros, or it is being written right now: its writer holds a lock until it
 * is done. */
static void check_seal(struct canp_cursor *c)
{
    static const struct seg_seal none;
    struct segment_reader *s = &c->segment;
    if (s->sealed || memcmp(&s->seal, &none, sizeof(none)) == 0)
        return;
    if (canp_file_lock_is_held(s->fd) > 0)
        return;
    if (canp_segment_reader_refresh(s) == 0 && !s->sealed)
        note_damaged_cache(c, SEG_SEAL_OFFSET, sizeof(none));
}

void canp_cursor_check_segment(struct canp_cursor *c)
{
    check_header(c);
    check_seal(c);
}

/* Once its blocks were read. A file that was cut has lost its index with them. */
void canp_cursor_check_index(struct canp_cursor *c)
{
    struct segment_reader *s = &c->segment;
    struct index_view index;
    if (s->sealed && (s->map || s->by_copy) && s->seal.index_bytes && s->seal.blocks_end <= s->file_bytes &&
        !canp_segment_reader_index(s, &index))
        note_damaged_cache(c, s->seal.index_offset, s->seal.index_bytes);
}
