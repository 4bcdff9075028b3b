/*
 * Memory statistics (canp/pools/memstats.h), which cost a few instructions per count.
 *
 * Invariant: a slot's counters have one writer, its thread (slot 0, which many share, is written by atomic
 * additions). All threads share the level from which the peak comes; a thread adds to it when it has gathered
 * 64 KiB or more.
 *
 * False sharing: each thread's counters start a cache line; the shared levels have one line per tag.
 */
#include "memstats_private.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "threads.h"

#define LEVEL_BATCH_BYTES (64 * 1024)
#define ALL_TAGS          CANP_MEMTAG_COUNT /* the level of the sum */

struct tag_counters {
    _Atomic uint64_t allocated_bytes;
    _Atomic uint64_t freed_bytes;
    _Atomic uint64_t allocs;
    _Atomic uint64_t frees;
    int64_t gathered_bytes; /* not yet brought to the level; unused in slot 0 */
};

struct thread_counters {
    _Alignas(64) struct tag_counters tag[CANP_MEMTAG_COUNT];
};

struct level {
    _Alignas(64) _Atomic int64_t bytes;
    _Atomic int64_t peak_bytes;
};

static struct thread_counters counters[CANP_THREAD_ARRAY];
static struct level levels[CANP_MEMTAG_COUNT + 1];
static void (*_Atomic add_pools)(struct canp_memstats *stats, unsigned slot);

static const char *const tag_names[] = {
#define CANP_MEMTAG_NAME(TAG, name, text) #name,
    CANP_MEMTAGS(CANP_MEMTAG_NAME)
#undef CANP_MEMTAG_NAME
};

const char *canp_memtag_name(enum canp_memtag tag)
{
    return (unsigned)tag < CANP_MEMTAG_COUNT ? tag_names[tag] : "?";
}

static void add(_Atomic uint64_t *counter, uint64_t n, bool shared)
{
    if (shared)
        atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
    else
        atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                              memory_order_relaxed);
}

static void move_level(struct level *level, int64_t bytes)
{
    int64_t now = atomic_fetch_add_explicit(&level->bytes, bytes, memory_order_relaxed) + bytes;
    int64_t peak = atomic_load_explicit(&level->peak_bytes, memory_order_relaxed);

    while (now > peak) { /* ends: every failed exchange raises the peak */
        if (atomic_compare_exchange_weak_explicit(&level->peak_bytes, &peak, now, memory_order_relaxed,
                                                  memory_order_relaxed))
            return;
    }
}

void canp_memstats_move_level(enum canp_memtag tag, int64_t bytes)
{
    move_level(&levels[tag], bytes);
    move_level(&levels[ALL_TAGS], bytes);
}

static void gather(struct tag_counters *tag_counters, enum canp_memtag tag, int64_t bytes, bool shared)
{
    if (!shared) {
        bytes += tag_counters->gathered_bytes;
        tag_counters->gathered_bytes = 0;
        if (bytes > -LEVEL_BATCH_BYTES && bytes < LEVEL_BATCH_BYTES) {
            tag_counters->gathered_bytes = bytes;
            return;
        }
    }
    canp_memstats_move_level(tag, bytes);
}

void canp_memstats_alloc(enum canp_memtag tag, size_t bytes)
{
    unsigned slot = canp_thread_slot_assign();
    struct tag_counters *mine = &counters[slot].tag[tag];

    add(&mine->allocated_bytes, bytes, slot == 0);
    add(&mine->allocs, 1, slot == 0);
    gather(mine, tag, (int64_t)bytes, slot == 0);
}

void canp_memstats_free(enum canp_memtag tag, size_t bytes)
{
    unsigned slot = canp_thread_slot_assign();
    struct tag_counters *mine = &counters[slot].tag[tag];

    add(&mine->freed_bytes, bytes, slot == 0);
    add(&mine->frees, 1, slot == 0);
    gather(mine, tag, -(int64_t)bytes, slot == 0);
}

void canp_memstats_retire(enum canp_memtag tag, const struct canp_memcount *count)
{
    struct tag_counters *shared = &counters[0].tag[tag];

    add(&shared->allocated_bytes, count->allocated_bytes, true);
    add(&shared->freed_bytes, count->freed_bytes, true);
    add(&shared->allocs, count->allocs, true);
    add(&shared->frees, count->frees, true);
}

