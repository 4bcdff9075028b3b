/*
 * Statistics while recording (record_stats.h). The thread takes no signals: they are for the capture
 * thread, whose sleep they end. `lock` guards `ended`; all else is the thread's own while it runs.
 */
#include "record_stats.h"

#include <canp/pools/clock.h>
#include <canp/pools/monitor.h>
#include <canp/private/signals.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "lib/text.h"
#include "speaker.h"

static struct {
    const struct canp_recorder *rec;
    struct canp_monitor *monitor;
    bool json;
    uint64_t frames_before;
    pthread_t thread;
    bool runs;
    pthread_mutex_t lock;
    pthread_cond_t end;
    bool ended;
} self = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void print_json(const struct canp_recorder_stats *stats, const struct canp_monitor_report *report)
{
    static char monitor[32768];

    canp_monitor_json(report, monitor, sizeof(monitor));
    speaker_say("{\"duration_ns\":%llu,\"frames\":%llu,\"lost\":%llu,\"bytes\":%llu,\"monitor\":%s}",
                (unsigned long long)stats->duration_ns, (unsigned long long)stats->frames,
                (unsigned long long)stats->lost, (unsigned long long)stats->bytes, monitor);
}

static void print_text(const struct canp_recorder_stats *stats, const struct canp_monitor_report *report)
{
    const struct canp_slabring_stats *ring = &report->rings[0].stats;
    char frames[TEXT_BYTES], lost[TEXT_BYTES], now[TEXT_BYTES], peak[TEXT_BYTES];
    uint64_t frames_now = stats->frames > self.frames_before ? stats->frames - self.frames_before : 0;

    speaker_say(
        "canp record: %.1f s: %s frames (%.0f/s), %s lost; slabs full %u of %u (max %u), %llu stalls; "
        "memory %s (peak %s)",
        (double)stats->duration_ns / 1e9, text_count(frames, stats->frames),
        (double)frames_now * 1e9 / (double)report->elapsed_ns, text_count(lost, stats->lost),
        ring->full_slots, ring->slot_count, ring->full_slots_max, (unsigned long long)ring->stalls,
        text_bytes(now, report->memory.total.current_bytes),
        text_bytes(peak, report->memory.total.peak_bytes));
    for (unsigned bit = 1; canp_monitor_warning_text(bit) != NULL; bit *= 2) {
        if (report->warnings & bit)
            speaker_say("canp record: %s", canp_monitor_warning_text(bit));
    }
}

static void print(void *user, const struct canp_monitor_report *report)
{
    struct canp_recorder_stats stats;

    (void)user;
    canp_recorder_stats(self.rec, &stats);
    if (self.json)
        print_json(&stats, report);
    else
        print_text(&stats, report);
    self.frames_before = stats.frames;
}

static struct timespec after(uint64_t ns)
{
    return canp_timespec_of_ns((int64_t)(canp_monotonic_ns() + ns));
}

static void *run(void *arg)
{
    pthread_mutex_lock(&self.lock);
    while (!self.ended) {
        struct timespec due = after(canp_monitor_due_ns(self.monitor));
        pthread_cond_timedwait(&self.end, &self.lock, &due);
        if (!self.ended)
            canp_monitor_check(self.monitor);
    }
    pthread_mutex_unlock(&self.lock);
    return arg;
}

static int start_thread(void)
{
    pthread_condattr_t attributes;
    sigset_t before;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&self.end, &attributes);
    pthread_condattr_destroy(&attributes);
    canp_signals_block(&before);
    int r = pthread_create(&self.thread, NULL, run, NULL);
    canp_signals_restore(&before);
    self.runs = r == 0;
    return -r;
}

int record_stats_start(const struct canp_recorder *rec, uint64_t interval_ns, bool json)
{
    struct canp_monitor_opts opts = CANP_MONITOR_OPTS_INIT;

    self.rec = rec;
    self.json = json;
    opts.interval_ns = interval_ns;
    opts.report = print;
    int r = canp_monitor_open(&opts, &self.monitor);
    if (r == 0)
        r = canp_monitor_watch_ring(self.monitor, "capture", canp_recorder_slabs(rec));
    return r < 0 ? r : start_thread();
}

void record_stats_stop(void)
{
    if (!self.runs)
        return;
    pthread_mutex_lock(&self.lock);
    self.ended = true;
    pthread_cond_signal(&self.end);
    pthread_mutex_unlock(&self.lock);
    pthread_join(self.thread, NULL);
    self.runs = false;
    canp_monitor_close(self.monitor);
}
