/*
 * The lines of canp decode (decode_print.h). A value that J1939 marks as not available or as an error has no
 * number. Names, units and texts come from databases: they are spelled by canp/safe_text.h. Main thread.
 */
#include "decode_print.h"

#include <canp/frame.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/number.h"
#include "lib/text.h"

#define ID_BYTES   12
#define TIME_BYTES 32

/* ---- parts -------------------------------------------------------------------------------------------- */

static const char *integer_text(char out[NUMBER_BYTES], const struct canp_value *v)
{
    if (v->signal->is_signed && v->signal->number == CANP_DBC_INTEGER)
        number_signed(out, (int64_t)v->raw);
    else
        number_unsigned(out, v->raw);
    return out;
}

/* Integers exactly; else the shortest text that reads back as the same double, or 12 digits for people. */
static const char *number_text(char out[NUMBER_BYTES], const struct canp_value *v, bool is_for_people)
{
    if (decode_is_integer(v->signal))
        return integer_text(out, v);
    if (is_for_people)
        snprintf(out, NUMBER_BYTES, "%.12g", v->value);
    else
        number_real(out, v->value);
    return out;
}

static const char *id_text(char out[ID_BYTES], uint32_t id)
{
    if (id & CANP_ID_EFF)
        snprintf(out, ID_BYTES, "%08X", id & CANP_ID_EFF_MASK);
    else
        snprintf(out, ID_BYTES, "%03X", id & CANP_ID_SFF_MASK);
    return out;
}

static const char *seconds_text(char out[TIME_BYTES], int64_t ns)
{
    uint64_t size = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    snprintf(out, TIME_BYTES, "%s%llu.%09llu", ns < 0 ? "-" : "", (unsigned long long)(size / 1000000000),
             (unsigned long long)(size % 1000000000));
    return out;
}

static void put_raw(FILE *to, const struct decode_row *row, const struct canp_value *v)
{
    char number[NUMBER_BYTES];
    size_t bytes;
    if (!(v->flags & CANP_VALUE_BYTES)) {
        fputs(integer_text(number, v), to);
        return;
    }
    const uint8_t *data = decode_bytes(row, v, &bytes);
    for (size_t i = 0; i < bytes; i++)
        fprintf(to, "%02X", data[i]);
}

/* ---- text --------------------------------------------------------------------------------------------- */

static void put_safe_bytes(FILE *to, const char *text, size_t bytes)
{
    char *spelled = malloc(CANP_SAFE_EXPANSION * bytes + 1);
    if (spelled) {
        canp_safe_text(spelled, CANP_SAFE_EXPANSION * bytes + 1, text, bytes, 0);
        fputs(spelled, to);
        free(spelled);
    }
}

static void print_text_value(const struct decode_printer *p, const struct decode_row *row,
                             const struct canp_value *v)
{
    char number[NUMBER_BYTES];
    const char *words = canp_value_text(v), *mark = decode_mark(v);
    size_t bytes;
    if (decode_has_number(v)) {
        fputs(number_text(number, v, true), p->to);
        if (v->signal->unit[0])
            fprintf(p->to, " %s", SAFE(v->signal->unit));
    } else if (v->flags & CANP_VALUE_BYTES) {
        const char *characters = decode_characters(row, v, &bytes);
        putc('"', p->to);
        put_safe_bytes(p->to, characters, bytes);
        putc('"', p->to);
    }
    if (words)
        fprintf(p->to, "%s\"%s\"", decode_has_number(v) ? " " : "", SAFE(words));
    if (*mark)
        fprintf(p->to, "%s[%s]", decode_has_number(v) || words ? " " : "", mark);
    if (p->raw) {
        fputs(" raw ", p->to);
        put_raw(p->to, row, v);
    }
}

static void print_text_head(const struct decode_printer *p, const struct decode_row *row)
{
    char seconds[TIME_BYTES], id[ID_BYTES];
    if (!p->beside)
        fprintf(p->to, "(%s) %s %s ", seconds_text(seconds, row->time_ns), SAFE_WORD(row->iface),
                id_text(id, row->id));
    fputs(SAFE_WORD(row->message->message->long_name), p->to);
}

