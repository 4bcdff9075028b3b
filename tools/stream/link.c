/* How the commands reach a server (link.h). */
#include "link.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "lib/commands.h"
#include "lib/stop.h"

int link_status(int error)
{
    return error == -EINVAL ? CANP_EXIT_USAGE : CANP_EXIT_ENVIRONMENT;
}

int link_open(const char *command, const char *url, struct canp_stream_opts *opts, bool wait,
              struct canp_stream **out)
{
    struct canp_why why;
    bool told = false;
    opts->url = url;
    opts->user = getenv("CANP_NATS_USER");
    opts->password = getenv("CANP_NATS_PASSWORD");
    opts->credentials = opts->credentials ? opts->credentials : getenv("CANP_NATS_CREDS");
    opts->nkey = opts->nkey ? opts->nkey : getenv("CANP_NATS_NKEY");
    opts->ca = opts->ca ? opts->ca : getenv("CANP_NATS_CA");
    for (;;) {
        int r = canp_stream_open(opts, out, &why);
        if (r == 0)
            return 0;
        if (r != -ECONNREFUSED || !wait || stop_is_requested())
            return opts_fail(command, link_status(r), "%s", why.text);
        if (!told)
            opts_fail(command, 0, "%s; trying again", why.text);
        told = true;
        nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
    }
}
