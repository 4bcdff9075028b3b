/*
 * The monitor (canp/pools/monitor.h).
 *
 * Invariant: the `before` values are those of the last report; the report's *_now fields are differences to
 * them. One thread.
 */
#include <canp/pools/clock.h>
#include <canp/pools/monitor.h>
#include <canp/private/opts.h>
#include <errno.h>
#include <stdlib.h>

#include "memstats_private.h"

struct canp_monitor {
    struct canp_monitor_opts opts;
    uint64_t last_ns;
    struct {
        struct canp_mapcache *cache;
        struct canp_cachestats before;
    } caches[CANP_MONITOR_WATCHES_MAX];
    struct {
        const struct canp_mempool *pool;
        uint64_t misses_before;
    } pools[CANP_MONITOR_WATCHES_MAX];
    struct {
        const struct canp_slabring *ring;
        uint64_t stalls_before;
        uint64_t stall_ns_before;
    } rings[CANP_MONITOR_WATCHES_MAX];
    struct {
        void (*ask)(void *cache, struct canp_monitor_other *out);
        void *cache;
        struct canp_cachestats before;
    } others[CANP_MONITOR_WATCHES_MAX];
    struct canp_monitor_report report; /* too large for a stack; holds names and counts between reports */
};

const char *canp_monitor_warning_text(unsigned bit)
{
    switch (bit) {
#define CANP_MONITOR_TEXT(NAME, value, key, text)                                                            \
    case value:                                                                                              \
        return text;
        CANP_MONITOR_WARNINGS(CANP_MONITOR_TEXT)
#undef CANP_MONITOR_TEXT
    default:
        return NULL;
    }
}

int canp_monitor_open(const struct canp_monitor_opts *opts, struct canp_monitor **out)
{
    struct canp_monitor_opts taken;
    int r = canp_opts_take(&taken, sizeof(taken), sizeof(taken), opts);

    if (r < 0)
        return r;
    if (taken.interval_ns == 0)
        taken.interval_ns = 1000000000u;
    if (!(taken.low_hit_rate < 0 || taken.low_hit_rate > 0))
        taken.low_hit_rate = 0.8;
    if (taken.lookups_min == 0)
        taken.lookups_min = 100;
    if (taken.report == NULL)
        return -EINVAL;
    struct canp_monitor *monitor = calloc(1, sizeof(*monitor));
    if (monitor == NULL)
        return -ENOMEM;
    monitor->opts = taken;
    monitor->last_ns = canp_monotonic_ns();
    *out = monitor;
    return 0;
}

void canp_monitor_close(struct canp_monitor *monitor)
{
    free(monitor);
}

/* ------------------------------------------------------------------ looking */

static struct canp_cachestats since(const struct canp_cachestats *before, const struct canp_cachestats *now)
{
    return (struct canp_cachestats){.hits = now->hits - before->hits, .misses = now->misses - before->misses};
}

static void look_at_other(struct canp_monitor *monitor, unsigned i)
{
    struct canp_monitor_report *report = &monitor->report;
    struct canp_monitor_other *stats = &report->others[i].stats;
    monitor->others[i].ask(monitor->others[i].cache, stats);
    struct canp_cachestats now = since(&monitor->others[i].before, &stats->lookups);

    report->others[i].hit_rate_now = canp_cachestats_hit_rate(&now);
    monitor->others[i].before = stats->lookups;
}

static void look_at_cache(struct canp_monitor *monitor, unsigned i)
{
    struct canp_monitor_report *report = &monitor->report;
    struct canp_mapcache_stats *stats = &report->caches[i].stats;
    canp_mapcache_stats(monitor->caches[i].cache, stats);
    struct canp_cachestats now = since(&monitor->caches[i].before, &stats->lookups);

    report->caches[i].hit_rate_now = canp_cachestats_hit_rate(&now);
    monitor->caches[i].before = stats->lookups;
    if (now.hits + now.misses >= monitor->opts.lookups_min &&
        report->caches[i].hit_rate_now < monitor->opts.low_hit_rate)
        report->warnings |= CANP_MONITOR_LOW_HIT_RATE;
}