static void end_line(const struct decode_printer *p)
{
    if (!p->beside)
        putc('\n', p->to);
}

static void print_text(const struct decode_printer *p, const struct decode_row *row)
{
    for (uint32_t i = 0; i < row->count; i++) {
        if (!p->wide || i == 0)
            print_text_head(p, row);
        fprintf(p->to, p->wide ? "%s%s=" : "%s%s = ", p->wide ? (i ? "; " : ": ") : ".",
                SAFE_WORD(row->values[i].signal->long_name));
        print_text_value(p, row, &row->values[i]);
        if (!p->wide || i + 1 == row->count)
            end_line(p);
    }
}

/* ---- CSV ---------------------------------------------------------------------------------------------- */

static void put_cell(FILE *to, const char *text, size_t bytes)
{
    char small[512], *cell = small;
    size_t room = CANP_SAFE_CSV_BYTES(bytes);
    if (room > sizeof(small))
        cell = malloc(room);
    if (!cell)
        return;
    canp_safe_csv(cell, room, text, bytes);
    fputs(cell, to);
    if (cell != small)
        free(cell);
}

static void put_cell_text(FILE *to, const char *text)
{
    if (text)
        put_cell(to, text, strlen(text));
}

static void put_csv_text(const struct decode_printer *p, const struct decode_row *row,
                         const struct canp_value *v)
{
    size_t bytes;
    if (v->flags & CANP_VALUE_BYTES) {
        const char *characters = decode_characters(row, v, &bytes);
        put_cell(p->to, characters, bytes);
    } else {
        put_cell_text(p->to, canp_value_text(v));
    }
}

static void print_csv_head(const struct decode_printer *p, const struct decode_row *row)
{
    char seconds[TIME_BYTES], id[ID_BYTES];
    fprintf(p->to, "%s,", seconds_text(seconds, row->time_ns));
    put_cell_text(p->to, row->iface);
    fprintf(p->to, ",%s,", id_text(id, row->id));
    put_cell_text(p->to, row->message->message->long_name);
}

static void print_csv_long(const struct decode_printer *p, const struct decode_row *row)
{
    char number[NUMBER_BYTES];
    for (uint32_t i = 0; i < row->count; i++) {
        const struct canp_value *v = &row->values[i];
        print_csv_head(p, row);
        putc(',', p->to);
        put_cell_text(p->to, v->signal->long_name);
        fprintf(p->to, ",%s,", decode_has_number(v) ? number_text(number, v, false) : "");
        put_cell_text(p->to, v->signal->unit);
        putc(',', p->to);
        put_csv_text(p, row, v);
        fprintf(p->to, ",%s", decode_mark(v));
        if (p->raw) {
            putc(',', p->to);
            put_raw(p->to, row, v);
        }
        putc('\n', p->to);
    }
}

static void print_csv_wide(const struct decode_printer *p, const struct decode_choice *choice,
                           const struct decode_row *row)
{
    char number[NUMBER_BYTES];
    uint32_t at = 0;
    print_csv_head(p, row);
    for (uint32_t i = 0; i < row->count; i++) {
        const struct canp_value *v = &row->values[i];
        uint32_t column = row->message->columns[v->signal - row->message->message->signals];
        for (; at <= column; at++)
            putc(',', p->to);
        if (p->raw)
            put_raw(p->to, row, v);
        else if (decode_has_number(v))
            fputs(number_text(number, v, false), p->to);
        else if (v->flags & CANP_VALUE_BYTES)
            put_csv_text(p, row, v);
    }
    for (; at < choice->column_count; at++)
        putc(',', p->to);
    putc('\n', p->to);
}

static void print_column_names(const struct decode_printer *p, const struct decode_message *m)
{
    for (uint32_t i = 0; i < m->message->signal_count; i++) {
        char both[1024];
        if (m->columns[i] == DECODE_UNWANTED)
            continue;
        snprintf(both, sizeof(both), "%s.%s", m->message->long_name, /* untrusted until put_cell_text() */
                 m->message->signals[i].long_name);
        putc(',', p->to);
        put_cell_text(p->to, both);
    }
}

