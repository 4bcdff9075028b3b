/* Skips blocks by the index (index_skip.h). One thread. */
#include "index_skip.h"

bool canp_index_skip_enter(struct index_skip *skip, const struct query *query, struct segment_reader *segment)
{
    skip->on = skip->skipped = skip->learn_ifaces = false;
    if (!segment->sealed || !query_is_part(query) || !canp_segment_reader_index(segment, &skip->index))
        return false;
    skip->on = true;
    if (!query->everything)
        canp_query_ids(query, &skip->index, skip->ids);
    return true;
}

static bool is_wanted(const struct index_skip *skip, const struct query *query, uint32_t block)
{
    return canp_query_index_block(query, &skip->index, block, skip->ids) ||
           (skip->learn_ifaces && (index_block_at(&skip->index, block)->flags & CANP_BLOCK_HAS_IFACES));
}

bool canp_index_skip_forward(struct index_skip *skip, const struct query *query,
                             const struct segment_reader *segment, struct block_place *place)
{
    uint32_t block = place->next_seq, blocks = skip->index.header.blocks;
    while (block < blocks && !is_wanted(skip, query, block))
        block++;
    uint64_t offset = block < blocks ? index_block_at(&skip->index, block)->offset : segment->seal.blocks_end;
    if (segment_reader_status(segment) < 0)
        return false;
    skip->skipped = block < blocks && block != place->next_seq;
    if (block == place->next_seq)
        return true;
    skip->from = *place;
    *place = (struct block_place){offset, block};
    return true;
}

bool canp_index_skip_is_right(struct index_skip *skip, int r, const struct segment_block *b,
                              struct block_place *place)
{
    if (!skip->skipped)
        return true;
    const struct index_block *promised = index_block_at(&skip->index, place->next_seq);
    skip->skipped = false;
    if (r == 1 && b->header.seq == place->next_seq && b->header.first_ns == promised->first_ns &&
        b->header.last_ns == promised->last_ns && b->header.frames == promised->frames)
        return true;
    skip->on = false;
    *place = skip->from;
    return false;
}
