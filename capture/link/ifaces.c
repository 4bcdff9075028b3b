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

#include "netlink.h"

#define LIST_ROOM  64U
#define LIST_TRIES 8U

static void parse_can(const struct rtattr *nest, struct canp_link *out)
{
    struct netlink_walk walk = canp_netlink_nested(nest);
    const struct rtattr *a;
    struct can_bittiming timing = {0};
    struct can_ctrlmode mode = {0};
    struct can_berr_counter counter = {0};
    while ((a = canp_netlink_attribute(&walk)) != NULL) {
        switch (netlink_attribute_type(a)) {
        case IFLA_CAN_BITTIMING:
            canp_netlink_copy_bytes(&timing, sizeof(timing), a);
            out->bitrate = timing.bitrate;
            break;
        case IFLA_CAN_DATA_BITTIMING:
            canp_netlink_copy_bytes(&timing, sizeof(timing), a);
            out->dbitrate = timing.bitrate;
            break;
        case IFLA_CAN_CTRLMODE:
            canp_netlink_copy_bytes(&mode, sizeof(mode), a);
            out->ctrlmode = mode.flags;
            break;
        case IFLA_CAN_STATE:
            canp_netlink_copy_bytes(&out->state, sizeof(out->state), a);
            break;
        case IFLA_CAN_RESTART_MS:
            canp_netlink_copy_bytes(&out->restart_ms, sizeof(out->restart_ms), a);
            break;
        case IFLA_CAN_BERR_COUNTER:
            canp_netlink_copy_bytes(&counter, sizeof(counter), a);
            out->tx_errors = counter.txerr;
            out->rx_errors = counter.rxerr;
            break;
        }
    }
}

static void parse_device_stats(const struct rtattr *attr, struct canp_link *out)
{
    struct can_device_stats stats = {0};
    canp_netlink_copy_bytes(&stats, sizeof(stats), attr);
    out->bus_errors = stats.bus_error;
    out->error_warnings = stats.error_warning;
    out->error_passives = stats.error_passive;
    out->bus_offs = stats.bus_off;
    out->arbitrations_lost = stats.arbitration_lost;
    out->restarts = stats.restarts;
}

static void parse_linkinfo(const struct rtattr *nest, struct canp_link *out)
{
    struct netlink_walk walk = canp_netlink_nested(nest);
    const struct rtattr *a;
    while ((a = canp_netlink_attribute(&walk)) != NULL) {
        if (netlink_attribute_type(a) == IFLA_INFO_KIND)
            canp_netlink_copy_text(out->kind, sizeof(out->kind), a);
        else if (netlink_attribute_type(a) == IFLA_INFO_DATA && strcmp(out->kind, "can") == 0)
            parse_can(a, out);
        else if (netlink_attribute_type(a) == IFLA_INFO_XSTATS && strcmp(out->kind, "can") == 0)
            parse_device_stats(a, out);
    }
}

static void parse_stats(const struct rtattr *attr, struct canp_link *out)
{
    struct rtnl_link_stats64 stats = {0};
    canp_netlink_copy_bytes(&stats, sizeof(stats), attr);
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
    const struct ifinfomsg *info = netlink_message_data(message);
    if (info->ifi_family != AF_UNSPEC)
        return false;
    memset(out, 0, sizeof(*out));
    out->ifindex = info->ifi_index;
    out->flags = info->ifi_flags;
    out->type = info->ifi_type;
    out->state = CANP_LINK_STATE_NONE;
    struct netlink_walk walk = canp_netlink_attributes(message, sizeof(*info));
    const struct rtattr *a;
    while ((a = canp_netlink_attribute(&walk)) != NULL) {
        switch (netlink_attribute_type(a)) {
        case IFLA_IFNAME:
            canp_netlink_copy_text(out->name, sizeof(out->name), a);
            break;
        case IFLA_MTU:
            canp_netlink_copy_bytes(&out->mtu, sizeof(out->mtu), a);
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

struct link_request {
    struct nlmsghdr header;
    struct ifinfomsg info;
};

static struct link_request link_request(int ifindex)
{
    return (struct link_request){
        .header = {.nlmsg_len = sizeof(struct link_request),
                   .nlmsg_type = RTM_GETLINK,
                   .nlmsg_flags = (uint16_t)(ifindex ? NLM_F_REQUEST : NLM_F_REQUEST | NLM_F_DUMP)},
        .info = {.ifi_family = AF_UNSPEC, .ifi_index = ifindex},
    };
}

int canp_ifaces_ask(int fd, int ifindex)
{
    struct link_request request = link_request(ifindex);
    return send(fd, &request, sizeof(request), MSG_DONTWAIT) < 0 ? -errno : 0;
}

int canp_ifaces_watch(void)
{
    return canp_netlink_open(RTMGRP_LINK);
}

/* One link more; the list doubles when it is full. */
static void take_link(void *user, const struct nlmsghdr *message)
{
    struct iface_list *list = user;
    struct canp_link link;
    if (list->error || !canp_iface_link_parse(message, &link))
        return;
    if (list->count == list->room) {
        unsigned room = list->room ? list->room * 2 : LIST_ROOM;
        struct canp_link *links = reallocarray(list->links, room, sizeof(*links));
        if (!links) {
            list->error = -ENOMEM;
            return;
        }
        list->links = links;
        list->room = room;
    }
    list->links[list->count++] = link;
}

int canp_ifaces_list(struct iface_list *list)
{
    struct link_request request = link_request(0);
    int r = -EAGAIN;
    for (unsigned i = 0; i < LIST_TRIES && r == -EAGAIN; i++) { /* interfaces came and went meanwhile */
        list->count = 0;
        r = canp_netlink_ask(&request.header, take_link, list);
    }
    r = r == -EAGAIN ? 0 : r; /* the last list, which may lack what came meanwhile */
    return r < 0 ? r : list->error;
}

void canp_ifaces_free(struct iface_list *list)
{
    free(list->links);
    *list = (struct iface_list){0};
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

static int take_named(const struct iface_list *list, const char *name, struct canp_link *out,
                      struct canp_why *why)
{
    const struct canp_link *link = find(list->links, list->count, name);
    if (!link)
        return no_such_iface(list->links, list->count, name, why);
    if (link->type != ARPHRD_CAN)
        return canp_fail(why, -EPROTOTYPE, "%s: not a CAN interface", name);
    *out = *link;
    return 0;
}

static int list_or_fail(struct iface_list *list, struct canp_why *why)
{
    int r = canp_ifaces_list(list);
    return r < 0 ? canp_fail(why, r, "cannot list the network interfaces: %s", canp_strerror(r)) : 0;
}

int canp_iface_find(const char *name, struct canp_link *out, struct canp_why *why)
{
    struct iface_list list = {0};
    int r = list_or_fail(&list, why);
    if (r == 0)
        r = take_named(&list, name, out, why);
    canp_ifaces_free(&list);
    return r;
}

int canp_ifaces_resolve(const char *const *names, unsigned name_count, struct canp_link *out, unsigned count,
                        struct canp_why *why)
{
    struct iface_list list = {0};
    int r = list_or_fail(&list, why);
    if (r == 0)
        r = resolve(list.links, list.count, names, name_count, out, count, why);
    canp_ifaces_free(&list);
    return r;
}
