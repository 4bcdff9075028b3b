/* Network interfaces by rtnetlink: which exist, which are CAN, their state. Any thread; no state. */
#ifndef CANP_CAPTURE_IFACES_H
#define CANP_CAPTURE_IFACES_H

#include <canp/error.h>
#include <canp/frame.h>
#include <stdbool.h>
#include <stdint.h>

struct nlmsghdr;

#define IFACES_MAX         256 /* interfaces of the machine that are looked at */
#define IFACES_STATE_NONE  0xFFFFFFFFU
#define IFACES_NETLINK_MAX 32768 /* bytes of one netlink datagram */

/* One interface as a RTM_NEWLINK message tells it. Fields that it does not tell are 0. */
struct iface_link {
    int ifindex;
    unsigned flags;      /* IFF_* */
    unsigned short type; /* ARPHRD_* */
    char name[CANP_IFACE_NAME_BYTES];
    char kind[16]; /* "vcan", "can", ... ; empty when the driver names none */
    uint32_t mtu;
    uint32_t bitrate;  /* 0 = unknown */
    uint32_t dbitrate; /* 0 = unknown */
    uint32_t ctrlmode;
    uint32_t state; /* enum can_state, IFACES_STATE_NONE = unknown */
    uint16_t tx_errors;
    uint16_t rx_errors;
    uint64_t rx_dropped; /* of rtnl_link_stats64 */
    uint64_t rx_over_errors;
};

/* True when the message is RTM_NEWLINK or RTM_DELLINK of a whole interface; fills *out. */
bool iface_link_parse(const struct nlmsghdr *message, struct iface_link *out);

/* All interfaces: fills at most `count` and returns how many, or a negative errno. */
int ifaces_list(struct iface_link *out, unsigned count);

/* Asks on a netlink socket for a RTM_NEWLINK message of one interface, or (0) of each. 0 or a negative errno.
 */
int ifaces_ask(int fd, int ifindex);

/* A netlink socket that gets a message for each change of an interface; non-blocking. fd or negative errno.
 */
int ifaces_watch(void);

/*
 * Resolves names (`any` = all CAN interfaces that are up) to links that are CAN and up.
 * Returns their number; on failure `why` says what to do.
 */
int ifaces_resolve(const char *const *names, unsigned name_count, struct iface_link *out, unsigned count,
                   struct canp_why *why);

#endif
