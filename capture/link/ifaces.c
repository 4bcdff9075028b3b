/*
 * Network interfaces by rtnetlink. Bit rates and controller state are read from the link message, because
 * libsocketcan's functions print to stderr when an interface has none and cannot read the data bit rate.
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

#define LIST_ROOM     64U
#define LIST_TRIES    8U
#define ALTNAME_BYTES 128U /* ALTIFNAMSIZ */

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

/* IFLA_PROP_LIST of a link holds its other names. */
static bool has_altname(const struct rtattr *list, const char *name)
{
    struct netlink_walk walk = canp_netlink_nested(list);
    const struct rtattr *a;
    char altname[ALTNAME_BYTES];
    while ((a = canp_netlink_attribute(&walk)) != NULL) {
        if (netlink_attribute_type(a) != IFLA_ALT_IFNAME)
            continue;
        canp_netlink_copy_text(altname, sizeof(altname), a);
        if (strcmp(altname, name) == 0)
            return true;
    }
    return false;
}

bool canp_iface_has_altname(const struct nlmsghdr *message, const char *name)
{
    struct netlink_walk walk = canp_netlink_attributes(message, sizeof(struct ifinfomsg));
    const struct rtattr *a;
    while ((a = canp_netlink_attribute(&walk)) != NULL) {
        if (netlink_attribute_type(a) == IFLA_PROP_LIST && has_altname(a, name))
            return true;
    }
    return false;
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

struct altname_request {
    struct link_request link;
    struct rtattr attribute;
    char name[ALTNAME_BYTES];
};

struct one_link {
    struct canp_link *out;
    bool found;
};

static void take_one(void *user, const struct nlmsghdr *message)
{
    struct one_link *one = user;
    one->found = canp_iface_link_parse(message, one->out) || one->found;
}

bool canp_iface_by_altname(const char *name, struct canp_link *out)
{
    struct one_link one = {.out = out};
    size_t bytes = strlen(name) + 1;
    struct altname_request q = {.link = link_request(0)};
    if (bytes > sizeof(q.name))
        return false;
    q.link.header.nlmsg_flags = NLM_F_REQUEST;
    q.attribute.rta_type = IFLA_ALT_IFNAME;
    q.attribute.rta_len = (unsigned short)RTA_LENGTH(bytes);
    memcpy(q.name, name, bytes);
    q.link.header.nlmsg_len = (uint32_t)(sizeof(q.link) + RTA_SPACE(bytes));
    return canp_netlink_ask(&q.link.header, take_one, &one) == 0 && one.found; /* older than 5.5: none */
}

int canp_ifaces_watch(void)
{
    return canp_netlink_open(RTMGRP_LINK);
}

void canp_ifaces_append(struct iface_list *list, const struct canp_link *link)
{
    if (list->error)
        return;
    if (list->count == list->room) { /* it doubles */
        unsigned room = list->room ? list->room * 2 : LIST_ROOM;
        struct canp_link *links = reallocarray(list->links, room, sizeof(*links));
        if (!links) {
            list->error = -ENOMEM;
            return;
        }
        list->links = links;
        list->room = room;
    }
    list->links[list->count++] = *link;
}

static void take_link(void *user, const struct nlmsghdr *message)
{
    struct canp_link link;
    if (canp_iface_link_parse(message, &link))
        canp_ifaces_append(user, &link);
}

int canp_ifaces_list_by_netlink(struct iface_list *list)
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
