/*
 * The slab ring's memory (slab_memory.h).
 *
 * Invariant: `ready_count` is the number of ready pieces when nobody is inside a call. A piece becomes ready
 * only while `spare` is above zero, which the keeper sets by what its control group and the machine still
 * have; so a recording that must wait for its disk under a limit loses frames, counted, and is not killed.
 */
#include "slab_memory.h"

#include <canp/pools/memstats.h>
#include <canp/private/signals.h>
#include <canp/private/threads.h>

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "futex.h"
#include "memroom.h"

#define MEMORY_LEFT                                                                                          \
    ((uint64_t)6 << 20)           /* of a limit: for the page cache, and for what others take meanwhile */
#define SHORT_WAIT_NS  100000000  /* until it is looked again whether there is room */
#define UNUSED_WAIT_NS 1000000000 /* a second after many were needed they may be needed again */
#define FOREVER        (-1)

/* ------------------------------------------------------------------ the stacks */

static void push(struct slab_memory *m, _Atomic uint64_t *stack, uint32_t number)
{
    uint64_t top = atomic_load_explicit(stack, memory_order_relaxed), after;
    do { /* ends: a failed exchange means that another thread moved on */
        atomic_store_explicit(&m->next[number - 1], (uint32_t)top, memory_order_relaxed);
        after = ((top >> 32) + 1) << 32 | number;
        /* release: pairs with the acquire in pop() */
    } while (!atomic_compare_exchange_weak_explicit(stack, &top, after, memory_order_release,
                                                    memory_order_relaxed));
}

/* 0 when the stack is empty. */
static uint32_t pop(struct slab_memory *m, _Atomic uint64_t *stack)
{
    uint64_t top = atomic_load_explicit(stack, memory_order_acquire);
    while ((uint32_t)top != 0) { /* as in push() */
        uint32_t next = atomic_load_explicit(&m->next[(uint32_t)top - 1], memory_order_relaxed);
        uint64_t after = ((top >> 32) + 1) << 32 | next;
        if (atomic_compare_exchange_weak_explicit(stack, &top, after, memory_order_acquire,
                                                  memory_order_acquire))
            return (uint32_t)top;
    }
    return 0;
}

static void push_ready(struct slab_memory *m, uint32_t number)
{
    push(m, &m->ready, number);
    atomic_fetch_add_explicit(&m->ready_count, 1, memory_order_seq_cst);
}

static uint32_t pop_ready(struct slab_memory *m)
{
    uint32_t number = pop(m, &m->ready);
    if (number)
        atomic_fetch_sub_explicit(&m->ready_count, 1, memory_order_seq_cst);
    return number;
}

/* seq_cst, as where it changes: whoever changes it and then finds the keeper awake is seen by the keeper,
 * which looks here once more after it said that it sleeps. */
static uint32_t ready_count(const struct slab_memory *m)
{
    int32_t count = (int32_t)atomic_load_explicit(&m->ready_count, memory_order_seq_cst);
    return count < 0 ? 0 : (uint32_t)count; /* a piece may be taken before it is counted */
}

/* ------------------------------------------------------------------ the keeper */

static void note_resident(struct slab_memory *m, int pieces)
{
    atomic_fetch_add_explicit(&m->resident, (uint32_t)pieces, memory_order_relaxed);
    if (pieces > 0)
        canp_memstats_alloc(CANP_MEMTAG_SLABS, m->piece_bytes);
    else
        canp_memstats_free(CANP_MEMTAG_SLABS, m->piece_bytes);
}

static void look_for_room(struct slab_memory *m)
{
    uint64_t room = canp_memory_room();
    int64_t pieces = room > MEMORY_LEFT ? (int64_t)((room - MEMORY_LEFT) / m->piece_bytes) : 0;
    atomic_store_explicit(&m->spare, pieces, memory_order_relaxed);
}

/* True for at most as many as there were; the caller touches one. */
static bool take_spare(struct slab_memory *m)
{
    if (atomic_fetch_sub_explicit(&m->spare, 1, memory_order_relaxed) > 0)
        return true;
    atomic_fetch_add_explicit(&m->spare, 1, memory_order_relaxed);
    return false;
}

/* 0 when there is none, or no room for one more. */
static uint32_t pop_cold(struct slab_memory *m)
{
    if (!take_spare(m))
        return 0;
    uint32_t number = pop(m, &m->cold);
    if (number == 0)
        atomic_fetch_add_explicit(&m->spare, 1, memory_order_relaxed);
    return number;
}

/* False when there is no more, or no room for it. */
static bool make_one_ready(struct slab_memory *m)
{
    uint32_t number = pop_cold(m);
    if (number == 0)
        return false;
    if (canp_pages_fault_in(&m->pages, (number - 1) * m->piece_bytes, m->piece_bytes) < 0) {
        push(m, &m->cold, number);
        return false;
    }
    note_resident(m, 1);
    push_ready(m, number);
    return true;
}

static bool make_one_cold(struct slab_memory *m)
{
    uint32_t number = pop_ready(m);
    if (number == 0)
        return false;
    canp_pages_drop(&m->pages, (number - 1) * m->piece_bytes, m->piece_bytes, m->is_locked);
    note_resident(m, -1);
    push(m, &m->cold, number);
    atomic_fetch_add_explicit(&m->spare, 1, memory_order_relaxed);
    return true;
}

static bool is_short(const struct slab_memory *m)
{
    return ready_count(m) < m->ready_goal && (uint32_t)atomic_load_explicit(&m->cold, memory_order_relaxed);
}

