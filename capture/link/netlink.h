/*
 * rtnetlink: the loop over messages, the loop over attributes, and requests, for all files that need them.
 * Received messages are not trusted: nothing outside of the received bytes is read, whatever length a message
 * claims, and messages that are not from the kernel are dropped. Any thread; no state but the socket.
 */
#ifndef CANP_CAPTURE_NETLINK_H
#define CANP_CAPTURE_NETLINK_H

#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define NETLINK_BYTES_MAX 32768U /* of one datagram: the kernel's own bound for dumps */

/* What is left of a datagram, or of a message's attributes. Borrowed: the bytes. */
struct netlink_walk {
    const uint8_t *at;
    size_t left;
};

/* The next message, whole; NULL at the end, or where the rest is no message. */
const struct nlmsghdr *canp_netlink_next(struct netlink_walk *walk);

/* A message's attributes, which begin behind its fixed struct; none when it is shorter than that. */
struct netlink_walk canp_netlink_attributes(const struct nlmsghdr *message, size_t struct_bytes);

/* The attributes within an attribute. */
struct netlink_walk canp_netlink_nested(const struct rtattr *nest);

/* The next attribute, whole; NULL at the end, or where the rest is none. */
const struct rtattr *canp_netlink_attribute(struct netlink_walk *walk);

static inline unsigned netlink_attribute_type(const struct rtattr *attribute)
{
    return attribute->rta_type & (unsigned)NLA_TYPE_MASK;
}

static inline const void *netlink_message_data(const struct nlmsghdr *message)
{
    return (const uint8_t *)message + NLMSG_HDRLEN;
}

static inline const void *netlink_attribute_data(const struct rtattr *attribute)
{
    return (const uint8_t *)attribute + RTA_LENGTH(0);
}

/* Its text, cut to `size` with the zero behind it. */
void canp_netlink_copy_text(char *to, size_t size, const struct rtattr *attribute);

/* At most `size` of its bytes; what it is too short for stays as it was. */
void canp_netlink_copy_bytes(void *to, size_t size, const struct rtattr *attribute);

/* The error that an NLMSG_ERROR or NLMSG_DONE message tells: 0 or a negative errno, -EPROTO for nonsense. */
int canp_netlink_error_of(const struct nlmsghdr *message);

/* A socket; with `groups` (RTMGRP_*) non-blocking and subscribed. Owned: the fd, or a negative errno. */
int canp_netlink_open(unsigned groups);

/* One datagram of the kernel into NETLINK_BYTES_MAX bytes: its size; 0 = it came from somebody else, or did
 * not fit, and was dropped; or a negative errno. `flags` as of recv(2). */
ssize_t canp_netlink_receive(int fd, void *buffer, int flags);

/* Sends a request (its header complete) and hands each message of the answer to `each`, which may be NULL,
 * until the answer is over. 0 or a negative errno; -EAGAIN: what was dumped changed meanwhile, ask again. */
int canp_netlink_ask(const struct nlmsghdr *request, void (*each)(void *user, const struct nlmsghdr *message),
                     void *user);

#endif
