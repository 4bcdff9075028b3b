/*
 * Decodes one signal of the rows that a cursor lends (canp/column.h). The cursor's filter passes only the
 * message's ids, so of a packed block only their lanes are unpacked. Each row is checked again, because a
 * batch of plain rows is not filtered and an id may belong to another message of the same group.
 *
 * Invariant: no array is written at or beyond its room, and no byte beyond a row is read, even when the
 * file's owner changes a mapped row meanwhile, because its length is read once. One thread per column.
 */
#include <canp/column.h>
#include <canp/rows.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <canp/private/opts.h>

#include "dbc/decode/plan.h"

#define FRAME_KINDS (1U << CANP_KIND_CAN | 1U << CANP_KIND_FD)

struct canp_column {
    struct canp_cursor *cursor;
    const struct canp_decoder *decoder;
    const struct canp_dbc_message *message;
    struct plan_single single;
    struct canp_column_opts opts;
    struct canp_filter_set filter;
    struct canp_batch batch;
    size_t at; /* of the next row in it */
    bool key_known, key_wanted;
    uint64_t key; /* id and tag of the last row that was asked for */
    int error;    /* to be told by the next call: the one that met it had values to give */
    struct canp_column_counts counts;
};

/* ---- opening ------------------------------------------------------------------------------------------ */

static int refuse(struct canp_why *why, const struct canp_dbc_signal *s, const char *reason)
{
    return canp_fail(why, -EINVAL, "signal %.60s of message %.60s %s", s->name, s->message->name, reason);
}

/* The plan of the signal's message: it is found by the message's own id, or never. */
static int find_plan(struct canp_column *c, const struct canp_dbc_signal *s, struct canp_why *why)
{
    const struct canp_plan *plan = canp_decoder_plan(c->decoder, s->message->id);
    c->message = s->message;
    if (!plan || canp_plan_message(plan) != s->message)
        return refuse(why, s, "is never there: another message of the database has this id, or it has none");
    if (s->bits > 64)
        return refuse(why, s, "has more than 64 bits: it is no number; decode its frames one by one");
    if (!canp_plan_single(plan, s, &c->single))
        return refuse(why, s, "is multiplexed, but its muxer is missing in the database; correct it there");
    return plan->is_j1939;
}

/* J1939: any priority and source, and any destination for groups that have one. */
static struct canp_filter filter_of(const struct canp_dbc_message *m, bool is_j1939)
{
    uint32_t mask = m->id & CANP_ID_EFF ? CANP_ID_EFF_MASK : CANP_ID_SFF_MASK;
    if (is_j1939)
        mask = (m->id >> 16 & 0xFF) < 0xF0 ? 0x03FF0000 : 0x03FFFF00;
    return (struct canp_filter){m->id & (mask | CANP_ID_EFF), mask | CANP_ID_EFF | CANP_ID_RTR};
}

static int open_cursor(struct canp_column *c, struct canp_reader *reader, bool is_j1939)
{
    struct canp_cursor_opts opts = CANP_CURSOR_OPTS_INIT;
    c->filter.count = 1;
    c->filter.filters[0] = filter_of(c->message, is_j1939);
    opts.from_ns = c->opts.from_ns;
    opts.to_ns = c->opts.to_ns;
    opts.filter = &c->filter;
    opts.kinds = FRAME_KINDS;
    opts.dirs = c->opts.dirs;
    memcpy(opts.channels, c->opts.channels, sizeof(opts.channels));
    opts.on_damage = c->opts.on_damage;
    opts.user = c->opts.user;
    return canp_cursor_open(reader, &opts, &c->cursor);
}

static void take_defaults(struct canp_column_opts *opts)
{
    opts->from_ns = opts->from_ns ? opts->from_ns : INT64_MIN;
    opts->to_ns = opts->to_ns ? opts->to_ns : INT64_MAX;
    opts->dirs = opts->dirs ? opts->dirs : UINT8_MAX;
    if (!(opts->channels[0] | opts->channels[1] | opts->channels[2] | opts->channels[3]))
        memset(opts->channels, 0xFF, sizeof(opts->channels));
}

int canp_column_open(struct canp_reader *reader, const struct canp_decoder *decoder,
                     const struct canp_dbc_signal *signal, const struct canp_column_opts *opts,
                     struct canp_column **out, struct canp_why *why)
{
    struct canp_column_opts taken;
    int r = canp_opts_take(&taken, sizeof(taken), sizeof(taken), opts);
    if (r < 0)
        return canp_fail(why, r, "column: options that this release of libcanp does not know");
    struct canp_column *c = calloc(1, sizeof(*c));
    if (!c)
        return canp_fail(why, -ENOMEM, "no memory left for a column");
    c->decoder = decoder;
    c->opts = taken;
    take_defaults(&c->opts);
    r = find_plan(c, signal, why);
    if (r >= 0) {
        r = open_cursor(c, reader, r);
        if (r < 0)
            canp_fail(why, r, "no memory left for a column");
    }
    if (r < 0) {
        free(c);
        return r;
    }
    *out = c;
    return 0;
}

