/*
 * The sender: CAN_RAW, sendmmsg(), one or two iovecs per frame (canp/sender.h).
 *
 * The kernel wants whole structs: 16 bytes for a classic frame, 72 for FD. Rows end with their data, so the
 * second iovec adds the missing zeros. A controller gets frames only a little earlier than its bit rate lets
 * it send them. So its queue stays short, and an emulated bus, which accepts any rate and then loses frames
 * at the receiver, behaves like a real one. Invariant: messages [sent, count) are those still to be sent. One
 * thread.
 */
#include <errno.h>
#include <linux/can.h>
#include <linux/can/netlink.h>
#include <linux/can/raw.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <canp/bustime.h>
#include <canp/pools/clock.h>
#include <canp/private/cleanup.h>
#include <canp/sender.h>

#include "link/can_socket.h"
#include "link/ifaces.h"
#include "txtime.h"

#ifndef CAN_RAW_XL_FRAMES
#define CAN_RAW_XL_FRAMES 7 /* linux/can/raw.h since 6.2 */
#endif
#define XL_VCID_OPTIONS  8        /* CAN_RAW_XL_VCID_OPTS since 6.9 */
#define XL_VCID_PASS     0x02     /* CAN_RAW_XL_VCID_TX_PASS: the frame's own VCID is sent */
#define XL_MTU_MIN       76U      /* CANXL_MIN_MTU */
#define IFF_LOWER_UP_BIT 0x10000U /* IFF_LOWER_UP of linux/if.h, which clashes with net/if.h */
#define QUEUE_WAIT_NS    200000   /* a queue of ten frames lasts 2 ms at 500 kbit/s */
#define BUFFER_WAIT_MS   10
#define FULL_NS          50000000U /* a caller may look whether to go on so often */
#define ANSWER_WAIT_NS   1000000
#define AHEAD_NS         250000 /* frames handed over before the bus has time for them: one at 500 kbit/s */
#define LEAST_BITS(ns)   ((ns) - (ns) / 10) /* average bits -> fewer than any frame has */

_Static_assert(sizeof(struct can_frame) == 16 && sizeof(struct canfd_frame) == 72, "what rows are padded to");

struct canp_sender {
    int fd;
    bool takes_fd, takes_xl, takes_errors;
    unsigned sent, count;
    uint64_t bus_free_ns; /* paced: when a bus at full load would be through with what was sent */
    bool paced;           /* the interface has a bit rate, and frames are sent at once */
    struct canp_iface iface;
    struct canp_link link; /* as of open */
    struct canp_sender_stats stats;
    struct mmsghdr messages[CANP_SENDER_BATCH];
    struct iovec pieces[CANP_SENDER_BATCH][2];
    uint32_t bus_ns[CANP_SENDER_BATCH]; /* paced: how long a frame occupies the bus, at least */
    struct txtime txtime;
};

static const uint8_t zeros[CANFD_MTU];

static bool enable(int fd, int option)
{
    int one = 1;
    return setsockopt(fd, SOL_CAN_RAW, option, &one, sizeof(one)) == 0;
}

static void set_up(struct canp_sender *s, const struct canp_link *link)
{
    static const uint8_t pass_vcid[4] = {XL_VCID_PASS, 0, 0, 0};
    setsockopt(s->fd, SOL_CAN_RAW, CAN_RAW_FILTER, NULL, 0); /* it receives nothing */
    s->takes_fd = link->mtu >= CANFD_MTU && enable(s->fd, CAN_RAW_FD_FRAMES);
    s->takes_xl = link->mtu >= XL_MTU_MIN && enable(s->fd, CAN_RAW_XL_FRAMES);
    if (s->takes_xl) /* kernels before 6.9 send the priority word as it is */
        setsockopt(s->fd, SOL_CAN_RAW, XL_VCID_OPTIONS, pass_vcid, sizeof(pass_vcid));
    s->paced = link->bitrate > 0;
    s->link = *link;
    s->takes_errors = strcmp(link->kind, "vcan") == 0 || strcmp(link->kind, "vxcan") == 0;
    s->iface = (struct canp_iface){.mtu = link->mtu,
                                   .bytes = sizeof(s->iface),
                                   .ifindex = (uint32_t)link->ifindex,
                                   .bitrate = link->bitrate,
                                   .dbitrate = link->dbitrate,
                                   .ctrlmode = link->ctrlmode};
    memcpy(s->iface.name, link->name, sizeof(s->iface.name));
    for (unsigned i = 0; i < CANP_SENDER_BATCH; i++)
        s->messages[i].msg_hdr.msg_iov = s->pieces[i];
}

