/* A cursor's leaps by the index (leap.h). */
#include "leap.h"

#include "cursor.h"

void leap_enter(struct canp_cursor *c)
{
    struct leap *leap = &c->leap;
    leap->on = leap->leapt = false;
    if (!c->segment.sealed || !query_is_part(&c->query) || !segment_reader_index(&c->segment, &leap->index))
        return;
    leap->on = true;
    leap->learn_ifaces = !recording_knows_channels(c->reader, c->segment.seal.channel_mask);
    if (!c->query.everything)
        query_ids(&c->query, &leap->index, leap->ids);
}

static bool is_wanted(const struct canp_cursor *c, uint32_t block)
{
    const struct leap *leap = &c->leap;
    return query_index_block(&c->query, &leap->index, block, leap->ids) ||
           (leap->learn_ifaces && (index_block_at(&leap->index, block)->flags & CANP_BLOCK_HAS_IFACES));
}

bool leap_forward(struct canp_cursor *c)
{
    struct leap *leap = &c->leap;
    uint32_t block = c->next_seq, blocks = leap->index.header.blocks;
    while (block < blocks && !is_wanted(c, block))
        block++;
    uint64_t offset =
        block < blocks ? index_block_at(&leap->index, block)->offset : c->segment.seal.blocks_end;
    if (segment_reader_status(&c->segment) < 0)
        return false;
    leap->leapt = block < blocks && block != c->next_seq;
    if (block == c->next_seq)
        return true;
    leap->from_offset = c->offset;
    leap->from_seq = c->next_seq;
    c->offset = offset;
    c->next_seq = block;
    return true;
}

bool leap_is_right(struct canp_cursor *c, int r, const struct segment_block *b)
{
    struct leap *leap = &c->leap;
    if (!leap->leapt)
        return true;
    const struct index_block *promised = index_block_at(&leap->index, c->next_seq);
    leap->leapt = false;
    if (r == 1 && b->header.seq == c->next_seq && b->header.first_ns == promised->first_ns &&
        b->header.last_ns == promised->last_ns && b->header.frames == promised->frames)
        return true;
    leap->on = false;
    c->offset = leap->from_offset;
    c->next_seq = leap->from_seq;
    return false;
}
