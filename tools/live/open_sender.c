/* Waits for an interface by trying again every tenth of a second (open_sender.h). Main thread. */
#include "open_sender.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "lib/opts.h"
#include "lib/stop.h"

#define LOOK_NS 100000000

static bool may_come(const char *iface, int error)
{
    return (error == -ENODEV && strcmp(iface, "any") != 0) || error == -ENETDOWN;
}

int open_sender(const char *command, const char *iface, bool wait, struct canp_sender **out,
                struct canp_why *why)
{
    const struct timespec pause = {.tv_nsec = LOOK_NS};
    bool told = false;
    int r;
    while ((r = canp_sender_open(iface, out, why)) < 0 && wait && may_come(iface, r)) {
        if (!told)
            opts_fail(command, 0, "%s; waiting for it", why->text);
        told = true;
        nanosleep(&pause, NULL);
        if (stop_is_requested())
            return canp_fail(why, -EINTR, "%s: stopped while waiting for it", iface);
    }
    return r;
}
