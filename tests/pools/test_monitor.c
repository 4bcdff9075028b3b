/* Monitor and profiling: when it reports, what it flags, what a scope measures, JSON. */
#include <canp/pools/monitor.h>
#include <canp/pools/objpool.h>
#include <canp/pools/profile.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "temp_file.h"

static void plain_modes(void)
{
    canp_ledger_set_modes(0);
}

TestSuite(monitor, .init = plain_modes, .timeout = 60);

static struct canp_monitor_report seen;
static unsigned reports;

static void note(void *user, const struct canp_monitor_report *report)
{
    cr_assert_eq(user, &seen);
    seen = *report;
    reports++;
}

static struct canp_monitor *make_monitor(uint64_t interval_ns, uint64_t held_age_ns)
{
    struct canp_monitor_opts opts = CANP_MONITOR_OPTS_INIT;
    struct canp_monitor *monitor = NULL;

    opts.interval_ns = interval_ns;
    opts.held_age_ns = held_age_ns;
    opts.report = note;
    opts.user = &seen;
    cr_assert_eq(canp_monitor_open(&opts, &monitor), 0);
    return monitor;
}

Test(monitor, reports_once_per_interval)
{
    struct canp_monitor_opts without_callback = CANP_MONITOR_OPTS_INIT;
    struct canp_monitor *monitor = make_monitor(20000000, 0), *none = NULL;

    cr_expect_eq(canp_monitor_check(monitor), 0);
    cr_expect_gt(canp_monitor_due_ns(monitor), 0u);
    usleep(21000);
    cr_expect_eq(canp_monitor_due_ns(monitor), 0);
    cr_expect_eq(canp_monitor_check(monitor), 1);
    cr_expect_eq(canp_monitor_check(monitor), 0);
    cr_expect_eq(reports, 1);
    cr_expect_eq(seen.number, 1);
    cr_expect_geq(seen.elapsed_ns, 20000000u);
    cr_expect_eq(seen.warnings, 0);
    canp_monitor_report(monitor);
    cr_expect_eq(seen.number, 2);
    cr_expect_eq(canp_monitor_open(&without_callback, &none), -EINVAL);
    canp_monitor_close(monitor);
    canp_monitor_close(NULL);
}

Test(monitor, says_a_low_hit_rate)
{
    struct canp_mapcache_opts opts = {.count_max = 1, .bytes_max = 1 << 20, .high_water_percent = 80};
    struct canp_mapcache *cache = NULL;
    struct canp_monitor *monitor = make_monitor(1, 0);
    struct canp_file_id id[2];
    int fd[2];

    cr_assert_eq(canp_mapcache_open(&opts, &cache), 0);
    for (uint32_t i = 0; i < 2; i++) {
        fd[i] = temp_file(i, 4096);
        canp_file_id_of(fd[i], &id[i]);
    }
    cr_assert_eq(canp_monitor_watch_cache(monitor, "segments", cache), 0);
    for (int round = 0; round < 3; round++) {
        /* 99 look-ups that miss: too few to say; then 100 that miss; then 100 that hit */
        for (int i = 0; i < (round == 0 ? 99 : 100); i++) {
            struct canp_mapped *mapped;
            int which = round == 2 ? 1 : i % 2;
            cr_assert_eq(canp_mapcache_get(cache, &id[which], fd[which], &mapped), 0);
            canp_mapped_release(mapped);
        }
        canp_monitor_report(monitor);
        cr_expect_eq(seen.warnings, round == 1 ? CANP_MONITOR_LOW_HIT_RATE : 0, "round %d", round);
        cr_expect(round == 2 ? seen.caches[0].hit_rate_now > 0.98 : seen.caches[0].hit_rate_now < 0.02);
    }
    cr_expect_str_eq(seen.caches[0].name, "segments");
    cr_expect_not_null(canp_monitor_warning_text(CANP_MONITOR_LOW_HIT_RATE));
    cr_expect_null(canp_monitor_warning_text(1u << 20));
    canp_monitor_close(monitor);
    canp_mapcache_close(cache);
}

