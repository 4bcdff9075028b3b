/* Opens the input of a command so that a signal ends the reading. Main thread. */
#ifndef CANP_TOOLS_LOG_OPEN_H
#define CANP_TOOLS_LOG_OPEN_H

#include <canp/log.h>
#include <canp/reader.h>

/* canp_log_open() with stop_wish; opts may be NULL, its stop is not looked at. From here on signals set the
 * wish. 0, or an exit status after saying why. */
int log_open(const char *command, const char *path, const struct canp_log_read_opts *opts,
             struct canp_log_reader **out);

/* What reading failed of: the log's own sentence, which names it, or what the error means. */
const char *log_why(const struct canp_log_reader *reader, int error);

/* canp_reader_open_opts() with stop_wish. From here on signals set the wish. As the library says. */
int recording_open(const char *path, struct canp_reader **out, struct canp_why *why);

/* Is it how the library ends when a signal came? */
bool is_stop_error(int error);

/* Why opening or reading failed, on stderr: "stopped" where a signal ended it. CANP_EXIT_ENVIRONMENT. */
int log_open_fail(const char *command, int error, const struct canp_why *why);

#endif
