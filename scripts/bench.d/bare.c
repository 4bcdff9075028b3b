/*
 * The bare loops that a recorder is measured against: receive every frame, count it, throw it away.
 *   bare recvmsg IFACE...    one recvmsg() per frame, blocking: what candump does, without the rest
 *   bare recvmmsg IFACE...   recvmmsg() of up to 256 frames, blocking for the first one
 *   bare paced IFACE...      the same, not blocking, every 20 ms: the pace of canp on a busy bus
 *   bare stamped IFACE...    paced, with what a recorder needs of each frame: its time stamp and the drop
 * counter No storage. Ends on SIGINT; prints what it counted, and what its socket dropped.
 */
#include <errno.h>
#include <linux/can.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH        256
#define RCVBUF_BYTES (16 << 20) /* as canp asks for */
#define PACE_NS      20000000

#define CONTROL_BYTES 64 /* of a time stamp and a drop counter */

static volatile sig_atomic_t stop;
static unsigned long long frames;
static int with_stamps;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

static void fail(const char *what)
{
    perror(what);
    exit(3);
}

/* One socket for all: bound to one interface, or to any. */
static int open_socket(int count, char **ifaces)
{
    struct sockaddr_can address = {.can_family = AF_CAN};
    int on = 1, bytes = RCVBUF_BYTES, fd = socket(PF_CAN, SOCK_RAW, 1 /* CAN_RAW */);
    if (fd < 0)
        fail("CAN_RAW");
    if (setsockopt(fd, 101 /* SOL_CAN_RAW */, 5 /* CAN_RAW_FD_FRAMES */, &on, sizeof(on)) < 0)
        fail("CAN_RAW_FD_FRAMES");
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
    address.can_ifindex = count == 1 ? (int)if_nametoindex(ifaces[0]) : 0;
    if ((count == 1 && address.can_ifindex == 0) ||
        bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        fail("bind");
    return fd;
}

static void take_singly(int fd)
{
    struct canfd_frame frame;
    struct iovec part = {&frame, sizeof(frame)};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    while (!stop) {
        if (recvmsg(fd, &message, 0) > 0)
            frames++;
    }
}

static void want_stamps(int fd)
{
    int on = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof(on)) < 0)
        fail("time stamps");
    with_stamps = 1;
}

static int take_batch(int fd, int flags)
{
    static _Alignas(8) char controls[BATCH][CONTROL_BYTES];
    static struct canfd_frame batch[BATCH];
    static struct iovec parts[BATCH];
    static struct mmsghdr messages[BATCH];
    if (messages[0].msg_hdr.msg_iov == NULL) {
        for (int i = 0; i < BATCH; i++) {
            parts[i] = (struct iovec){&batch[i], sizeof(batch[i])};
            messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
        }
    }
    for (int i = 0; with_stamps && i < BATCH; i++) { /* the kernel overwrites the length */
        messages[i].msg_hdr.msg_control = controls[i];
        messages[i].msg_hdr.msg_controllen = CONTROL_BYTES;
    }
    int n = recvmmsg(fd, messages, BATCH, flags, NULL);
    frames += n > 0 ? (unsigned)n : 0;
    return n;
}

static void take_paced(int fd)
{
    const struct timespec pause = {.tv_nsec = PACE_NS};
    while (!stop) {
        clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
        while (take_batch(fd, MSG_DONTWAIT) == BATCH)
            ;
    }
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = on_signal};
    unsigned info[SK_MEMINFO_VARS] = {0};
    socklen_t size = sizeof(info);
    if (argc < 3) {
        fputs("usage: bare recvmsg|recvmmsg|paced|stamped IFACE...\n", stderr);
        return 2;
    }
    sigaction(SIGINT, &action, NULL);
    int fd = open_socket(argc - 2, argv + 2);
    if (strcmp(argv[1], "recvmsg") == 0)
        take_singly(fd);
    while (!stop && strcmp(argv[1], "recvmmsg") == 0)
        take_batch(fd, MSG_WAITFORONE);
    if (strcmp(argv[1], "stamped") == 0)
        want_stamps(fd);
    if (strcmp(argv[1], "paced") == 0 || strcmp(argv[1], "stamped") == 0)
        take_paced(fd);
    getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &size);
    printf("{\"frames\":%llu,\"dropped\":%u}\n", frames, info[SK_MEMINFO_DROPS]);
    return 0;
}