void decode_print_header(const struct decode_printer *p, const struct decode_choice *choice)
{
    if (p->format != DECODE_CSV)
        return;
    fputs("time,iface,id,message", p->to);
    if (p->wide) {
        for (uint32_t i = 0; i < choice->message_count; i++)
            print_column_names(p, &choice->messages[i]);
    } else {
        fputs(p->raw ? ",signal,value,unit,text,mark,raw" : ",signal,value,unit,text,mark", p->to);
    }
    putc('\n', p->to);
}

/* ---- JSON --------------------------------------------------------------------------------------------- */

static void put_json_value(const struct decode_printer *p, const struct canp_value *v)
{
    char number[NUMBER_BYTES];
    fputs(decode_has_number(v) && isfinite(v->value) ? number_text(number, v, false) : "null", p->to);
}

static void put_json_raw(const struct decode_printer *p, const struct decode_row *row,
                         const struct canp_value *v)
{
    const char *quote = v->flags & CANP_VALUE_BYTES ? "\"" : "";
    fputs(quote, p->to);
    put_raw(p->to, row, v);
    fputs(quote, p->to);
}

static void put_json_text(const struct decode_printer *p, const struct decode_row *row,
                          const struct canp_value *v)
{
    const char *words = canp_value_text(v);
    size_t bytes;
    if (v->flags & CANP_VALUE_BYTES) {
        const char *characters = decode_characters(row, v, &bytes);
        text_json_bytes(p->to, characters, bytes);
    } else if (words) {
        text_json_string(p->to, words);
    } else {
        fputs("null", p->to);
    }
}

static void put_json_where(const struct decode_printer *p, int64_t time_ns, const char *iface, uint32_t id)
{
    char seconds[TIME_BYTES], number[ID_BYTES];
    putc('{', p->to);
    if (p->beside)
        return;
    fprintf(p->to, "\"time\":%s,\"iface\":", seconds_text(seconds, time_ns));
    text_json_string(p->to, iface);
    fprintf(p->to, ",\"id\":\"%s\",", id_text(number, id));
}

static void print_json_head(const struct decode_printer *p, const struct decode_row *row)
{
    put_json_where(p, row->time_ns, row->iface, row->id);
    fputs("\"message\":", p->to);
    text_json_string(p->to, row->message->message->long_name);
}

static void print_json_long(const struct decode_printer *p, const struct decode_row *row)
{
    for (uint32_t i = 0; i < row->count; i++) {
        const struct canp_value *v = &row->values[i];
        print_json_head(p, row);
        fputs(",\"signal\":", p->to);
        text_json_string(p->to, v->signal->long_name);
        fputs(",\"value\":", p->to);
        put_json_value(p, v);
        fputs(",\"unit\":", p->to);
        text_json_string(p->to, v->signal->unit);
        fputs(",\"text\":", p->to);
        put_json_text(p, row, v);
        fprintf(p->to, ",\"mark\":\"%s\"", decode_mark(v));
        if (p->raw) {
            fputs(",\"raw\":", p->to);
            put_json_raw(p, row, v);
        }
        fputs("}\n", p->to);
    }
}

static void print_json_wide(const struct decode_printer *p, const struct decode_row *row)
{
    print_json_head(p, row);
    fputs(",\"signals\":{", p->to);
    for (uint32_t i = 0; i < row->count; i++) {
        const struct canp_value *v = &row->values[i];
        fputs(i ? "," : "", p->to);
        text_json_string(p->to, v->signal->long_name);
        putc(':', p->to);
        if (p->raw)
            put_json_raw(p, row, v);
        else if (v->flags & CANP_VALUE_BYTES)
            put_json_text(p, row, v);
        else
            put_json_value(p, v);
    }
    fputs("}}", p->to);
    end_line(p);
}

