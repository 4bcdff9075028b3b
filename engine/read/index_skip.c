/* A cursor's leaps by the index (index_skip.h). */
#include "index_skip.h"

#include "cursor.h"

void canp_index_skip_enter(struct canp_cursor *c)
{
    struct index_skip *skip = &c->skip;
    skip->on = skip->skipped = false;
    if (!c->segment.sealed || !query_is_part(&c->query) ||
        !canp_segment_reader_index(&c->segment, &skip->index))
        return;
    skip->on = true;
    skip->learn_ifaces = !canp_reader_knows_channels(c->reader, c->segment.seal.channel_mask);
    if (!c->query.everything)
        canp_query_ids(&c->query, &skip->index, skip->ids);
}

static bool is_wanted(const struct canp_cursor *c, uint32_t block)
{
    const struct index_skip *skip = &c->skip;
    return canp_query_index_block(&c->query, &skip->index, block, skip->ids) ||
           (skip->learn_ifaces && (index_block_at(&skip->index, block)->flags & CANP_BLOCK_HAS_IFACES));
}

bool canp_index_skip_forward(struct canp_cursor *c)
{
    struct index_skip *skip = &c->skip;
    uint32_t block = c->next_seq, blocks = skip->index.header.blocks;
    while (block < blocks && !is_wanted(c, block))
        block++;
    uint64_t offset =
        block < blocks ? index_block_at(&skip->index, block)->offset : c->segment.seal.blocks_end;
    if (segment_reader_status(&c->segment) < 0)
        return false;
    skip->skipped = block < blocks && block != c->next_seq;
    if (block == c->next_seq)
        return true;
    skip->from_offset = c->offset;
    skip->from_seq = c->next_seq;
    c->offset = offset;
    c->next_seq = block;
    return true;
}

bool canp_index_skip_is_right(struct canp_cursor *c, int r, const struct segment_block *b)
{
    struct index_skip *skip = &c->skip;
    if (!skip->skipped)
        return true;
    const struct index_block *promised = index_block_at(&skip->index, c->next_seq);
    skip->skipped = false;
    if (r == 1 && b->header.seq == c->next_seq && b->header.first_ns == promised->first_ns &&
        b->header.last_ns == promised->last_ns && b->header.frames == promised->frames)
        return true;
    skip->on = false;
    c->offset = skip->from_offset;
    c->next_seq = skip->from_seq;
    return false;
}
