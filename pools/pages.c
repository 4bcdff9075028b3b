/*
 * Whole pages from the kernel: huge pages and locked memory where they are asked for and granted; the part
 * that must be ready is prefaulted, because a page fault later may fail. Called at start-up only; any thread.
 */
#include "pages.h"

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

#ifndef MLOCK_ONFAULT
#define MLOCK_ONFAULT 1 /* Linux 4.4 */
#endif

#define HUGE_PAGE_BYTES ((size_t)2 << 20)

size_t canp_page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t round_up(size_t bytes, size_t unit)
{
    return bytes > SIZE_MAX - (unit - 1) ? SIZE_MAX : (bytes + unit - 1) / unit * unit;
}

size_t canp_pages_round_up(size_t bytes)
{
    return round_up(bytes, canp_page_bytes());
}

static void *map_anonymous(size_t bytes, int extra_flags)
{
    return mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | extra_flags, -1, 0);
}

/* Transparent huge pages need their alignment: map one page more and cut the ends off. */
static void *map_aligned_huge(size_t bytes)
{
    char *wide = map_anonymous(bytes + HUGE_PAGE_BYTES, MAP_NORESERVE);

    if (wide == MAP_FAILED)
        return MAP_FAILED;
    size_t head_bytes = (HUGE_PAGE_BYTES - (uintptr_t)wide % HUGE_PAGE_BYTES) % HUGE_PAGE_BYTES;
    char *base = wide + head_bytes;

    if (head_bytes > 0)
        munmap(wide, head_bytes);
    if (head_bytes < HUGE_PAGE_BYTES)
        munmap(base + bytes, HUGE_PAGE_BYTES - head_bytes);
    return base;
}

static bool map_huge(size_t bytes, bool hugetlb, struct canp_pages *pages)
{
    size_t huge_bytes = round_up(bytes, HUGE_PAGE_BYTES);

    if (huge_bytes > SIZE_MAX - HUGE_PAGE_BYTES)
        return false;
    pages->map_bytes = huge_bytes;
    pages->backing = CANP_PAGES_HUGETLB;
    pages->base = hugetlb ? map_anonymous(huge_bytes, MAP_HUGETLB) : MAP_FAILED;
    if (pages->base != MAP_FAILED)
        return true;
    pages->backing = CANP_PAGES_TRANSPARENT_HUGE;
    pages->base = map_aligned_huge(huge_bytes);
    if (pages->base == MAP_FAILED)
        return false;
    if (madvise(pages->base, huge_bytes, MADV_HUGEPAGE) == 0)
        return true;
    pages->backing = CANP_PAGES_PLAIN; /* a kernel without them: the aligned plain mapping serves */
    return true;
}

/* 0, or -ENOMEM: with memory short, better now than by the OOM killer in the middle of a recording. */
int canp_pages_fault_in(const struct canp_pages *pages, size_t at, size_t bytes)
{
    char *from = (char *)pages->base + at;

    if (bytes == 0 || madvise(from, bytes, MADV_POPULATE_WRITE) == 0)
        return 0;
    if (errno != EINVAL)
        return -ENOMEM;
    for (size_t i = 0; i < bytes; i += canp_page_bytes())
        ((volatile char *)from)[i] = 0;
    return 0;
}

static bool map(size_t bytes, size_t ready_bytes, bool huge_pages, struct canp_pages *pages)
{
    if (huge_pages && map_huge(bytes, ready_bytes >= bytes, pages))
        return true;
    pages->backing = CANP_PAGES_PLAIN;
    pages->map_bytes = canp_pages_round_up(bytes);
    pages->base = map_anonymous(pages->map_bytes, ready_bytes < bytes ? MAP_NORESERVE : 0);
    return pages->base != MAP_FAILED;
}

int canp_pages_map(size_t bytes, size_t ready_bytes, bool huge_pages, bool lock_memory,
                   struct canp_pages *out)
{
    struct canp_pages pages = {.base = NULL};

    if (!map(bytes, ready_bytes, huge_pages, &pages))
        return -ENOMEM;
    ready_bytes = ready_bytes >= bytes ? pages.map_bytes : canp_pages_round_up(ready_bytes);
    if (canp_pages_fault_in(&pages, 0, ready_bytes) < 0) {
        munmap(pages.base, pages.map_bytes);
        return -ENOMEM;
    }
    if (lock_memory && ready_bytes > 0) {
        pages.locked = mlock(pages.base, ready_bytes) == 0;
        pages.lock_error = pages.locked ? 0 : -errno;
    }
    *out = pages;
    return 0;
}

void canp_pages_keep_small(const struct canp_pages *pages)
{
    madvise(pages->base, pages->map_bytes, MADV_NOHUGEPAGE); /* an error: this kernel has none */
}

/* mlock2(), which musl has no function for. */
static int lock_as_touched(void *from, size_t bytes)
{
    return syscall(SYS_mlock2, from, bytes, MLOCK_ONFAULT) == 0 ? 0 : -errno;
}

void canp_pages_lock_as_touched(struct canp_pages *pages, size_t ready_bytes)
{
    pages->lock_error = lock_as_touched(pages->base, pages->map_bytes);
    pages->locked = pages->lock_error == 0;
    if (!pages->locked && mlock(pages->base, ready_bytes) < 0)
        pages->lock_error = -errno;
}

void canp_pages_drop(const struct canp_pages *pages, size_t at, size_t bytes, bool lock)
{
    char *from = (char *)pages->base + at;

    munlock(from, bytes);
    madvise(from, bytes, MADV_DONTNEED);
    if (lock)
        lock_as_touched(from, bytes);
}

void canp_pages_unmap(struct canp_pages *pages)
{
    if (pages->base != NULL)
        munmap(pages->base, pages->map_bytes);
    *pages = (struct canp_pages){.base = NULL};
}
