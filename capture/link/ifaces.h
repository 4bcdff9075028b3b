/* Network interfaces by rtnetlink: which exist, which are CAN, their state. Any thread; no state. */
#ifndef CANP_CAPTURE_IFACES_H
#define CANP_CAPTURE_IFACES_H

#include <canp/error.h>
#include <canp/link.h>
#include <stdbool.h>
#include <stdint.h>

#include "iface_spec.h"

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

/* Is this one of the other names (altnames) of the interface that such a message is of? */
bool canp_iface_has_altname(const struct nlmsghdr *message, const char *name);

/* The interface that has this other name. False: there is none, or the kernel (before 5.5) knows none. */
bool canp_iface_by_altname(const char *name, struct canp_link *out);

/* Fills *list, which was zeroed or filled before: its memory is used again. 0 or a negative errno. Owned:
 * what canp_ifaces_free() frees, after a failure too. */
int canp_ifaces_list(struct iface_list *list);
void canp_ifaces_free(struct iface_list *list);

/* The same by netlink alone. Where its error says that netlink is not permitted (the second function knows),
 * canp_ifaces_list() goes by sysfs and ioctl. */
int canp_ifaces_list_by_netlink(struct iface_list *list);
bool canp_ifaces_no_netlink(int error);

/* One of them, by its name; `fd` is any socket. False: there is none (now). */
bool canp_iface_by_ioctl(int fd, const char *name, struct canp_link *out);

/* One link more; a failure is noted in the list. */
void canp_ifaces_append(struct iface_list *list, const struct canp_link *link);

/* One CAN interface by its name. -ENODEV, -EPROTOTYPE with `why`. */
int canp_iface_find(const char *name, struct canp_link *out, struct canp_why *why);

/* Asks on a netlink socket for a RTM_NEWLINK message of one interface, or (0) of each. 0 or a negative errno.
 */
int canp_ifaces_ask(int fd, int ifindex);

/* A netlink socket that gets a message for each change of an interface; non-blocking. fd or negative errno.
 */
int canp_ifaces_watch(void);

/* ---- from names to links (iface_names.c) --------------------------------------------------------- */

/* In a list, else by another name of it (altname). */
bool canp_ifaces_find(const struct iface_list *list, const char *name, struct canp_link *out);

/* -ENETDOWN with what to do about it. */
int canp_iface_is_down(const struct canp_link *link, struct canp_why *why);

enum {
    IFACES_WAIT_ABSENT = 1, /* a name that there is not has no match, and is no error */
    IFACES_REFUSE_DOWN = 2, /* a named one that is down is an error, and so is `any` when none is up */
};

struct iface_match {
    struct canp_link link;
    unsigned spec; /* the index of what asked for it */
};

struct iface_matches {
    struct iface_match *items; /* borrowed from the caller */
    unsigned room;
    unsigned count;
    char left_out[160];      /* what `any` found behind `room`, as far as it fits; empty: nothing */
    struct canp_why none_up; /* `any` found none that is up; else empty */
};

/*
 * Resolves what a user named to CAN interfaces; `any` takes all that are up and not named. Returns 0; on
 * failure `why` says what to do.
 */
int canp_ifaces_resolve(const struct iface_spec *specs, unsigned count, unsigned flags,
                        struct iface_matches *out, struct canp_why *why);

#endif
