/*
 * The tables of values: signals, a row for each value, and one for each message of the databases, a row for
 * each time it was sent and a column for each signal. They hold what `canp decode` prints.
 *
 * A message that several frames brought has the time of its last frame; its first may be a minute older, so
 * reading begins that much before a lower bound of time.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "signals/decode_bus.h"
#include "sql_table.h"

#ifndef SQLITE_CORE
SQLITE_EXTENSION_INIT3
#endif

#define LEAD_NS INT64_C(60000000000)
#define IDS_ALIKE                                                                                            \
    9 /* a number is an 11 bit id, or a 29 bit one, whose message may be found by another priority */
#define ROWS_AHEAD 2 /* a frame gives its own row, and that of a message that it completed */

enum { ID = SQL_COMMON_COLUMNS, ID_HEX, MESSAGE, SIGNAL, VALUE, UNIT, TEXT, MARK, RAW };
#define VALUE_COLUMNS SQL_COMMON, "id", "INTEGER", "id_hex", "TEXT"
static const char *const signal_columns[] = {VALUE_COLUMNS, "message", "TEXT",    "signal", "TEXT", "value",
                                             "NUMERIC",     "unit",    "TEXT",    "text",   "TEXT", "mark",
                                             "TEXT",        "raw",     "NUMERIC", NULL};
static const char *const message_columns[] = {VALUE_COLUMNS, NULL};

struct values {
    struct decode_bus bus;
    const struct decode_message *message; /* wanted; NULL: any */
    char *message_name, *signal_name;     /* wanted; NULL: any */
    bool has_id;                          /* only rows of one id are wanted, which these messages may give: */
    unsigned by_id_count;
    const struct canp_dbc_message *by_id[DECODE_BASES_MAX * IDS_ALIKE];
    bool is_long;
    int64_t from_ns, to_ns;
    unsigned recording; /* that the bus is of */
    struct decode_row rows[ROWS_AHEAD];
    struct canp_value *room[ROWS_AHEAD];
    unsigned count, at; /* rows, the one being lent */
    uint32_t value;     /* of it, the one being lent */
};

/* ---- which frames are needed -------------------------------------------------------------------------- */

static bool has_signal(const struct canp_dbc_message *m, const char *name)
{
    for (uint32_t i = 0; i < m->signal_count; i++) {
        if (strcmp(m->signals[i].long_name, name) == 0)
            return true;
    }
    return false;
}

/* A message that several frames brought is looked up by the priority of its frames, too. */
static void find_by_id(struct values *v, const struct decode_choice *choice, uint32_t id)
{
    for (unsigned b = 0; b < choice->base_count; b++) {
        for (uint32_t i = 0; i < IDS_ALIKE; i++) {
            uint32_t alike = i ? (id & 0x03FFFFFF) | (i - 1) << 26 | CANP_ID_EFF : id;
            const struct canp_plan *plan = canp_decoder_plan(choice->bases[b].decoder, alike);
            if (plan)
                v->by_id[v->by_id_count++] = canp_plan_message(plan);
        }
    }
}

static bool is_by_id(const struct values *v, const struct canp_dbc_message *m)
{
    for (unsigned i = 0; i < v->by_id_count; i++) {
        if (v->by_id[i] == m)
            return true;
    }
    return false;
}

static bool is_wanted(const struct values *v, const struct decode_message *m)
{
    if (v->has_id && !is_by_id(v, m->message))
        return false;
    if (v->message)
        return m == v->message;
    if (v->message_name && strcmp(m->message->long_name, v->message_name) != 0)
        return false;
    return !v->signal_name || has_signal(m->message, v->signal_name);
}

static bool add(struct canp_filter_set *set, uint32_t id, uint32_t mask)
{
    for (unsigned i = 0; i < set->count; i++) {
        if (set->filters[i].id == id && set->filters[i].mask == mask)
            return true;
    }
    if (set->count == CANP_FILTERS_MAX)
        return false;
    set->filters[set->count++] = (struct canp_filter){id, mask};
    return true;
}

/* Do frames of other sources belong to it, as J1939's do? A decoder is asked for one whose id no message has.
 */
