/* The queue of sentences (notices.h). Invariant: written - read <= NOTICES_SLOTS. */
#include "notices.h"

#include <stddef.h>
#include <stdio.h>

void canp_notices_put(struct notices *q, const char *format, va_list args)
{
    uint32_t at = atomic_load_explicit(&q->written, memory_order_relaxed);
    /* acquire: pairs with the release in canp_notices_pop() */
    if (at - atomic_load_explicit(&q->read, memory_order_acquire) == NOTICES_SLOTS) {
        atomic_fetch_add_explicit(&q->dropped, 1, memory_order_relaxed);
        return;
    }
    vsnprintf(q->text[at % NOTICES_SLOTS], NOTICE_BYTES, format, args);
    /* release: pairs with the acquire in canp_notices_peek() */
    atomic_store_explicit(&q->written, at + 1, memory_order_release);
}

const char *canp_notices_peek(const struct notices *q)
{
    uint32_t at = atomic_load_explicit(&q->read, memory_order_relaxed);
    if (at == atomic_load_explicit(&q->written, memory_order_acquire))
        return NULL;
    return q->text[at % NOTICES_SLOTS];
}

void canp_notices_pop(struct notices *q)
{
    uint32_t at = atomic_load_explicit(&q->read, memory_order_relaxed);
    atomic_store_explicit(&q->read, at + 1, memory_order_release);
}
