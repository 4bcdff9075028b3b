/* Network interfaces by rtnetlink: which exist, which are CAN, their state. Any thread; no state. */
#ifndef CANP_CAPTURE_IFACES_H
#define CANP_CAPTURE_IFACES_H

#include <canp/error.h>
#include <canp/link.h>
#include <stdbool.h>
#include <stdint.h>

struct nlmsghdr;

#define IFACES_MAX         256   /* interfaces of the machine that are looked at */
#define IFACES_NETLINK_MAX 32768 /* bytes of one netlink datagram */

/* True when the message is RTM_NEWLINK or RTM_DELLINK of a whole interface; fills *out. */
bool canp_iface_link_parse(const struct nlmsghdr *message, struct canp_link *out);

/* All interfaces: fills at most `count` and returns how many, or a negative errno. */
int canp_ifaces_list(struct canp_link *out, unsigned count);

/* One CAN interface by its name. -ENODEV, -EPROTOTYPE with `why`. */
int canp_iface_find(const char *name, struct canp_link *out, struct canp_why *why);

/* Asks on a netlink socket for a RTM_NEWLINK message of one interface, or (0) of each. 0 or a negative errno.
 */
int canp_ifaces_ask(int fd, int ifindex);

/* A netlink socket that gets a message for each change of an interface; non-blocking. fd or negative errno.
 */
int canp_ifaces_watch(void);

/*
 * Resolves names (`any` = all CAN interfaces that are up) to links that are CAN and up.
 * Returns their number; on failure `why` says what to do.
 */
int canp_ifaces_resolve(const char *const *names, unsigned name_count, struct canp_link *out, unsigned count,
                        struct canp_why *why);

#endif
