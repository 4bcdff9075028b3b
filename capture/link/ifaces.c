/*
 * Network interfaces by rtnetlink. Bit rates and controller state are read off the link message itself:
 * libsocketcan's getters print to stderr where an interface has none, and know no data bit rate.
 *
 * Invariant: nothing outside of the received bytes is read, whatever the message claims. Any thread.
 */
#include "ifaces.h"

#include <errno.h>
#include <linux/can/netlink.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <canp/private/cleanup.h>

static void copy_text(char *to, size_t size, const struct rtattr *attr)
{
    size_t n = strnlen(RTA_DATA(attr), RTA_PAYLOAD(attr));
    if (n >= size)
        n = size - 1;
    memcpy(to, RTA_DATA(attr), n);
    to[n] = '\0';
}

/* Copies at most `size` bytes of the attribute; what it is too short for stays as it was. */
static void copy_bytes(void *to, size_t size, const struct rtattr *attr)
{
    size_t n = RTA_PAYLOAD(attr);
    memcpy(to, RTA_DATA(attr), n < size ? n : size);
}

static unsigned attr_type(const struct rtattr *attr)
{
    return attr->rta_type & NLA_TYPE_MASK;
}

static void parse_can(const struct rtattr *nest, struct canp_link *out)
{
    int left = (int)RTA_PAYLOAD(nest);
    struct can_bittiming timing = {0};
    struct can_ctrlmode mode = {0};
    struct can_berr_counter counter = {0};
    for (const struct rtattr *a = RTA_DATA(nest); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
        switch (attr_type(a)) {
        case IFLA_CAN_BITTIMING:
            copy_bytes(&timing, sizeof(timing), a);
            out->bitrate = timing.bitrate;
            break;
        case IFLA_CAN_DATA_BITTIMING:
            copy_bytes(&timing, sizeof(timing), a);
            out->dbitrate = timing.bitrate;
            break;
        case IFLA_CAN_CTRLMODE:
            copy_bytes(&mode, sizeof(mode), a);
            out->ctrlmode = mode.flags;
            break;
        case IFLA_CAN_STATE:
            copy_bytes(&out->state, sizeof(out->state), a);
            break;
        case IFLA_CAN_RESTART_MS:
            copy_bytes(&out->restart_ms, sizeof(out->restart_ms), a);
            break;
        case IFLA_CAN_BERR_COUNTER:
            copy_bytes(&counter, sizeof(counter), a);
            out->tx_errors = counter.txerr;
            out->rx_errors = counter.rxerr;
            break;
        }
    }
}

static void parse_device_stats(const struct rtattr *attr, struct canp_link *out)
{
    struct can_device_stats stats = {0};
    copy_bytes(&stats, sizeof(stats), attr);
    out->bus_errors = stats.bus_error;
    out->error_warnings = stats.error_warning;
    out->error_passives = stats.error_passive;
    out->bus_offs = stats.bus_off;
    out->arbitrations_lost = stats.arbitration_lost;
    out->restarts = stats.restarts;
}

static void parse_linkinfo(const struct rtattr *nest, struct canp_link *out)
{
    int left = (int)RTA_PAYLOAD(nest);
    for (const struct rtattr *a = RTA_DATA(nest); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
        if (attr_type(a) == IFLA_INFO_KIND)
            copy_text(out->kind, sizeof(out->kind), a);
        else if (attr_type(a) == IFLA_INFO_DATA && strcmp(out->kind, "can") == 0)
            parse_can(a, out);
        else if (attr_type(a) == IFLA_INFO_XSTATS && strcmp(out->kind, "can") == 0)
            parse_device_stats(a, out);
    }
}

static void parse_stats(const struct rtattr *attr, struct canp_link *out)
{
    struct rtnl_link_stats64 stats = {0};
    copy_bytes(&stats, sizeof(stats), attr);
    out->rx_frames = stats.rx_packets;
    out->tx_frames = stats.tx_packets;
    out->rx_dropped = stats.rx_dropped;
    out->tx_dropped = stats.tx_dropped;
    out->rx_over_errors = stats.rx_over_errors;
}

