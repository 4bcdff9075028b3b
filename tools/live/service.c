/*
 * The service manager's protocol (service.h): datagrams of KEY=VALUE lines to the socket in $NOTIFY_SOCKET.
 *
 * The watchdog is notified only when the capture thread works: a signal that does nothing else wakes that
 * thread, and its count of harvests must grow. So a stalled disk, which does not stop the capture thread,
 * does not end the service, but a hanging capture thread does. After the capture has ended (its duration
 * stands still) the watchdog is notified without this test.
 */
#include "live/service.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "live/side_thread.h"

#define WAKE_SIGNAL SIGURG    /* whose default is to be ignored */
#define LOOK_NS     50000000U /* between looks whether the thread has worked */
#define PERIOD_MIN  100000U   /* us */

static struct {
    const struct canp_recorder *rec;
    pthread_t capture;
    uint64_t period_ns;
    struct side_thread watcher;
} self = {.watcher = SIDE_THREAD_INIT};

static void notify(const char *text)
{
    const char *name = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t n = name ? strlen(name) : 0;
    if (n < 2 || n >= sizeof(to.sun_path) || (name[0] != '/' && name[0] != '@'))
        return;
    memcpy(to.sun_path, name, n);
    if (name[0] == '@')
        to.sun_path[0] = '\0'; /* an abstract name */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    sendto(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT, (const struct sockaddr *)&to,
           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
    close(fd);
}

void service_ready(const char *status)
{
    char text[512];
    snprintf(text, sizeof(text), "READY=1\nSTATUS=%s\n", status);
    notify(text);
}

/* How often the manager wants to hear from this process; 0 = never. */
static uint64_t asked_period_ns(void)
{
    const char *period = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    if (!period || (pid && strtoll(pid, NULL, 10) != getpid()))
        return 0;
    unsigned long long us = strtoull(period, NULL, 10);
    if (us == 0 || us > UINT64_MAX / 1000)
        return 0;
    return (us < PERIOD_MIN ? PERIOD_MIN : us) * 1000 / 3; /* early enough to miss one */
}

/* Has the capture thread worked, or is it done? Asks it once, and gives it most of the period. */
static bool is_alive(void)
{
    struct canp_recorder_stats before, now;
    canp_recorder_stats(self.rec, &before);
    pthread_kill(self.capture, WAKE_SIGNAL);
    for (uint64_t waited = 0; waited < self.period_ns; waited += LOOK_NS) {
        if (side_thread_ends_within(&self.watcher, LOOK_NS))
            return true;
        canp_recorder_stats(self.rec, &now);
        if (now.harvests != before.harvests || now.duration_ns == before.duration_ns)
            return true;
    }
    return false;
}

static void *watch(void *arg)
{
    while (!side_thread_ends_within(&self.watcher, self.period_ns)) {
        if (is_alive())
            notify("WATCHDOG=1\n");
    }
    return arg;
}

static void wake(int number)
{
    (void)number; /* it interrupts a wait, that is all */
}

int service_watch_start(const struct canp_recorder *rec)
{
    struct sigaction action = {.sa_handler = wake};
    self.period_ns = asked_period_ns();
    if (self.period_ns == 0)
        return 0;
    self.rec = rec;
    self.capture = pthread_self();
    sigemptyset(&action.sa_mask);
    sigaction(WAKE_SIGNAL, &action, NULL);
    return side_thread_start(&self.watcher, "canp-watch", watch);
}

void service_watch_stop(void)
{
    notify("STOPPING=1\n");
    side_thread_stop(&self.watcher);
}
