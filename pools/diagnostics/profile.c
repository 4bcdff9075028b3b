/* Profiling (canp/pools/profile.h). Invariant: sums only grow, by whole scopes. Any thread. */
#include <canp/pools/clock.h>
#include <canp/pools/profile.h>
#include <stddef.h>

#include "json.h"

_Static_assert(offsetof(struct canp_memprofile, calls) % 8 == 0 && _Alignof(struct canp_memprofile) == 8,
               "atomic");

static void add(uint64_t *sum, uint64_t n)
{
    __atomic_fetch_add(sum, n, __ATOMIC_RELAXED);
}

static void raise_max(uint64_t *max, uint64_t value)
{
    uint64_t before = __atomic_load_n(max, __ATOMIC_RELAXED);

    while (value > before) { /* ends: a failed exchange means that the maximum has risen */
        if (__atomic_compare_exchange_n(max, &before, value, 1, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            return;
    }
}

void canp_memprofile_begin(struct canp_memprofile_scope *scope, struct canp_memprofile *profile)
{
    struct canp_memstats stats;

    canp_memstats_read_thread(&stats);
    scope->profile = profile;
    scope->before = stats.total;
    scope->start_ns = canp_monotonic_ns();
}

void canp_memprofile_end(struct canp_memprofile_scope *scope)
{
    uint64_t took_ns = canp_monotonic_ns() - scope->start_ns;
    struct canp_memprofile *profile = scope->profile;
    struct canp_memstats stats;

    canp_memstats_read_thread(&stats);
    add(&profile->calls, 1);
    add(&profile->total_ns, took_ns);
    raise_max(&profile->max_ns, took_ns);
    add(&profile->allocs, stats.total.allocs - scope->before.allocs);
    add(&profile->frees, stats.total.frees - scope->before.frees);
    add(&profile->allocated_bytes, stats.total.allocated_bytes - scope->before.allocated_bytes);
    add(&profile->freed_bytes, stats.total.freed_bytes - scope->before.freed_bytes);
}

static uint64_t load(const uint64_t *sum)
{
    return __atomic_load_n(sum, __ATOMIC_RELAXED);
}

void canp_memprofile_read(const struct canp_memprofile *profile, struct canp_memprofile *out)
{
    *out = (struct canp_memprofile){
        .name = profile->name,
        .calls = load(&profile->calls),
        .total_ns = load(&profile->total_ns),
        .max_ns = load(&profile->max_ns),
        .allocs = load(&profile->allocs),
        .frees = load(&profile->frees),
        .allocated_bytes = load(&profile->allocated_bytes),
        .freed_bytes = load(&profile->freed_bytes),
    };
}

size_t canp_memprofile_json(const struct canp_memprofile *profile, char *text, size_t text_bytes)
{
    struct canp_memprofile sums;
    struct canp_json json;

    canp_memprofile_read(profile, &sums);
    canp_json_start(&json, text, text_bytes);
    canp_json_open(&json, NULL, '{');
    canp_json_string(&json, "name", sums.name);
    canp_json_u64(&json, "calls", sums.calls);
    canp_json_u64(&json, "total_ns", sums.total_ns);
    canp_json_u64(&json, "max_ns", sums.max_ns);
    canp_json_u64(&json, "allocs", sums.allocs);
    canp_json_u64(&json, "frees", sums.frees);
    canp_json_u64(&json, "allocated_bytes", sums.allocated_bytes);
    canp_json_u64(&json, "freed_bytes", sums.freed_bytes);
    canp_json_close(&json, '}');
    return json.length;
}