bool canp_iface_link_parse(const struct nlmsghdr *message, struct canp_link *out)
{
    if ((message->nlmsg_type != RTM_NEWLINK && message->nlmsg_type != RTM_DELLINK) ||
        message->nlmsg_len < NLMSG_LENGTH(sizeof(struct ifinfomsg)))
        return false;
    const struct ifinfomsg *info = NLMSG_DATA(message);
    if (info->ifi_family != AF_UNSPEC)
        return false;
    memset(out, 0, sizeof(*out));
    out->ifindex = info->ifi_index;
    out->flags = info->ifi_flags;
    out->type = info->ifi_type;
    out->state = CANP_LINK_STATE_NONE;
    int left = (int)(message->nlmsg_len - NLMSG_LENGTH(sizeof(*info)));
    for (const struct rtattr *a = IFLA_RTA(info); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
        switch (attr_type(a)) {
        case IFLA_IFNAME:
            copy_text(out->name, sizeof(out->name), a);
            break;
        case IFLA_MTU:
            copy_bytes(&out->mtu, sizeof(out->mtu), a);
            break;
        case IFLA_LINKINFO:
            parse_linkinfo(a, out);
            break;
        case IFLA_STATS64:
            parse_stats(a, out);
            break;
        }
    }
    return out->name[0] != '\0';
}

/* ---- the list of all --------------------------------------------------------------------------- */

int canp_ifaces_ask(int fd, int ifindex)
{
    struct {
        struct nlmsghdr header;
        struct ifinfomsg info;
    } request = {
        .header = {.nlmsg_len = sizeof(request),
                   .nlmsg_type = RTM_GETLINK,
                   .nlmsg_flags = ifindex ? NLM_F_REQUEST : NLM_F_REQUEST | NLM_F_DUMP},
        .info = {.ifi_family = AF_UNSPEC, .ifi_index = ifindex},
    };
    return send(fd, &request, sizeof(request), MSG_DONTWAIT) < 0 ? -errno : 0;
}

/* Takes over the links of one datagram. 1: the dump goes on, 0: it is over, or a negative errno. */
static int take_links(char *buffer, size_t bytes, struct canp_link *out, unsigned count, unsigned *found)
{
    unsigned left = (unsigned)bytes;
    for (struct nlmsghdr *h = (struct nlmsghdr *)buffer; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
        if (h->nlmsg_type == NLMSG_DONE)
            return 0;
        if (h->nlmsg_type == NLMSG_ERROR)
            return h->nlmsg_len < NLMSG_LENGTH(sizeof(int)) ? -EPROTO : *(int *)NLMSG_DATA(h);
        if (*found < count && canp_iface_link_parse(h, &out[*found]))
            (*found)++;
    }
    return 1;
}

static int list_with(int fd, char *buffer, struct canp_link *out, unsigned count)
{
    unsigned found = 0;
    int r = canp_ifaces_ask(fd, 0);
    if (r < 0)
        return r;
    do {
        ssize_t n = recv(fd, buffer, IFACES_NETLINK_MAX, 0);
        if (n <= 0)
            return n < 0 ? -errno : -EPROTO;
        r = take_links(buffer, (size_t)n, out, count, &found);
    } while (r == 1); /* ends by NLMSG_DONE */
    return r < 0 ? r : (int)found;
}

int canp_ifaces_list(struct canp_link *out, unsigned count)
{
    CANP_CLEANUP(canp_fd_close) int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0)
        return -errno;
    char *buffer = malloc(IFACES_NETLINK_MAX);
    if (!buffer)
        return -ENOMEM;
    int r = list_with(fd, buffer, out, count);
    free(buffer);
    return r;
}

int canp_ifaces_watch(void)
{
    CANP_CLEANUP(canp_fd_close)
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (fd < 0)
        return -errno;
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    return canp_take_fd(&fd);
}

/* ---- names to links ---------------------------------------------------------------------------- */

static const struct canp_link *find(const struct canp_link *links, unsigned count, const char *name)
{
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(links[i].name, name) == 0)
            return &links[i];
    }
    return NULL;
}

/* "vcan0 can0" (the CAN interfaces that there are), cut where the text ends. */
static void name_can_ifaces(const struct canp_link *links, unsigned count, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < count; i++) {
        size_t n = strlen(links[i].name);
        if (links[i].type != ARPHRD_CAN || used + n + 2 > size)
            continue;
        if (used)
            text[used++] = ' ';
        memcpy(text + used, links[i].name, n + 1);
        used += n;
    }
}

static int no_such_iface(const struct canp_link *links, unsigned count, const char *name,
                         struct canp_why *why)
{
    char names[160];
    name_can_ifaces(links, count, names, sizeof(names));
    if (names[0])
        return canp_fail(why, -ENODEV, "%s: no such interface; the CAN interfaces here are: %s", name, names);
    return canp_fail(why, -ENODEV,
                     "%s: no such interface, and there is no CAN interface at all; a virtual one: "
                     "ip link add dev vcan0 type vcan && ip link set vcan0 up",
                     name);
}

