/*
 * Whole pages from the kernel, for memory that is allocated once and kept: slab ring and layered pool.
 *
 * Invariant: what canp_pages_map() returned is zeroed and page-aligned, and the part that was asked to be
 * ready can be touched later without running out of memory. Any thread.
 */
#ifndef CANP_POOLS_PAGES_H
#define CANP_POOLS_PAGES_H

#include <stdbool.h>
#include <stddef.h>

enum canp_pages_backing {
    CANP_PAGES_PLAIN = 0,
    CANP_PAGES_TRANSPARENT_HUGE = 1,
    CANP_PAGES_HUGETLB = 2,
};

struct canp_pages {
    void *base;
    size_t map_bytes; /* what is mapped; at least what was asked for */
    enum canp_pages_backing backing;
    bool locked;
    int lock_error; /* negative errno of a refused mlock() */
};

size_t canp_page_bytes(void);

/* Rounds up to whole pages; SIZE_MAX if that overflows. */
size_t canp_pages_round_up(size_t bytes);

/* Maps `bytes` and prefaults (and locks) the first ready_bytes of them; the rest is address space, filled by
 * page faults, and then hugetlb pages, whose faults may fail, are not used. A refused lock or huge page is no
 * error: *out says what was got. 0, or -ENOMEM. */
int canp_pages_map(size_t bytes, size_t ready_bytes, bool huge_pages, bool lock_memory,
                   struct canp_pages *out);

/* Nothing is touched but what is asked for: no huge page is made of it, which would be mostly unused. */
void canp_pages_keep_small(const struct canp_pages *pages);

/* Locks pages as they are touched, those that are now included. Where so much is not permitted, the first
 * ready_bytes are locked, and *pages says that it is not all. */
void canp_pages_lock_as_touched(struct canp_pages *pages, size_t ready_bytes);

/* Faults these bytes in: 0 or -ENOMEM. They are whole pages, as are those of canp_pages_drop(). */
int canp_pages_fault_in(const struct canp_pages *pages, size_t at, size_t bytes);

/* Gives the memory of these bytes back; they are zero when they are touched again, and locked if `lock`. */
void canp_pages_drop(const struct canp_pages *pages, size_t at, size_t bytes, bool lock);

/* Zeroed struct is fine. */
void canp_pages_unmap(struct canp_pages *pages);

#endif
