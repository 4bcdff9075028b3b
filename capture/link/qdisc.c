/* The root qdisc of an interface (qdisc.h): RTM_GETQDISC, which needs no privilege. Any thread. */
#include "qdisc.h"

#include <errno.h>
#include <linux/pkt_sched.h>
#include <sys/socket.h>

#include "netlink.h"

struct wanted {
    int ifindex;
    char *kind; /* QDISC_KIND_BYTES */
};

static void take(void *user, const struct nlmsghdr *message)
{
    const struct wanted *wanted = user;
    if (message->nlmsg_type != RTM_NEWQDISC || message->nlmsg_len < NLMSG_LENGTH(sizeof(struct tcmsg)))
        return;
    const struct tcmsg *tc = netlink_message_data(message);
    if (tc->tcm_ifindex != wanted->ifindex || tc->tcm_parent != TC_H_ROOT)
        return;
    struct netlink_walk walk = canp_netlink_attributes(message, sizeof(*tc));
    const struct rtattr *a;
    while ((a = canp_netlink_attribute(&walk)) != NULL) {
        if (netlink_attribute_type(a) == TCA_KIND)
            canp_netlink_copy_text(wanted->kind, QDISC_KIND_BYTES, a);
    }
}

int canp_qdisc_of(int ifindex, char kind[QDISC_KIND_BYTES])
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
    struct wanted wanted = {ifindex, kind};
    kind[0] = '\0';
    int r = canp_netlink_ask(&request.header, take, &wanted);
    return r == -EAGAIN && kind[0] ? 0 : r; /* other interfaces' changed meanwhile */
}
