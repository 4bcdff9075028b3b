/*
 * Tables of values (canp/table.h): frames, and the messages that a transport puts together of them, decoded
 * into one row per value. Only signals that were asked for get a row. What is a frame of its own and what a
 * part of a message is judged as `canp decode` does. One thread per canp_table_reader.
 */
#include <canp/rows.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <canp/private/opts.h>

#include "table_decode.h"

#define CLASSIC_BYTES 8
#define ROOM_FIRST    4096

struct wanted_signal {
    const struct canp_dbc_signal *signal;
    uint32_t index;
};

struct table_decode {
    const struct canp_decoder *decoder;
    struct canp_transport *transport;
    uint64_t parts; /* frames of transports so far */
    struct canp_decode_counts counts;
    uint32_t values_max; /* that one frame can give */
    struct canp_value *values;
    uint32_t signal_count;
    struct wanted_signal signals[]; /* by their address */
};

/* ---- opening ------------------------------------------------------------------------------------------ */

static int by_address(const void *a, const void *b)
{
    const struct wanted_signal *x = a, *y = b;
    uintptr_t left = (uintptr_t)x->signal, right = (uintptr_t)y->signal;
    return (left > right) - (left < right);
}

int canp_table_reader_decode(struct canp_table_reader *t, const struct canp_table_values *values)
{
    struct canp_table_values taken;
    int r = canp_opts_take(&taken, sizeof(taken), sizeof(taken), values);
    if (r < 0)
        return r;
    if (!taken.decoder || t->decode || (taken.signal_count && !taken.signals))
        return -EINVAL;
    struct table_decode *d = calloc(1, sizeof(*d) + taken.signal_count * sizeof(d->signals[0]));
    if (!d)
        return -ENOMEM;
    d->decoder = taken.decoder;
    d->transport = taken.transport;
    d->values_max = canp_decoder_values_max(taken.decoder);
    d->values = calloc(d->values_max + 1, sizeof(*d->values));
    d->signal_count = taken.signal_count;
    if (!d->values) {
        free(d);
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < taken.signal_count; i++)
        d->signals[i] = (struct wanted_signal){taken.signals[i], i};
    qsort(d->signals, d->signal_count, sizeof(d->signals[0]), by_address);
    t->decode = d;
    t->fields = CANP_TABLE_TIME | CANP_TABLE_IFACE | CANP_TABLE_ID | CANP_TABLE_FLAGS | CANP_TABLE_SIGNAL |
                CANP_TABLE_VALUE | CANP_TABLE_RAW;
    return 0;
}

void canp_table_decode_close(struct canp_table_reader *t)
{
    if (!t->decode)
        return;
    free(t->decode->values);
    free(t->decode);
    t->decode = NULL;
}

void canp_table_reader_counts(const struct canp_table_reader *t, struct canp_decode_counts *out)
{
    memset(out, 0, sizeof(*out));
    if (t->decode)
        *out = t->decode->counts;
}

/* ---- values ------------------------------------------------------------------------------------------- */

static const struct wanted_signal *find(const struct table_decode *d, const struct canp_dbc_signal *signal)
{
    struct wanted_signal key = {signal, 0};
    if (d->signal_count == 0)
        return NULL;
    return bsearch(&key, d->signals, d->signal_count, sizeof(key), by_address);
}

static void put(struct canp_table *table, const struct canp_value *v, uint32_t index, uint32_t id,
                uint8_t channel, int64_t time_ns)
{
    const struct table_columns *c = &table->columns;
    size_t at = table->rows++;
    c->times_ns[at] = time_ns;
    c->channels[at] = channel;
    c->ids[at] = id;
    c->flags[at] = (uint8_t)v->flags;
    c->signals[at] = index;
    c->values[at] = v->value;
    c->raw[at] = v->raw;
}

static int give(struct table_decode *d, struct canp_table *table, const struct canp_plan *plan, uint32_t id,
                uint8_t channel, int64_t time_ns, const uint8_t *data, size_t bytes)
{
    uint32_t count = canp_plan_decode(plan, data, bytes, d->values, &d->counts);
    if (table->room - table->rows < count) {
        int r = canp_table_grow(table, 2 * table->room + count + ROOM_FIRST, 0);
        if (r < 0)
            return r;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct wanted_signal *wanted = find(d, d->values[i].signal);
        if (wanted)
            put(table, &d->values[i], wanted->index, id, channel, time_ns);
    }
    return 0;
}