static bool is_by_group(const struct decode_choice *choice, const struct canp_dbc_message *m)
{
    for (unsigned i = 0; i < choice->base_count; i++) {
        for (uint32_t source = 0; source < 256; source++) {
            uint32_t id = (m->id & ~0xFFU) | source;
            const struct canp_plan *plan =
                id == m->id ? NULL : canp_decoder_plan(choice->bases[i].decoder, id);
            if (plan && canp_plan_message(plan) == m)
                return true;
            if (!plan && id != m->id)
                break;
        }
    }
    return false;
}

/* Those of J1939's transports, which may bring any message. */
static bool add_transports(struct canp_filter_set *set)
{
    static const uint32_t formats[] = {0xEC, 0xEB, 0xC8, 0xC7};
    bool fits = true;
    for (unsigned i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        fits = fits && add(set, formats[i] << 16 | CANP_ID_EFF, 0x03FF0000 | CANP_ID_EFF);
    return fits;
}

/* The frames that may bring this message without J1939's transports. False: too many for one filter. */
static bool add_message(const struct decode_choice *choice, const struct canp_dbc_message *m,
                        struct canp_filter_set *set)
{
    const uint32_t group = 0x03FF0000, group_with_low = 0x03FFFF00, all_but_priority = 0x03FFFFFF;
    if (!(m->id & CANP_ID_EFF))
        return add(set, m->id, CANP_ID_SFF_MASK | CANP_ID_EFF);
    uint32_t mask = CANP_ID_EFF_MASK;
    if (is_by_group(choice, m))
        mask = (m->id >> 16 & 0xFF) < 0xF0 ? group : group_with_low;
    else if (m->bytes > 8) /* perhaps as fast packets, of any priority */
        mask = all_but_priority;
    return add(set, m->id & (mask | CANP_ID_EFF), mask | CANP_ID_EFF);
}

/* False: no filter, all frames are needed. *lead: may messages of several frames be among them? */
static bool filter_for(const struct values *v, const struct decode_choice *choice,
                       struct canp_filter_set *set, bool *lead)
{
    bool fits = true, is_eff = false;
    memset(set, 0, offsetof(struct canp_filter_set, filters));
    for (uint32_t i = 0; i < choice->message_count && fits; i++) {
        const struct canp_dbc_message *m = choice->messages[i].message;
        if (!is_wanted(v, &choice->messages[i]))
            continue;
        is_eff = is_eff || (m->id & CANP_ID_EFF);
        *lead = *lead || (m->id & CANP_ID_EFF) || m->bytes > 8;
        fits = add_message(choice, m, set);
    }
    fits = fits && (!is_eff || add_transports(set));
    *lead = *lead || !fits;
    return fits;
}

/* ---- decoding ----------------------------------------------------------------------------------------- */

/* Keeps a row until it is lent. */
static int take(void *user, const struct decode_row *row)
{
    struct values *v = user;
    if (!is_wanted(v, row->message) || row->time_ns < v->from_ns || row->time_ns > v->to_ns ||
        v->count == ROWS_AHEAD)
        return 0;
    struct decode_row *kept = &v->rows[v->count];
    *kept = *row;
    memcpy(v->room[v->count], row->values, row->count * sizeof(*row->values));
    kept->values = v->room[v->count++];
    return 0;
}

static int open_bus(struct values *v, const struct decode_choice *choice)
{
    v->bus.choice = choice;
    v->bus.take = take;
    v->bus.user = v;
    return decode_bus_open(&v->bus);
}

/* Interfaces, and what is under way on them, are those of one recording. */
static int enter_recording(struct sql_cursor *c, struct values *v)
{
    if (v->recording == c->scan.at)
        return 0;
    const struct decode_choice *choice = v->bus.choice;
    decode_bus_close(&v->bus);
    memset(&v->bus, 0, sizeof(v->bus));
    v->recording = c->scan.at;
    return open_bus(v, choice);
}

static int decode(struct sql_cursor *c, struct values *v)
{
    const struct canp_record *r = &c->record;
    int error = enter_recording(c, v);
    v->count = v->at = v->value = 0;
    if (error == 0 && !decode_bus_is_named(&v->bus, r->channel))
        error = decode_bus_name(&v->bus, r->channel, sql_scan_iface(&c->scan, r->channel));
    return error == 0 ? decode_bus_frame(&v->bus, r) : error;
}

static bool is_next_value(const struct values *v)
{
    const struct decode_row *row = &v->rows[v->at];
    return !v->signal_name || strcmp(row->values[v->value].signal->long_name, v->signal_name) == 0;
}

/* Goes to the next value or row that is kept. False: the next frame is needed. */
static bool step(struct values *v)
{
    while (v->at < v->count) {
        for (; v->is_long && v->value < v->rows[v->at].count; v->value++) {
            if (is_next_value(v))
                return true;
        }
        if (!v->is_long && v->value++ == 0)
            return true;
        v->at++;
        v->value = 0;
    }
    return false;
}

static int next(struct sql_cursor *c)
{
    struct values *v = c->state;
    v->value += v->is_long && v->at < v->count;
    while (!step(v)) {
        int r = sql_scan_next(&c->scan, &c->record);
        if (r == 1 && (c->record.kind == CANP_KIND_CAN || c->record.kind == CANP_KIND_FD))
            r = decode(c, v) < 0 ? -ENOMEM : 1;
        if (r <= 0)
            return r;
    }
    return 1;
}

/* ---- a pass ------------------------------------------------------------------------------------------- */

static int copy_name(char **to, const char *name)
{
    *to = name ? strdup(name) : NULL;
    return name && !*to ? -ENOMEM : 0;
}

static int make_room(struct values *v, const struct decode_choice *choice)
{
    for (unsigned i = 0; i < ROWS_AHEAD; i++) {
        v->room[i] = calloc((size_t)choice->values_max + 1, sizeof(*v->room[i]));
        if (!v->room[i])
            return -ENOMEM;
    }
    return open_bus(v, choice);
}

/* Not by the ids' own bounds: a frame's id need not be its message's. */
static int begin_scan(struct sql_cursor *c, const struct sql_table *t, struct values *v)
{
    struct canp_filter_set *filter = malloc(sizeof(*filter));
    bool lead = false;
    if (!filter)
        return -ENOMEM;
    bool has_filter = filter_for(v, &t->source->choice, filter, &lead);
    c->wanted.kinds = 1U << CANP_KIND_CAN | 1U << CANP_KIND_FD;
    c->wanted.nothing = c->wanted.nothing || (has_filter && filter->count == 0);
    if (lead && c->wanted.from_ns != INT64_MIN)
        c->wanted.from_ns = c->wanted.from_ns < INT64_MIN + LEAD_NS ? INT64_MIN : c->wanted.from_ns - LEAD_NS;
    int r = sql_scan_begin(&c->scan, t->source, &c->wanted, has_filter ? filter : NULL);
    free(filter);
    return r;
}

static int begin(struct sql_cursor *c, const struct sql_table *t)
{
    struct values *v = calloc(1, sizeof(*v));
    c->state = v;
    if (!v)
        return -ENOMEM;
    v->message = t->message;
    v->is_long = t->message == NULL;
    v->from_ns = c->wanted.from_ns;
    v->to_ns = c->wanted.to_ns;
    v->has_id = c->wanted.has_id && c->wanted.id_from == c->wanted.id_to;
    if (v->has_id)
        find_by_id(v, &t->source->choice, (uint32_t)c->wanted.id_from);
    int r = copy_name(&v->message_name, c->wanted.message);
    if (r == 0)
        r = copy_name(&v->signal_name, c->wanted.signal);
    if (r == 0)
        r = make_room(v, &t->source->choice);
    return r == 0 ? begin_scan(c, t, v) : r;
}

static void end(struct sql_cursor *c)
{
    struct values *v = c->state;
    if (!v)
        return;
    decode_bus_close(&v->bus);
    for (unsigned i = 0; i < ROWS_AHEAD; i++)
        free(v->room[i]);
    free(v->message_name);
    free(v->signal_name);
    free(v);
}

/* ---- columns ------------------------------------------------------------------------------------------ */

/* Whole numbers of more than 63 bits, and no sign, are no integers of SQLite's. */
static bool is_beyond(const struct canp_value *value)
{
    return value->signal->number == CANP_DBC_INTEGER && !value->signal->is_signed && value->raw > INT64_MAX;
}

static void result_number(sqlite3_context *out, const struct canp_value *value)
{
    if (decode_is_integer(value->signal) && !is_beyond(value))
        sqlite3_result_int64(out, (int64_t)value->raw);
    else
        sqlite3_result_double(out, value->value);
}

static void result_characters(sqlite3_context *out, const struct decode_row *row,
                              const struct canp_value *value)
{
    size_t bytes;
    const char *text = decode_characters(row, value, &bytes);
    sqlite3_result_text(out, text, (int)bytes, SQLITE_TRANSIENT);
}

static void result_raw(sqlite3_context *out, const struct decode_row *row, const struct canp_value *value)
{
    size_t bytes;
    if (value->flags & CANP_VALUE_BYTES) {
        const uint8_t *data = decode_bytes(row, value, &bytes);
        sqlite3_result_blob(out, data, (int)bytes, SQLITE_TRANSIENT);
    } else if (is_beyond(value)) {
        char text[24];
        snprintf(text, sizeof(text), "%llu", (unsigned long long)value->raw);
        sql_result_text(out, text);
    } else {
        sqlite3_result_int64(out, (int64_t)value->raw);
    }
}

/* False: none of the columns that both kinds of table have. */
static bool head_value(struct sql_cursor *c, const struct decode_row *row, sqlite3_context *out, int column)
{
    if (column < SQL_COMMON_COLUMNS)
        sql_common_value(c, out, column, row->time_ns, row->iface);
    else if (column == ID)
        sqlite3_result_int64(out, row->id & (row->id & CANP_ID_EFF ? CANP_ID_EFF_MASK : CANP_ID_SFF_MASK));
    else if (column == ID_HEX)
        sql_result_id(out, row->id);
    else
        return false;
    return true;
}

static void signal_value(struct sql_cursor *c, sqlite3_context *out, int column)
{
    const struct values *v = c->state;
    const struct decode_row *row = &v->rows[v->at];
    const struct canp_value *value = &row->values[v->value];
    bool is_bytes = (value->flags & CANP_VALUE_BYTES) != 0;
    if (head_value(c, row, out, column))
        return;
    if (column == MESSAGE)
        sql_result_text(out, row->message->message->long_name);
    else if (column == SIGNAL)
        sql_result_text(out, value->signal->long_name);
    else if (column == VALUE && decode_has_number(value))
        result_number(out, value);
    else if (column == UNIT)
        sql_result_text(out, value->signal->unit);
    else if (column == TEXT && is_bytes)
        result_characters(out, row, value);
    else if (column == TEXT)
        sql_result_text(out, canp_value_text(value));
    else if (column == MARK)
        sql_result_text(out, decode_mark(value));
    else if (column == RAW)
        result_raw(out, row, value);
}

/* The value of the message's Nth signal, if the row has one: values are in the order of signals. */
static const struct canp_value *value_of(const struct decode_row *row, uint32_t signal)
{
    const struct canp_dbc_signal *wanted = &row->message->message->signals[signal];
    uint32_t low = 0, high = row->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (row->values[middle].signal < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    return low < row->count && row->values[low].signal == wanted ? &row->values[low] : NULL;
}

static void message_value(struct sql_cursor *c, sqlite3_context *out, int column)
{
    const struct values *v = c->state;
    const struct decode_row *row = &v->rows[v->at];
    if (head_value(c, row, out, column))
        return;
    const struct canp_value *value = value_of(row, (uint32_t)(column - MESSAGE));
    if (value && decode_has_number(value))
        result_number(out, value);
    else if (value && (value->flags & CANP_VALUE_BYTES))
        result_characters(out, row, value);
}

static uint64_t hash(struct sql_cursor *c)
{
    const struct values *v = c->state;
    const struct decode_row *row = &v->rows[v->at];
    const struct canp_dbc_message *m = row->message->message;
    uint64_t hash = sql_hash(c->scan.at, &row->time_ns, sizeof(row->time_ns));
    hash = sql_hash(hash, &c->record.channel, sizeof(c->record.channel));
    hash = sql_hash(hash, &row->id, sizeof(row->id));
    hash = sql_hash(hash, &m, sizeof(m)); /* the message's address is its identity */
    hash = sql_hash(hash, &v->value, sizeof(v->value));
    return sql_hash(hash, row->data, row->bytes);
}

const struct sql_shape sql_shape_signals = {"canp_signals", "signals",    signal_columns, true, begin,
                                            next,           signal_value, hash,           end};
const struct sql_shape sql_shape_message = {
    "canp_message", NULL, message_columns, true, begin, next, message_value, hash, end};
