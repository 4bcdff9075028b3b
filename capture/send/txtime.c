/*
 * Sends at given times (txtime.h) by SO_TXTIME and a qdisc that obeys it, and reads the kernel's transmit
 * stamps. net/can/raw.c accepts SCM_TXTIME since 5.18. sch_fq holds a frame until its time (CLOCK_MONOTONIC)
 * and sends a late frame at once. sch_etf drops late frames, which a replay must not do, and all other qdiscs
 * ignore the time. A vcan without echo gives frames to the listeners of this host before they reach its qdisc
 * (net/can/af_can.c, can_send()).
 *
 * For each frame the socket's error queue reports when the driver got it. Frames are sent in the order in
 * which they were handed over, since their times never decrease, so the n-th report belongs to the n-th
 * frame. Invariant:
 * handed - heard <= TXTIME_UNDERWAY_MAX. One thread.
 */
#include "txtime.h"
#include <canp/pools/clock.h>

#include <errno.h>
#include <linux/can/raw.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "link/qdisc.h"

#define IFF_ECHO_BIT    0x40000U /* IFF_ECHO of linux/if.h, which clashes with net/if.h */
#define SOCKET_BYTES    4194304  /* its error queue: an answer for each frame underway */
#define EARLY_NS        100000
#define HEARD_AT_A_TIME 1024

/* ---- whether it can be done ---------------------------------------------------------------------- */

/* CAN_RAW of older kernels takes the time and ignores it. */
static bool kernel_is_older(long major, long minor)
{
    struct utsname name;
    char *end;
    if (uname(&name) < 0)
        return true;
    long has_major = strtol(name.release, &end, 10);
    long has_minor = *end == '.' ? strtol(end + 1, NULL, 10) : 0;
    return has_major < major || (has_major == major && has_minor < minor);
}

static int check_path(const struct canp_link *link, struct canp_why *why)
{
    if (kernel_is_older(5, 18))
        return canp_fail(why, -EOPNOTSUPP,
                         "%s: this kernel does not send CAN frames at given times; Linux 5.18 does",
                         link->name);
    if (strcmp(link->kind, "vcan") == 0 && !(link->flags & IFF_ECHO_BIT))
        return canp_fail(why, -EOPNOTSUPP,
                         "%s: a vcan hands frames to its listeners before they pass its queue, unless its "
                         "module was loaded with echo=1; send at once instead",
                         link->name);
    return 0;
}

static int check_qdisc(const struct canp_link *link, struct canp_why *why)
{
    char kind[QDISC_KIND_BYTES];
    int r = canp_qdisc_of(link->ifindex, kind);
    if (r < 0)
        return canp_fail(why, r, "%s: cannot ask for its queueing discipline: %s", link->name,
                         canp_strerror(r));
    if (strcmp(kind, "fq") == 0)
        return 0;
    return canp_fail(why, -EOPNOTSUPP, "%s: its queueing discipline (%s) %s: tc qdisc replace dev %s root fq",
                     link->name, kind[0] ? kind : "none",
                     strcmp(kind, "etf") == 0 ? "drops frames that are late"
                                              : "does not hold frames until their time",
                     link->name);
}

static int set_options(int fd)
{
    const struct sock_txtime txtime = {.clockid = CLOCK_MONOTONIC};
    const int stamps = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_TSONLY;
    const int bytes = SOCKET_BYTES;
    if (setsockopt(fd, SOL_SOCKET, SO_TXTIME, &txtime, sizeof(txtime)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &stamps, sizeof(stamps)) < 0)
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
    return 0;
}

int canp_txtime_begin(struct txtime *t, int fd, const struct canp_link *link, struct canp_why *why)
{
    int r = check_path(link, why);
    if (r == 0)
        r = check_qdisc(link, why);
    if (r < 0)
        return r;
    r = set_options(fd);
    if (r < 0)
        return canp_fail(why, r, "%s: cannot have frames sent at given times (SO_TXTIME): %s", link->name,
                         canp_strerror(r));
    t->on = true;
    return 0;
}

/* ---- handing over ---------------------------------------------------------------------------------- */

void canp_txtime_set(struct txtime *t, unsigned place, struct msghdr *message, int64_t due_ns)
{
    struct cmsghdr *c = &t->control[place].header;
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_TXTIME;
    c->cmsg_len = CMSG_LEN(sizeof(uint64_t));
    message->msg_control = c;
    message->msg_controllen = sizeof(t->control[place]);
    t->batch_ns[place] = due_ns;
    uint64_t time_ns = due_ns > 0 ? (uint64_t)due_ns : 1; /* 0 is none */
    memcpy(CMSG_DATA(c), &time_ns, sizeof(time_ns));
}

static void note_heard(struct txtime *t)
{
    if (t->heard < t->handed)
        t->heard++;
}

void canp_txtime_handed(struct txtime *t, unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++) {
        if (canp_txtime_underway(t) == TXTIME_UNDERWAY_MAX)
            note_heard(t); /* a driver that stamps nothing */
        t->due_ns[t->handed++ % TXTIME_UNDERWAY_MAX] = t->batch_ns[i];
    }
}

unsigned canp_txtime_underway(const struct txtime *t)
{
    return (unsigned)(t->handed - t->heard);
}

/* ---- what became of them ---------------------------------------------------------------------------- */

static void note_stamp(struct txtime *t, int64_t stamp_ns)
{
    if (canp_txtime_underway(t) == 0)
        return;
    int64_t late_ns = stamp_ns - t->due_ns[t->heard % TXTIME_UNDERWAY_MAX];
    note_heard(t);
    t->stats.stamped++;
    t->stats.early += late_ns < -EARLY_NS;
    uint64_t counted_ns = late_ns > 0 ? (uint64_t)late_ns : 0;
    canp_histogram_add(&t->stats.late_ns, counted_ns);
    canp_drift_add(&t->stats.drift, counted_ns);
}

/* One answer: a stamp (CLOCK_REALTIME) and what it is about. */
static void take_answer(struct txtime *t, struct msghdr *message, int64_t realtime_shift_ns)
{
    struct scm_timestamping stamps = {0};
    struct sock_extended_err error = {0};
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPING)
            memcpy(&stamps, CMSG_DATA(c), sizeof(stamps));
        else if (c->cmsg_level == SOL_CAN_RAW && c->cmsg_type == SCM_CAN_RAW_ERRQUEUE)
            memcpy(&error, CMSG_DATA(c), sizeof(error));
    }
    if (error.ee_origin == SO_EE_ORIGIN_TIMESTAMPING && error.ee_info == SCM_TSTAMP_SND) {
        const struct timespec *ts = &stamps.ts[0];
        note_stamp(t, (int64_t)ts->tv_sec * 1000000000 + ts->tv_nsec - realtime_shift_ns);
    }
}

void canp_txtime_hear(struct txtime *t, int fd)
{
    union {
        struct cmsghdr header;
        char bytes[256];
    } control;
    char frame[CANFD_MTU];
    struct iovec piece = {frame, sizeof(frame)};
    int64_t shift_ns = canp_realtime_ns() - (int64_t)canp_monotonic_ns();
    for (unsigned i = 0; i < HEARD_AT_A_TIME; i++) {
        struct msghdr message = {
            .msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
        if (recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
            return;
        take_answer(t, &message, shift_ns);
    }
}
