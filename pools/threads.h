/*
 * A small number for each thread, so that pools and statistics can keep something per thread in an array.
 *
 * Invariant: a slot 1 .. CANP_THREAD_SLOTS belongs to at most one live thread; slot 0 is shared by all
 * threads that have none (those that never asked, and those beyond the bound). A slot keeps its data when its
 * owner ends: the next owner continues the counters.
 *
 * The variable has the default TLS model, so that dlopen() can load the shared library in any process: the
 * initial-exec model would need a part of the small space that the C library reserves for such libraries. In
 * a static program the linker turns the access into one load. Any thread.
 */
#ifndef CANP_POOLS_THREADS_H
#define CANP_POOLS_THREADS_H

#define CANP_THREAD_SLOTS 64
#define CANP_THREAD_ARRAY (CANP_THREAD_SLOTS + 1)

/* Written by threads.c alone. */
extern __thread unsigned canp_thread_slot_ __attribute__((visibility("hidden")));

/* The calling thread's slot, or 0 if it has none (yet). */
static inline unsigned canp_thread_slot(void)
{
    return canp_thread_slot_;
}

/* The same, asking for one first; 0 when all are taken. Given back at the thread's end. */
unsigned canp_thread_slot_assign(void);

/* From now on `flush` runs in each thread that ends, while it still owns the slot. There is one such
 * function, that of the object pools, which return what the thread's caches hold. */
void canp_thread_at_end(void (*flush)(unsigned slot));

#endif
