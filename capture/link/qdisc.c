/*
 * The root qdisc of an interface (qdisc.h): RTM_GETQDISC, which needs no privilege.
 *
 * Invariant: nothing outside of the received bytes is read, whatever the message claims. Any thread.
 */
#include "qdisc.h"

#include <errno.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <canp/private/cleanup.h>

#define ANSWER_BYTES 32768 /* a datagram of a dump is no longer */

static unsigned attr_type(const struct rtattr *attr)
{
    return attr->rta_type & NLA_TYPE_MASK;
}

static void parse(const struct nlmsghdr *message, int ifindex, char kind[QDISC_KIND_BYTES])
{
    if (message->nlmsg_type != RTM_NEWQDISC || message->nlmsg_len < NLMSG_LENGTH(sizeof(struct tcmsg)))
        return;
    const struct tcmsg *tc = NLMSG_DATA(message);
    if (tc->tcm_ifindex != ifindex || tc->tcm_parent != TC_H_ROOT)
        return;
    int left = (int)(message->nlmsg_len - NLMSG_LENGTH(sizeof(*tc)));
    for (const struct rtattr *a = TCA_RTA(tc); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
        if (attr_type(a) == TCA_KIND) {
            size_t bytes = strnlen(RTA_DATA(a), RTA_PAYLOAD(a));
            bytes = bytes < QDISC_KIND_BYTES ? bytes : QDISC_KIND_BYTES - 1;
            memcpy(kind, RTA_DATA(a), bytes);
            kind[bytes] = '\0';
        }
    }
}

static int ask(int fd, int ifindex)
{
    struct {
        struct nlmsghdr header;
        struct tcmsg tc;
    } request = {
        .header = {.nlmsg_len = sizeof(request),
                   .nlmsg_type = RTM_GETQDISC,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .tc = {.tcm_family = AF_UNSPEC, .tcm_ifindex = ifindex},
    };
    return send(fd, &request, sizeof(request), 0) < 0 ? -errno : 0;
}

/* 1: the dump goes on, 0: it is over, or a negative errno. */
static int take(const char *buffer, size_t bytes, int ifindex, char *kind)
{
    unsigned left = (unsigned)bytes;
    for (const struct nlmsghdr *h = (const struct nlmsghdr *)buffer; NLMSG_OK(h, left);
         h = NLMSG_NEXT(h, left)) {
        if (h->nlmsg_type == NLMSG_DONE)
            return 0;
        if (h->nlmsg_type == NLMSG_ERROR)
            return h->nlmsg_len < NLMSG_LENGTH(sizeof(int)) ? -EPROTO : *(const int *)NLMSG_DATA(h);
        parse(h, ifindex, kind);
    }
    return 1;
}

int canp_qdisc_of(int ifindex, char kind[QDISC_KIND_BYTES])
{
    _Alignas(struct nlmsghdr) char buffer[ANSWER_BYTES];
    kind[0] = '\0';
    CANP_CLEANUP(canp_fd_close) int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0)
        return -errno;
    int r = ask(fd, ifindex);
    if (r < 0)
        return r;
    do {
        ssize_t n = recv(fd, buffer, sizeof(buffer), 0);
        if (n <= 0)
            return n < 0 ? -errno : -EPROTO;
        r = take(buffer, (size_t)n, ifindex, kind);
    } while (r == 1); /* ends by NLMSG_DONE */
    return r;
}
