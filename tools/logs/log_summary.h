/* What a log that is no recording holds, read once from its beginning to its end. Main thread. */
#ifndef CANP_TOOLS_LOG_SUMMARY_H
#define CANP_TOOLS_LOG_SUMMARY_H

#include <canp/busclock.h>
#include <canp/log.h>
#include <canp/reader.h>

#include "info_events.h"

#define LOG_SUMMARY_CHANNELS 256

struct log_summary {
    const char *format, *title;
    struct canp_info info; /* bytes, frames, records, lost, ids, first and last; the rest is 0 */
    struct canp_bus_span span;
    struct info_events events;
    struct canp_iface_info ifaces[LOG_SUMMARY_CHANNELS];
    unsigned iface_count;
    struct canp_log_stats stats;
};

/* May it be a log, when canp_reader_open() said `error` of it? */
bool log_summary_is_worth_trying(const char *path, int error);

/* 0 or a negative error, `why` filled. -EINTR: a signal came. What was read before an error is in *out. */
int log_summary_read(const char *path, struct log_summary *out, struct canp_why *why);

#endif