Test(monitor, says_stalls_exhaustion_and_what_is_held_long)
{
    struct canp_slabring_opts ring_opts = {.slot_bytes = 1, .slot_count = 1};
    struct canp_mempool_opts pool_opts = {.classes = {{100, 0, 1, CANP_OBJPOOL_NO_CACHES}},
                                          .direct_bytes_max = 1000};
    struct canp_slabring *ring = NULL;
    struct canp_mempool *pool = NULL;
    struct canp_monitor *monitor = make_monitor(1, 1000000);

    cr_assert_eq(canp_slabring_open(&ring_opts, &ring), 0);
    cr_assert_eq(canp_mempool_open(&pool_opts, &pool), 0);
    canp_monitor_watch_ring(monitor, "capture", ring);
    canp_monitor_watch_pool(monitor, "buffers", pool);
    canp_monitor_report(monitor);
    cr_expect_eq(seen.warnings, 0);

    struct canp_slab *slab = canp_slabring_acquire(ring);
    cr_expect_null(canp_slabring_acquire(ring));
    canp_monitor_report(monitor);
    cr_expect_eq(seen.warnings, CANP_MONITOR_STALLED);
    cr_expect_eq(seen.rings[0].stalls_now, 1);
    usleep(1000);
    canp_monitor_report(monitor);
    cr_expect_eq(seen.warnings, CANP_MONITOR_STALLED, "the same stall goes on");
    cr_expect_eq(seen.rings[0].stalls_now, 0);
    canp_slabring_commit(ring, slab);
    canp_slabring_give_back(ring, canp_slabring_take(ring));
    canp_slabring_acquire(ring);
    canp_monitor_report(monitor);
    canp_monitor_report(monitor);
    cr_expect_eq(seen.warnings, 0, "it is over");

    void *first = canp_mempool_acquire(pool, 100), *second = canp_mempool_acquire(pool, 100);
    canp_monitor_report(monitor);
    cr_expect_eq(seen.warnings, CANP_MONITOR_EXHAUSTED);
    cr_expect_eq(seen.pools[0].misses_now, 1);
    usleep(2000);
    canp_monitor_report(monitor);
    cr_expect_eq(seen.warnings, CANP_MONITOR_HELD_LONG);
    cr_expect_eq(seen.held_long, 2);
    canp_mempool_release(pool, first);
    canp_mempool_release(pool, second);
    canp_monitor_report(monitor);
    cr_expect_eq(seen.warnings, 0);
    canp_monitor_close(monitor);
    canp_mempool_close(pool);
    canp_slabring_close(ring);
}

Test(monitor, warns_for_good_of_an_overrun)
{
    struct canp_objpool_opts opts = CANP_OBJPOOL_OPTS_INIT;
    struct canp_monitor *monitor = make_monitor(1, 0);
    struct canp_objpool *pool = NULL;

    opts.object_bytes = 100;
    opts.object_count_max = 1;
    canp_ledger_set_modes(CANP_LEDGER_GUARDS);
    cr_assert_eq(canp_objpool_open(&opts, &pool), 0);
    volatile char *object = canp_objpool_acquire(pool);
    object[110] = 1;
    canp_monitor_report(monitor);
    cr_expect_eq(seen.warnings, 0, "it is found at the release");
    canp_objpool_release(pool, (char *)object);
    for (int i = 0; i < 2; i++) {
        canp_monitor_report(monitor);
        cr_expect_eq(seen.warnings, CANP_MONITOR_OVERRUN);
    }
    canp_objpool_close(pool);
    canp_monitor_close(monitor);
}

Test(monitor, watches_no_more_than_its_bound_and_fits_its_json)
{
    struct canp_mempool_opts opts = CANP_MEMPOOL_OPTS_INIT;
    struct canp_slabring_opts ring_opts = {.slot_bytes = 1, .slot_count = 1};
    struct canp_mapcache_opts cache_opts = CANP_MAPCACHE_OPTS_INIT;
    struct canp_monitor *monitor = make_monitor(1, 0);
    struct canp_mempool *pool;
    struct canp_slabring *ring;
    struct canp_mapcache *cache;
    static char text[16384];

    canp_mempool_open(&opts, &pool);
    canp_slabring_open(&ring_opts, &ring);
    canp_mapcache_open(&cache_opts, &cache);
    for (int i = 0; i < CANP_MONITOR_WATCHES_MAX; i++) {
        cr_expect_eq(canp_monitor_watch_pool(monitor, "pool", pool), 0);
        cr_expect_eq(canp_monitor_watch_ring(monitor, "ring", ring), 0);
        cr_expect_eq(canp_monitor_watch_cache(monitor, "cache", cache), 0);
    }
    cr_expect_eq(canp_monitor_watch_pool(monitor, "pool", pool), -ENOSPC);
    cr_expect_eq(canp_monitor_watch_ring(monitor, "ring", ring), -ENOSPC);
    cr_expect_eq(canp_monitor_watch_cache(monitor, "cache", cache), -ENOSPC);
    canp_monitor_report(monitor);
    seen.warnings = 31;
    size_t length = canp_monitor_json(&seen, text, sizeof(text));
    cr_expect_lt(length, sizeof(text));
    cr_expect_eq(strlen(text), length);
    cr_expect_not_null(strstr(
        text,
        "\"warnings\":[\"low_hit_rate\",\"stalled\",\"exhausted\",\"held_long\",\"overrun\"],\"memory\":{"));
    cr_expect_not_null(strstr(text, "\"rings\":[{\"name\":\"ring\",\"slots\":1,\"free\":1,"));
    canp_monitor_close(monitor);
    canp_mapcache_close(cache);
    canp_slabring_close(ring);
    canp_mempool_close(pool);
}

