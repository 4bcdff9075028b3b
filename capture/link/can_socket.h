/* CAN_RAW sockets for recording. Any thread; no state. */
#ifndef CANP_CAPTURE_CAN_SOCKET_H
#define CANP_CAPTURE_CAN_SOCKET_H

#include <canp/error.h>
#include <canp/filter.h>
#include <stdbool.h>
#include <stdint.h>

struct can_socket_opts {
    uint32_t mtu; /* of the interface: XL frames are asked for where it takes them */
    uint64_t rcvbuf_bytes;
    bool error_frames; /* false: none, whatever the filters ask for */
    bool hw_timestamps;
    const struct canp_filter_set *filters; /* NULL: everything. With filters, error frames by their mask. */
};

/* 0 when this kernel has CAN_RAW, else an error with what to do. */
int canp_can_socket_possible(struct canp_why *why);

/* A CAN_RAW socket as the kernel gives it, for what any socket can be asked. The fd or a negative errno. */
int canp_can_socket_plain(void);

/* Its interface takes CAN XL frames now. 0 or a negative errno. */
int canp_can_socket_take_xl(int fd);

/*
 * A non-blocking, unbound CAN_RAW socket: FD and XL frames, error frames, kernel stamps, drop counts.
 * Returns the fd; *rcvbuf_got_bytes is what of opts->rcvbuf_bytes was granted.
 */
int canp_can_socket_open(const struct can_socket_opts *opts, uint64_t *rcvbuf_got_bytes,
                         struct canp_why *why);

/*
 * From here on it receives what the filters (NULL: everything) let through. 0 or a negative errno. Also for a
 * socket whose interface was unregistered: the kernel took its filters away then (net/can/raw.c,
 * raw_notify()), so they are set first.
 */
int canp_can_socket_bind(int fd, int ifindex, const struct canp_filter_set *filters);

/* Does this interface's driver stamp received frames itself? False also where it does not tell. */
bool canp_can_socket_has_hw_stamps(int fd, const char *iface);

/* What it is bound to: 0 once that was unregistered. Or a negative errno. */
int canp_can_socket_ifindex(int fd);

/* Frames dropped so far because the receive buffer was full (cumulative, wraps). 0 or a negative errno. */
int canp_can_socket_drops(int fd, uint32_t *drops);

#endif
