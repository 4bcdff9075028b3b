/* Asking running recorders (live.h). Any thread; no state. */
#include "live.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <canp/pools/clock.h>
#include <canp/private/cleanup.h>

#define PREFIX     "canp-record-"
#define PROC_UNIX  "/proc/net/unix" /* shows an abstract name with @ for its first byte */
#define LINE_BYTES 512
#define ASKED_MAX  64U   /* trusted recorders asked at once */
#define OTHERS_MAX 16U   /* and those of other users */
#define LINES_MAX  1024U /* sockets looked at */

/* An abstract address: a zero byte, then the name. */
static int address_of(const char *name, struct sockaddr_un *out)
{
    size_t n = strlen(name);
    memset(out, 0, sizeof(*out));
    out->sun_family = AF_UNIX;
    if (n + 1 > sizeof(out->sun_path))
        return -ENAMETOOLONG;
    memcpy(out->sun_path + 1, name, n);
    return (int)(offsetof(struct sockaddr_un, sun_path) + 1 + n);
}

int live_address(const char *dir, struct sockaddr_un *out)
{
    char name[sizeof(out->sun_path)];
    struct stat st;
    if (stat(dir, &st) < 0)
        return -errno;
    snprintf(name, sizeof(name), PREFIX "%llx-%llx", (unsigned long long)st.st_dev,
             (unsigned long long)st.st_ino);
    return address_of(name, out);
}

/* ---- asking -------------------------------------------------------------------------------------- */

/* A question that is underway. */
struct question {
    int fd;
    struct ucred who; /* as the kernel says, whatever the answer claims */
};

/* 0: connected, and it is known to whom; or a negative errno. Does not wait. */
static int put_question(const struct sockaddr_un *address, int bytes, struct question *q)
{
    socklen_t size = sizeof(q->who);
    CANP_CLEANUP(canp_fd_close) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)address, (socklen_t)bytes) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &q->who, &size) < 0)
        return -errno;
    q->fd = canp_take_fd(&fd);
    return 0;
}

/* Root, and who asks himself, may be believed. */
static bool is_trusted(const struct question *q)
{
    return q->who.uid == 0 || q->who.uid == geteuid();
}

/* What has come. 0 or a negative errno. */
static int take_answer(const struct question *q, struct live_state *out)
{
    struct live_state state = {0};
    ssize_t n = recv(q->fd, &state, sizeof(state), MSG_DONTWAIT);
    if (n < 0)
        return -errno;
    if ((size_t)n < sizeof(state) || state.magic != LIVE_MAGIC || state.bytes < sizeof(state))
        return -EPROTO; /* another version's */
    state.ifaces[sizeof(state.ifaces) - 1] = '\0';
    state.pid = (uint32_t)q->who.pid;
    state.foreign_uid = is_trusted(q) ? 0 : q->who.uid;
    *out = state;
    return 0;
}

int live_ask(const char *dir, struct live_state *out)
{
    struct sockaddr_un address;
    struct question q = {.fd = -1};
    struct stat st;
    int bytes = live_address(dir, &address);
    int r = bytes < 0 ? bytes : put_question(&address, bytes, &q);
    if (r < 0)
        return r;
    struct pollfd p = {.fd = q.fd, .events = POLLIN};
    r = poll(&p, 1, LIVE_WAIT_MS) <= 0 ? -ETIMEDOUT : take_answer(&q, out);
    close(q.fd);
    if (r == 0 && stat(dir, &st) == 0 && st.st_uid == q.who.uid)
        out->foreign_uid = 0; /* the directory is his */
    return r;
}

/* "...: 00000002 00000000 00010000 0005 01 12345 @canp-record-fe00-1234": its address, or a negative number.
 * Only who listens (00010000) counts: connections bear the name, too. */
static int address_of_line(const char *line, struct sockaddr_un *address)
{
    char name[sizeof(address->sun_path)];
    const char *at = strstr(line, " 00010000 ") ? strstr(line, " @" PREFIX) : NULL;
    size_t n = at ? strcspn(at + 2, "\n") : 0;
    if (!at || n >= sizeof(name))
        return -1;
    memcpy(name, at + 2, n);
    name[n] = '\0';
    return address_of(name, address);
}

