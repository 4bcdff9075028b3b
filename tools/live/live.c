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

/* Connects to all that listen. take() owns the question's descriptor; false: it has enough. */
static void each_recorder(bool (*take)(void *user, const struct live_peer *peer, const struct question *q),
                          void *user)
{
    char line[LINE_BYTES];
    struct live_peer peer;
    unsigned lines = 0;
    bool goes_on = true;
    FILE *file = fopen(PROC_UNIX, "re");
    while (file && goes_on && lines < LINES_MAX && fgets(line, sizeof(line), file)) {
        struct question q = {.fd = -1};
        peer.address_bytes = address_of_line(line, &peer.address);
        if (peer.address_bytes <= 0)
            continue;
        lines++;
        if (put_question(&peer.address, peer.address_bytes, &q) < 0)
            continue;
        peer.pid = (uint32_t)q.who.pid;
        peer.uid = q.who.uid;
        goes_on = take(user, &peer, &q);
    }
    if (file)
        fclose(file);
}

struct asked {
    struct question trusted[ASKED_MAX + OTHERS_MAX], others[OTHERS_MAX];
    unsigned trusted_count, other_count;
};

static bool keep_question(void *user, const struct live_peer *peer, const struct question *q)
{
    struct asked *a = user;
    (void)peer;
    if (is_trusted(q))
        a->trusted[a->trusted_count++] = *q;
    else if (a->other_count < OTHERS_MAX)
        a->others[a->other_count++] = *q;
    else
        close(q->fd);
    return a->trusted_count < ASKED_MAX;
}

/* Asks all that listen: trusted ones first in line, so that nobody else's sockets can crowd them out. */
static unsigned put_questions(struct asked *a)
{
    each_recorder(keep_question, a);
    memcpy(a->trusted + a->trusted_count, a->others, a->other_count * sizeof(*a->others));
    return a->trusted_count + a->other_count;
}

unsigned live_ask_all(struct live_state *out, unsigned count)
{
    struct asked asked = {.trusted_count = 0};
    struct pollfd polls[ASKED_MAX + OTHERS_MAX];
    struct live_state answers[ASKED_MAX + OTHERS_MAX] = {0};
    unsigned n = put_questions(&asked), open = n, found = 0;
    uint64_t end_ns = canp_monotonic_ns() + LIVE_WAIT_MS * UINT64_C(1000000);
    for (unsigned i = 0; i < n; i++)
        polls[i] = (struct pollfd){.fd = asked.trusted[i].fd, .events = POLLIN};
    while (open > 0) { /* one bound for all together */
        uint64_t now_ns = canp_monotonic_ns();
        if (now_ns >= end_ns || poll(polls, n, (int)((end_ns - now_ns) / 1000000) + 1) <= 0)
            break;
        for (unsigned i = 0; i < n; i++) {
            if (polls[i].fd < 0 || polls[i].revents == 0)
                continue;
            take_answer(&asked.trusted[i], &answers[i]);
            polls[i].fd = -1;
            open--;
        }
    }
    for (unsigned i = 0; i < n; i++) {
        if (answers[i].magic == LIVE_MAGIC && found < count)
            out[found++] = answers[i];
        close(asked.trusted[i].fd);
    }
    return found;
}

struct list {
    struct live_peer *out;
    unsigned count, found;
};

static bool list_own(void *user, const struct live_peer *peer, const struct question *q)
{
    struct list *l = user;
    close(q->fd);
    if (geteuid() == 0 || peer->uid == geteuid())
        l->out[l->found++] = *peer;
    return l->found < l->count;
}

unsigned live_list(struct live_peer *out, unsigned count)
{
    struct list l = {out, count, 0};
    if (count > 0)
        each_recorder(list_own, &l);
    return l.found;
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
