/* rtnetlink (netlink.h). Invariant: a walk's `at` and `left` always lie within the bytes it began with. */
#include "netlink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <canp/private/cleanup.h>

/* ---- walking ------------------------------------------------------------------------------------- */

/* Goes on by `bytes`, padded to four; the last one of all may lack its padding. */
static void step(struct netlink_walk *walk, size_t bytes)
{
    size_t padded = (bytes + 3) & ~(size_t)3;
    padded = padded < walk->left ? padded : walk->left;
    walk->at += padded;
    walk->left -= padded;
}

const struct nlmsghdr *canp_netlink_next(struct netlink_walk *walk)
{
    const struct nlmsghdr *h = (const struct nlmsghdr *)(const void *)walk->at;
    if (walk->left < sizeof(*h) || h->nlmsg_len < sizeof(*h) || h->nlmsg_len > walk->left)
        return NULL;
    step(walk, h->nlmsg_len);
    return h;
}

struct netlink_walk canp_netlink_attributes(const struct nlmsghdr *message, size_t struct_bytes)
{
    size_t before = sizeof(*message) + ((struct_bytes + 3) & ~(size_t)3);
    if (message->nlmsg_len < before)
        return (struct netlink_walk){NULL, 0};
    return (struct netlink_walk){(const uint8_t *)message + before, message->nlmsg_len - before};
}

struct netlink_walk canp_netlink_nested(const struct rtattr *nest)
{
    return (struct netlink_walk){netlink_attribute_data(nest), RTA_PAYLOAD(nest)};
}

const struct rtattr *canp_netlink_attribute(struct netlink_walk *walk)
{
    const struct rtattr *a = (const struct rtattr *)(const void *)walk->at;
    if (walk->left < sizeof(*a) || a->rta_len < sizeof(*a) || a->rta_len > walk->left)
        return NULL;
    step(walk, a->rta_len);
    return a;
}

void canp_netlink_copy_text(char *to, size_t size, const struct rtattr *attribute)
{
    size_t n = strnlen(netlink_attribute_data(attribute), RTA_PAYLOAD(attribute));
    n = n < size ? n : size - 1;
    memcpy(to, netlink_attribute_data(attribute), n);
    to[n] = '\0';
}

void canp_netlink_copy_bytes(void *to, size_t size, const struct rtattr *attribute)
{
    size_t n = RTA_PAYLOAD(attribute);
    memcpy(to, netlink_attribute_data(attribute), n < size ? n : size);
}

int canp_netlink_error_of(const struct nlmsghdr *message)
{
    int error = 0;
    if (message->nlmsg_len >= NLMSG_LENGTH(sizeof(error)))
        memcpy(&error, netlink_message_data(message), sizeof(error));
    else if (message->nlmsg_type == NLMSG_ERROR)
        return -EPROTO;
    return error > 0 || error < -4095 ? -EPROTO : error;
}

/* ---- talking ------------------------------------------------------------------------------------- */

int canp_netlink_open(unsigned groups)
{
    CANP_CLEANUP(canp_fd_close)
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | (groups ? SOCK_NONBLOCK : 0), NETLINK_ROUTE);
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = groups};
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    return canp_take_fd(&fd);
}

ssize_t canp_netlink_receive(int fd, void *buffer, int flags)
{
    struct sockaddr_nl from = {0};
    socklen_t from_bytes = sizeof(from);
    ssize_t n =
        recvfrom(fd, buffer, NETLINK_BYTES_MAX, flags | MSG_TRUNC, (struct sockaddr *)&from, &from_bytes);
    if (n < 0)
        return -errno;
    bool is_kernels = from_bytes >= sizeof(from) && from.nl_family == AF_NETLINK && from.nl_pid == 0;
    return is_kernels && n <= (ssize_t)NETLINK_BYTES_MAX ? n : 0;
}

/* The messages of one datagram. 1: more are to come, 0: the answer is over, or a negative errno. */
static int take(const uint8_t *buffer, size_t bytes, void (*each)(void *user, const struct nlmsghdr *message),
                void *user)
{
    struct netlink_walk walk = {buffer, bytes};
    const struct nlmsghdr *h;
    while ((h = canp_netlink_next(&walk)) != NULL) {
        if (h->nlmsg_flags & NLM_F_DUMP_INTR)
            return -EAGAIN;
        if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR)
            return canp_netlink_error_of(h);
        if (each)
            each(user, h);
        if (!(h->nlmsg_flags & NLM_F_MULTI))
            return 0;
    }
    return 1;
}

int canp_netlink_ask(const struct nlmsghdr *request, void (*each)(void *user, const struct nlmsghdr *message),
                     void *user)
{
    CANP_CLEANUP(canp_fd_close) int fd = canp_netlink_open(0);
    if (fd < 0)
        return fd;
    if (send(fd, request, request->nlmsg_len, 0) < 0)
        return -errno;
    uint8_t *buffer = malloc(NETLINK_BYTES_MAX);
    if (!buffer)
        return -ENOMEM;
    int r = 1;
    while (r == 1) { /* the kernel ends every answer */
        ssize_t n = canp_netlink_receive(fd, buffer, 0);
        if (n != -EINTR)
            r = n < 0 ? (int)n : take(buffer, (size_t)n, each, user);
    }
    free(buffer);
    return r;
}
