/* What every program does around its main work (program.h). */
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <canp/error.h>
#include <canp/pools/ledger.h>
#include <canp/pools/mapped.h>

#include "commands.h"
#include "manners.h"

/* The number of a closed standard stream would be given to the next file that is opened, and what is printed
 * would land in a recording. So a closed stream is filled with a file whose use fails as the closed one's
 * does. */
static int fill_standard_streams(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
            return -EBADF;
    }
    return 0;
}

/* In the guards mode: a core to look at, instead of going on with memory that something wrote over. */
static void end_by_overrun(void *user, const struct canp_ledger_item *item)
{
    (void)user;
    fprintf(stderr,
            "canp: something wrote behind the end of an object of %zu bytes, acquired at %s:%d (%s)\n",
            item->bytes, item->site->file, item->site->line, item->site->function);
    abort();
}

/* CANP_LEDGER=stacks,guards in the environment: the debug modes of canp/pools/ledger.h, for all that is made
 * from now on. */
static void set_ledger_modes(void)
{
    const char *modes = getenv("CANP_LEDGER");
    if (!modes)
        return;
    canp_ledger_on_overrun(end_by_overrun, NULL);
    canp_ledger_set_modes((strstr(modes, "stacks") ? CANP_LEDGER_STACKS : 0) |
                          (strstr(modes, "guards") ? CANP_LEDGER_GUARDS : 0));
}

/* Results that could not be written are an error; a pipe whose reader has seen enough is none. */
static int finish(int status)
{
    int error = fflush(stdout) < 0 ? errno : 0;
    if ((!error && !ferror(stdout)) || error == EPIPE)
        return status;
    fprintf(stderr, "canp: the output cannot be written: %s\n",
            error ? canp_strerror(error) : "it is incomplete");
    return CANP_EXIT_ENVIRONMENT;
}

int program_main(int argc, char **argv, int (*run)(int argc, char **argv))
{
    if (fill_standard_streams() < 0)
        return CANP_EXIT_ENVIRONMENT;
    /* A file that is cut while it is read becomes an error, not the end of the process. */
    canp_sigbus_guard_install();
    set_ledger_modes();
    int status = run(argc, argv);
    manners_tell_cost();
    return finish(status);
}
