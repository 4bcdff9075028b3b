/*
 * canp_busclock_span(): the time span of a recording in bus time (canp/busclock.h).
 *
 * In most recordings the clock was never set, and the lowest and the highest stamp are the answer. Clock
 * records tell whether it was set; without them the time spans of consecutive blocks in the index do. All
 * frames are read only when neither can tell. Any thread; no state.
 */
#include <canp/busclock.h>

#include <string.h>

#include <canp/pools/clock.h>

#include "cursor_priv.h"

#define NEAR_NS CANP_BUSCLOCK_NEAR_NS
#define LATE_NS (120 * CANP_NS_PER_S) /* a recorder that was killed told its clocks a minute ago */

static bool is_later(int64_t a_ns, int64_t b_ns, int64_t by_ns)
{
    int64_t ns;
    return __builtin_sub_overflow(a_ns, b_ns, &ns) ? a_ns > b_ns : ns > by_ns;
}

/* ---- by clock records ---------------------------------------------------------------------------- */

/* 1: no clock was set, and all frames lie between clock records; 0: not so, or there are none, *any. */
static int is_plain_by_clocks(struct canp_reader *reader, const struct canp_info *info, bool *any)
{
    struct canp_cursor_opts opts = CANP_CURSOR_OPTS_INIT;
    struct canp_busclock clock = CANP_BUSCLOCK_INIT;
    struct canp_cursor *cursor;
    struct canp_record record;
    int64_t first_ns = 0, last_ns = 0;
    opts.kinds = 1U << CANP_KIND_CLOCK;
    int r = canp_cursor_open(reader, &opts, &cursor);
    if (r < 0)
        return r;
    while ((r = canp_cursor_next(cursor, &record)) == 1) {
        canp_busclock_time(&clock, NULL, &record);
        if (!*any)
            first_ns = record.clock->realtime_ns;
        last_ns = record.clock->realtime_ns;
        *any = true;
    }
    canp_cursor_close(cursor);
    if (r < 0)
        return r;
    return *any && clock.sets == 0 && !is_later(first_ns, info->first_ns, NEAR_NS) &&
           !is_later(info->last_ns, last_ns, LATE_NS);
}

/* ---- by the spans of blocks ---------------------------------------------------------------------- */

struct spans {
    bool any;
    int64_t high_ns; /* highest time so far */
};

/* False: something is odd here. */
static bool add_span(struct spans *s, int64_t first_ns, int64_t last_ns, uint32_t flags)
{
    if ((flags & CANP_BLOCK_BACKWARDS) && is_later(last_ns, first_ns, NEAR_NS))
        return false;
    if (is_later(last_ns, first_ns, CANP_BUSCLOCK_SILENCE_NS))
        return false;
    if (s->any &&
        (is_later(s->high_ns, first_ns, NEAR_NS) || is_later(first_ns, s->high_ns, CANP_BUSCLOCK_SILENCE_NS)))
        return false;
    if (!s->any || last_ns > s->high_ns)
        s->high_ns = last_ns;
    s->any = true;
    return true;
}

static bool add_index(struct spans *s, const struct index_view *index)
{
    for (uint32_t i = 0; i < index->header.blocks; i++) {
        const struct index_block *b = index_block_at(index, i);
        if (b->frames && !add_span(s, b->first_ns, b->last_ns, b->flags))
            return false;
    }
    return true;
}

/* Of a segment that has no index. 1, 0 or an error. */
static int add_blocks(struct spans *s, struct canp_reader *reader, uint64_t number)
{
    struct canp_cursor *c;
    bool plain = true;
    int r = canp_cursor_open(reader, NULL, &c);
    if (r < 0)
        return r;
    c->number = number - 1;
    c->last_number = number;
    c->heads_only = true;
    while (plain && (r = canp_cursor_next_block(c)) == 1) {
        const struct block_header *h = &c->block.header;
        plain = h->frames == 0 || add_span(s, h->first_ns, h->last_ns, h->flags);
    }
    canp_cursor_close(c);
    return r < 0 ? r : plain;
}

/* As above. */
static int is_plain_by_blocks(struct canp_reader *reader)
{
    struct spans spans = {0};
    uint64_t number = 0;
    int plain = 1;
    while (plain == 1 && (number = canp_reader_next_segment(reader, number)) != 0) {
        struct segment_reader segment;
        struct index_view index;
        int r =
            canp_stop_is_set(reader->stop) ? -ECANCELED : canp_reader_open_segment(reader, number, &segment);
        if (reader_error_passes(r) || r == -ECANCELED)
            return r;
        if (r < 0)
            continue;
        bool indexed = canp_segment_reader_index(&segment, &index);
        if (indexed)
            plain = add_index(&spans, &index);
        canp_segment_reader_close(&segment);
        if (!indexed)
            plain = add_blocks(&spans, reader, number);
    }
    return plain;
}

/* ---- all ----------------------------------------------------------------------------------------- */

static int read_all(struct canp_reader *reader, struct canp_bus_span *out)
{
    struct canp_busclock clock = CANP_BUSCLOCK_INIT;
    struct canp_cursor *cursor;
    struct canp_record record;
    bool any = false;
    int r = canp_cursor_open(reader, NULL, &cursor);
    if (r < 0)
        return r;
    while ((r = canp_cursor_next(cursor, &record)) == 1) {
        int64_t bus_ns = canp_busclock_time(&clock, cursor, &record);
        if (!canp_kind_is_frame(record.kind))
            continue;
        if (!any || bus_ns < out->first_ns)
            out->first_ns = bus_ns;
        if (!any || bus_ns > out->last_ns)
            out->last_ns = bus_ns;
        any = true;
    }
    canp_cursor_close(cursor);
    out->sets = clock.sets;
    out->odd = clock.odd;
    out->ahead_ns = clock.shift_ns;
    return r;
}

int canp_busclock_span(struct canp_reader *reader, const struct canp_info *info, struct canp_bus_span *out)
{
    bool clocks = false;
    memset(out, 0, sizeof(*out));
    if (info->frames == 0) {
        out->plain = true;
        return 0;
    }
    int plain = is_plain_by_clocks(reader, info, &clocks);
    if (plain == 0 && !clocks)
        plain = is_plain_by_blocks(reader);
    if (plain <= 0)
        return plain < 0 ? plain : read_all(reader, out);
    out->first_ns = info->first_ns;
    out->last_ns = info->last_ns;
    out->plain = true;
    return 0;
}
