/*
 * The least that sending costs: frames that lie ready in memory, sendmmsg() of 64 at a time, a full queue
 * waited for. What canp replay's full speed is compared with.
 * usage: send_bare IFACE FRAMES; prints the nanoseconds it took.
 */
#include <errno.h>
#include <linux/can.h>
#include <linux/can/raw.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH 64

static long long now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static int send_all(int fd, struct can_frame *frames, unsigned count)
{
    struct mmsghdr messages[BATCH] = {0};
    struct iovec pieces[BATCH];
    const struct timespec pause = {.tv_nsec = 200000};
    for (unsigned at = 0; at < count;) {
        unsigned n = count - at < BATCH ? count - at : BATCH;
        for (unsigned i = 0; i < n; i++) {
            pieces[i] = (struct iovec){&frames[at + i], sizeof(*frames)};
            messages[i].msg_hdr.msg_iov = &pieces[i];
            messages[i].msg_hdr.msg_iovlen = 1;
        }
        int sent = sendmmsg(fd, messages, n, MSG_DONTWAIT);
        if (sent > 0)
            at += (unsigned)sent;
        else if (errno == ENOBUFS || errno == EAGAIN)
            nanosleep(&pause, NULL);
        else
            return -1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    unsigned count = (unsigned)strtoul(argv[2], NULL, 10);
    struct can_frame *frames = calloc(count, sizeof(*frames));
    struct sockaddr_can address = {.can_family = AF_CAN, .can_ifindex = (int)if_nametoindex(argv[1])};
    int fd = socket(PF_CAN, SOCK_RAW, CAN_RAW);
    if (!frames || fd < 0 || setsockopt(fd, SOL_CAN_RAW, CAN_RAW_FILTER, NULL, 0) < 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        perror(argv[1]);
        return 3;
    }
    for (unsigned i = 0; i < count; i++) {
        frames[i] = (struct can_frame){.can_id = i % 0x800, .len = 8};
        memcpy(frames[i].data, &i, sizeof(i));
    }
    long long start_ns = now_ns();
    if (send_all(fd, frames, count) < 0) {
        perror("sendmmsg");
        return 3;
    }
    printf("%lld\n", now_ns() - start_ns);
    free(frames);
    return 0;
}
