/* Messages of commands about a log that was read or written: one line each, on stderr. Main thread. */
#ifndef CANP_TOOLS_LOG_REPORT_H
#define CANP_TOOLS_LOG_REPORT_H

#include <canp/log.h>

/* What could not be read, the first places by name. An exit status: finding if there is any. */
int log_report_bad(const char *command, const char *name, struct canp_log_reader *reader);

/* Of what was followed: its recorder ended without closing it. An exit status: finding if so. */
int log_report_abandoned(const char *command, const char *name, const struct canp_log_reader *reader);

/* The first places alone. */
void log_report_places(const char *command, const char *name, const struct canp_log_stats *stats);

/* What the target could not hold, and the numbers that its interfaces got. */
void log_report_losses(const char *command, const char *name, const char *format,
                       const struct canp_log_write_stats *stats);
void log_report_numbers(const char *command, const struct canp_log_writer *writer);

#endif
