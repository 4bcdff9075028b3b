/* Network interfaces by rtnetlink: which exist, which are CAN, their state. Any thread; no state. */
#ifndef CANP_CAPTURE_IFACES_H
#define CANP_CAPTURE_IFACES_H

#include <canp/error.h>
#include <canp/link.h>
#include <stdbool.h>
#include <stdint.h>

struct nlmsghdr;

/* All interfaces of the machine (of its network namespace), CAN or not. */
struct iface_list {
    struct canp_link *links;
    unsigned count;
    unsigned room;
    int error; /* while it is filled */
};

/* True when the message is RTM_NEWLINK or RTM_DELLINK of a whole interface; fills *out. */
bool canp_iface_link_parse(const struct nlmsghdr *message, struct canp_link *out);

/* Fills *list, which was zeroed or filled before: its memory is used again. 0 or a negative errno. Owned:
 * what canp_ifaces_free() frees, after a failure too. */
int canp_ifaces_list(struct iface_list *list);
void canp_ifaces_free(struct iface_list *list);

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
