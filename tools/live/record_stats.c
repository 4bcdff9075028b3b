/*
 * Statistics while recording (record_stats.h). While the thread runs, only it uses `self`.
 */
#include "record_stats.h"

#include <canp/pools/monitor.h>
#include <stdio.h>

#include "lib/text.h"
#include "side_thread.h"
#include "speaker.h"

static struct {
    const struct canp_recorder *rec;
    struct canp_monitor *monitor;
    bool json;
    uint64_t frames_before;
    struct side_thread thread;
} self = {.thread = SIDE_THREAD_INIT};

static void print_json(const struct canp_recorder_stats *stats, const struct canp_monitor_report *report)
{
    static char monitor[32768];

    canp_monitor_json(report, monitor, sizeof(monitor));
    speaker_inform("{\"duration_ns\":%llu,\"frames\":%llu,\"lost\":%llu,\"bytes\":%llu,\"monitor\":%s}",
                   (unsigned long long)stats->duration_ns, (unsigned long long)stats->frames,
                   (unsigned long long)stats->lost, (unsigned long long)stats->bytes, monitor);
}

static void ask_databases(void *cache, struct canp_monitor_other *out)
{
    struct canp_dbc_manager_stats stats;

    canp_dbc_manager_stats(cache, &stats);
    *out = (struct canp_monitor_other){.lookups = {stats.hits, stats.misses, stats.evictions},
                                       .count = stats.count,
                                       .bytes = stats.bytes,
                                       .bytes_peak = stats.bytes_peak,
                                       .bytes_max = stats.bytes_max,
                                       .load_ns = stats.parse_ns};
}

static void say_databases(const struct canp_monitor_report *report)
{
    const struct canp_monitor_other *stats = &report->others[0].stats;
    char bytes[TEXT_BYTES], parsing[TEXT_BYTES];

    speaker_say("canp record: databases: %llu hits, %llu misses, parsed in %s, %llu evictions, %s kept",
                (unsigned long long)stats->lookups.hits, (unsigned long long)stats->lookups.misses,
                text_duration(parsing, (int64_t)stats->load_ns), (unsigned long long)stats->lookups.evictions,
                text_bytes(bytes, stats->bytes));
}

static void print_text(const struct canp_recorder_stats *stats, const struct canp_monitor_report *report)
{
    const struct canp_slabring_stats *ring = &report->rings[0].stats;
    char frames[TEXT_BYTES], lost[TEXT_BYTES], now[TEXT_BYTES], peak[TEXT_BYTES];
    uint64_t frames_now = stats->frames > self.frames_before ? stats->frames - self.frames_before : 0;

    speaker_inform(
        "canp record: %.1f s: %s frames (%.0f/s), %s lost; slabs full %u of %u (max %u), %llu stalls; "
        "memory %s (peak %s)",
        (double)stats->duration_ns / 1e9, text_count(frames, stats->frames),
        (double)frames_now * 1e9 / (double)report->elapsed_ns, text_count(lost, stats->lost),
        ring->full_slots, ring->slot_count, ring->full_slots_max, (unsigned long long)ring->stalls,
        text_bytes(now, report->memory.total.current_bytes),
        text_bytes(peak, report->memory.total.peak_bytes));
    if (report->other_count)
        say_databases(report);
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

static void *run(void *arg)
{
    while (!side_thread_ends_within(&self.thread, canp_monitor_due_ns(self.monitor)))
        canp_monitor_check(self.monitor);
    return arg;
}

int record_stats_start(const struct canp_recorder *rec, struct canp_dbc_manager *databases,
                       uint64_t interval_ns, bool json)
{
    struct canp_monitor_opts opts = CANP_MONITOR_OPTS_INIT;

    self.rec = rec;
    self.json = json;
    opts.interval_ns = interval_ns;
    opts.report = print;
    int r = canp_monitor_open(&opts, &self.monitor);
    if (r == 0)
        r = canp_monitor_watch_ring(self.monitor, "capture", canp_recorder_slabs(rec));
    if (r == 0 && databases)
        r = canp_monitor_watch_other(self.monitor, "databases", ask_databases, databases);
    return r < 0 ? r : side_thread_start(&self.thread, "canp-stats", run);
}

void record_stats_stop(void)
{
    if (side_thread_stop(&self.thread))
        canp_monitor_close(self.monitor);
}
