/*
 * A small number for each thread, so that pools and statistics can keep something per thread in an array.
 *
 * Invariant: a slot 1 .. CANP_THREAD_SLOTS belongs to at most one live thread; slot 0 is shared by all
 * threads that have none (those that never asked, and those beyond the bound). A slot is handed on with all
 * that was written under it: the successor goes on where the predecessor stopped.
 */
#ifndef CANP_POOLS_THREADS_H
#define CANP_POOLS_THREADS_H

#include <canp/pools/objpool_inline.h>

#define CANP_THREAD_SLOTS 64
#define CANP_THREAD_ARRAY (CANP_THREAD_SLOTS + 1)

/* The calling thread's slot, or 0 if it has none (yet). */
static inline unsigned canp_thread_slot(void)
{
    return canp_thread_slot_;
}

/* The same, asking for one first; 0 when all are taken. Given back at the thread's end. */
unsigned canp_thread_slot_assign(void);

#endif
