/*
 * One pass over the matching records of a source: recording after recording, each in its own order.
 * Recordings are read by their index and lanes, logs from their beginning. The connection's thread.
 */
#ifndef CANP_TOOLS_SQL_SCAN_H
#define CANP_TOOLS_SQL_SCAN_H

#include <canp/frame.h>

#include "sql_source.h"
#include "sql_wanted.h"

struct canp_log_reader;

/* Zero it before the first use. */
struct sql_scan {
    struct sql_source *source;
    unsigned at;                 /* recording */
    char *recording, *iface;     /* wanted ones, owned; NULL: all */
    struct canp_cursor *cursor;  /* of a recording */
    struct canp_log_reader *log; /* else of a log */
    int64_t from_ns, to_ns;
    uint32_t kinds;
    uint8_t dirs;
    bool has_filter;
    struct canp_filter_set filter;
    uint32_t cursor_damaged; /* of the cursor's places, those that were counted */
    char unnamed[CANP_IFACE_NAME_BYTES];
    char why[320]; /* after an error */
};

/* Begins a pass; one before is ended. The filter is copied; NULL: all frames. 0 or -ENOMEM. */
int sql_scan_begin(struct sql_scan *scan, struct sql_source *source, const struct sql_wanted *wanted,
                   const struct canp_filter_set *filter);

/* The next record, lent until the next call: 1, 0 at the end, or a negative error. */
int sql_scan_next(struct sql_scan *scan, struct canp_record *out);

/* Of the record lent last: its recording's path, its interface's name. Lent until the next call. */
const char *sql_scan_recording(const struct sql_scan *scan);
const char *sql_scan_iface(struct sql_scan *scan, uint8_t channel);

void sql_scan_end(struct sql_scan *scan);

#endif
