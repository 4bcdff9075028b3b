/*
 * The slab ring (canp/pools/slabring.h), with which the capture thread neither allocates nor waits.
 *
 * Invariant: with A = acquired, T = taken and n slots, slots T .. A-1 (mod n) are filling or full, all others
 * are free or spilling, and A - T <= n. A slot is handed over by its state only: the side that takes it reads
 * the state with acquire order and so sees all that the other side wrote before storing it with release
 * order.
 * Threads: one producer, one consumer; statistics and wake from any.
 *
 * False sharing: the producer's counters, the consumer's counters and the sleep word have a cache line each,
 * and so has every slot's state. Once per slab (not per frame) a commit reads the consumer's line for the
 * high-water mark and the sleep word's line.
 */
#include <canp/pools/clock.h>
#include <canp/pools/memstats.h>
#include <canp/pools/slabring.h>
#include <canp/private/opts.h>

#include "futex.h"
#include "slab_memory.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_LINE_BYTES 64

enum slot_state {
    SLOT_FREE,
    SLOT_FILLING,
    SLOT_FULL,
    SLOT_SPILLING,
    SLOT_STATE_COUNT,
};

struct slot {
    _Alignas(CACHE_LINE_BYTES) _Atomic uint32_t state;
    struct canp_slab slab;
};

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): a line for each side is the point */
struct canp_slabring {
    /* Constant after creation. */
    struct slot *slots;
    unsigned slot_count;
    size_t slot_bytes;
    struct slab_memory memory; /* of its own lines */

    /* Written by the producer alone: plain relaxed stores, no read-modify-write. */
    _Alignas(CACHE_LINE_BYTES) _Atomic uint64_t acquired;
    _Atomic uint64_t committed;
    _Atomic uint64_t stalls;
    _Atomic uint64_t refusals;
    _Atomic int64_t stall_clock_ns; /* see stall_ns_at() */
    _Atomic uint64_t stall_ns_max;
    uint64_t stall_since_ns; /* the producer's own; 0: no stall at present */
    _Atomic uint32_t full_slots_max;
    _Atomic uint32_t wakes;

    /* Written by the consumer alone. */
    _Alignas(CACHE_LINE_BYTES) _Atomic uint64_t taken;

    /* The futex word: 1 from the consumer's decision to sleep until somebody wakes it. */
    _Alignas(CACHE_LINE_BYTES) _Atomic uint32_t sleeping;
    _Atomic uint32_t wake_pending;
};

