/*
 * Monitor: reports the state of memory, caches, pools and slab rings to a callback at intervals, and flags
 * what is wrong. It has no thread of its own: call canp_monitor_check() in a loop that you have anyway.
 *
 * Threads: one thread uses a monitor; it must not be the capture thread, since the monitor takes locks. Other
 * threads may use the watched objects meanwhile.
 */
#ifndef CANP_POOLS_MONITOR_H
#define CANP_POOLS_MONITOR_H

#include <canp/export.h>
#include <canp/pools/mapcache.h>
#include <canp/pools/mempool.h>
#include <canp/pools/memstats.h>
#include <canp/pools/slabring.h>
#include <stddef.h>
#include <stdint.h>

CANP_BEGIN_DECLS

/* Of each kind; one more is refused with -ENOSPC. */
#define CANP_MONITOR_WATCHES_MAX 8

/* X(NAME, bit, key, text) */
#define CANP_MONITOR_WARNINGS(X)                                                                             \
    X(LOW_HIT_RATE, 1, low_hit_rate, "a mapping cache misses often: its budget may be too small")            \
    X(STALLED, 2, stalled, "a slab ring had no free slot: the consumer does not keep up")                    \
    X(EXHAUSTED, 4, exhausted, "a class of a layered pool was exhausted")                                    \
    X(HELD_LONG, 8, held_long, "something is held for long: a leak, or a forgotten reference")               \
    X(OVERRUN, 16, overrun, "something was written behind an object's end: its memory is not to be trusted")

enum canp_monitor_warning {
#define CANP_MONITOR_ENUM(NAME, bit, key, text) CANP_MONITOR_##NAME = (bit),
    CANP_MONITOR_WARNINGS(CANP_MONITOR_ENUM)
#undef CANP_MONITOR_ENUM
};

/* A sentence for people; NULL for a bit that is no warning. Static. */
CANP_API const char *canp_monitor_warning_text(unsigned bit);

/* What a cache of another kind, of databases for example, tells of itself. */
struct canp_monitor_other {
    struct canp_cachestats lookups;
    uint64_t count; /* kept now */
    uint64_t bytes; /* likewise */
    uint64_t bytes_peak;
    uint64_t bytes_max;
    uint64_t load_ns; /* spent on making what was missing: reading, parsing */
};

struct canp_monitor_report {
    uint64_t number;     /* 1 for the first */
    uint64_t elapsed_ns; /* since the previous report or canp_monitor_open(); fields ending in _now count this
                            time only */
    unsigned warnings;   /* enum canp_monitor_warning, or-ed */
    struct canp_memstats memory;
    uint64_t held_long; /* ledger entries older than held_age_ns; 0 when held_age_ns is 0 */
    unsigned cache_count, pool_count, ring_count, other_count;
    struct {
        const char *name;
        struct canp_mapcache_stats stats;
        double hit_rate_now; /* 1 if nothing was looked up */
    } caches[CANP_MONITOR_WATCHES_MAX];
    struct {
        const char *name;
        struct canp_mempool_stats stats;
        uint64_t misses_now;
    } pools[CANP_MONITOR_WATCHES_MAX];
    struct {
        const char *name;
        struct canp_slabring_stats stats;
        uint64_t stalls_now;
        uint64_t stall_ns_now;
    } rings[CANP_MONITOR_WATCHES_MAX];
    struct {
        const char *name;
        struct canp_monitor_other stats;
        double hit_rate_now; /* 1 if nothing was looked up */
    } others[CANP_MONITOR_WATCHES_MAX];
};

typedef void canp_monitor_callback(void *user, const struct canp_monitor_report *report);

struct canp_monitor_opts {
    size_t size;          /* canp/export.h */
    uint64_t interval_ns; /* 0: a second; 1: each check reports */
    double low_hit_rate;  /* a cache whose hit_rate_now is lower is flagged; 0: 0.8; negative: never */
    uint64_t lookups_min; /* with fewer look-ups since the last report a cache is not flagged; 0: 100 */
    uint64_t held_age_ns; /* 0: the ledger is not asked; asking it walks through all objects */
    canp_monitor_callback *report;
    void *user;
};
#define CANP_MONITOR_OPTS_INIT CANP_OPTS_INIT_(canp_monitor_opts)

struct canp_monitor;

/* *out is owned: canp_monitor_close(). 0; -EINVAL (no callback); -E2BIG; -ENOMEM. */
CANP_API int canp_monitor_open(const struct canp_monitor_opts *opts, struct canp_monitor **out);
CANP_API void canp_monitor_close(struct canp_monitor *monitor); /* NULL is allowed */

/* The watched object and its name must outlive the monitor. 0, or -ENOSPC. */
CANP_API int canp_monitor_watch_cache(struct canp_monitor *monitor, const char *name,
                                      struct canp_mapcache *cache);
CANP_API int canp_monitor_watch_pool(struct canp_monitor *monitor, const char *name,
                                     const struct canp_mempool *pool);
CANP_API int canp_monitor_watch_ring(struct canp_monitor *monitor, const char *name,
                                     const struct canp_slabring *ring);
/* `ask` is called for each report, by the monitor's thread. */
CANP_API int canp_monitor_watch_other(struct canp_monitor *monitor, const char *name,
                                      void (*ask)(void *cache, struct canp_monitor_other *out), void *cache);

/* Reports if the interval has passed since the last report: 1 if it reported, else 0, which costs one clock
 * read.
 */
CANP_API int canp_monitor_check(struct canp_monitor *monitor);

/* Reports now, whether the interval has passed or not. */
CANP_API void canp_monitor_report(struct canp_monitor *monitor);

/* Nanoseconds until canp_monitor_check() will report; 0: now. For the time-out of a loop. */
CANP_API uint64_t canp_monitor_due_ns(const struct canp_monitor *monitor);

/* As a JSON object of one line. Like snprintf: returns the length needed, cut (and terminated) if that is
 * text_bytes or more; 16 KiB suffice. */
CANP_API size_t canp_monitor_json(const struct canp_monitor_report *report, char *text, size_t text_bytes);

CANP_END_DECLS

#endif
