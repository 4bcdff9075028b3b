/*
 * The page (report.h): a fixed frame, a script, and the data as JSON in it. What others wrote (names, notes)
 * stands in the JSON alone, where nothing in it can end a script element, and reaches the page as text.
 */
#include "report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <canp/safe_text.h>
#include <canp/version.h>

#include "lib/text.h"

/* A JSON string in which `<`, `>` and `&` are escaped, too. */
static void put_string(FILE *to, const char *text)
{
    char out[CANP_SAFE_JSON_BYTES];
    putc('"', to);
    for (size_t left = strlen(text), took; left > 0; left -= took, text += took) {
        took = canp_safe_json_char(text, left, out);
        if (strchr("<>&", out[0]) && out[0])
            fprintf(to, "\\u%04x", (unsigned)out[0]);
        else
            fputs(out, to);
    }
    putc('"', to);
}

/* Milliseconds since 1970: a number of JavaScript's own. */
static double ms(int64_t ns)
{
    return (double)ns / 1e6;
}

static void put_name(FILE *to, const struct report *report, unsigned channel)
{
    char number[CANP_IFACE_NAME_BYTES];
    put_string(to, text_iface(number, report->channels[channel].iface.name, channel));
}

static void put_ifaces(FILE *to, const struct report *report)
{
    const char *comma = "";
    fputs("\"ifaces\":[", to);
    for (unsigned i = 0; i < 256; i++) {
        const struct report_channel *c = &report->channels[i];
        if (!c->rate && !c->lost)
            continue;
        fprintf(to, "%s{\"name\":", comma);
        put_name(to, report, i);
        fprintf(to, ",\"channel\":%u,\"bitrate\":%u,\"frames\":%llu,\"lost\":%llu,\"errors\":%llu}", i,
                c->iface.bitrate, (unsigned long long)c->frames, (unsigned long long)c->lost,
                (unsigned long long)c->error_frames);
        comma = ",";
    }
    putc(']', to);
}

enum share { PER_SECOND, PERCENT_BUSY, COUNT };

static double in_bin(const struct series_bin *bin, int64_t bin_ns, enum share share)
{
    double value = bin->count ? bin->sum : 0;
    if (share == PER_SECOND)
        return value * 1e9 / (double)bin_ns;
    return share == PERCENT_BUSY ? value * 100 / (double)bin_ns : value;
}

/* The series of all interfaces, each with its own bins. */
static void put_plot(FILE *to, const struct report *report, const char *key, enum share share)
{
    const char *comma = "";
    fprintf(to, ",\"%s\":[", key);
    for (unsigned i = 0; i < 256; i++) {
        const struct report_channel *c = &report->channels[i];
        const struct series *s = share == PER_SECOND ? c->rate : share == PERCENT_BUSY ? c->load : c->errors;
        if (!s || (share == PERCENT_BUSY && !c->iface.bitrate) || (share == COUNT && !c->error_frames))
            continue;
        fprintf(to, "%s{\"name\":", comma);
        put_name(to, report, i);
        fprintf(to, ",\"channel\":%u,\"start\":%.3f,\"bin\":%.3f,\"values\":[", i, ms(s->start_ns),
                ms(s->bin_ns));
        for (unsigned n = 0; n < s->used; n++)
            fprintf(to, n ? ",%.6g" : "%.6g", in_bin(&s->bins[n], s->bin_ns, share));
        fputs("]}", to);
        comma = ",";
    }
    putc(']', to);
}

static void put_marks(FILE *to, const struct report *report)
{
    fprintf(to, ",\"more_marks\":%llu,\"marks\":[", (unsigned long long)report->mark_more);
    for (unsigned i = 0; i < report->mark_count; i++) {
        const struct report_mark *m = &report->marks[i];
        fprintf(to, "%s{\"t\":%.3f,\"channel\":%u,\"kind\":\"%s\",\"weight\":%llu,\"text\":", i ? "," : "",
                ms(m->time_ns), m->channel, m->kind, (unsigned long long)m->weight);
        put_string(to, m->text);
        putc('}', to);
    }
    putc(']', to);
}

/* Of each bit how often it changes: a digit, 0 never, 9 with every frame. */
static void put_bits(FILE *to, const struct id_stats *s)
{
    for (unsigned i = 0; i < s->bytes; i++) {
        for (unsigned bit = 8; bit-- > 0;) {
            double share = s->count > 1 ? (double)s->flips[i * 8 + bit] / (double)(s->count - 1) : 0;
            putc(share > 0 ? '1' + (int)(fmin(share, 1) * 8) : '0', to);
        }
    }
}

