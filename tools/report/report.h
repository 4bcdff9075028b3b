/* What `canp report` gathers in one pass over a log, and writes as one page. Main thread. */
#ifndef CANP_TOOLS_REPORT_H
#define CANP_TOOLS_REPORT_H

#include <canp/log.h>
#include <stdio.h>

#include "logs/id_stats.h"
#include "series.h"
#include "signals/decode_bus.h"

#define REPORT_MARKS_MAX   400U /* more are counted */
#define REPORT_SIGNALS_MAX 60U
#define REPORT_IDS_MAX     2000U
#define REPORT_TEXT_BYTES  1024U

struct report_mark {
    int64_t time_ns;
    uint8_t channel;
    const char *kind; /* "loss", "error", "state", "note": static */
    uint64_t weight;  /* of a loss: frames */
    char text[REPORT_TEXT_BYTES];
};

struct report_channel {
    struct canp_iface iface;
    uint64_t frames, lost, error_frames;
    struct series *rate, *load, *errors; /* load: busy nanoseconds; NULL: nothing came */
};

struct report_signal {
    const struct canp_dbc_signal *signal;
    struct series *values;
};

struct report {
    const char *path;
    const char *format; /* of the log */
    uint64_t frames, lost;
    bool has_start;
    int64_t start_ns, end_ns; /* bus time of frames */
    struct report_channel channels[256];
    struct report_mark *marks; /* room for REPORT_MARKS_MAX */
    unsigned mark_count;       /* kept */
    uint64_t mark_more;
    struct id_table ids;
    struct report_signal signals[REPORT_SIGNALS_MAX];
    unsigned signal_count;
    uint64_t signal_more; /* values of further signals */
};

/* A record, at its bus time. 0 or -ENOMEM. */
int report_take(struct report *report, const struct canp_record *record, int64_t bus_ns);
/* A decoded value; time_ns as report_take() had it. 0 or -ENOMEM. */
int report_take_value(struct report *report, int64_t bus_ns, const struct canp_value *value);
void report_release(struct report *report);

/* The whole page. */
void report_write(FILE *to, const struct report *report);

/* The parts of the page that are files in the source, or Debian's (generated; zero-terminated). */
extern const unsigned char report_script[], report_style[], report_dygraphs_script[], report_dygraphs_style[];

#endif
