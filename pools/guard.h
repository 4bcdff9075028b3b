/*
 * Guarded allocations, for debugging: each has pages of its own and ends right before a page that faults when
 * it is touched. Freed memory stays inaccessible for a while, so that a use after free faults as well. Slow,
 * because each allocation makes system calls. Any thread.
 */
#ifndef CANP_POOLS_GUARD_H
#define CANP_POOLS_GUARD_H

#include <stdbool.h>
#include <stddef.h>

/* Zeroed. NULL: no memory. align_bytes is a power of two; bytes between the object's end and the guard, which
 * alignment leaves, are filled and checked at the free. */
void *canp_guard_alloc(size_t bytes, size_t align_bytes);

/* Whether the bytes between the object's end and the guard are as they were filled; the first one that is not
 * tells of a write behind the object. */
bool canp_guard_is_intact(const void *object, size_t bytes);

void canp_guard_free(void *object);

#endif