static void ask_other(void *cache, struct canp_monitor_other *out)
{
    const uint64_t *hits = cache;
    *out = (struct canp_monitor_other){
        .lookups = {.hits = *hits, .misses = 2, .evictions = 1}, .load_ns = 77, .bytes = 5};
}

Test(monitor, watches_a_cache_of_another_kind)
{
    struct canp_monitor *monitor = make_monitor(1, 0);
    char text[16384];
    uint64_t hits = 6;

    for (int i = 0; i < CANP_MONITOR_WATCHES_MAX; i++)
        cr_expect_eq(canp_monitor_watch_other(monitor, "databases", ask_other, &hits), 0);
    cr_expect_eq(canp_monitor_watch_other(monitor, "databases", ask_other, &hits), -ENOSPC);
    hits = 18;
    canp_monitor_report(monitor);
    cr_expect_eq(seen.other_count, CANP_MONITOR_WATCHES_MAX);
    cr_expect_eq(seen.others[0].stats.lookups.hits, 18);
    cr_expect_float_eq(seen.others[0].hit_rate_now, 1, 1e-9);
    cr_expect_eq(seen.warnings & CANP_MONITOR_LOW_HIT_RATE, 0);
    cr_expect_lt(canp_monitor_json(&seen, text, sizeof(text)), sizeof(text));
    cr_expect_not_null(
        strstr(text, "\"others\":[{\"name\":\"databases\",\"hits\":18,\"misses\":2,\"evictions\":1,"));
    cr_expect_not_null(strstr(text, "\"load_ns\":77,"));
    canp_monitor_close(monitor);
}

/* ---- profiling */

static void measured(struct canp_memprofile *profile, struct canp_objpool *pool, int count)
{
    CANP_MEMPROFILE_SCOPE(profile);
    void *object[10];

    for (int i = 0; i < count; i++)
        object[i] = canp_objpool_acquire(pool);
    usleep(2000);
    if (count > 5)
        return;
    for (int i = 0; i < count; i++)
        canp_objpool_release(pool, object[i]);
}

Test(monitor, a_scope_measures_time_and_allocations)
{
    static struct canp_memprofile profile = CANP_MEMPROFILE_INIT("test");
    struct canp_objpool_opts opts = CANP_OBJPOOL_OPTS_INIT;
    struct canp_objpool *pool = NULL;
    char text[400];

    opts.object_bytes = 100;
    opts.object_count_max = 20;
    cr_assert_eq(canp_objpool_open(&opts, &pool), 0);
    measured(&profile, pool, 3);
    measured(&profile, pool, 10);
    cr_expect_eq(profile.calls, 2);
    cr_expect_geq(profile.total_ns, 4000000u);
    cr_expect_geq(profile.max_ns, 2000000u);
    cr_expect_lt(profile.max_ns, profile.total_ns);
    cr_expect_eq(profile.allocs, 13);
    cr_expect_eq(profile.frees, 3);
    cr_expect_eq(profile.allocated_bytes, 1300);
    cr_expect_eq(profile.freed_bytes, 300);
    cr_expect_lt(canp_memprofile_json(&profile, text, sizeof(text)), sizeof(text));
    cr_expect_not_null(strstr(text, "{\"name\":\"test\",\"calls\":2,"));
    cr_expect_not_null(strstr(text, "\"allocs\":13,\"frees\":3,"));
    canp_objpool_close(pool);
}