void decode_print_row(const struct decode_printer *p, const struct decode_choice *choice,
                      const struct decode_row *row)
{
    if (p->format == DECODE_TEXT)
        print_text(p, row);
    else if (p->format == DECODE_CSV)
        p->wide ? print_csv_wide(p, choice, row) : print_csv_long(p, row);
    else
        p->wide ? print_json_wide(p, row) : print_json_long(p, row);
}

/* ---- trouble codes ------------------------------------------------------------------------------------ */

#define OCCURRENCES_NOT_AVAILABLE 127
#define CODE_BYTES                32

static const char *code_text(char out[CODE_BYTES], const struct canp_j1939_dtc *c)
{
    snprintf(out, CODE_BYTES, "SPN %u FMI %u", c->spn, c->fmi);
    return out;
}

static const char *occurrences_text(char out[NUMBER_BYTES], const struct canp_j1939_dtc *c, const char *none)
{
    snprintf(out, NUMBER_BYTES, "%u", c->occurrences);
    return c->occurrences == OCCURRENCES_NOT_AVAILABLE ? none : out;
}

static void print_code_text(const struct decode_printer *p, const struct decode_codes *row, uint32_t i)
{
    char seconds[TIME_BYTES], id[ID_BYTES], code[CODE_BYTES], number[NUMBER_BYTES];
    if (!p->beside && (!p->wide || i == 0))
        fprintf(p->to, "(%s) %s %s ", seconds_text(seconds, row->time_ns), SAFE_WORD(row->iface),
                id_text(id, row->id));
    if (!p->wide || i == 0)
        fputs(row->message, p->to);
    fprintf(p->to, p->wide ? "%s%s=%s" : "%s%s = %s", p->wide ? (i ? "; " : ": ") : ".",
            code_text(code, &row->codes[i]), occurrences_text(number, &row->codes[i], "[not available]"));
    if (row->codes[i].old_conversion)
        fputs(" [old conversion]", p->to);
    if (!p->wide || i + 1 == row->count)
        end_line(p);
}

static void print_code_csv(const struct decode_printer *p, const struct decode_codes *row, uint32_t i)
{
    char seconds[TIME_BYTES], id[ID_BYTES], code[CODE_BYTES], number[NUMBER_BYTES];
    const struct canp_j1939_dtc *c = &row->codes[i];
    if (p->wide)
        return;
    fprintf(p->to, "%s,", seconds_text(seconds, row->time_ns));
    put_cell_text(p->to, row->iface);
    fprintf(p->to, ",%s,%s,%s,%s,,%s,%s%s\n", id_text(id, row->id), row->message, code_text(code, c),
            occurrences_text(number, c, ""), c->old_conversion ? "old conversion" : "",
            c->occurrences == OCCURRENCES_NOT_AVAILABLE ? "not available" : "", p->raw ? "," : "");
}

static void print_code_json(const struct decode_printer *p, const struct decode_codes *row, uint32_t i)
{
    char number[NUMBER_BYTES];
    const struct canp_j1939_dtc *c = &row->codes[i];
    if (!p->wide || i == 0) {
        put_json_where(p, row->time_ns, row->iface, row->id);
        fprintf(p->to, "\"message\":\"%s\",", row->message);
    }
    if (p->wide)
        fputs(i ? ",{" : "\"codes\":[{", p->to);
    fprintf(p->to, "\"spn\":%u,\"fmi\":%u,\"occurrences\":%s,\"old_conversion\":%s}", c->spn, c->fmi,
            occurrences_text(number, c, "null"), c->old_conversion ? "true" : "false");
    if (p->wide && i + 1 == row->count)
        fputs("]}", p->to);
    if (!p->wide || i + 1 == row->count)
        end_line(p);
}

void decode_print_codes(const struct decode_printer *p, const struct decode_codes *row)
{
    for (uint32_t i = 0; i < row->count; i++) {
        if (p->format == DECODE_TEXT)
            print_code_text(p, row, i);
        else if (p->format == DECODE_CSV)
            print_code_csv(p, row, i);
        else
            print_code_json(p, row, i);
    }
}
