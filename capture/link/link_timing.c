/*
 * Bit rates by rtnetlink (link_timing.h). libsocketcan does not serve: it cannot set a data bit rate, it sets
 * one value per request while CAN FD needs mode and rates in one, and it prints the kernel's answer instead
 * of returning it.
 *
 * Invariant: the buffer is large enough for the largest request. Any thread.
 */
#include "link_timing.h"

#include <assert.h>
#include <errno.h>
#include <linux/can/netlink.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <canp/private/cleanup.h>

#include "netlink.h"

#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif

struct request {
    struct nlmsghdr header;
    struct ifinfomsg info;
    char attributes[256];
};

static struct rtattr *end_of(struct request *q)
{
    return (struct rtattr *)((char *)q + NLMSG_ALIGN(q->header.nlmsg_len));
}

static struct rtattr *put(struct request *q, unsigned short type, const void *data, size_t bytes)
{
    struct rtattr *a = end_of(q);
    assert((char *)a + RTA_SPACE(bytes) <= (char *)q + sizeof(*q));
    a->rta_type = type;
    a->rta_len = (unsigned short)RTA_LENGTH(bytes);
    if (bytes)
        memcpy(RTA_DATA(a), data, bytes);
    q->header.nlmsg_len = (uint32_t)(NLMSG_ALIGN(q->header.nlmsg_len) + RTA_SPACE(bytes));
    return a;
}

static void close_nest(struct request *q, struct rtattr *nest)
{
    nest->rta_len = (unsigned short)((char *)end_of(q) - (char *)nest);
}

/* Modes that are switched on. FD goes by the data bit rate; how its delay is compensated the kernel finds
 * out, as it does when a user sets the rates. */
static uint32_t modes_of(const struct link_timing *timing)
{
    const uint32_t plain = CAN_CTRLMODE_LOOPBACK | CAN_CTRLMODE_LISTENONLY | CAN_CTRLMODE_3_SAMPLES |
                           CAN_CTRLMODE_ONE_SHOT | CAN_CTRLMODE_BERR_REPORTING | CAN_CTRLMODE_PRESUME_ACK |
                           CAN_CTRLMODE_CC_LEN8_DLC;
    const uint32_t fd = CAN_CTRLMODE_FD | (timing->ctrlmode & CAN_CTRLMODE_FD_NON_ISO);
    return (timing->ctrlmode & plain) | (timing->dbitrate ? fd : 0);
}

static void build(struct request *q, int ifindex, const struct link_timing *timing)
{
    struct can_bittiming nominal = {.bitrate = timing->bitrate}, data = {.bitrate = timing->dbitrate};
    struct can_ctrlmode modes = {.mask = modes_of(timing), .flags = modes_of(timing)};
    memset(q, 0, sizeof(*q));
    q->header = (struct nlmsghdr){.nlmsg_len = NLMSG_LENGTH(sizeof(q->info)),
                                  .nlmsg_type = RTM_NEWLINK,
                                  .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
                                  .nlmsg_seq = 1};
    q->info = (struct ifinfomsg){.ifi_family = AF_UNSPEC, .ifi_index = ifindex};
    struct rtattr *linkinfo = put(q, IFLA_LINKINFO, NULL, 0);
    put(q, IFLA_INFO_KIND, "can", 3);
    struct rtattr *can = put(q, IFLA_INFO_DATA, NULL, 0);
    put(q, IFLA_CAN_BITTIMING, &nominal, sizeof(nominal));
    if (timing->dbitrate)
        put(q, IFLA_CAN_DATA_BITTIMING, &data, sizeof(data));
    if (modes.mask)
        put(q, IFLA_CAN_CTRLMODE, &modes, sizeof(modes));
    if (timing->restart_ms)
        put(q, IFLA_CAN_RESTART_MS, &timing->restart_ms, sizeof(timing->restart_ms));
    close_nest(q, can);
    close_nest(q, linkinfo);
}

/* The sentence that a newer kernel appends to its answer (NETLINK_EXT_ACK). */
static void copy_said(const struct nlmsghdr *h, char said[LINK_TIMING_SAID_BYTES])
{
    if (!(h->nlmsg_flags & NLM_F_ACK_TLVS) || !(h->nlmsg_flags & NLM_F_CAPPED))
        return;
    struct netlink_walk walk = canp_netlink_attributes(h, sizeof(struct nlmsgerr));
    const struct rtattr *a;
    while ((a = canp_netlink_attribute(&walk)) != NULL) {
        if (a->rta_type == NLMSGERR_ATTR_MSG)
            canp_netlink_copy_text(said, LINK_TIMING_SAID_BYTES, a);
    }
}

static int talk(int fd, const struct request *q, char said[LINK_TIMING_SAID_BYTES])
{
    _Alignas(struct nlmsghdr) uint8_t answer[NETLINK_BYTES_MAX];
    ssize_t n;
    if (send(fd, q, q->header.nlmsg_len, 0) < 0)
        return -errno;
    do
        n = canp_netlink_receive(fd, answer, 0);
    while (n == 0 || n == -EINTR); /* the kernel answers */
    if (n < 0)
        return (int)n;
    struct netlink_walk walk = {answer, (size_t)n};
    const struct nlmsghdr *h = canp_netlink_next(&walk);
    if (!h || h->nlmsg_type != NLMSG_ERROR)
        return -EPROTO;
    copy_said(h, said);
    return canp_netlink_error_of(h);
}

int canp_link_timing_set(int ifindex, const struct link_timing *timing, char said[LINK_TIMING_SAID_BYTES])
{
    struct request q;
    int on = 1;
    said[0] = '\0';
    CANP_CLEANUP(canp_fd_close) int fd = canp_netlink_open(0);
    if (fd < 0)
        return fd;
    setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on)); /* not there: no sentence */
    setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
    build(&q, ifindex, timing);
    return talk(fd, &q, said);
}