static uint64_t load(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static uint32_t load32(const _Atomic uint32_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* For counters with one writer. */
static void add(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_store_explicit(counter, load(counter) + n, memory_order_relaxed);
}

static struct slot *slot_at(const struct canp_slabring *ring, uint64_t position)
{
    return &ring->slots[position % ring->slot_count];
}

static struct slot *slot_of(const struct canp_slabring *ring, const struct canp_slab *slab)
{
    assert(slab->index < ring->slot_count && &ring->slots[slab->index].slab == slab);
    return &ring->slots[slab->index];
}

/* ------------------------------------------------------------------ creation */

static void init_slots(struct canp_slabring *ring)
{
    for (unsigned i = 0; i < ring->slot_count; i++) {
        struct canp_slab *slab = &ring->slots[i].slab;

        slab->capacity_bytes = ring->slot_bytes;
        slab->index = i;
    }
}

static void *alloc_lines(size_t bytes)
{
    void *lines = aligned_alloc(CACHE_LINE_BYTES, bytes); /* all sizes here are whole lines */

    if (lines != NULL)
        memset(lines, 0, bytes);
    return lines;
}

/* The thread that gets memory ready may hold one piece at a time: that is one more than there are slots. */
static int open_memory(struct canp_slabring *ring, const struct canp_slabring_opts *opts)
{
    bool all = opts->ready_slots == 0 || opts->ready_slots >= opts->slot_count;

    return canp_slab_memory_open(&ring->memory, ring->slot_bytes, ring->slot_count + !all,
                                 all ? 0 : opts->ready_slots, opts->huge_pages, opts->lock_memory);
}

int canp_slabring_open(const struct canp_slabring_opts *opts, struct canp_slabring **out)
{
    struct canp_slabring_opts taken;
    int r = canp_opts_take(&taken, sizeof(taken), sizeof(taken), opts);

    if (r < 0)
        return r;
    if (taken.slot_count < 1 || taken.slot_count > CANP_SLABRING_SLOTS_MAX)
        return -EINVAL;
    if (taken.slot_bytes < 1 || taken.slot_bytes > CANP_SLABRING_SLOT_BYTES_MAX)
        return -EINVAL;

    struct canp_slabring *ring = alloc_lines(sizeof(*ring));
    if (ring == NULL)
        return -ENOMEM;
    ring->slot_count = taken.slot_count;
    ring->slot_bytes = canp_pages_round_up(taken.slot_bytes);
    ring->slots = alloc_lines(ring->slot_count * sizeof(*ring->slots));
    if (ring->slots == NULL || open_memory(ring, &taken) < 0) {
        canp_slabring_close(ring);
        return -ENOMEM;
    }
    init_slots(ring);
    *out = ring;
    return 0;
}

void canp_slabring_close(struct canp_slabring *ring)
{
    if (ring == NULL)
        return;
    canp_slab_memory_close(&ring->memory);
    free(ring->slots);
    free(ring);
}

/* ------------------------------------------------------------------ producer */

/* Stalled time up to now_ns. The total and the start of a stall that lasts live in one word, so that any
 * thread reads them together: >= 0 is the total; during a stall it is total - start, which is negative since
 * the clock started before the first stall. */
static uint64_t stall_ns_at(int64_t stall_clock_ns, uint64_t now_ns)
{
    return stall_clock_ns >= 0 ? (uint64_t)stall_clock_ns : (uint64_t)((int64_t)now_ns + stall_clock_ns);
}

static void note_refusal(struct canp_slabring *ring)
{
    add(&ring->refusals, 1);
    if (ring->stall_since_ns != 0)
        return;
    add(&ring->stalls, 1);
    ring->stall_since_ns = canp_monotonic_ns();
    int64_t total_ns = atomic_load_explicit(&ring->stall_clock_ns, memory_order_relaxed);
    atomic_store_explicit(&ring->stall_clock_ns, total_ns - (int64_t)ring->stall_since_ns,
                          memory_order_relaxed);
}

static void end_stall(struct canp_slabring *ring)
{
    uint64_t now_ns = canp_monotonic_ns();
    uint64_t length_ns = now_ns - ring->stall_since_ns;
    int64_t clock_ns = atomic_load_explicit(&ring->stall_clock_ns, memory_order_relaxed);

    atomic_store_explicit(&ring->stall_clock_ns, (int64_t)stall_ns_at(clock_ns, now_ns),
                          memory_order_relaxed);
    if (length_ns > load(&ring->stall_ns_max))
        atomic_store_explicit(&ring->stall_ns_max, length_ns, memory_order_relaxed);
    ring->stall_since_ns = 0;
}

struct canp_slab *canp_slabring_acquire(struct canp_slabring *ring)
{
    struct slot *slot = slot_at(ring, load(&ring->acquired));

    /* acquire: pairs with the release in canp_slabring_give_back() */
    bool is_free = atomic_load_explicit(&slot->state, memory_order_acquire) == SLOT_FREE;
    uint8_t *data = is_free ? canp_slab_memory_take(&ring->memory) : NULL;

    if (data == NULL) {
        note_refusal(ring);
        return NULL;
    }
    if (ring->stall_since_ns != 0)
        end_stall(ring);
    slot->slab.data = data;
    slot->slab.used_bytes = 0;
    atomic_store_explicit(&slot->state, SLOT_FILLING, memory_order_relaxed);
    add(&ring->acquired, 1);
    return &slot->slab;
}

/* True if a sleeper was woken. The caller has stored, seq_cst, what the sleeper looks at after it set
 * `sleeping`: in the single order of those four, either the sleeper sees the store or we see the sleeper. */
static bool wake_sleeper(struct canp_slabring *ring)
{
    if (atomic_load_explicit(&ring->sleeping, memory_order_seq_cst) == 0)
        return false;
    if (atomic_exchange_explicit(&ring->sleeping, 0, memory_order_seq_cst) == 0)
        return false;
    canp_futex_wake(&ring->sleeping);
    return true;
}

static void note_full(struct canp_slabring *ring)
{
    uint64_t full = load(&ring->committed) - load(&ring->taken);

    if (full > atomic_load_explicit(&ring->full_slots_max, memory_order_relaxed))
        atomic_store_explicit(&ring->full_slots_max, (uint32_t)full, memory_order_relaxed);
}

void canp_slabring_commit(struct canp_slabring *ring, struct canp_slab *slab)
{
    struct slot *slot = slot_of(ring, slab);

    assert(atomic_load_explicit(&slot->state, memory_order_relaxed) == SLOT_FILLING);
    assert(slab->used_bytes <= slab->capacity_bytes);
    add(&ring->committed, 1);
    note_full(ring);
    /* seq_cst: releases the slab to the acquire in canp_slabring_take(), and orders with wake_sleeper() */
    atomic_store_explicit(&slot->state, SLOT_FULL, memory_order_seq_cst);
    if (wake_sleeper(ring))
        atomic_fetch_add_explicit(&ring->wakes, 1, memory_order_relaxed);
}

/* ------------------------------------------------------------------ consumer */

struct canp_slab *canp_slabring_take(struct canp_slabring *ring)
{
    struct slot *slot = slot_at(ring, load(&ring->taken));

    /* acquire: pairs with the store in canp_slabring_commit() */
    if (atomic_load_explicit(&slot->state, memory_order_acquire) != SLOT_FULL)
        return NULL;
    atomic_store_explicit(&slot->state, SLOT_SPILLING, memory_order_relaxed);
    add(&ring->taken, 1);
    return &slot->slab;
}

void canp_slabring_give_back(struct canp_slabring *ring, struct canp_slab *slab)
{
    struct slot *slot = slot_of(ring, slab);

    assert(atomic_load_explicit(&slot->state, memory_order_relaxed) == SLOT_SPILLING);
    canp_slab_memory_give_back(&ring->memory, slab->data);
    slab->data = NULL;
    /* release: pairs with the acquire in canp_slabring_acquire() */
    atomic_store_explicit(&slot->state, SLOT_FREE, memory_order_release);
}

/* 1: a slab can be taken; 0: a wake is pending (and now consumed); -EAGAIN: neither. */
static int look(struct canp_slabring *ring)
{
    const struct slot *slot = slot_at(ring, load(&ring->taken));

    if (atomic_load_explicit(&slot->state, memory_order_seq_cst) == SLOT_FULL)
        return 1;
    if (atomic_exchange_explicit(&ring->wake_pending, 0, memory_order_seq_cst) != 0)
        return 0;
    return -EAGAIN;
}

int canp_slabring_wait(struct canp_slabring *ring, int64_t timeout_ns)
{
    uint64_t start_ns = timeout_ns > 0 ? canp_monotonic_ns() : 0;
    int64_t left_ns = timeout_ns;
    int found = look(ring);

    while (found == -EAGAIN && left_ns != 0) { /* ends by a slab, a wake or the timeout */
        atomic_store_explicit(&ring->sleeping, 1, memory_order_seq_cst);
        found = look(ring);
        if (found == -EAGAIN) {
            canp_futex_wait(&ring->sleeping, 1, left_ns);
            found = look(ring);
        }
        atomic_store_explicit(&ring->sleeping, 0, memory_order_seq_cst);
        if (timeout_ns > 0) {
            int64_t passed_ns = (int64_t)(canp_monotonic_ns() - start_ns);
            left_ns = passed_ns < timeout_ns ? timeout_ns - passed_ns : 0;
        }
    }
    return found == -EAGAIN ? -ETIMEDOUT : found;
}

void canp_slabring_wake(struct canp_slabring *ring)
{
    /* seq_cst: pairs with look() after the store to `sleeping` */
    atomic_store_explicit(&ring->wake_pending, 1, memory_order_seq_cst);
    wake_sleeper(ring);
}

/* ------------------------------------------------------------------ looking in */

static void count_states(const struct canp_slabring *ring, unsigned counts[SLOT_STATE_COUNT])
{
    memset(counts, 0, SLOT_STATE_COUNT * sizeof(counts[0]));
    for (unsigned i = 0; i < ring->slot_count; i++)
        counts[atomic_load_explicit(&ring->slots[i].state, memory_order_relaxed)]++;
}

void canp_slabring_stats(const struct canp_slabring *ring, struct canp_slabring_stats *out)
{
    unsigned counts[SLOT_STATE_COUNT];
    int64_t stall_clock_ns = atomic_load_explicit(&ring->stall_clock_ns, memory_order_relaxed);

    count_states(ring, counts);
    *out = (struct canp_slabring_stats){
        .slot_count = ring->slot_count,
        .free_slots = counts[SLOT_FREE],
        .filling_slots = counts[SLOT_FILLING],
        .full_slots = counts[SLOT_FULL],
        .spilling_slots = counts[SLOT_SPILLING],
        .full_slots_max = atomic_load_explicit(&ring->full_slots_max, memory_order_relaxed),
        .slot_bytes = ring->slot_bytes,
        .mapped_bytes = ring->memory.pages.map_bytes,
        .committed = load(&ring->committed),
        .taken = load(&ring->taken),
        .stalls = load(&ring->stalls),
        .refusals = load(&ring->refusals),
        .stall_ns = stall_ns_at(stall_clock_ns, canp_monotonic_ns()),
        .stall_ns_max = load(&ring->stall_ns_max),
        .wakes = atomic_load_explicit(&ring->wakes, memory_order_relaxed),
        .locked = ring->memory.pages.locked,
        .lock_error = ring->memory.pages.lock_error,
        .backing = (enum canp_slabring_backing)ring->memory.pages.backing,
        .resident_bytes = ring->slot_bytes * load32(&ring->memory.resident),
        .unready = load32(&ring->memory.lent_cold),
    };
}

static bool slot_is_valid(const struct canp_slabring *ring, uint64_t position, bool between)
{
    const struct slot *slot = slot_at(ring, position);
    uint32_t state = atomic_load_explicit(&slot->state, memory_order_relaxed);

    if (slot->slab.index != position % ring->slot_count)
        return false;
    if (slot->slab.capacity_bytes != ring->slot_bytes)
        return false;
    bool has_data = state != SLOT_FREE;
    if (has_data != (slot->slab.data != NULL) ||
        (has_data && !slab_memory_is_piece(&ring->memory, slot->slab.data)))
        return false;
    if (state == SLOT_FULL && slot->slab.used_bytes > ring->slot_bytes)
        return false;
    return between ? state == SLOT_FILLING || state == SLOT_FULL
                   : state == SLOT_FREE || state == SLOT_SPILLING;
}

bool canp_slabring_is_valid(const struct canp_slabring *ring)
{
    uint64_t acquired = load(&ring->acquired);
    uint64_t taken = load(&ring->taken);
    unsigned counts[SLOT_STATE_COUNT];

    if (acquired - taken > ring->slot_count)
        return false;
    for (uint64_t i = 0; i < ring->slot_count; i++)
        if (!slot_is_valid(ring, taken + i, taken + i < acquired))
            return false;
    count_states(ring, counts);
    return counts[SLOT_FULL] == load(&ring->committed) - taken &&
           counts[SLOT_FILLING] == acquired - load(&ring->committed);
}
