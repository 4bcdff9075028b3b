/* Rows of values as rows of a Parquet file (decode_parquet.h). Main thread. */
#include "decode_parquet.h"

#include <canp/frame.h>
#include <canp/safe_text.h>
#include <errno.h>
#include <string.h>

#define OCCURRENCES_NOT_AVAILABLE 127

enum { TIME, IFACE, ID, MESSAGE, SIGNAL, VALUE, UNIT, TEXT, MARK, RAW, COLUMNS };

static const struct {
    const char *name;
    enum parquet_type type;
} columns[COLUMNS] = {
    [TIME] = {"time", PARQUET_TIME},     [IFACE] = {"iface", PARQUET_TEXT},
    [ID] = {"id", PARQUET_TEXT},         [MESSAGE] = {"message", PARQUET_TEXT},
    [SIGNAL] = {"signal", PARQUET_TEXT}, [VALUE] = {"value", PARQUET_DOUBLE},
    [UNIT] = {"unit", PARQUET_TEXT},     [TEXT] = {"text", PARQUET_TEXT},
    [MARK] = {"mark", PARQUET_TEXT},     [RAW] = {"raw", PARQUET_INT64},
};

/* ---- columns ------------------------------------------------------------------------------------------ */

static int add_signals(struct decode_parquet *p, const struct decode_message *m)
{
    char both[1024];
    for (uint32_t i = 0; i < m->message->signal_count; i++) {
        const struct canp_dbc_signal *s = &m->message->signals[i];
        enum parquet_type type = s->bits > 64 ? PARQUET_TEXT : p->raw ? PARQUET_INT64 : PARQUET_DOUBLE;
        if (m->columns[i] == DECODE_UNWANTED)
            continue;
        snprintf(both, sizeof(both), "%s.%s", m->message->long_name, s->long_name); /* trusted: not shown */
        if (parquet_add_column(p->file, both, type) < 0)
            return -ENOMEM;
    }
    return 0;
}

int decode_parquet_open(struct decode_parquet *p, FILE *to, const struct decode_choice *choice)
{
    int r = parquet_open(to, &p->file);
    int count = p->wide ? SIGNAL : p->raw ? COLUMNS : RAW;
    for (int i = 0; i < count && r >= 0; i++)
        r = parquet_add_column(p->file, columns[i].name, columns[i].type);
    for (uint32_t i = 0; p->wide && i < choice->message_count && r >= 0; i++)
        r = add_signals(p, &choice->messages[i]);
    return r < 0 ? r : 0;
}

/* ---- rows --------------------------------------------------------------------------------------------- */

static void put_text(struct decode_parquet *p, unsigned column, const char *text)
{
    parquet_put_text(p->file, column, text, strlen(text));
}

static void put_head(struct decode_parquet *p, int64_t time_ns, const char *iface, uint32_t id,
                     const char *message)
{
    char hex[12];
    snprintf(hex, sizeof(hex), id & CANP_ID_EFF ? "%08X" : "%03X", id & CANP_ID_EFF_MASK);
    parquet_put_int64(p->file, TIME, time_ns);
    put_text(p, IFACE, iface);
    put_text(p, ID, hex);
    put_text(p, MESSAGE, message);
}

/* Characters of the frame may be anything; a text has to be UTF-8. */
static void put_characters(struct decode_parquet *p, unsigned column, const struct decode_row *row,
                           const struct canp_value *v)
{
    char spelled[2048];
    size_t bytes;
    const char *characters = decode_characters(row, v, &bytes);
    size_t length = canp_safe_text(spelled, sizeof(spelled), characters, bytes, 0);
    parquet_put_text(p->file, column, spelled, length);
}

static int put_long(struct decode_parquet *p, const struct decode_row *row, const struct canp_value *v)
{
    const char *words = canp_value_text(v), *mark = decode_mark(v);
    put_head(p, row->time_ns, row->iface, row->id, row->message->message->long_name);
    put_text(p, SIGNAL, v->signal->long_name);
    put_text(p, UNIT, v->signal->unit);
    if (decode_has_number(v))
        parquet_put_double(p->file, VALUE, v->value);
    if (v->flags & CANP_VALUE_BYTES)
        put_characters(p, TEXT, row, v);
    else if (words)
        put_text(p, TEXT, words);
    if (*mark)
        put_text(p, MARK, mark);
    if (p->raw && !(v->flags & CANP_VALUE_BYTES))
        parquet_put_int64(p->file, RAW, (int64_t)v->raw);
    return parquet_end_row(p->file);
}

static int put_wide(struct decode_parquet *p, const struct decode_row *row)
{
    const struct canp_dbc_message *m = row->message->message;
    put_head(p, row->time_ns, row->iface, row->id, m->long_name);
    for (uint32_t i = 0; i < row->count; i++) {
        const struct canp_value *v = &row->values[i];
        unsigned column = SIGNAL + row->message->columns[v->signal - m->signals];
        if (v->flags & CANP_VALUE_BYTES)
            put_characters(p, column, row, v);
        else if (p->raw)
            parquet_put_int64(p->file, column, (int64_t)v->raw);
        else if (decode_has_number(v))
            parquet_put_double(p->file, column, v->value);
    }
    return parquet_end_row(p->file);
}

int decode_parquet_row(struct decode_parquet *p, const struct decode_row *row)
{
    int r = 0;
    if (p->wide)
        return put_wide(p, row);
    for (uint32_t i = 0; i < row->count && r == 0; i++)
        r = put_long(p, row, &row->values[i]);
    return r;
}

int decode_parquet_codes(struct decode_parquet *p, const struct decode_codes *row)
{
    char code[32];
    int r = 0;
    for (uint32_t i = 0; i < row->count && r == 0 && !p->wide; i++) {
        const struct canp_j1939_dtc *c = &row->codes[i];
        put_head(p, row->time_ns, row->iface, row->id, row->message);
        snprintf(code, sizeof(code), "SPN %u FMI %u", c->spn, c->fmi);
        put_text(p, SIGNAL, code);
        if (c->old_conversion)
            put_text(p, TEXT, "old conversion");
        if (c->occurrences == OCCURRENCES_NOT_AVAILABLE)
            put_text(p, MARK, "not available");
        else
            parquet_put_double(p->file, VALUE, c->occurrences);
        r = parquet_end_row(p->file);
    }
    return r;
}

int decode_parquet_finish(struct decode_parquet *p)
{
    return parquet_finish(p->file);
}

void decode_parquet_close(struct decode_parquet *p)
{
    parquet_close(p->file);
}