void canp_memstats_count_pools(void (*add_counts)(struct canp_memstats *stats, unsigned slot))
{
    atomic_store_explicit(&add_pools, add_counts, memory_order_release);
}

/* ------------------------------------------------------------------ reading */

static void add_pools_of(struct canp_memstats *stats, unsigned slot)
{
    void (*add_counts)(struct canp_memstats *, unsigned) =
        atomic_load_explicit(&add_pools, memory_order_acquire);

    if (add_counts != NULL)
        add_counts(stats, slot);
}

static void add_slot(struct canp_memstats *stats, unsigned slot)
{
    for (unsigned t = 0; t < CANP_MEMTAG_COUNT; t++) {
        const struct tag_counters *from = &counters[slot].tag[t];
        struct canp_memcount *to = &stats->tag[t];

        /* freed before allocated, so that a block that goes through between them does not count below 0 */
        to->freed_bytes += atomic_load_explicit(&from->freed_bytes, memory_order_relaxed);
        to->frees += atomic_load_explicit(&from->frees, memory_order_relaxed);
        to->allocated_bytes += atomic_load_explicit(&from->allocated_bytes, memory_order_relaxed);
        to->allocs += atomic_load_explicit(&from->allocs, memory_order_relaxed);
    }
}

static void sum_up(struct canp_memstats *stats)
{
    struct canp_memcount *total = &stats->total;

    for (unsigned t = 0; t < CANP_MEMTAG_COUNT; t++) {
        struct canp_memcount *count = &stats->tag[t];

        /* Blocks freed by another thread than their first may be seen freed only. */
        count->current_bytes =
            count->allocated_bytes > count->freed_bytes ? count->allocated_bytes - count->freed_bytes : 0;
        total->allocated_bytes += count->allocated_bytes;
        total->freed_bytes += count->freed_bytes;
        total->current_bytes += count->current_bytes;
        total->allocs += count->allocs;
        total->frees += count->frees;
    }
}

static uint64_t peak_of(const struct level *level, uint64_t current_bytes)
{
    int64_t peak_bytes = atomic_load_explicit(&level->peak_bytes, memory_order_relaxed);

    return peak_bytes > 0 && (uint64_t)peak_bytes > current_bytes ? (uint64_t)peak_bytes : current_bytes;
}

void canp_memstats_read(struct canp_memstats *out)
{
    struct canp_memstats stats = {0};

    for (unsigned slot = 0; slot < CANP_THREAD_ARRAY; slot++)
        add_slot(&stats, slot);
    add_pools_of(&stats, CANP_MEMSTATS_ALL_SLOTS);
    sum_up(&stats);
    for (unsigned t = 0; t < CANP_MEMTAG_COUNT; t++)
        stats.tag[t].peak_bytes = peak_of(&levels[t], stats.tag[t].current_bytes);
    stats.total.peak_bytes = peak_of(&levels[ALL_TAGS], stats.total.current_bytes);
    *out = stats;
}

void canp_memstats_read_thread(struct canp_memstats *out)
{
    unsigned slot = canp_thread_slot_assign();
    struct canp_memstats stats = {0};

    add_slot(&stats, slot);
    add_pools_of(&stats, slot);
    sum_up(&stats);
    *out = stats;
}

/* ------------------------------------------------------------------ JSON */

static void write_count(struct canp_json *json, const char *key, const struct canp_memcount *count)
{
    canp_json_open(json, key, '{');
    canp_json_u64(json, "allocated_bytes", count->allocated_bytes);
    canp_json_u64(json, "freed_bytes", count->freed_bytes);
    canp_json_u64(json, "current_bytes", count->current_bytes);
    canp_json_u64(json, "peak_bytes", count->peak_bytes);
    canp_json_u64(json, "allocs", count->allocs);
    canp_json_u64(json, "frees", count->frees);
    canp_json_close(json, '}');
}

void canp_memstats_write(struct canp_json *json, const char *key, const struct canp_memstats *stats)
{
    canp_json_open(json, key, '{');
    write_count(json, "total", &stats->total);
    for (unsigned t = 0; t < CANP_MEMTAG_COUNT; t++)
        write_count(json, tag_names[t], &stats->tag[t]);
    canp_json_close(json, '}');
}

size_t canp_memstats_json(const struct canp_memstats *stats, char *text, size_t text_bytes)
{
    struct canp_json json;

    canp_json_start(&json, text, text_bytes);
    canp_memstats_write(&json, NULL, stats);
    return json.length;
}
