/*
 * How far a log has been read, on one line of stderr that is written over: only where stderr is a terminal,
 * and only once the work takes more than a second. Main thread.
 */
#ifndef CANP_TOOLS_LOG_PROGRESS_H
#define CANP_TOOLS_LOG_PROGRESS_H

#include <canp/log.h>
#include <stdbool.h>

struct log_progress {
    bool is_on, is_shown;
    unsigned calls;
    uint64_t total_bytes; /* of a plain file; 0: not known */
    uint64_t begun_ns, shown_ns;
};

void log_progress_begin(struct log_progress *p, const char *path);
/* Call it often; it looks at the clock now and then. */
void log_progress_show(struct log_progress *p, struct canp_log_reader *reader);
/* Takes the line away. */
void log_progress_end(struct log_progress *p);

#endif