static bool is_too_much(const struct slab_memory *m)
{
    return ready_count(m) > 2 * m->ready_goal;
}

/* How long the keeper may sleep. The word was set before: whoever finds it so wakes it. */
static int64_t idle_ns(const struct slab_memory *m)
{
    return is_short(m) ? SHORT_WAIT_NS : is_too_much(m) ? UNUSED_WAIT_NS : FOREVER;
}

static void *keeper_main(void *arg)
{
    struct slab_memory *m = arg;
    while (!atomic_load_explicit(&m->stop, memory_order_acquire)) {
        if (is_short(m))
            look_for_room(m);
        while (ready_count(m) < m->ready_goal && make_one_ready(m))
            ;
        atomic_store_explicit(&m->asleep, 1, memory_order_seq_cst);
        int64_t wait_ns = idle_ns(m);
        bool unused = is_too_much(m);
        if (!atomic_load_explicit(&m->stop, memory_order_seq_cst))
            canp_futex_wait(&m->asleep, 1, wait_ns);
        /* Nobody woke it: for a second nothing was short. */
        unused = unused && atomic_exchange_explicit(&m->asleep, 0, memory_order_seq_cst) == 1;
        while (unused && ready_count(m) > m->ready_goal && make_one_cold(m))
            ;
    }
    return NULL;
}

static void wake_keeper(struct slab_memory *m)
{
    if (atomic_load_explicit(&m->asleep, memory_order_seq_cst) != 0 &&
        atomic_exchange_explicit(&m->asleep, 0, memory_order_seq_cst) != 0)
        canp_futex_wake(&m->asleep);
}

/* ------------------------------------------------------------------ both sides */

/* Better page faults here than frames lost. As pop_cold(). */
static uint32_t take_cold(struct slab_memory *m)
{
    uint32_t number = pop_cold(m);
    if (number) {
        atomic_fetch_add_explicit(&m->lent_cold, 1, memory_order_relaxed);
        note_resident(m, 1);
    }
    return number;
}

uint8_t *canp_slab_memory_take(struct slab_memory *m)
{
    uint32_t number = pop_ready(m);
    if (number == 0)
        number = take_cold(m);
    if (number == 0) /* between the two looks the keeper may have made the last cold one ready */
        number = pop_ready(m);
    if (m->has_keeper && ready_count(m) < m->ready_goal / 2)
        wake_keeper(m);
    return number ? (uint8_t *)m->pages.base + (number - 1) * m->piece_bytes : NULL;
}

void canp_slab_memory_give_back(struct slab_memory *m, const uint8_t *piece)
{
    uint32_t before = ready_count(m);
    push_ready(m, 1 + (uint32_t)((size_t)(piece - (const uint8_t *)m->pages.base) / m->piece_bytes));
    if (m->has_keeper && before == 2 * m->ready_goal) /* more than that: from now on it looks at them */
        wake_keeper(m);
}

/* ------------------------------------------------------------------ open and close */

static int start_keeper(struct slab_memory *m)
{
    sigset_t before;
    look_for_room(m);
    canp_signals_block(&before);
    int r = canp_thread_start(&m->keeper, keeper_main, m);
    canp_signals_restore(&before);
    m->has_keeper = r == 0;
    return r;
}

/* The first pieces are ready, the others cold; those in front are on top. */
static void fill_stacks(struct slab_memory *m)
{
    for (uint32_t number = m->piece_count; number > m->ready_goal; number--)
        push(m, &m->cold, number);
    for (uint32_t number = m->ready_goal; number > 0; number--) {
        push_ready(m, number);
        note_resident(m, 1);
    }
}

int canp_slab_memory_open(struct slab_memory *m, size_t piece_bytes, uint32_t piece_count,
                          uint32_t ready_goal, bool huge_pages, bool lock)
{
    m->piece_bytes = piece_bytes;
    m->piece_count = piece_count;
    m->ready_goal = ready_goal == 0 || ready_goal > piece_count ? piece_count : ready_goal;
    if (piece_bytes > SIZE_MAX / 2 / piece_count)
        return -ENOMEM; /* more than a 32-bit process has */
    m->next = calloc(piece_count, sizeof(*m->next));
    size_t bytes = piece_count * piece_bytes;
    bool all = m->ready_goal == piece_count;
    size_t ready_bytes = m->ready_goal * piece_bytes;
    int r = m->next ? canp_pages_map(bytes, all ? bytes : 0, huge_pages, lock && all, &m->pages) : -ENOMEM;
    if (r == 0 && !all) {
        canp_pages_keep_small(&m->pages);
        r = canp_pages_fault_in(&m->pages, 0, ready_bytes);
    }
    if (r < 0)
        return r;
    if (lock && !all)
        canp_pages_lock_as_touched(&m->pages, ready_bytes);
    m->is_locked = m->pages.locked;
    fill_stacks(m);
    return all || start_keeper(m) == 0 ? 0 : -ENOMEM;
}

static void stop_keeper(struct slab_memory *m)
{
    if (!m->has_keeper)
        return;
    atomic_store_explicit(&m->stop, 1, memory_order_seq_cst);
    atomic_store_explicit(&m->asleep, 0, memory_order_seq_cst);
    canp_futex_wake(&m->asleep);
    pthread_join(m->keeper, NULL);
    m->has_keeper = false;
}

void canp_slab_memory_close(struct slab_memory *m)
{
    stop_keeper(m);
    while (atomic_load(&m->resident) > 0)
        note_resident(m, -1);
    canp_pages_unmap(&m->pages);
    free(m->next);
    m->next = NULL;
}
