/* Feeds frames of interfaces to a decode_bus (decode_live.h). Main thread. */
#include "decode_live.h"

#include <canp/listener.h>
#include <canp/pools/clock.h>
#include <net/if.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "lib/stop.h"

#define POLL_NS    20000000
#define REFRESH_NS 1000000000 /* interfaces that come and go are looked for so often */

struct live {
    struct canp_listener *listener;
    struct decode_bus *bus;
    int error;
};

static uint64_t lost;

bool decode_live_is_iface(const char *argument)
{
    char name[IF_NAMESIZE];
    bool quoted = argument[0] == '@';
    struct stat st;
    if (stat(argument, &st) == 0)
        return false;
    argument += quoted;
    size_t length = quoted ? strlen(argument) : strcspn(argument, ",");
    if (length == 0 || length >= sizeof(name))
        return false;
    memcpy(name, argument, length);
    name[length] = '\0';
    return (!quoted && strcmp(name, "any") == 0) || if_nametoindex(name) != 0;
}

uint64_t decode_live_lost(void)
{
    return lost;
}

static void take(void *user, const struct canp_record *record)
{
    struct live *live = user;
    if (live->error || (record->kind != CANP_KIND_CAN && record->kind != CANP_KIND_FD))
        return;
    if (!decode_bus_is_named(live->bus, record->channel))
        live->error = decode_bus_name(live->bus, record->channel,
                                      canp_listener_iface(live->listener, record->channel)->name);
    if (live->error == 0)
        live->error = decode_bus_frame(live->bus, record);
}

static void count_lost(const struct live *live)
{
    lost = 0;
    for (unsigned i = 0; i < canp_listener_iface_count(live->listener); i++) {
        const struct canp_listener_iface *f = canp_listener_iface(live->listener, i);
        lost += f->lost + f->device;
    }
}

static int walk(struct live *live, int (*flush)(void *user), void *user)
{
    const struct timespec pause = {.tv_nsec = POLL_NS};
    uint64_t refreshed_ns = canp_monotonic_ns();
    int r = 0;
    while (r == 0 && !stop_is_requested()) {
        if (canp_listener_take(live->listener, take, live) > 0)
            r = live->error ? live->error : flush(user);
        else
            nanosleep(&pause, NULL);
        if (canp_monotonic_ns() - refreshed_ns < REFRESH_NS)
            continue;
        canp_listener_refresh(live->listener);
        refreshed_ns = canp_monotonic_ns();
    }
    return r;
}

int decode_live(const char *iface, struct decode_bus *bus, int (*flush)(void *user), void *user,
                struct canp_why *why)
{
    struct live live = {.bus = bus};
    struct canp_listener_opts opts = CANP_LISTENER_OPTS_INIT;
    opts.ifaces = &iface;
    opts.iface_count = 1;
    opts.no_wait = true; /* there is nothing to look at while one waits */
    int r = canp_listener_open(&opts, &live.listener, why);
    if (r < 0)
        return r;
    r = walk(&live, flush, user);
    if (live.error)
        canp_fail(why, live.error, "%s: %s", iface, canp_strerror(live.error));
    canp_listener_refresh(live.listener);
    count_lost(&live);
    canp_listener_close(live.listener);
    return r;
}
