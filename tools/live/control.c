/*
 * Commanding a recorder (control.h): the caller's side. Anybody may hold a recording's name, so it is looked
 * at who is there, by the kernel's word, before anything is said. Any thread; no state.
 */
#include "control.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <canp/private/cleanup.h>

#include "live.h"

#define PEERS_MAX 64U

/* One message, waited for. Its length, 0 when the other side has hung up, or a negative errno. */
static ssize_t receive(int fd, void *out, size_t bytes)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int r = poll(&p, 1, CONTROL_WAIT_MS);
    if (r <= 0)
        return r < 0 ? -errno : -ETIMEDOUT;
    ssize_t n = recv(fd, out, bytes, MSG_DONTWAIT);
    return n < 0 ? (errno == ECONNRESET ? 0 : -errno) : n;
}

static int silent(struct canp_why *why, ssize_t error, uint32_t pid)
{
    return canp_fail(why, (int)error, "process %u does not answer: %s", pid, canp_strerror((int)error));
}

/* Over a connection with somebody who may be spoken to. */
static int talk(int fd, uint32_t pid, const struct control_request *request, struct control_answer *out,
                struct canp_why *why)
{
    struct live_state counters;
    ssize_t n = receive(fd, &counters, sizeof(counters));
    if (n < 0)
        return silent(why, n, pid);
    if (send(fd, request, sizeof(*request), MSG_NOSIGNAL) < 0 && errno != EPIPE)
        return silent(why, -errno, pid);
    n = receive(fd, out, sizeof(*out));
    if (n < 0)
        return silent(why, n, pid);
    if (n == 0)
        return canp_fail(why, -EPERM, "process %u takes no commands from you: its own user and root may",
                         pid);
    if ((size_t)n < sizeof(*out) || out->magic != CONTROL_MAGIC || out->bytes < sizeof(*out))
        return canp_fail(why, -EPROTO, "process %u is a recorder of another release", pid);
    out->why[sizeof(out->why) - 1] = out->status.dir[sizeof(out->status.dir) - 1] = '\0';
    out->status.io[sizeof(out->status.io) - 1] = '\0';
    if (out->status.iface_count > CANP_RECORDER_IFACES_MAX)
        out->status.iface_count = CANP_RECORDER_IFACES_MAX;
    for (unsigned i = 0; i < out->status.iface_count; i++)
        out->status.ifaces[i].name[CANP_IFACE_NAME_BYTES - 1] = '\0';
    out->status.pid = pid;
    return 0;
}

/* A connection to a recorder of ours, or to any when we are root. */
static int connect_to(const struct sockaddr_un *address, socklen_t bytes, struct ucred *who)
{
    socklen_t size = sizeof(*who);
    CANP_CLEANUP(canp_fd_close) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    struct timeval bound = {CONTROL_WAIT_MS / 1000, 0}; /* of connect(), too */
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof(bound)) < 0 ||
        connect(fd, (const struct sockaddr *)address, bytes) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, who, &size) < 0)
        return errno == EAGAIN ? -ETIMEDOUT : -errno;
    return canp_take_fd(&fd);
}

static int send_to_dir(const char *dir, const struct control_request *request, struct control_answer *out,
                       struct canp_why *why)
{
    struct sockaddr_un address;
    struct ucred who = {0};
    struct stat st = {0};
    int bytes = live_address(dir, &address);
    if (bytes >= 0 && stat(dir, &st) < 0)
        bytes = -errno;
    if (bytes < 0)
        return canp_fail(why, bytes, "%s: %s", dir, canp_strerror(bytes));
    CANP_CLEANUP(canp_fd_close) int fd = connect_to(&address, (socklen_t)bytes, &who);
    if (fd == -ECONNREFUSED)
        return canp_fail(why, fd, "%s: nobody records into it now", dir);
    if (fd < 0)
        return canp_fail(why, fd, "%s: %s", dir, canp_strerror(fd));
    if (who.uid != 0 && who.uid != geteuid() && who.uid != st.st_uid)
        return canp_fail(why, -EPERM, "%s: its name is held by process %d of user %u, who does not own it",
                         dir, (int)who.pid, who.uid);
    return talk(fd, (uint32_t)who.pid, request, out, why);
}

static int name_them(const struct live_peer *all, unsigned count, struct canp_why *why)
{
    char names[160] = "";
    size_t used = 0;
    for (unsigned i = 0; i < count && used < sizeof(names) - 40; i++)
        used += (size_t)snprintf(names + used, sizeof(names) - used, i ? ", %u" : "%u", all[i].pid);
    return canp_fail(why, -ENOTUNIQ,
                     "%u recorders are at work (processes %s): name the recording's directory", count, names);
}

static int send_to_mine(const struct control_request *request, struct control_answer *out,
                        struct canp_why *why)
{
    struct live_peer all[PEERS_MAX];
    struct ucred who = {0};
    unsigned count = live_list(all, PEERS_MAX);
    if (count == 0)
        return canp_fail(why, -ECONNREFUSED, "no recorder that you may command is at work here");
    if (count > 1)
        return name_them(all, count, why);
    CANP_CLEANUP(canp_fd_close)
    int fd = connect_to(&all[0].address, (socklen_t)all[0].address_bytes, &who);
    if (fd < 0)
        return canp_fail(why, fd, "process %u: %s", all[0].pid, canp_strerror(fd));
    return talk(fd, (uint32_t)who.pid, request, out, why);
}

int control_send(const char *dir, const struct control_request *request, struct control_answer *out,
                 struct canp_why *why)
{
    return dir ? send_to_dir(dir, request, out, why) : send_to_mine(request, out, why);
}
