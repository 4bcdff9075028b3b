/*
 * A query: the options of a cursor in a form that can be compared with blocks, lanes and records, so that
 * blocks and lanes without a match are not read.
 *
 * Invariant: a block or lane is left out only when no record of it can pass query_record(). Any thread; no
 * state but the struct.
 */
#ifndef CANP_ENGINE_QUERY_H
#define CANP_ENGINE_QUERY_H

#include <canp/pack.h>
#include <canp/reader.h>

#include "segment/format.h"
#include "segment/index.h"

struct query {
    int64_t from_ns;
    int64_t to_ns;
    const struct canp_filter_set *filter; /* NULL: all */
    uint32_t kinds;                       /* bit per kind */
    uint8_t dirs;                         /* bit per direction */
    bool everything;                      /* but for the time */
    uint64_t channels[4];                 /* bit per channel */
    uint64_t channel_mask;                /* the same as blocks have it */
    uint64_t id_bits;                     /* canp_id_hash() of all ids that may pass */
};

void canp_query_init(struct query *w, const struct canp_cursor_opts *opts);

/* May a block with this header hold records that are wanted? */
bool canp_query_block(const struct query *w, const struct block_header *h);

/* May records between these times, of these channels and ids, be wanted? Events may be among them. */
bool canp_query_span(const struct query *w, int64_t first_ns, int64_t last_ns, uint64_t channel_mask,
                     uint64_t id_filter);

/* Which ids of a segment's index may be wanted: a bit for each, in as many words as its blocks have. */
#define QUERY_ID_WORDS (INDEX_IDS_MAX / 64)
void canp_query_ids(const struct query *w, const struct index_view *index, uint64_t ids[QUERY_ID_WORDS]);

/* May this block of the index hold records that are wanted? */
bool canp_query_index_block(const struct query *w, const struct index_view *index, uint32_t block,
                            const uint64_t ids[QUERY_ID_WORDS]);

/* Is only a part wanted, so that it is worth while to look what can be left out? */
static inline bool query_is_part(const struct query *w)
{
    return !w->everything || w->from_ns != INT64_MIN || w->to_ns != INT64_MAX;
}

bool canp_query_lane(const struct query *w, const struct canp_lane *lane);

/* The same of a record, its time aside. */
bool canp_query_content(const struct query *w, const struct canp_record *r);

static inline bool query_record(const struct query *w, const struct canp_record *r)
{
    return r->time_ns >= w->from_ns && r->time_ns <= w->to_ns && (w->everything || canp_query_content(w, r));
}

#endif