static uint64_t misses_of(const struct canp_mempool_stats *stats)
{
    uint64_t misses = 0;

    for (unsigned i = 0; i < stats->class_count; i++)
        misses += stats->classes[i].misses;
    return misses;
}

static void look_at_pool(struct canp_monitor *monitor, unsigned i)
{
    struct canp_monitor_report *report = &monitor->report;

    canp_mempool_stats(monitor->pools[i].pool, &report->pools[i].stats);
    uint64_t misses = misses_of(&report->pools[i].stats);
    report->pools[i].misses_now = misses - monitor->pools[i].misses_before;
    monitor->pools[i].misses_before = misses;
    if (report->pools[i].misses_now > 0)
        report->warnings |= CANP_MONITOR_EXHAUSTED;
}

static void look_at_ring(struct canp_monitor *monitor, unsigned i)
{
    struct canp_monitor_report *report = &monitor->report;
    const struct canp_slabring_stats *stats = &report->rings[i].stats;

    canp_slabring_stats(monitor->rings[i].ring, &report->rings[i].stats);
    report->rings[i].stalls_now = stats->stalls - monitor->rings[i].stalls_before;
    report->rings[i].stall_ns_now = stats->stall_ns - monitor->rings[i].stall_ns_before;
    monitor->rings[i].stalls_before = stats->stalls;
    monitor->rings[i].stall_ns_before = stats->stall_ns;
    if (report->rings[i].stall_ns_now > 0 || report->rings[i].stalls_now > 0)
        report->warnings |= CANP_MONITOR_STALLED;
}

/* ------------------------------------------------------------------ what is watched */

/* Looking at once makes "now" of the first report mean since here. */

int canp_monitor_watch_cache(struct canp_monitor *monitor, const char *name, struct canp_mapcache *cache)
{
    unsigned at = monitor->report.cache_count;

    if (at == CANP_MONITOR_WATCHES_MAX)
        return -ENOSPC;
    monitor->caches[at].cache = cache;
    monitor->report.caches[at].name = name;
    look_at_cache(monitor, at);
    monitor->report.cache_count++;
    return 0;
}

int canp_monitor_watch_pool(struct canp_monitor *monitor, const char *name, const struct canp_mempool *pool)
{
    unsigned at = monitor->report.pool_count;

    if (at == CANP_MONITOR_WATCHES_MAX)
        return -ENOSPC;
    monitor->pools[at].pool = pool;
    monitor->report.pools[at].name = name;
    look_at_pool(monitor, at);
    monitor->report.pool_count++;
    return 0;
}

int canp_monitor_watch_ring(struct canp_monitor *monitor, const char *name, const struct canp_slabring *ring)
{
    unsigned at = monitor->report.ring_count;

    if (at == CANP_MONITOR_WATCHES_MAX)
        return -ENOSPC;
    monitor->rings[at].ring = ring;
    monitor->report.rings[at].name = name;
    look_at_ring(monitor, at);
    monitor->report.ring_count++;
    return 0;
}

int canp_monitor_watch_other(struct canp_monitor *monitor, const char *name,
                             void (*ask)(void *cache, struct canp_monitor_other *out), void *cache)
{
    unsigned at = monitor->report.other_count;

    if (at == CANP_MONITOR_WATCHES_MAX)
        return -ENOSPC;
    monitor->others[at].ask = ask;
    monitor->others[at].cache = cache;
    monitor->report.others[at].name = name;
    look_at_other(monitor, at);
    monitor->report.other_count++;
    return 0;
}

/* ------------------------------------------------------------------ a report */