static int iface_is_down(const struct canp_link *link, struct canp_why *why)
{
    if (strcmp(link->kind, "can") == 0 && link->bitrate == 0)
        return canp_fail(
            why, -ENETDOWN,
            "%s: interface is down and has no bit rate: ip link set %s up type can bitrate 500000",
            link->name, link->name);
    return canp_fail(why, -ENETDOWN, "%s: interface is down: ip link set %s up", link->name, link->name);
}

static int check(const struct canp_link *link, struct canp_why *why)
{
    if (link->type != ARPHRD_CAN)
        return canp_fail(why, -EPROTOTYPE, "%s: not a CAN interface", link->name);
    if (!(link->flags & IFF_UP))
        return iface_is_down(link, why);
    return 0;
}

/* Appends one link, each once. The new number, or an error. */
static int append(const struct canp_link *link, struct canp_link *out, unsigned used, unsigned count,
                  struct canp_why *why)
{
    if (find(out, used, link->name))
        return canp_fail(why, -EINVAL, "%s: interface named twice", link->name);
    if (used == count)
        return canp_fail(why, -CANP_E_TOO_MANY, "more than %u interfaces", count);
    out[used] = *link;
    return (int)used + 1;
}

static int append_any(const struct canp_link *links, unsigned link_count, struct canp_link *out,
                      unsigned used, unsigned count, struct canp_why *why)
{
    int r = (int)used;
    for (unsigned i = 0; i < link_count && r >= 0; i++) {
        if (links[i].type == ARPHRD_CAN && (links[i].flags & IFF_UP) &&
            !find(out, (unsigned)r, links[i].name))
            r = append(&links[i], out, (unsigned)r, count, why);
    }
    if (r != (int)used || used > 0)
        return r;
    char names[160];
    name_can_ifaces(links, link_count, names, sizeof(names));
    if (names[0])
        return canp_fail(why, -ENETDOWN, "any: no CAN interface is up (down: %s): ip link set NAME up",
                         names);
    return canp_fail(why, -ENODEV,
                     "any: there is no CAN interface; a virtual one: "
                     "ip link add dev vcan0 type vcan && ip link set vcan0 up");
}

static int resolve(const struct canp_link *links, unsigned link_count, const char *const *names,
                   unsigned name_count, struct canp_link *out, unsigned count, struct canp_why *why)
{
    int used = 0;
    for (unsigned i = 0; i < name_count && used >= 0; i++) {
        if (strcmp(names[i], "any") == 0) {
            used = append_any(links, link_count, out, (unsigned)used, count, why);
            continue;
        }
        const struct canp_link *link = find(links, link_count, names[i]);
        if (!link)
            return no_such_iface(links, link_count, names[i], why);
        int r = check(link, why);
        used = r < 0 ? r : append(link, out, (unsigned)used, count, why);
    }
    return used;
}

static int take_named(const struct canp_link *links, unsigned count, const char *name, struct canp_link *out,
                      struct canp_why *why)
{
    const struct canp_link *link = find(links, count, name);
    if (!link)
        return no_such_iface(links, count, name, why);
    if (link->type != ARPHRD_CAN)
        return canp_fail(why, -EPROTOTYPE, "%s: not a CAN interface", name);
    *out = *link;
    return 0;
}

int canp_iface_find(const char *name, struct canp_link *out, struct canp_why *why)
{
    struct canp_link *links = calloc(IFACES_MAX, sizeof(*links));
    if (!links)
        return canp_fail(why, -ENOMEM, "out of memory");
    int r = canp_ifaces_list(links, IFACES_MAX);
    if (r < 0)
        canp_fail(why, r, "cannot list the network interfaces: %s", canp_strerror(r));
    else
        r = take_named(links, (unsigned)r, name, out, why);
    free(links);
    return r;
}

int canp_ifaces_resolve(const char *const *names, unsigned name_count, struct canp_link *out, unsigned count,
                        struct canp_why *why)
{
    struct canp_link *links = calloc(IFACES_MAX, sizeof(*links));
    if (!links)
        return canp_fail(why, -ENOMEM, "out of memory");
    int r = canp_ifaces_list(links, IFACES_MAX);
    if (r < 0)
        canp_fail(why, r, "cannot list the network interfaces: %s", canp_strerror(r));
    else
        r = resolve(links, (unsigned)r, names, name_count, out, count, why);
    free(links);
    return r;
}
