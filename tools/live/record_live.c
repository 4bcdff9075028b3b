/*
 * The recorder's answers (record_live.h). The thread sleeps in poll(). It takes no signals and allocates
 * nothing, and it does not wait for a program that does not read. A program that only asks gets the counters,
 * and its connection is closed. Programs that may give commands are let in, a few at a time and for a second
 * each, and may send one request. `fd` is closed after the thread has ended.
 */
#include "record_live.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <canp/pools/clock.h>
#include <canp/pools/slabring.h>
#include <canp/private/cleanup.h>
#include <canp/private/threads.h>

#include "control.h"
#include "live.h"

#define BACKLOG   4
#define GUEST_MAX 4U /* when one more comes, the one that came first is sent away */

struct guest {
    int fd;
    uint64_t until_ns; /* CLOCK_MONOTONIC */
};

static struct {
    struct canp_recorder *rec;
    struct control_facts facts;
    pthread_t thread;
    int fd;
    bool runs;
    /* the thread's */
    struct guest guests[GUEST_MAX]; /* the one that came first stands first */
    unsigned guest_count;
} self = {.fd = -1};

/* ---- what everybody is told ------------------------------------------------------------------------ */

static void name_ifaces(const struct canp_recorder_stats *stats, struct live_state *out)
{
    size_t used = 0;
    for (unsigned i = 0; i < stats->iface_count; i++) {
        size_t n = strlen(stats->ifaces[i].name);
        if (used + n + 2 > sizeof(out->ifaces))
            return;
        memcpy(out->ifaces + used, stats->ifaces[i].name, n);
        out->ifaces[used + n] = ' ';
        used += n + 1;
    }
}

static void tell_counters(int fd)
{
    struct canp_recorder_stats stats;
    struct canp_slabring_stats ring;
    canp_recorder_stats(self.rec, &stats);
    canp_slabring_stats(canp_recorder_slabs(self.rec), &ring);
    struct live_state state = {.magic = LIVE_MAGIC,
                               .bytes = sizeof(state),
                               .pid = (uint32_t)getpid(),
                               .slabs_full = ring.full_slots,
                               .slab_count = ring.slot_count,
                               .slabs_full_max = ring.full_slots_max,
                               .slab_stalls = ring.stalls,
                               .duration_ns = stats.duration_ns,
                               .frames = stats.frames,
                               .lost = stats.lost,
                               .stored_bytes = stats.bytes};
    name_ifaces(&stats, &state);
    send(fd, &state, sizeof(state), MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* ---- commands -------------------------------------------------------------------------------------- */

static int obey(const struct control_request *request, struct canp_why *why)
{
    switch (request->verb) {
    case CONTROL_status:
    case CONTROL_metrics:
        return 0;
    case CONTROL_rotate:
        canp_recorder_rotate(self.rec);
        return 0;
    case CONTROL_trigger:
        if (!self.facts.by_triggers)
            return canp_fail(why, -EINVAL, "it is no recording by triggers: everything is stored anyway");
        canp_recorder_trigger(self.rec);
        return 0;
    case CONTROL_stop:
        canp_recorder_stop(self.rec);
        return 0;
    case CONTROL_note:
        return canp_recorder_note(self.rec, request->text, why);
    default:
        return canp_fail(why, -EOPNOTSUPP,
                         "this recorder is of another release, which does not know the command");
    }
}

static void serve(int fd)
{
    struct control_request request = {0};
    static struct control_answer answer; /* this thread's alone */
    struct canp_why why = {""};
    ssize_t n = recv(fd, &request, sizeof(request), MSG_DONTWAIT);
    if (n < (ssize_t)sizeof(request) || request.magic != CONTROL_MAGIC || request.bytes < sizeof(request))
        return; /* gone, or another version's */
    request.text[sizeof(request.text) - 1] = '\0';
    answer = (struct control_answer){.magic = CONTROL_MAGIC, .bytes = sizeof(answer)};
    answer.error = obey(&request, &why);
    snprintf(answer.why, sizeof(answer.why), "%s", why.text);
    control_status_take(&self.facts, &answer.status);
    send(fd, &answer, sizeof(answer), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void send_away(unsigned index)
{
    close(self.guests[index].fd);
    self.guest_count--;
    memmove(self.guests + index, self.guests + index + 1,
            (self.guest_count - index) * sizeof(self.guests[0]));
}

static void let_in(int fd)
{
    if (self.guest_count == GUEST_MAX)
        send_away(0);
    self.guests[self.guest_count++] =
        (struct guest){fd, canp_monotonic_ns() + CONTROL_ASK_MS * UINT64_C(1000000)};
}

/* ---- the thread ------------------------------------------------------------------------------------ */

/* False: the socket is shut. */
static bool welcome(void)
{
    int fd = accept4(self.fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return errno == EINTR || errno == ECONNABORTED || errno == EAGAIN;
    tell_counters(fd);
    if (control_is_permitted(fd))
        let_in(fd);
    else
        close(fd);
    return true;
}

/* Milliseconds until the first guest has to go; -1: there is none. */
static int patience_ms(void)
{
    uint64_t now_ns = canp_monotonic_ns();
    if (self.guest_count == 0)
        return -1;
    return self.guests[0].until_ns > now_ns ? (int)((self.guests[0].until_ns - now_ns) / 1000000) + 1 : 0;
}

static void *run(void *arg)
{
    for (;;) { /* ends by shutdown() */
        struct pollfd polls[GUEST_MAX + 1] = {{.fd = self.fd, .events = POLLIN}};
        for (unsigned i = 0; i < self.guest_count; i++)
            polls[i + 1] = (struct pollfd){.fd = self.guests[i].fd, .events = POLLIN};
        if (poll(polls, self.guest_count + 1, patience_ms()) < 0 && errno != EINTR)
            return arg;
        uint64_t now_ns = canp_monotonic_ns();
        for (unsigned i = self.guest_count; i-- > 0;) {
            if (polls[i + 1].revents)
                serve(self.guests[i].fd);
            if (polls[i + 1].revents || self.guests[i].until_ns <= now_ns)
                send_away(i);
        }
        if ((polls[0].revents & POLLHUP) || (polls[0].revents && !welcome()))
            return arg; /* shut down: a socket that does not block says EAGAIN to accept() then */
    }
}

static int start_thread(void)
{
    int r = canp_thread_start_quiet(&self.thread, run, NULL);
    self.runs = r == 0;
    if (self.runs)
        pthread_setname_np(self.thread, "canp-live");
    return r;
}

int record_live_start(struct canp_recorder *rec, const struct canp_recorder_opts *opts)
{
    struct sockaddr_un address;
    int bytes = live_address(opts->dir, &address);
    if (bytes < 0)
        return bytes;
    CANP_CLEANUP(canp_fd_close) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, (socklen_t)bytes) < 0 ||
        listen(fd, BACKLOG) < 0)
        return -errno;
    self.rec = rec;
    control_facts_init(&self.facts, rec, opts);
    self.fd = canp_take_fd(&fd);
    int r = start_thread();
    if (r < 0)
        canp_fd_close(&self.fd);
    return r;
}

void record_live_stop(void)
{
    if (!self.runs)
        return;
    shutdown(self.fd, SHUT_RDWR); /* wakes poll() */
    pthread_join(self.thread, NULL);
    self.runs = false;
    while (self.guest_count > 0)
        send_away(0);
    canp_fd_close(&self.fd);
}
