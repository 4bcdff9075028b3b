/*
 * Reads CAN interfaces and switches them up and down (canp/link.h). libsocketcan starts, stops and restarts
 * controllers. It prints when it fails, so causes of failure are checked before it is called.
 *
 * Any thread; no state.
 */
#include <canp/link.h>

#include <errno.h>
#include <libsocketcan.h>
#include <linux/capability.h>
#include <linux/if_arp.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ifaces.h"
#include "link_timing.h"

int canp_link_list(struct canp_link *out, unsigned count)
{
    struct iface_list all = {0};
    int r = canp_ifaces_list(&all);
    unsigned found = 0;
    for (unsigned i = 0; r == 0 && i < all.count; i++) {
        if (all.links[i].type == ARPHRD_CAN && found++ < count)
            out[found - 1] = all.links[i];
    }
    canp_ifaces_free(&all);
    return r < 0 ? r : (int)found;
}

int canp_link_find(const char *iface, struct canp_link *out, struct canp_why *why)
{
    return canp_iface_find(iface, out, why);
}

/* ---- switching ---------------------------------------------------------------------------------- */

static bool may_switch(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};
    if (syscall(SYS_capget, &header, data) < 0)
        return true; /* the kernel will say */
    return data[CAP_TO_INDEX(CAP_NET_ADMIN)].effective & CAP_TO_MASK(CAP_NET_ADMIN);
}

static int not_permitted(const char *iface, const char *verb, struct canp_why *why)
{
    return canp_fail(why, -EPERM, "%s: no permission to %s: run it with sudo, or give it CAP_NET_ADMIN",
                     iface, verb);
}

static int check(const char *iface, const char *verb, struct canp_link *link, struct canp_why *why)
{
    int r = canp_link_find(iface, link, why);
    if (r < 0)
        return r;
    return may_switch() ? 0 : not_permitted(iface, verb, why);
}

static bool has_controller(const struct canp_link *link)
{
    return strcmp(link->kind, "can") == 0;
}

static int no_controller(const struct canp_link *link, const char *what, struct canp_why *why)
{
    return canp_fail(why, -EOPNOTSUPP, "%s: %s interface, without a controller: it has no %s", link->name,
                     link->kind[0] ? link->kind : "virtual", what);
}

static int set_timing(const struct canp_link *link, const struct link_timing *timing, struct canp_why *why)
{
    uint32_t bitrate = timing->bitrate, dbitrate = timing->dbitrate;
    char said[LINK_TIMING_SAID_BYTES];
    int r = canp_link_timing_set(link->ifindex, timing, said);
    if (r == 0)
        return 0;
    if (r == -EPERM)
        return not_permitted(link->name, "set its bit rate", why);
    if (dbitrate && r == -EOPNOTSUPP)
        return canp_fail(why, r, "%s: its controller has no CAN FD, so no data bit rate", link->name);
    const char *text = said[0] ? said : r == -EDOM ? "its controller cannot do that" : canp_strerror(r);
    if (dbitrate)
        return canp_fail(why, r == -EDOM || r == -ERANGE ? -EINVAL : r, "%s: bit rates %u and %u: %s",
                         link->name, bitrate, dbitrate, text);
    return canp_fail(why, r == -EDOM || r == -ERANGE ? -EINVAL : r, "%s: bit rate %u: %s", link->name,
                     bitrate, text);
}

static int up_already(const struct canp_link *link, uint32_t bitrate, uint32_t dbitrate, struct canp_why *why)
{
    if (bitrate == 0 || (link->bitrate == bitrate && (dbitrate == 0 || link->dbitrate == dbitrate)))
        return 0;
    if (link->bitrate == bitrate)
        return canp_fail(why, -EBUSY,
                         "%s: is up with a data bit rate of %u: take it down first: ip link set %s down",
                         link->name, link->dbitrate, link->name);
    return canp_fail(why, -EBUSY, "%s: is up with %u bit/s: take it down first: ip link set %s down",
                     link->name, link->bitrate, link->name);
}

static int start(const struct canp_link *link, struct canp_why *why)
{
    errno = 0;
    if (can_do_start(link->name) == 0)
        return 0;
    int r = errno ? -errno : -EIO;
    return r == -EPERM ? not_permitted(link->name, "bring it up", why)
                       : canp_fail(why, r, "%s: cannot be brought up: %s", link->name, canp_strerror(r));
}

int canp_link_up_with(const char *iface, const struct link_timing *timing, struct canp_why *why)
{
    uint32_t bitrate = timing->bitrate, dbitrate = timing->dbitrate;
    struct canp_link link;
    int r = canp_link_find(iface, &link, why);
    if (r < 0)
        return r;
    if (bitrate && !has_controller(&link))
        return no_controller(&link, "bit rate", why);
    if (canp_link_is_up(&link))
        return up_already(&link, bitrate, dbitrate, why);
    if (dbitrate && bitrate == 0)
        return canp_fail(why, -EINVAL, "%s: a data bit rate needs a bit rate", iface);
    if (has_controller(&link) && bitrate == 0 && link.bitrate == 0)
        return canp_fail(why, -EINVAL, "%s: has no bit rate yet: name one", iface);
    r = check(iface, "bring it up", &link, why);
    if (r == 0 && bitrate)
        r = set_timing(&link, timing, why);
    return r == 0 ? start(&link, why) : r;
}

int canp_link_up(const char *iface, uint32_t bitrate, uint32_t dbitrate, struct canp_why *why)
{
    struct link_timing timing = {.bitrate = bitrate, .dbitrate = dbitrate};
    return canp_link_up_with(iface, &timing, why);
}

int canp_link_down(const char *iface, struct canp_why *why)
{
    struct canp_link link;
    int r = check(iface, "take it down", &link, why);
    if (r < 0 || !canp_link_is_up(&link))
        return r;
    errno = 0;
    if (can_do_stop(link.name) == 0)
        return 0;
    r = errno ? -errno : -EIO;
    return canp_fail(why, r, "%s: cannot be taken down: %s", iface, canp_strerror(r));
}

int canp_link_restart(const char *iface, struct canp_why *why)
{
    struct canp_link link;
    int r = canp_link_find(iface, &link, why);
    if (r < 0)
        return r;
    if (!has_controller(&link))
        return no_controller(&link, "state to restart from", why);
    if (link.state != CAN_STATE_BUS_OFF)
        return canp_fail(why, -EBUSY, "%s: is not bus-off: there is nothing to restart", iface);
    if (link.restart_ms)
        return canp_fail(why, -EBUSY, "%s: the kernel restarts it by itself, %u ms after a bus-off", iface,
                         link.restart_ms);
    r = check(iface, "restart it", &link, why);
    if (r < 0)
        return r;
    errno = 0;
    if (can_do_restart(link.name) == 0)
        return 0;
    r = errno ? -errno : -EIO;
    return canp_fail(why, r, "%s: cannot be restarted: %s", iface, canp_strerror(r));
}