static int give_message(struct table_decode *d, struct canp_table *table, uint32_t frame_id,
                        const struct canp_transport_message *m)
{
    const struct canp_plan *plan = canp_decoder_plan(d->decoder, m->id);
    if (!plan && m->kind == CANP_TRANSPORT_FAST) /* a database without J1939 has the frames' own priority */
        plan = canp_decoder_plan(d->decoder, frame_id);
    if (!plan) {
        d->counts.frames_unknown++;
        return 0;
    }
    if (m->kind == CANP_TRANSPORT_ISOTP && canp_plan_message(plan)->bytes <= CLASSIC_BYTES)
        return 0; /* the database describes the frames, as those for OBD do: they were decoded */
    return give(d, table, plan, m->id, m->channel, m->time_ns, m->data, m->bytes);
}

static bool is_isotp_or_tp(uint32_t id)
{
    uint32_t format = id >> 16 & 0x3FF;
    return !(id & CANP_ID_EFF) || (id & 0x1FFE0000) == 0x18DA0000 || format == 0xEC || format == 0xEB ||
           format == 0xC8 || format == 0xC7;
}

/* A short message of a database without J1939 that has exactly this id: no part of a fast packet. */
static bool is_plain(const struct canp_plan *plan, uint32_t id)
{
    const struct canp_dbc_message *m = plan ? canp_plan_message(plan) : NULL;
    return m && m->id == id && m->bytes <= CLASSIC_BYTES && m->format != CANP_DBC_J1939;
}

/* Feeds the transport: 1 when a message is complete. *is_part: the frame belongs to a transport. */
static int feed(struct table_decode *d, const struct canp_plan *plan, const struct canp_record *record,
                uint32_t id, struct canp_transport_message *message, bool *is_part)
{
    struct canp_transport_stats stats;
    *is_part = false;
    if (!d->transport || (is_plain(plan, id) && !is_isotp_or_tp(id)))
        return 0;
    int r = canp_transport_feed(d->transport, record->time_ns, record->channel, record->frame, message);
    canp_transport_stats(d->transport, &stats);
    *is_part = stats.frames != d->parts;
    d->parts = stats.frames;
    return r;
}

/* bytes_max: of the data that the record can have. */
static int take(struct table_decode *d, struct canp_table *table, const struct canp_record *record,
                uint32_t bytes_max)
{
    struct canp_transport_message message;
    bool is_part;
    uint64_t head = canp_load_u64(record->frame);
    uint32_t id = (uint32_t)head, bytes = head >> 32 & 0xFF;
    if (record->kind > CANP_KIND_FD || id & (CANP_ID_RTR | CANP_ID_ERR)) {
        d->counts.not_data++;
        return 0;
    }
    const struct canp_plan *plan = canp_decoder_plan(d->decoder, id);
    int r = 0, complete = feed(d, plan, record, id, &message, &is_part);
    if (plan && (!is_part || (is_isotp_or_tp(id) && canp_plan_message(plan)->bytes <= CLASSIC_BYTES)))
        r = give(d, table, plan, id, record->channel, record->time_ns, record->frame->data,
                 bytes < bytes_max ? bytes : bytes_max);
    else if (!plan && !is_part)
        d->counts.frames_unknown++;
    return r == 0 && complete == 1 ? give_message(d, table, id, &message) : r;
}

/* ---- records ------------------------------------------------------------------------------------------ */

static int take_rows(struct canp_table_reader *t, struct canp_table *table)
{
    while (t->at < t->batch.bytes && table->rows < t->rows_max) {
        const uint8_t *row = t->batch.rows + t->at;
        size_t left = t->batch.bytes - t->at;
        uint32_t row_bytes = left < 16 ? 0 : t->batch.stride ? t->batch.stride : canp_row_bytes(row);
        struct canp_record record;
        if (row_bytes < 16 || row_bytes > left) { /* the file broke: the cursor says so next */
            t->at = t->batch.bytes;
            break;
        }
        canp_row_read_sized(row, row_bytes, t->batch.base_ns, &record);
        t->at += row_bytes;
        int r = t->ask && !canp_cursor_wants(t->cursor, &record)
                    ? 0
                    : take(t->decode, table, &record, row_bytes - 16);
        if (r < 0)
            return r;
    }
    return 1;
}

static int take_from_log(struct canp_table_reader *t, struct canp_table *table)
{
    struct canp_record record;
    int r = canp_log_next(t->log, &record);
    if (r <= 0)
        return r;
    r = take(t->decode, table, &record, UINT8_MAX);
    return r < 0 ? r : 1;
}

int canp_table_take_values(struct canp_table_reader *t, struct canp_table *table)
{
    int r = 1;
    while (r > 0 && table->rows < t->rows_max) {
        if (t->log) {
            r = take_from_log(t, table);
            continue;
        }
        r = t->at < t->batch.bytes ? 1 : canp_table_next_batch(t);
        if (r > 0)
            r = take_rows(t, table);
    }
    return r;
}
