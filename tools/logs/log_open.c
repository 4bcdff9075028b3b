/* Opens the input of a command (log_open.h). Main thread. */
#include "log_open.h"

#include <errno.h>

#include "lib/commands.h"
#include "lib/manners.h"
#include "lib/opts.h"
#include "lib/stop.h"

bool is_stop_error(int error)
{
    return error == -ECANCELED || error == -EINTR;
}

int log_open_fail(const char *command, int error, const struct canp_why *why)
{
    bool is_stopped = is_stop_error(error) && stop_is_requested();
    return opts_fail(command, CANP_EXIT_ENVIRONMENT, "%s", is_stopped ? "stopped" : why->text);
}

int log_open(const char *command, const char *path, const struct canp_log_read_opts *opts,
             struct canp_log_reader **out)
{
    struct canp_log_read_opts taken = CANP_LOG_READ_OPTS_INIT;
    struct canp_why why;
    if (opts)
        taken = *opts;
    taken.stop = &stop_wish;
    stop_catch_signals();
    int r = canp_log_open(path, &taken, out, &why);
    if (r < 0)
        return log_open_fail(command, r, &why);
    if (manners.verbose)
        opts_fail(command, 0, "%s: %s", path, canp_log_reader_format(*out)->title);
    return 0;
}

const char *log_why(const struct canp_log_reader *reader, int error)
{
    const char *why = canp_log_why(reader);
    return why[0] ? why : canp_strerror(error);
}

int recording_open(const char *path, struct canp_reader **out, struct canp_why *why)
{
    struct canp_reader_opts opts = CANP_READER_OPTS_INIT;
    opts.stop = &stop_wish;
    stop_catch_signals();
    return canp_reader_open_opts(path, &opts, out, why);
}