/* A controller that cannot send takes frames all the same, and drops them. */
static int check_sends(const struct canp_link *link, struct canp_why *why)
{
    if (link->ctrlmode & CAN_CTRLMODE_LISTENONLY)
        return canp_fail(
            why, -EROFS,
            "%s: its controller is in listen-only mode and sends nothing: ip link set %s down && ip "
            "link set %s up type can listen-only off",
            link->name, link->name, link->name);
    if (link->state == CAN_STATE_BUS_OFF)
        return canp_fail(
            why, -ENETDOWN,
            "%s: its controller is bus-off and sends nothing until it is restarted: ip link set %s "
            "type can restart",
            link->name, link->name);
    if (!(link->flags & IFF_LOWER_UP_BIT))
        return canp_fail(why, -ENETDOWN, "%s: interface has no carrier: what is sent on it goes nowhere",
                         link->name);
    return 0;
}

int canp_sender_open(const char *iface, struct canp_sender **out, struct canp_why *why)
{
    struct canp_link link;
    int r = canp_can_socket_possible(why);
    if (r < 0)
        return r;
    if (strcmp(iface, "any") == 0)
        return canp_fail(why, -ENODEV,
                         "any: frames are sent on one interface, by its name (one of that name: @any)");
    iface += iface[0] == '@'; /* as where `any` and filters may stand: what follows is a name */
    r = canp_iface_find(iface, &link, why);
    if (r == 0 && !canp_link_is_up(&link))
        r = canp_iface_is_down(&link, why);
    if (r == 0)
        r = check_sends(&link, why);
    if (r < 0)
        return r;
    CANP_CLEANUP(canp_fd_close) int fd = socket(PF_CAN, SOCK_RAW | SOCK_CLOEXEC, CAN_RAW);
    if (fd < 0)
        return canp_fail(why, -errno, "%s: cannot open a CAN socket: %s", iface, canp_strerror(errno));
    struct sockaddr_can address = {.can_family = AF_CAN, .can_ifindex = link.ifindex};
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return canp_fail(why, -errno, "%s: cannot bind: %s", iface, canp_strerror(errno));
    struct canp_sender *s = calloc(1, sizeof(*s));
    if (!s)
        return canp_fail(why, -ENOMEM, "out of memory");
    s->fd = canp_take_fd(&fd);
    set_up(s, &link);
    *out = s;
    return 0;
}

void canp_sender_close(struct canp_sender *sender)
{
    if (!sender)
        return;
    close(sender->fd);
    free(sender);
}

/* ---- gathering --------------------------------------------------------------------------------- */

static bool takes(struct canp_sender *s, const struct canp_record *record)
{
    if (record->kind == CANP_KIND_XL) {
        s->stats.refused_xl += !s->takes_xl;
        return s->takes_xl;
    }
    if (record->kind == CANP_KIND_FD) {
        s->stats.refused_fd += !s->takes_fd;
        return s->takes_fd;
    }
    bool is_error = (record->frame->id & CANP_ID_ERR) != 0;
    s->stats.refused_error += is_error && !s->takes_errors;
    return !is_error || s->takes_errors;
}

/* struct iovec knows no const; sendmmsg() only reads. */
static struct iovec piece_of(const void *bytes, size_t count)
{
    return (struct iovec){(void *)(uintptr_t)bytes, count};
}

static void gather(struct canp_sender *s, const void *frame, size_t bytes, size_t whole_bytes)
{
    struct iovec *piece = s->pieces[s->count];
    piece[0] = piece_of(frame, bytes);
    piece[1] = piece_of(zeros, whole_bytes - bytes);
    s->messages[s->count].msg_hdr.msg_iovlen = bytes < whole_bytes ? 2 : 1;
    s->count++;
}

static void note_bus_time(struct canp_sender *s, const struct canp_record *record)
{
    uint64_t ns = canp_bits_ns(canp_record_bits(record), s->iface.bitrate, s->iface.dbitrate);
    s->bus_ns[s->count] = (uint32_t)LEAST_BITS(ns);
}

int canp_sender_put(struct canp_sender *s, const struct canp_record *record)
{
    if (record->kind > CANP_KIND_XL || !takes(s, record))
        return 0;
    if (s->count == CANP_SENDER_BATCH) {
        int r = canp_sender_flush(s);
        if (r < 0)
            return r;
    }
    if (s->paced)
        note_bus_time(s, record);
    if (record->kind == CANP_KIND_XL) {
        gather(s, record->xl, sizeof(*record->xl) + record->xl->len, sizeof(*record->xl) + record->xl->len);
        return 1;
    }
    size_t bytes = 8 + (((size_t)record->frame->len + 7) & ~(size_t)7);
    gather(s, record->frame, bytes, record->kind == CANP_KIND_FD ? CANFD_MTU : CAN_MTU);
    return 1;
}

/* ---- sending ----------------------------------------------------------------------------------- */

