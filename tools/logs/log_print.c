/* Records to take(), the output looked at (log_print.h). */
#include "log_print.h"

#include <errno.h>

#include "lib/commands.h"
#include "lib/opts.h"
#include "lib/stop.h"

int log_print_flush(const char *command, FILE *to, const char *name)
{
    int error = fflush(to) == 0 && !ferror(to) ? 0 : errno ? -errno : -EIO;
    if (error == -EPIPE)
        clearerr(to); /* its reader has seen enough: no error at the program's end either */
    if (error == 0 || error == -EPIPE)
        return error;
    return opts_fail(command, CANP_EXIT_ENVIRONMENT, "cannot write %s: %s", name ? name : "the output",
                     canp_strerror(error));
}

int log_print(const char *command, struct canp_log_reader *reader, FILE *to, const char *name,
              int (*take)(void *user, const struct canp_record *record), void *user)
{
    struct canp_record record;
    int r = 1;
    while (!stop_is_requested() && !ferror(to) && (r = canp_log_next(reader, &record)) > 0) {
        int error = take(user, &record);
        if (error < 0)
            return opts_fail(command, CANP_EXIT_ENVIRONMENT, "%s", canp_strerror(error));
    }
    int error = log_print_flush(command, to, name);
    if (error)
        return error;
    if (r < 0 && !stop_is_requested())
        return opts_fail(command, CANP_EXIT_ENVIRONMENT, "%s", canp_log_why(reader));
    return 0;
}
