/* Compares blocks, lanes and records with a query (query.h). Any thread. */
#include "query.h"

#define KINDS_FRAMES  ((1U << CANP_KIND_GAP) - 1)
#define CHANNEL_WORDS 4U

/* ---- which ids may pass, as blocks sum them up ----------------------------------------------------- */

/* Does this filter let exactly one id pass, remote frames aside? Then *id. */
static bool is_exact(struct canp_filter f, uint32_t *id)
{
    uint32_t bits = f.id & CANP_ID_EFF ? CANP_ID_EFF_MASK : CANP_ID_SFF_MASK;
    *id = f.id & (bits | CANP_ID_EFF);
    return !(f.id & CANP_FILTER_INVERSE) && (f.mask & (bits | CANP_ID_EFF)) == (bits | CANP_ID_EFF);
}

/* Only filters of which any may match, each for one id, narrow the blocks down. XL frames are summed up by
 * their priority, and pass by the whole word that holds it. */
static uint64_t id_bits_of(const struct canp_filter_set *set)
{
    uint64_t bits = 0;
    if (!set || set->count == 0 || set->join || set->error_mask)
        return UINT64_MAX;
    for (unsigned i = 0; i < set->count; i++) {
        uint32_t id;
        if (!is_exact(set->filters[i], &id))
            return UINT64_MAX;
        bits |= UINT64_C(1) << canp_id_hash(id);
        bits |= UINT64_C(1) << canp_id_hash(id & CANP_ID_SFF_MASK);
    }
    return bits;
}

/* ---- the whole of it --------------------------------------------------------------------------------- */

static bool any_channel(const uint64_t channels[CHANNEL_WORDS])
{
    return (channels[0] | channels[1] | channels[2] | channels[3]) != 0;
}

/* Blocks have a bit for each of the first 63 channels, and one for all others. */
static void set_channels(struct query *w, const uint64_t channels[CHANNEL_WORDS])
{
    const uint64_t others = UINT64_C(1) << 63;
    bool chosen = any_channel(channels);
    for (unsigned i = 0; i < CHANNEL_WORDS; i++)
        w->channels[i] = chosen ? channels[i] : UINT64_MAX;
    w->channel_mask = w->channels[0];
    if (w->channels[1] | w->channels[2] | w->channels[3])
        w->channel_mask |= others;
}

void canp_query_init(struct query *w, const struct canp_cursor_opts *opts)
{
    *w = (struct query){.from_ns = opts->from_ns, .to_ns = opts->to_ns, .filter = opts->filter};
    w->kinds = opts->kinds ? opts->kinds : UINT32_MAX;
    if (opts->frames_only)
        w->kinds &= KINDS_FRAMES;
    w->dirs = opts->dirs ? opts->dirs : UINT8_MAX;
    w->id_bits = id_bits_of(opts->filter);
    w->everything =
        !opts->filter && !opts->kinds && !opts->frames_only && !opts->dirs && !any_channel(opts->channels);
    set_channels(w, opts->channels);
}

bool canp_query_block(const struct query *w, const struct block_header *h)
{
    if (h->last_ns < w->from_ns || h->first_ns > w->to_ns)
        return false;
    if (w->everything)
        return true;
    if (!(h->channel_mask & w->channel_mask))
        return false;
    bool frames = (w->kinds & KINDS_FRAMES) && h->frames > 0 && (h->id_filter & w->id_bits);
    bool events = (w->kinds & ~KINDS_FRAMES) && h->frames < h->records;
    return frames || events;
}

bool canp_query_span(const struct query *w, int64_t first_ns, int64_t last_ns, uint64_t channel_mask,
                     uint64_t id_filter)
{
    if (last_ns < w->from_ns || first_ns > w->to_ns)
        return false;
    if (w->everything)
        return true;
    bool frames = (w->kinds & KINDS_FRAMES) && (id_filter & w->id_bits);
    return (channel_mask & w->channel_mask) && (frames || (w->kinds & ~KINDS_FRAMES));
}

/* What tags say: of lanes and of records. */
static bool wanted_tag(const struct query *w, uint8_t kind, uint8_t channel, uint8_t dir)
{
    if (!(w->kinds >> kind & 1) || !(w->channels[channel / 64] >> channel % 64 & 1))
        return false;
    return !canp_kind_is_frame(kind) || (w->dirs >> dir & 1);
}

/* The index leaves out what may tell frames apart: the remote flag, directions, and of XL all but the
 * priority. */
static bool query_index_id(const struct query *w, const struct index_id *id)
{
    bool channel = w->channels[id->channel / 64] >> id->channel % 64 & 1;
    if (!canp_kind_is_frame(id->kind) || !(w->kinds >> id->kind & 1) || !channel)
        return false;
    return !w->filter || id->kind == CANP_KIND_XL || canp_filter_match_id(w->filter, id->id) ||
           canp_filter_match_id(w->filter, id->id | CANP_ID_RTR);
}

void canp_query_ids(const struct query *w, const struct index_view *index, uint64_t ids[QUERY_ID_WORDS])
{
    memset(ids, 0, index->header.bitmap_words * sizeof(ids[0]));
    for (uint32_t i = 0; i < index->header.ids; i++)
        ids[i / 64] |= (uint64_t)query_index_id(w, &index->ids[i]) << i % 64;
}

bool canp_query_index_block(const struct query *w, const struct index_view *index, uint32_t block,
                            const uint64_t ids[QUERY_ID_WORDS])
{
    const struct index_block *b = index_block_at(index, block);
    const uint64_t *held = (const uint64_t *)(b + 1);
    if (b->last_ns < w->from_ns || b->first_ns > w->to_ns)
        return false;
    if (w->everything || ((w->kinds & ~KINDS_FRAMES) && (b->flags & CANP_BLOCK_HAS_EVENTS)))
        return true;
    for (uint32_t i = 0; i < index->header.bitmap_words; i++) {
        if (held[i] & ids[i])
            return true;
    }
    return false;
}

bool canp_query_lane(const struct query *w, const struct canp_lane *lane)
{
    if (!wanted_tag(w, lane->kind, lane->channel, lane->dir))
        return false;
    return !w->filter || !canp_kind_is_frame(lane->kind) || canp_filter_match_id(w->filter, lane->id);
}

bool canp_query_content(const struct query *w, const struct canp_record *r)
{
    return wanted_tag(w, r->kind, r->channel, r->dir) && (!w->filter || canp_filter_match(w->filter, r));
}
