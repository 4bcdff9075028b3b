/* Gathering (report.h): memory is bounded whatever the log holds. */
#include "report.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <canp/bustime.h>
#include <canp/names.h>

#define RATE_BIN_NS   INT64_C(100000000)
#define SIGNAL_BIN_NS INT64_C(1000000)

static int begin(struct series **s, int64_t start_ns, int64_t bin_ns)
{
    if (*s)
        return 0;
    *s = malloc(sizeof(**s));
    if (!*s)
        return -ENOMEM;
    series_init(*s, start_ns, bin_ns);
    return 0;
}

/* ---- marks ----------------------------------------------------------------------------------------- */

static struct report_mark *mark(struct report *report, int64_t time_ns, uint8_t channel, const char *kind)
{
    if (!report->marks)
        report->marks = calloc(REPORT_MARKS_MAX, sizeof(*report->marks));
    if (!report->marks || report->mark_count == REPORT_MARKS_MAX) {
        report->mark_more++;
        return NULL;
    }
    struct report_mark *m = &report->marks[report->mark_count++];
    *m = (struct report_mark){.time_ns = time_ns, .channel = channel, .kind = kind};
    return m;
}

static void take_gap(struct report *report, const struct canp_record *r, int64_t bus_ns)
{
    const char *layer = canp_layer_name(r->gap->layer);
    report->lost += r->gap->lost;
    report->channels[r->channel].lost += r->gap->lost;
    struct report_mark *m = mark(report, bus_ns, r->channel, "loss");
    if (!m)
        return;
    m->weight = r->gap->lost;
    snprintf(m->text, sizeof(m->text), "%llu frames lost (%s)", (unsigned long long)r->gap->lost,
             layer ? layer : "elsewhere");
}

static void take_link(struct report *report, const struct canp_record *r, int64_t bus_ns)
{
    const char *code = canp_link_code_name(r->link->code),
               *state = canp_controller_state_name(r->link->state);
    struct report_mark *m = mark(report, bus_ns, r->channel, "state");
    if (m)
        snprintf(m->text, sizeof(m->text), "%s%s%s, error counters tx %u rx %u", code ? code : "changed",
                 state ? ": " : "", state ? state : "", r->link->tx_errors, r->link->rx_errors);
}

static void take_mark(struct report *report, const struct canp_record *r, int64_t bus_ns)
{
    size_t bytes = r->event->bytes - sizeof(*r->event);
    struct report_mark *m = mark(report, bus_ns, r->channel, "note");
    if (m)
        memcpy(m->text, r->event->payload, bytes < sizeof(m->text) ? bytes : sizeof(m->text) - 1);
}

/* The first of a burst gets a mark. */
static void take_error_frame(struct report *report, struct report_channel *c, const struct canp_record *r,
                             int64_t bus_ns)
{
    const struct series *s = c->errors;
    bool alone = c->error_frames == 0 || !s ||
                 bus_ns - s->start_ns - (int64_t)(s->used - 1) * s->bin_ns > 2 * s->bin_ns;
    struct report_mark *m = alone ? mark(report, bus_ns, r->channel, "error") : NULL;
    if (m)
        snprintf(m->text, sizeof(m->text), "error frame, class %08X", r->frame->id & CANP_ID_EFF_MASK);
    c->error_frames++;
}

/* ---- frames ---------------------------------------------------------------------------------------- */

static int take_frame(struct report *report, const struct canp_record *r, int64_t bus_ns)
{
    struct report_channel *c = &report->channels[r->channel];
    bool is_error = r->kind == CANP_KIND_CAN && (r->frame->id & CANP_ID_ERR);
    if (!report->has_start)
        report->start_ns = report->end_ns = bus_ns;
    report->has_start = true;
    report->end_ns = bus_ns > report->end_ns ? bus_ns : report->end_ns;
    report->frames++;
    c->frames++;
    if (begin(&c->rate, report->start_ns, RATE_BIN_NS) < 0 ||
        begin(&c->load, report->start_ns, RATE_BIN_NS) < 0 ||
        begin(&c->errors, report->start_ns, RATE_BIN_NS) < 0)
        return -ENOMEM;
    series_add(c->rate, bus_ns, 1);
    series_add(c->load, bus_ns,
               (double)canp_bits_ns(canp_record_bits(r), c->iface.bitrate, c->iface.dbitrate));
    if (is_error) {
        take_error_frame(report, c, r, bus_ns);
        series_add(c->errors, bus_ns, 1);
        return 0;
    }
    return id_table_feed(&report->ids, r, bus_ns);
}

int report_take(struct report *report, const struct canp_record *r, int64_t bus_ns)
{
    if (canp_kind_is_frame(r->kind))
        return take_frame(report, r, bus_ns);
    if (r->kind == CANP_KIND_IFACE)
        memcpy(&report->channels[r->channel].iface, r->iface, sizeof(struct canp_iface));
    else if (r->kind == CANP_KIND_GAP)
        take_gap(report, r, bus_ns);
    else if (r->kind == CANP_KIND_LINK)
        take_link(report, r, bus_ns);
    else if (r->kind == CANP_KIND_MARK)
        take_mark(report, r, bus_ns);
    return 0;
}

int report_take_value(struct report *report, int64_t bus_ns, const struct canp_value *value)
{
    struct report_signal *s = report->signals, *end = s + report->signal_count;
    if (!decode_has_number(value) || !isfinite(value->value))
        return 0;
    while (s < end && s->signal != value->signal)
        s++;
    if (s == end && report->signal_count == REPORT_SIGNALS_MAX) {
        report->signal_more++;
        return 0;
    }
    if (s == end) {
        s->signal = value->signal;
        report->signal_count++;
    }
    if (begin(&s->values, report->start_ns, SIGNAL_BIN_NS) < 0)
        return -ENOMEM;
    series_add(s->values, bus_ns, value->value);
    return 0;
}

void report_release(struct report *report)
{
    for (unsigned i = 0; i < 256; i++) {
        free(report->channels[i].rate);
        free(report->channels[i].load);
        free(report->channels[i].errors);
    }
    for (unsigned i = 0; i < report->signal_count; i++)
        free(report->signals[i].values);
    free(report->marks);
    id_table_release(&report->ids);
}
