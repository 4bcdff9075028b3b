/*
 * The recorder's answers (record_live.h). The thread sleeps in accept(); it takes no signals, allocates
 * nothing, and waits for nobody: who does not read gets nothing. `fd` is closed after the thread has ended.
 */
#include "record_live.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <canp/pools/slabring.h>
#include <canp/private/cleanup.h>
#include <canp/private/signals.h>

#include "live.h"

#define BACKLOG 4

static struct {
    const struct canp_recorder *rec;
    pthread_t thread;
    int fd;
    bool runs;
} self = {.fd = -1};

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

static void answer(int fd)
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

static void *run(void *arg)
{
    for (;;) { /* ends by shutdown() */
        int fd = accept4(self.fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0) {
            answer(fd);
            close(fd);
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return arg;
        }
    }
}

static int start_thread(void)
{
    sigset_t before;
    canp_signals_block(&before);
    int r = pthread_create(&self.thread, NULL, run, NULL);
    canp_signals_restore(&before);
    self.runs = r == 0;
    if (self.runs)
        pthread_setname_np(self.thread, "canp-live");
    return -r;
}

int record_live_start(const struct canp_recorder *rec, const char *dir)
{
    struct sockaddr_un address;
    int bytes = live_address(dir, &address);
    if (bytes < 0)
        return bytes;
    CANP_CLEANUP(canp_fd_close) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, (socklen_t)bytes) < 0 ||
        listen(fd, BACKLOG) < 0)
        return -errno;
    self.rec = rec;
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
    shutdown(self.fd, SHUT_RDWR); /* wakes accept() */
    pthread_join(self.thread, NULL);
    self.runs = false;
    canp_fd_close(&self.fd);
}
