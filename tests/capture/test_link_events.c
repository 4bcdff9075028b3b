/*
 * What rtnetlink tells of an interface, told by the test instead: bus-off, restart, down, gone, losses in the
 * device. An emulated bus never goes off, so this is where that is shown.
 */
#include <criterion/criterion.h>
#include <linux/can/netlink.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "fake_recorder.h"
#include "link/ifaces.h"

#define IFINDEX 7

struct message {
    struct nlmsghdr header;
    struct ifinfomsg info;
    char attributes[512];
};

static struct rtattr *put(struct message *m, unsigned short type, const void *data, size_t bytes)
{
    struct rtattr *a = (struct rtattr *)((char *)m + NLMSG_ALIGN(m->header.nlmsg_len));
    a->rta_type = type;
    a->rta_len = (unsigned short)RTA_LENGTH(bytes);
    if (bytes)
        memcpy(RTA_DATA(a), data, bytes);
    m->header.nlmsg_len = (uint32_t)(NLMSG_ALIGN(m->header.nlmsg_len) + RTA_SPACE(bytes));
    return a;
}

static void close_nest(struct message *m, struct rtattr *nest)
{
    nest->rta_len = (unsigned short)((char *)m + NLMSG_ALIGN(m->header.nlmsg_len) - (char *)nest);
}

static void build(struct message *m, unsigned short type, unsigned flags, uint32_t state, uint64_t overruns)
{
    struct rtnl_link_stats64 stats = {.rx_over_errors = overruns};
    struct can_berr_counter errors = {.txerr = 248, .rxerr = 5};
    struct can_device_stats device = {.bus_off = 3, .restarts = 2};
    struct can_bittiming timing = {.bitrate = 500000};
    uint32_t restart_ms = 100;
    memset(m, 0, sizeof(*m));
    m->header = (struct nlmsghdr){.nlmsg_len = NLMSG_LENGTH(sizeof(m->info)), .nlmsg_type = type};
    m->info = (struct ifinfomsg){.ifi_type = ARPHRD_CAN, .ifi_index = IFINDEX, .ifi_flags = flags};
    put(m, IFLA_IFNAME, "can0", 5);
    put(m, IFLA_STATS64, &stats, sizeof(stats));
    struct rtattr *linkinfo = put(m, IFLA_LINKINFO, NULL, 0);
    put(m, IFLA_INFO_KIND, "can", 4);
    put(m, IFLA_INFO_XSTATS, &device, sizeof(device));
    struct rtattr *can = put(m, IFLA_INFO_DATA, NULL, 0);
    put(m, IFLA_CAN_BITTIMING, &timing, sizeof(timing));
    put(m, IFLA_CAN_STATE, &state, sizeof(state));
    put(m, IFLA_CAN_RESTART_MS, &restart_ms, sizeof(restart_ms));
    put(m, IFLA_CAN_BERR_COUNTER, &errors, sizeof(errors));
    close_nest(m, can);
    close_nest(m, linkinfo);
}

Test(links, a_message_is_parsed)
{
    struct message m;
    struct canp_link link;
    build(&m, RTM_NEWLINK, IFF_UP, CAN_STATE_BUS_OFF, 9);
    cr_assert(canp_iface_link_parse(&m.header, &link));
    cr_assert(link.ifindex == IFINDEX && canp_link_is_up(&link) && link.state == CAN_STATE_BUS_OFF);
    cr_assert_str_eq(link.name, "can0");
    cr_assert_str_eq(link.kind, "can");
    cr_assert(link.bitrate == 500000 && link.restart_ms == 100 && link.bus_offs == 3 && link.restarts == 2);
    cr_assert(link.tx_errors == 248 && link.rx_errors == 5 && link.rx_over_errors == 9);
    for (uint32_t n = 0; n < m.header.nlmsg_len; n++) { /* cut anywhere: nothing is read behind it */
        struct nlmsghdr *cut = malloc(n < sizeof(*cut) ? sizeof(*cut) : n);
        memcpy(cut, &m, n < sizeof(*cut) ? sizeof(*cut) : n);
        cut->nlmsg_len = n;
        canp_iface_link_parse(cut, &link);
        free(cut);
    }
}

/* The recorder hears a message; the code of the link event that it notes, 0 for none. */
static uint32_t hear(struct canp_recorder *rec, unsigned short type, unsigned flags, uint32_t state,
                     struct canp_link_event *event)
{
    struct message m;
    build(&m, type, flags, state, 0);
    canp_link_events_take(rec, &m, m.header.nlmsg_len);
    uint32_t code = 0;
    if (!rec->in.slab)
        return 0;
    const struct canp_rowbuf *rows = &((struct slab_head *)rec->in.slab->user)->rows;
    struct canp_record r;
    for (size_t at = 0; at < rows->used_bytes; at += r.row_bytes) {
        canp_row_read(rows->data + at, rows->base_ns, &r);
        if (r.kind == CANP_KIND_LINK) {
            *event = *r.link;
            code = r.link->code;
        }
    }
    canp_intake_commit(&rec->in);
    struct canp_slab *slab = canp_slabring_take(rec->in.ring);
    if (slab)
        canp_slabring_give_back(rec->in.ring, slab);
    return code;
}

Test(links, bus_off_restart_down_up_and_gone)
{
    struct canp_link_event e;
    struct canp_recorder *rec =
        fake_open(&(struct fake_opts){.chan_count = 1, .slab_count = 4, .slab_bytes = 65536});
    rec->in.chans[0].ifindex = IFINDEX;
    rec->in.chans[0].up = true;
    memcpy(rec->in.chans[0].name, "can0", 5);
    cr_assert_eq(hear(rec, RTM_NEWLINK, IFF_UP, CAN_STATE_ERROR_ACTIVE, &e), 0, "nothing new");
    cr_assert_eq(hear(rec, RTM_NEWLINK, IFF_UP, CAN_STATE_BUS_OFF, &e), CANP_LINK_STATE);
    cr_assert(e.state == CAN_STATE_BUS_OFF && e.tx_errors == 248 && e.rx_errors == 5);
    cr_assert(strstr(canp_notices_peek(&rec->in.notices), "bus-off"));
    cr_assert_eq(hear(rec, RTM_NEWLINK, IFF_UP, CAN_STATE_BUS_OFF, &e), 0, "told once");
    cr_assert_eq(hear(rec, RTM_NEWLINK, IFF_UP, CAN_STATE_ERROR_ACTIVE, &e), CANP_LINK_STATE);
    cr_assert_eq(e.state, CAN_STATE_ERROR_ACTIVE, "restarted");
    cr_assert_eq(hear(rec, RTM_NEWLINK, 0, CAN_STATE_ERROR_ACTIVE, &e), CANP_LINK_DOWN);
    cr_assert_eq(hear(rec, RTM_NEWLINK, IFF_UP, CAN_STATE_ERROR_ACTIVE, &e), CANP_LINK_UP);
    cr_assert_eq(hear(rec, RTM_DELLINK, 0, CAN_STATE_STOPPED, &e), CANP_LINK_GONE);
    cr_assert(rec->in.chans[0].gone);
    fake_close(rec);
}