static void put_guesses(FILE *to, const struct id_stats *s)
{
    static const char *const counters[] = {"", "low nibble counts", "high nibble counts", "counts"};
    const char *comma = "";
    for (unsigned i = 0; i < s->bytes; i++) {
        unsigned counter = id_counter_at(s, i);
        const char *sum = id_checksum_at(s, i);
        if (counter)
            fprintf(to, "%sbyte %u %s", comma, i, counters[counter]);
        if (sum)
            fprintf(to, "%sbyte %u is a checksum (%s)", comma, i, sum /* trusted: ours */);
        comma = counter || sum ? ", " : comma;
    }
}

static void put_id(FILE *to, const struct id_stats *s)
{
    char id[ID_TEXT_BYTES];
    fprintf(to,
            "{\"channel\":%u,\"id\":\"%s\",\"kind\":\"%s\",\"count\":%llu,\"period\":%.6g,\"jitter\":%.6g,"
            "\"longest\":%.6g,"
            "\"longest_at\":%.3f,\"last\":\"",
            s->channel, id_text(s, id),
            s->kind == CANP_KIND_FD   ? "FD"
            : s->kind == CANP_KIND_XL ? "XL"
                                      : "CAN",
            (unsigned long long)s->count, s->gap_mean_ns / 1e6, id_jitter_ns(s) / 1e6, s->gap_max_ns / 1e6,
            ms(s->gap_max_at_ns));
    for (unsigned i = 0; i < s->last_length; i++)
        fprintf(to, "%02X", s->last[i]);
    fputs("\",\"bits\":\"", to);
    put_bits(to, s);
    fputs("\",\"guess\":\"", to);
    put_guesses(to, s);
    fputs("\"}", to);
}

static void put_ids(FILE *to, const struct report *report)
{
    struct id_stats **list = id_table_sorted(&report->ids);
    unsigned shown = 0;
    fprintf(to, ",\"id_count\":%u,\"ids\":[", report->ids.count);
    for (; list && list[shown] && shown < REPORT_IDS_MAX; shown++) {
        fputs(shown ? "," : "", to);
        put_id(to, list[shown]);
    }
    putc(']', to);
    free(list);
}

static void put_signals(FILE *to, const struct report *report)
{
    fprintf(to, ",\"more_values\":%llu,\"signals\":[", (unsigned long long)report->signal_more);
    for (unsigned i = 0; i < report->signal_count; i++) {
        const struct report_signal *g = &report->signals[i];
        const char *comma = "";
        fputs(i ? ",{\"name\":" : "{\"name\":", to);
        put_string(to, g->signal->name);
        fputs(",\"unit\":", to);
        put_string(to, g->signal->unit ? g->signal->unit : "");
        fprintf(to, ",\"start\":%.3f,\"bin\":%.3f,\"points\":[", ms(g->values->start_ns),
                ms(g->values->bin_ns));
        for (unsigned n = 0; n < g->values->used; n++) {
            const struct series_bin *bin = &g->values->bins[n];
            if (bin->count == 0)
                continue;
            fprintf(to, "%s[%u,%.6g,%.6g,%.6g]", comma, n, bin->low, bin->sum / bin->count, bin->high);
            comma = ",";
        }
        fputs("]}", to);
    }
    putc(']', to);
}

static void put_data(FILE *to, const struct report *report)
{
    fputs("{\"recording\":", to);
    put_string(to, report->path);
    fputs(",\"format\":", to);
    put_string(to, report->format);
    fprintf(to, ",\"version\":\"%s\",\"frames\":%llu,\"lost\":%llu,\"start\":%.3f,\"end\":%.3f,",
            canp_version(), (unsigned long long)report->frames, (unsigned long long)report->lost,
            ms(report->start_ns), ms(report->end_ns));
    put_ifaces(to, report);
    put_plot(to, report, "rate", PER_SECOND);
    put_plot(to, report, "load", PERCENT_BUSY);
    put_plot(to, report, "errors", COUNT);
    put_marks(to, report);
    put_ids(to, report);
    put_signals(to, report);
    putc('}', to);
}

void report_write(FILE *to, const struct report *report)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
          "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
          "'unsafe-inline'; "
          "script-src 'unsafe-inline'\">\n" /* nothing is fetched, whatever stands in the page */
          "<meta name=\"color-scheme\" content=\"light dark\">\n"
          "<title>canp report</title>\n<style>\n",
          to);
    fputs((const char *)report_dygraphs_style, to);
    fputs((const char *)report_style, to);
    fputs("</style></head><body><noscript>This page draws itself with JavaScript, which is off.</noscript>\n"
          "<main id=\"main\"></main>\n<script type=\"application/json\" id=\"data\">",
          to);
    put_data(to, report);
    fputs("</script>\n<script>\n", to);
    fputs((const char *)report_dygraphs_script, to);
    fputs("\n</script>\n<script>\n", to);
    fputs((const char *)report_script, to);
    fputs("</script></body></html>\n", to);
}