void canp_column_close(struct canp_column *c)
{
    if (!c)
        return;
    canp_cursor_close(c->cursor);
    free(c);
}

/* ---- reading ------------------------------------------------------------------------------------------ */

static bool asks(const struct canp_column *c, uint16_t tag, uint32_t id)
{
    uint8_t channel = (uint8_t)tag, kind = (tag >> CANP_TAG_KIND_SHIFT) & 0x0F;
    if (kind > CANP_KIND_FD || !(c->opts.channels[channel / 64] >> channel % 64 & 1) ||
        !(c->opts.dirs >> (tag >> CANP_TAG_DIR_SHIFT & 3) & 1))
        return false;
    const struct canp_plan *plan = canp_decoder_plan(c->decoder, id);
    return plan && canp_plan_message(plan) == c->message;
}

/* Is the row of the message? Nearly all have the answer of the row before. */
static inline bool is_wanted(struct canp_column *c, uint64_t key, int64_t time_ns)
{
    if (__builtin_expect(key != c->key || !c->key_known, 0)) {
        c->key = key;
        c->key_known = true;
        c->key_wanted = asks(c, (uint16_t)(key >> 32), (uint32_t)key);
    }
    return c->key_wanted && time_ns >= c->opts.from_ns && time_ns <= c->opts.to_ns;
}

static inline void put(struct canp_column_arrays *a, size_t at, int64_t time_ns, uint8_t channel,
                       const struct canp_value *value)
{
    if (a->times_ns)
        a->times_ns[at] = time_ns;
    if (a->values)
        a->values[at] = value->value;
    if (a->raw)
        a->raw[at] = value->raw;
    if (a->flags)
        a->flags[at] = (uint8_t)value->flags;
    if (a->channels)
        a->channels[at] = channel;
}

/* Decodes one row of row_bytes; true when it gave a value. */
static inline bool take_row(struct canp_column *c, const uint8_t *row, uint32_t row_bytes,
                            struct canp_column_arrays *a, size_t at)
{
    uint64_t head = canp_load_u64(row + 8);
    uint16_t tag = canp_load_u16(row);
    int64_t time_ns = canp_row_time_ns(c->batch.base_ns, row);
    struct canp_value value;
    if (!is_wanted(c, (uint64_t)tag << 32 | (uint32_t)head, time_ns))
        return false;
    uint32_t bytes = (head >> 32) & 0xFF;
    if (bytes > row_bytes - 16)
        bytes = row_bytes - 16;
    enum plan_single_result r = canp_plan_single_decode(&c->single, row + 16, bytes, &value);
    c->counts.frames++;
    c->counts.short_frames += r == PLAN_SINGLE_SHORT;
    c->counts.unselected += r == PLAN_SINGLE_UNSELECTED;
    if (r != PLAN_SINGLE_VALUE)
        return false;
    put(a, at, time_ns, (uint8_t)tag, &value);
    return true;
}

/* Goes on in the batch until it ends or there is no room. */
static size_t take_rows(struct canp_column *c, struct canp_column_arrays *a, size_t count)
{
    const uint8_t *rows = c->batch.rows;
    while (c->at < c->batch.bytes && count < a->room) {
        size_t left = c->batch.bytes - c->at;
        uint32_t row_bytes = left < 16 ? 0 : c->batch.stride ? c->batch.stride : canp_row_bytes(rows + c->at);
        if (row_bytes < 16 || row_bytes > left) { /* the file broke: the cursor says so next */
            c->at = c->batch.bytes;
            break;
        }
        count += take_row(c, rows + c->at, row_bytes, a, count);
        c->at += row_bytes;
    }
    return count;
}

/* The next rows. 1, 0 at the end of what is there now, or an error. */
static int next_batch(struct canp_column *c)
{
    int r = c->error ? c->error : canp_cursor_next_batch(c->cursor, &c->batch);
    c->error = 0;
    c->at = 0;
    if (r <= 0)
        c->batch.bytes = 0;
    return r;
}

int64_t canp_column_read(struct canp_column *c, struct canp_column_arrays *arrays)
{
    size_t count = take_rows(c, arrays, 0);
    int r = 1;
    while (count < arrays->room && (r = next_batch(c)) > 0)
        count = take_rows(c, arrays, count);
    if (r < 0 && count > 0) {
        c->error = r;
        r = 0;
    }
    arrays->count = count;
    c->counts.values += count;
    return r < 0 ? r : (int64_t)count;
}

void canp_column_counts(const struct canp_column *c, struct canp_column_counts *out)
{
    *out = c->counts;
}

uint32_t canp_column_damaged(const struct canp_column *c)
{
    return canp_cursor_damaged(c->cursor);
}