/* Asks all that listen: trusted ones first in line, so that nobody else's sockets can crowd them out. */
static unsigned put_questions(struct question *trusted, struct question *others)
{
    char line[LINE_BYTES];
    struct sockaddr_un address;
    struct question q = {.fd = -1};
    unsigned trusted_count = 0, other_count = 0, lines = 0;
    FILE *file = fopen(PROC_UNIX, "re");
    while (file && lines < LINES_MAX && trusted_count < ASKED_MAX && fgets(line, sizeof(line), file)) {
        int bytes = address_of_line(line, &address);
        if (bytes <= 0)
            continue;
        lines++;
        if (put_question(&address, bytes, &q) < 0)
            continue;
        if (is_trusted(&q))
            trusted[trusted_count++] = q;
        else if (other_count < OTHERS_MAX)
            others[other_count++] = q;
        else
            close(q.fd);
    }
    if (file)
        fclose(file);
    memcpy(trusted + trusted_count, others, other_count * sizeof(*others));
    return trusted_count + other_count;
}

unsigned live_ask_all(struct live_state *out, unsigned count)
{
    struct question asked[ASKED_MAX + OTHERS_MAX], others[OTHERS_MAX];
    struct pollfd polls[ASKED_MAX + OTHERS_MAX];
    struct live_state answers[ASKED_MAX + OTHERS_MAX] = {0};
    unsigned n = put_questions(asked, others), open = n, found = 0;
    uint64_t end_ns = canp_monotonic_ns() + LIVE_WAIT_MS * UINT64_C(1000000);
    for (unsigned i = 0; i < n; i++)
        polls[i] = (struct pollfd){.fd = asked[i].fd, .events = POLLIN};
    while (open > 0) { /* one bound for all together */
        uint64_t now_ns = canp_monotonic_ns();
        if (now_ns >= end_ns || poll(polls, n, (int)((end_ns - now_ns) / 1000000) + 1) <= 0)
            break;
        for (unsigned i = 0; i < n; i++) {
            if (polls[i].fd < 0 || polls[i].revents == 0)
                continue;
            take_answer(&asked[i], &answers[i]);
            polls[i].fd = -1;
            open--;
        }
    }
    for (unsigned i = 0; i < n; i++) {
        if (answers[i].magic == LIVE_MAGIC && found < count)
            out[found++] = answers[i];
        close(asked[i].fd);
    }
    return found;
}

unsigned live_list(struct live_peer *out, unsigned count)
{
    char line[LINE_BYTES];
    unsigned found = 0, lines = 0;
    FILE *file = fopen(PROC_UNIX, "re");
    while (file && lines < LINES_MAX && found < count && fgets(line, sizeof(line), file)) {
        struct live_peer peer;
        struct question q = {.fd = -1};
        peer.address_bytes = address_of_line(line, &peer.address);
        if (peer.address_bytes <= 0)
            continue;
        lines++;
        if (put_question(&peer.address, peer.address_bytes, &q) < 0)
            continue;
        close(q.fd);
        peer.pid = (uint32_t)q.who.pid;
        peer.uid = q.who.uid;
        if (geteuid() == 0 || peer.uid == geteuid())
            out[found++] = peer;
    }
    if (file)
        fclose(file);
    return found;
}

int live_holder(const char *dir, uint32_t *pid, uint32_t *uid)
{
    struct sockaddr_un address;
    struct question q = {.fd = -1};
    int bytes = live_address(dir, &address);
    int r = bytes < 0 ? bytes : put_question(&address, bytes, &q);
    if (r < 0)
        return r;
    close(q.fd);
    *pid = (uint32_t)q.who.pid;
    *uid = q.who.uid;
    return 0;
}

bool live_has_iface(const struct live_state *state, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = state->ifaces; *at; at += strcspn(at, " ") + 1) { /* a blank stands behind each */
        if (strncmp(at, name, n) == 0 && at[n] == ' ')
            return true;
    }
    return false;
}
