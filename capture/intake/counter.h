/* Counters with one writer that any thread may read: a plain store is enough, which is cheaper than an atomic
 * read-modify-write.
 */
#ifndef CANP_CAPTURE_COUNTER_H
#define CANP_CAPTURE_COUNTER_H

#include <stdatomic.h>
#include <stdint.h>

static inline uint64_t counter_get(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static inline void counter_add(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_store_explicit(counter, counter_get(counter) + n, memory_order_relaxed);
}

#endif