static void look_at_ledger(struct canp_monitor *monitor)
{
    uint64_t age_ns = monitor->opts.held_age_ns;

    if (canp_ledger_overruns() > 0) /* for good: what was overwritten stays so */
        monitor->report.warnings |= CANP_MONITOR_OVERRUN;
    if (age_ns == 0) {
        canp_ledger_tick(); /* so that others that ask find ages */
        return;
    }
    monitor->report.held_long = canp_ledger_each(age_ns, NULL, NULL);
    if (monitor->report.held_long > 0)
        monitor->report.warnings |= CANP_MONITOR_HELD_LONG;
}

void canp_monitor_report(struct canp_monitor *monitor)
{
    struct canp_monitor_report *report = &monitor->report;
    uint64_t now_ns = canp_monotonic_ns();

    report->number++;
    report->elapsed_ns = now_ns - monitor->last_ns;
    report->warnings = 0;
    monitor->last_ns = now_ns;
    canp_memstats_read(&report->memory);
    for (unsigned i = 0; i < report->cache_count; i++)
        look_at_cache(monitor, i);
    for (unsigned i = 0; i < report->pool_count; i++)
        look_at_pool(monitor, i);
    for (unsigned i = 0; i < report->ring_count; i++)
        look_at_ring(monitor, i);
    for (unsigned i = 0; i < report->other_count; i++)
        look_at_other(monitor, i);
    look_at_ledger(monitor);
    monitor->opts.report(monitor->opts.user, report);
}

uint64_t canp_monitor_due_ns(const struct canp_monitor *monitor)
{
    uint64_t passed_ns = canp_monotonic_ns() - monitor->last_ns;

    return passed_ns < monitor->opts.interval_ns ? monitor->opts.interval_ns - passed_ns : 0;
}

int canp_monitor_check(struct canp_monitor *monitor)
{
    if (canp_monitor_due_ns(monitor) > 0)
        return 0;
    canp_monitor_report(monitor);
    return 1;
}

/* ------------------------------------------------------------------ JSON */