/*
 * Waits for room. ENOBUFS is the device's queue, which nothing can be polled for; EAGAIN the socket's buffer.
 * 0, or -EINTR.
 */
static int wait_for_room(struct canp_sender *s, int reason)
{
    uint64_t start_ns = canp_monotonic_ns();
    struct pollfd writable = {.fd = s->fd, .events = POLLOUT};
    struct timespec pause = {.tv_nsec = QUEUE_WAIT_NS};
    int r = reason == ENOBUFS ? nanosleep(&pause, NULL) : poll(&writable, 1, BUFFER_WAIT_MS);
    bool interrupted = r < 0 && errno == EINTR;
    s->stats.waits++;
    s->stats.wait_ns += canp_monotonic_ns() - start_ns;
    return interrupted ? -EINTR : 0;
}

static int sleep_until(uint64_t ns)
{
    struct timespec ts = canp_timespec_of_ns((int64_t)ns);
    return -clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

/* How many of the gathered frames may go now: at least 1, or -EINTR. Waits for the bus if need be. */
static int await_bus(struct canp_sender *s)
{
    if (!s->paced)
        return (int)(s->count - s->sent);
    uint64_t now_ns = canp_monotonic_ns();
    if (s->bus_free_ns > now_ns + AHEAD_NS) {
        int r = sleep_until(s->bus_free_ns - AHEAD_NS);
        if (r < 0)
            return r;
        now_ns = canp_monotonic_ns();
    }
    if (s->bus_free_ns < now_ns)
        s->bus_free_ns = now_ns;
    uint64_t free_ns = s->bus_free_ns;
    unsigned n = 0;
    do
        free_ns += s->bus_ns[s->sent + n++];
    while (s->sent + n < s->count && free_ns <= now_ns + AHEAD_NS);
    return (int)n;
}

static void note_sent(struct canp_sender *s, unsigned n)
{
    for (unsigned i = 0; s->paced && i < n; i++)
        s->bus_free_ns += s->bus_ns[s->sent + i];
    if (s->txtime.on)
        canp_txtime_handed(&s->txtime, s->sent, n);
    s->sent += n;
    s->stats.frames += n;
}

int canp_sender_flush(struct canp_sender *s)
{
    uint64_t full_since_ns = 0; /* 0 = it takes frames */
    while (s->sent < s->count) {
        int r = await_bus(s);
        if (r < 0)
            return r;
        if (s->txtime.on)
            canp_txtime_hear(&s->txtime, s->fd);
        int n = sendmmsg(s->fd, s->messages + s->sent, (unsigned)r, MSG_DONTWAIT);
        s->stats.calls++;
        if (n > 0) {
            note_sent(s, (unsigned)n);
            full_since_ns = 0;
            continue;
        }
        if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR)
            return -errno;
        r = errno == EINTR ? -EINTR : wait_for_room(s, errno);
        uint64_t now_ns = canp_monotonic_ns();
        full_since_ns = full_since_ns ? full_since_ns : now_ns;
        if (r < 0 || now_ns - full_since_ns >= FULL_NS)
            return -EINTR;
    }
    s->sent = s->count = 0;
    return 0;
}

/* ---- at given times --------------------------------------------------------------------------------- */

int canp_sender_use_txtime(struct canp_sender *s, struct canp_why *why)
{
    int r = canp_txtime_begin(&s->txtime, s->fd, &s->link, why);
    if (r == 0)
        s->paced = false; /* the queue keeps frames apart */
    return r;
}

int canp_sender_put_at(struct canp_sender *s, const struct canp_record *record, int64_t due_ns)
{
    int r = canp_sender_put(s, record);
    if (r == 1)
        canp_txtime_set(&s->txtime, s->count - 1, &s->messages[s->count - 1].msg_hdr, due_ns);
    return r;
}

int canp_sender_await_txtime(struct canp_sender *s, uint64_t timeout_ns)
{
    uint64_t end_ns = canp_monotonic_ns() + timeout_ns;
    const struct timespec pause = {.tv_nsec = ANSWER_WAIT_NS};
    for (;;) {
        canp_txtime_hear(&s->txtime, s->fd);
        if (canp_txtime_underway(&s->txtime) == 0 || canp_monotonic_ns() >= end_ns)
            return (int)canp_txtime_underway(&s->txtime);
        if (nanosleep(&pause, NULL) < 0)
            return -errno;
    }
}

const struct canp_sender_txtime_stats *canp_sender_txtime_stats(const struct canp_sender *s)
{
    return &s->txtime.stats;
}

unsigned canp_sender_pending(const struct canp_sender *s)
{
    return s->count - s->sent;
}

void canp_sender_stats(const struct canp_sender *s, struct canp_sender_stats *out)
{
    *out = s->stats;
}

const struct canp_iface *canp_sender_iface(const struct canp_sender *s)
{
    return &s->iface;
}
