/*
 * Thread slots (threads.h): a bitmap of the slots in use, and a hook that runs when a thread ends: it empties
 * the slot's caches and frees the slot. Any thread.
 *
 * The hook is a destructor of thread-specific data, which may run after a dlclose(). Therefore the library is
 * linked with -z nodelete and stays loaded.
 */
#include "threads.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

__thread unsigned canp_thread_slot_;

static _Atomic uint64_t used_slots; /* bit n: slot n + 1 is taken */
static pthread_once_t exit_hook_once = PTHREAD_ONCE_INIT;
static pthread_key_t exit_hook;
static int exit_hook_works;
static void (*_Atomic flush_caches)(unsigned slot);

/* Runs in the thread that ends. What later destructors of it release takes the shared path, or a new slot. */
static void leave_slot(void *mark)
{
    void (*flush)(unsigned) = atomic_load_explicit(&flush_caches, memory_order_acquire);
    unsigned slot = canp_thread_slot_;

    (void)mark;
    if (slot == 0)
        return;
    if (flush != NULL)
        flush(slot);
    canp_thread_slot_ = 0;
    /* release: pairs with the acquire in take_slot() of the slot's next owner */
    atomic_fetch_and_explicit(&used_slots, ~(UINT64_C(1) << (slot - 1)), memory_order_release);
}

static void make_exit_hook(void)
{
    exit_hook_works = pthread_key_create(&exit_hook, leave_slot) == 0;
}

static unsigned take_slot(void)
{
    uint64_t used = atomic_load_explicit(&used_slots, memory_order_relaxed);

    while (used != UINT64_MAX) { /* each round another thread took or gave back a slot */
        unsigned bit = (unsigned)__builtin_ctzll(~used);
        if (atomic_compare_exchange_weak_explicit(&used_slots, &used, used | UINT64_C(1) << bit,
                                                  memory_order_acquire, memory_order_relaxed))
            return bit + 1;
    }
    return 0;
}

unsigned canp_thread_slot_assign(void)
{
    if (canp_thread_slot_ != 0)
        return canp_thread_slot_;
    pthread_once(&exit_hook_once, make_exit_hook);
    if (!exit_hook_works)
        return 0;
    canp_thread_slot_ = take_slot();
    if (canp_thread_slot_ != 0 && pthread_setspecific(exit_hook, &used_slots) != 0)
        leave_slot(NULL);
    return canp_thread_slot_;
}

void canp_thread_at_end(void (*flush)(unsigned slot))
{
    atomic_store_explicit(&flush_caches, flush, memory_order_release);
}