static void write_warnings(struct canp_json *json, unsigned warnings)
{
    canp_json_open(json, "warnings", '[');
#define CANP_MONITOR_KEY(NAME, bit, key, text)                                                               \
    if (warnings & (bit))                                                                                    \
        canp_json_string(json, NULL, #key);
    CANP_MONITOR_WARNINGS(CANP_MONITOR_KEY)
#undef CANP_MONITOR_KEY
    canp_json_close(json, ']');
}

/* What caches of all kinds have. */
static void write_lookups(struct canp_json *json, const struct canp_cachestats *lookups, double hit_rate_now)
{
    canp_json_u64(json, "hits", lookups->hits);
    canp_json_u64(json, "misses", lookups->misses);
    canp_json_u64(json, "evictions", lookups->evictions);
    canp_json_double(json, "hit_rate", canp_cachestats_hit_rate(lookups));
    canp_json_double(json, "hit_rate_now", hit_rate_now);
}

static void write_bytes(struct canp_json *json, uint64_t bytes, uint64_t peak, uint64_t max)
{
    canp_json_u64(json, "bytes", bytes);
    canp_json_u64(json, "bytes_peak", peak);
    canp_json_u64(json, "bytes_max", max);
}

static void write_caches(struct canp_json *json, const struct canp_monitor_report *report)
{
    canp_json_open(json, "caches", '[');
    for (unsigned i = 0; i < report->cache_count; i++) {
        const struct canp_mapcache_stats *stats = &report->caches[i].stats;
        canp_json_open(json, NULL, '{');
        canp_json_string(json, "name", report->caches[i].name);
        write_lookups(json, &stats->lookups, report->caches[i].hit_rate_now);
        canp_json_u64(json, "refusals", stats->refusals);
        canp_json_u64(json, "lost", stats->lost);
        canp_json_u64(json, "count", stats->count);
        canp_json_u64(json, "in_use", stats->in_use);
        write_bytes(json, stats->bytes, stats->bytes_peak, stats->bytes_max);
        canp_json_close(json, '}');
    }
    canp_json_close(json, ']');
}

static void write_pools(struct canp_json *json, const struct canp_monitor_report *report)
{
    canp_json_open(json, "pools", '[');
    for (unsigned i = 0; i < report->pool_count; i++) {
        const struct canp_mempool_stats *stats = &report->pools[i].stats;
        canp_json_open(json, NULL, '{');
        canp_json_string(json, "name", report->pools[i].name);
        canp_json_u64(json, "misses_now", report->pools[i].misses_now);
        canp_json_u64(json, "refusals", stats->refusals);
        canp_json_u64(json, "direct_in_use", stats->direct_in_use);
        canp_json_u64(json, "direct_bytes", stats->direct_bytes);
        canp_json_open(json, "classes", '[');
        for (unsigned k = 0; k < stats->class_count; k++) {
            canp_json_open(json, NULL, '{');
            canp_json_u64(json, "block_bytes", stats->classes[k].block_bytes);
            canp_json_u64(json, "count_max", stats->classes[k].count_max);
            canp_json_u64(json, "created", stats->classes[k].created);
            canp_json_u64(json, "in_use", stats->classes[k].in_use);
            canp_json_u64(json, "acquires", stats->classes[k].acquires);
            canp_json_u64(json, "misses", stats->classes[k].misses);
            canp_json_close(json, '}');
        }
        canp_json_close(json, ']');
        canp_json_close(json, '}');
    }
    canp_json_close(json, ']');
}

static void write_rings(struct canp_json *json, const struct canp_monitor_report *report)
{
    canp_json_open(json, "rings", '[');
    for (unsigned i = 0; i < report->ring_count; i++) {
        const struct canp_slabring_stats *stats = &report->rings[i].stats;
        canp_json_open(json, NULL, '{');
        canp_json_string(json, "name", report->rings[i].name);
        canp_json_u64(json, "slots", stats->slot_count);
        canp_json_u64(json, "free", stats->free_slots);
        canp_json_u64(json, "filling", stats->filling_slots);
        canp_json_u64(json, "full", stats->full_slots);
        canp_json_u64(json, "spilling", stats->spilling_slots);
        canp_json_u64(json, "full_max", stats->full_slots_max);
        canp_json_u64(json, "committed", stats->committed);
        canp_json_u64(json, "taken", stats->taken);
        canp_json_u64(json, "stalls", stats->stalls);
        canp_json_u64(json, "stall_ns", stats->stall_ns);
        canp_json_u64(json, "stalls_now", report->rings[i].stalls_now);
        canp_json_close(json, '}');
    }
    canp_json_close(json, ']');
}

static void write_others(struct canp_json *json, const struct canp_monitor_report *report)
{
    canp_json_open(json, "others", '[');
    for (unsigned i = 0; i < report->other_count; i++) {
        const struct canp_monitor_other *stats = &report->others[i].stats;
        canp_json_open(json, NULL, '{');
        canp_json_string(json, "name", report->others[i].name);
        write_lookups(json, &stats->lookups, report->others[i].hit_rate_now);
        canp_json_u64(json, "load_ns", stats->load_ns);
        canp_json_u64(json, "count", stats->count);
        write_bytes(json, stats->bytes, stats->bytes_peak, stats->bytes_max);
        canp_json_close(json, '}');
    }
    canp_json_close(json, ']');
}

size_t canp_monitor_json(const struct canp_monitor_report *report, char *text, size_t text_bytes)
{
    struct canp_json json;

    canp_json_start(&json, text, text_bytes);
    canp_json_open(&json, NULL, '{');
    canp_json_u64(&json, "number", report->number);
    canp_json_u64(&json, "elapsed_ns", report->elapsed_ns);
    write_warnings(&json, report->warnings);
    canp_memstats_write(&json, "memory", &report->memory);
    canp_json_u64(&json, "held_long", report->held_long);
    write_caches(&json, report);
    write_pools(&json, report);
    write_rings(&json, report);
    write_others(&json, report);
    canp_json_close(&json, '}');
    return json.length;
}
