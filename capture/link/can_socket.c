/*
 * CAN_RAW sockets for recording: one per interface, so that filters, drop counters and buffers stay apart.
 * Any thread; no state.
 */
#include "can_socket.h"

#include <errno.h>
#include <linux/can.h>
#include <linux/can/error.h>
#include <linux/can/raw.h>
#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/net_tstamp.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <canp/private/cleanup.h>

/* Newer than some headers; the values are the kernel's. */
#define RAW_XL_FRAMES 7  /* CAN_RAW_XL_FRAMES, kernel 6.2 */
#define XL_MTU_MIN    76 /* CANXL_MIN_MTU */
_Static_assert(sizeof(struct canp_filter) == sizeof(struct can_filter), "handed over as it is");
#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif

static int no_can(int error, struct canp_why *why)
{
    if (error == -EAFNOSUPPORT || error == -EPROTONOSUPPORT || error == -ESOCKTNOSUPPORT)
        return canp_fail(why, -EAFNOSUPPORT, "this kernel has no CAN sockets (try `modprobe can_raw`)");
    return canp_fail(why, error, "cannot open a CAN socket: %s", canp_strerror(error));
}

static int raw_socket(void)
{
    int fd = socket(PF_CAN, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, CAN_RAW);
    return fd < 0 ? -errno : fd;
}

static int set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

int canp_can_socket_plain(void)
{
    return raw_socket();
}

int canp_can_socket_take_xl(int fd)
{
    return set(fd, SOL_CAN_RAW, RAW_XL_FRAMES, 1);
}

int canp_can_socket_possible(struct canp_why *why)
{
    CANP_CLEANUP(canp_fd_close) int fd = raw_socket();
    return fd < 0 ? no_can(fd, why) : 0;
}

/* What the kernel granted, in the units in which it was asked. */
static uint64_t rcvbuf_granted(int fd)
{
    int value = 0;
    socklen_t size = sizeof(value);
    getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, &size);
    return (uint64_t)value / 2; /* socket(7): the kernel doubles it for its bookkeeping */
}

static uint64_t set_rcvbuf(int fd, uint64_t bytes)
{
    int value = bytes > INT32_MAX / 2 ? INT32_MAX / 2 : (int)bytes;
    if (set(fd, SOL_SOCKET, SO_RCVBUFFORCE, value) < 0)
        set(fd, SOL_SOCKET, SO_RCVBUF, value); /* cut at net.core.rmem_max */
    return rcvbuf_granted(fd);
}

static int set_stamps(int fd, bool hardware)
{
    if (!hardware)
        return set(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
    return set(fd, SOL_SOCKET, SO_TIMESTAMPING,
               SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_RX_HARDWARE |
                   SOF_TIMESTAMPING_RAW_HARDWARE);
}

static can_err_mask_t error_mask(const struct can_socket_opts *opts)
{
    if (!opts->error_frames)
        return 0;
    return opts->filters ? opts->filters->error_mask : CAN_ERR_MASK;
}

static int set_options(int fd, const struct can_socket_opts *opts)
{
    can_err_mask_t errors = error_mask(opts);
    int r = setsockopt(fd, SOL_CAN_RAW, CAN_RAW_ERR_FILTER, &errors, sizeof(errors)) < 0 ? -errno : 0;
    if (r == 0 && opts->filters && opts->filters->join)
        r = set(fd, SOL_CAN_RAW, CAN_RAW_JOIN_FILTERS, 1);
    if (r == 0)
        r = set(fd, SOL_CAN_RAW, CAN_RAW_FD_FRAMES, 1);
    if (r == 0)
        r = set(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
    if (r == 0)
        r = set_stamps(fd, opts->hw_timestamps);
    if (r == 0 && opts->mtu >= XL_MTU_MIN)
        r = set(fd, SOL_CAN_RAW, RAW_XL_FRAMES, 1);
    return r;
}

int canp_can_socket_open(const struct can_socket_opts *opts, uint64_t *rcvbuf_got_bytes, struct canp_why *why)
{
    CANP_CLEANUP(canp_fd_close) int fd = raw_socket();
    if (fd < 0)
        return no_can(fd, why);
    int r = set_options(fd, opts);
    if (r < 0)
        return canp_fail(why, r, "cannot set up a CAN socket: %s", canp_strerror(r));
    *rcvbuf_got_bytes = set_rcvbuf(fd, opts->rcvbuf_bytes);
    return canp_take_fd(&fd);
}

int canp_can_socket_bind(int fd, int ifindex, const struct canp_filter_set *filters)
{
    static const struct canp_filter all = {0, 0};
    bool some = filters && filters->count;
    socklen_t bytes = some ? (socklen_t)(filters->count * sizeof(all)) : sizeof(all);
    if (setsockopt(fd, SOL_CAN_RAW, CAN_RAW_FILTER, some ? filters->filters : &all, bytes) < 0)
        return -errno;
    struct sockaddr_can address = {.can_family = AF_CAN, .can_ifindex = ifindex};
    return bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
}

bool canp_can_socket_has_hw_stamps(int fd, const char *iface)
{
    struct ethtool_ts_info info = {.cmd = ETHTOOL_GET_TS_INFO};
    struct ifreq request = {.ifr_data = (void *)&info};
    unsigned both = SOF_TIMESTAMPING_RX_HARDWARE | SOF_TIMESTAMPING_RAW_HARDWARE;
    memcpy(request.ifr_name, iface, strnlen(iface, IFNAMSIZ - 1));
    return ioctl(fd, SIOCETHTOOL, &request) == 0 && (info.so_timestamping & both) == both;
}

int canp_can_socket_ifindex(int fd)
{
    struct sockaddr_can address = {.can_family = AF_CAN};
    socklen_t bytes = sizeof(address);
    return getsockname(fd, (struct sockaddr *)&address, &bytes) < 0 ? -errno : address.can_ifindex;
}

int canp_can_socket_drops(int fd, uint32_t *drops)
{
    uint32_t info[SK_MEMINFO_VARS] = {0};
    socklen_t size = sizeof(info);
    if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &size) < 0)
        return -errno;
    *drops = info[SK_MEMINFO_DROPS];
    return 0;
}
