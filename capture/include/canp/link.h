/*
 * The CAN interfaces of this machine: reads their state and brings them up with a bit rate, by rtnetlink.
 *
 * Reading needs no privilege; up, down and restart need CAP_NET_ADMIN. Threads: any; no state is kept.
 */
#ifndef CANP_LINK_H
#define CANP_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include <canp/error.h>
#include <canp/frame.h>

CANP_BEGIN_DECLS

#define CANP_LINK_STATE_NONE 0xFFFFFFFFU /* no controller, or its driver does not report the state */

/* One interface as the kernel reports it. A value that it does not report (vcan has no controller) is 0. */
struct canp_link {
    int ifindex;
    unsigned flags;      /* IFF_* of linux/if.h; IFF_UP = 1 */
    unsigned short type; /* ARPHRD_* of linux/if_arp.h; CAN = 280 */
    char name[CANP_IFACE_NAME_BYTES];
    char kind[16]; /* "vcan", "can" (a controller), ...; empty when the driver names none */
    uint32_t mtu;
    uint32_t bitrate;    /* bit/s, 0 = none set, or none to set */
    uint32_t dbitrate;   /* of the data phase (CAN FD), likewise */
    uint32_t ctrlmode;   /* CAN_CTRLMODE_* of linux/can/netlink.h */
    uint32_t state;      /* enum can_state of linux/can/netlink.h, or CANP_LINK_STATE_NONE */
    uint32_t restart_ms; /* time from bus-off until the kernel restarts the controller; 0 = never */
    uint16_t tx_errors;  /* the controller's error counters now */
    uint16_t rx_errors;
    uint64_t rx_frames; /* this and all below: since the interface exists */
    uint64_t tx_frames;
    uint64_t rx_dropped;
    uint64_t tx_dropped;
    uint64_t rx_over_errors; /* controller overruns; each took one frame or more */
    uint32_t bus_errors;     /* struct can_device_stats of linux/can/netlink.h */
    uint32_t error_warnings;
    uint32_t error_passives;
    uint32_t bus_offs;
    uint32_t arbitrations_lost;
    uint32_t restarts;
};

static inline bool canp_link_is_up(const struct canp_link *link)
{
    return (link->flags & 1U) != 0;
}

/* Fills at most `count` of the CAN interfaces and returns how many there are; when these are more than
 * `count`, call again with more room. Or a negative errno. */
CANP_API int canp_link_list(struct canp_link *out, unsigned count);

/* One interface by name. -ENODEV, -EPROTOTYPE (not a CAN interface); `why` names the CAN interfaces that
 * exist. */
CANP_API int canp_link_find(const char *iface, struct canp_link *out, struct canp_why *why);

/*
 * Brings an interface up with a bit rate (0: the one it has) and, for CAN FD, a bit rate of the data phase
 * (0: none). Returns 0, also when it is up with these rates already. Errors: -EPERM (`why` says which
 * privilege is needed), -EBUSY (up with
 * other rates: take it down first), -EOPNOTSUPP (no controller, so no bit rate; or one without CAN FD),
 * -EINVAL (no bit rate known, or one that the controller cannot do), -ENODEV, -EPROTOTYPE.
 */
CANP_API int canp_link_up(const char *iface, uint32_t bitrate, uint32_t dbitrate, struct canp_why *why);

/* Takes an interface down. 0, also when it is down already; errors as above. */
CANP_API int canp_link_down(const char *iface, struct canp_why *why);

/* Restarts a controller that is bus-off. -EOPNOTSUPP (no controller), -EBUSY (not bus-off, or the kernel
 * restarts it by itself), and as above. */
CANP_API int canp_link_restart(const char *iface, struct canp_why *why);

CANP_END_DECLS

#endif
