/* The listing of canp dbc. Main thread. */
#include "dbc_list.h"

#include <canp/frame.h>
#include <math.h>
#include <string.h>

#include "lib/text.h"

const char *dbc_bits_text(char out[DBC_BITS_BYTES], const struct canp_dbc_signal *s)
{
    static const char *const kinds[] = {"", " float", " double"};
    snprintf(out, DBC_BITS_BYTES, "%u|%u@%d%c%s", s->start_bit, s->bits, !s->big_endian,
             s->is_signed ? '-' : '+', kinds[s->number]);
    return out;
}

const char *dbc_mux_text(char *out, size_t bytes, const struct canp_dbc_signal *s)
{
    size_t at = 0;
    out[0] = '\0';
    for (uint32_t i = 0; s->is_muxed && i < s->range_count && at + 48 < bytes; i++) {
        const struct canp_dbc_range *r = &s->ranges[i];
        at += (size_t)snprintf(out + at, bytes - at, "%s%llu", i ? "," : "m", (unsigned long long)r->first);
        if (r->last != r->first)
            at += (size_t)snprintf(out + at, bytes - at, "-%llu", (unsigned long long)r->last);
    }
    if (s->is_muxed)
        at += (size_t)snprintf(out + at, bytes - at, " of %s", s->muxer ? s->muxer->name : "?");
    if (s->is_muxer && at < bytes)
        snprintf(out + at, bytes - at, at ? ", M" : "M");
    return out;
}

static void print_signal(FILE *to, const struct canp_dbc_signal *s)
{
    char bits[DBC_BITS_BYTES], mux[160];
    fprintf(to, "    %-32s %-14s (%.10g,%.10g) [%.10g|%.10g] \"%s\"", SAFE(s->long_name),
            dbc_bits_text(bits, s), s->factor, s->offset, s->minimum, s->maximum, SAFE(s->unit));
    if (s->is_muxed || s->is_muxer)
        fprintf(to, " %s", SAFE(dbc_mux_text(mux, sizeof(mux), s)));
    if (s->spn)
        fprintf(to, " SPN %u", s->spn);
    if (s->values)
        fprintf(to, " %u texts", s->values->count);
    putc('\n', to);
}

static const char *format_name(enum canp_dbc_format format)
{
    static const char *const names[] = {"standard", "extended", "standard FD", "extended FD", "J1939"};
    return names[format];
}

static void print_message(FILE *to, const struct canp_dbc_message *m)
{
    uint32_t id = m->id & ~CANP_ID_EFF;
    fprintf(to, m->id & CANP_ID_EFF ? "%08X %s: %u bytes, %s" : "%03X %s: %u bytes, %s", id,
            SAFE(m->long_name), m->bytes, format_name(m->format));
    if (strcmp(m->sender, "Vector__XXX") != 0 && *m->sender)
        fprintf(to, ", from %s", SAFE(m->sender));
    if (m->cycle_ms)
        fprintf(to, ", every %u ms", m->cycle_ms);
    putc('\n', to);
    for (uint32_t i = 0; i < m->signal_count; i++)
        print_signal(to, &m->signals[i]);
}

void dbc_print_list(FILE *to, const char *path, const struct canp_dbc *dbc)
{
    const struct canp_dbc_contents *c = canp_dbc_contents(dbc);
    for (uint32_t i = 0; i < c->message_count; i++)
        print_message(to, c->messages[i]);
    fprintf(to, "%s: %u messages, %u signals, %u nodes, %u value tables; %s\n", SAFE(path), c->message_count,
            c->signal_count, c->node_count, c->table_count, c->was_utf8 ? "UTF-8" : "Windows-1252");
}

/* ---- JSON -------------------------------------------------------------------------------------------------
 */

void dbc_print_number(FILE *to, double number)
{
    if (isfinite(number))
        fprintf(to, "%.17g", number);
    else
        fputs("null", to);
}

static void print_key(FILE *to, const char *key, double number)
{
    fprintf(to, ",\"%s\":", key);
    dbc_print_number(to, number);
}

static void print_text(FILE *to, const char *key, const char *text)
{
    fprintf(to, ",\"%s\":", key);
    text ? text_json_string(to, text) : (void)fputs("null", to);
}

static void print_values(FILE *to, const struct canp_dbc_value_table *table)
{
    fputs(",\"values\":[", to);
    for (uint32_t i = 0; table && i < table->count; i++) {
        fprintf(to, "%s[%lld,", i ? "," : "", (long long)table->texts[i].value);
        text_json_string(to, table->texts[i].text);
        putc(']', to);
    }
    putc(']', to);
}

static void print_json_mux(FILE *to, const struct canp_dbc_signal *s)
{
    fprintf(to, ",\"muxer\":%s,\"muxed_by\":", s->is_muxer ? "true" : "false");
    s->muxer ? text_json_string(to, s->muxer->name) : (void)fputs("null", to);
    fputs(",\"mux_values\":[", to);
    for (uint32_t i = 0; i < s->range_count; i++)
        fprintf(to, "%s[%llu,%llu]", i ? "," : "", (unsigned long long)s->ranges[i].first,
                (unsigned long long)s->ranges[i].last);
    putc(']', to);
}

static void print_json_signal(FILE *to, const struct canp_dbc_signal *s)
{
    static const char *const numbers[] = {"integer", "float", "double"};
    fputs("{\"name\":", to);
    text_json_string(to, s->name);
    print_text(to, "long_name", s->long_name);
    fprintf(to, ",\"start_bit\":%u,\"bits\":%u,\"big_endian\":%s,\"signed\":%s,\"number\":\"%s\"",
            s->start_bit, s->bits, s->big_endian ? "true" : "false", s->is_signed ? "true" : "false",
            numbers[s->number]);
    print_key(to, "factor", s->factor);
    print_key(to, "offset", s->offset);
    print_key(to, "minimum", s->minimum);
    print_key(to, "maximum", s->maximum);
    print_text(to, "unit", s->unit);
    print_text(to, "comment", s->comment);
    fprintf(to, ",\"spn\":%u", s->spn);
    print_json_mux(to, s);
    print_values(to, s->values);
    putc('}', to);
}

static void print_json_message(FILE *to, const struct canp_dbc_message *m)
{
    fputs("{\"name\":", to);
    text_json_string(to, m->name);
    print_text(to, "long_name", m->long_name);
    fprintf(to, ",\"id\":%u,\"extended\":%s,\"bytes\":%u,\"format\":\"%s\",\"cycle_ms\":%u",
            m->id & ~CANP_ID_EFF, m->id & CANP_ID_EFF ? "true" : "false", m->bytes, format_name(m->format),
            m->cycle_ms);
    print_text(to, "sender", m->sender);
    print_text(to, "comment", m->comment);
    fputs(",\"signals\":[", to);
    for (uint32_t i = 0; i < m->signal_count; i++) {
        fputs(i ? "," : "", to);
        print_json_signal(to, &m->signals[i]);
    }
    fputs("]}", to);
}

void dbc_print_json(FILE *to, const char *path, const struct canp_dbc *dbc)
{
    const struct canp_dbc_contents *c = canp_dbc_contents(dbc);
    fputs("\"file\":", to);
    text_json_string(to, path);
    print_text(to, "version", c->version);
    print_text(to, "encoding", c->was_utf8 ? "utf-8" : "windows-1252");
    fputs(",\"messages\":[", to);
    for (uint32_t i = 0; i < c->message_count; i++) {
        fputs(i ? "," : "", to);
        print_json_message(to, c->messages[i]);
    }
    putc(']', to);
}
