/* Removes the oldest segments of a recording (retention.h). */
#include "retention.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "segment/format.h"

#define PAGE_BYTES 4096U

int canp_retention_open(struct retention *r, int dir_fd, uint64_t segments_max, uint64_t bytes_max)
{
    memset(r, 0, sizeof(*r));
    r->dir_fd = dir_fd;
    r->segments_max = segments_max;
    r->bytes_max = bytes_max;
    atomic_init(&r->oldest, 1);
    if (bytes_max)
        r->sizes = calloc(RETENTION_SEGMENTS_MAX, sizeof(*r->sizes));
    return bytes_max && !r->sizes ? -ENOMEM : 0;
}

void canp_retention_close(struct retention *r)
{
    free(r->sizes);
    r->sizes = NULL;
}

static void set_size(struct retention *r, uint64_t number, int64_t bytes)
{
    int64_t before = atomic_exchange(&r->sizes[number % RETENTION_SEGMENTS_MAX], bytes);
    atomic_fetch_add(&r->bytes, bytes - before);
}

void canp_retention_size(struct retention *r, uint64_t number, uint64_t bytes)
{
    if (!r->sizes || number < retention_oldest(r))
        return;
    set_size(r, number, (int64_t)((bytes + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1)));
    /* seq_cst, as in canp_retention_remove_oldest(): one of the two sees the other and takes the size back */
    if (number < atomic_load(&r->oldest))
        set_size(r, number, 0);
}

bool canp_retention_exceeded(const struct retention *r, uint64_t current, uint64_t open_bytes)
{
    uint64_t oldest = retention_oldest(r), bytes = (uint64_t)atomic_load(&r->bytes);
    if (oldest >= current)
        return false;
    if (r->segments_max && current - oldest + 1 > r->segments_max)
        return true;
    if (!r->bytes_max)
        return false;
    return current - oldest >= RETENTION_SEGMENTS_MAX ||
           bytes + open_bytes + r->packing_bytes_max > r->bytes_max;
}

bool canp_retention_leave_foreign(struct retention *r, uint64_t number)
{
    unsigned count = atomic_load_explicit(&r->foreign_count, memory_order_relaxed); /* one thread adds */
    if (count == RETENTION_FOREIGN_MAX)
        return false;
    r->foreign[count] = number;
    /* release: pairs with the acquire in is_foreign() */
    atomic_store_explicit(&r->foreign_count, count + 1, memory_order_release);
    return true;
}

static bool is_foreign(const struct retention *r, uint64_t number)
{
    unsigned count = atomic_load_explicit(&r->foreign_count, memory_order_acquire);
    for (unsigned i = 0; i < count; i++) {
        if (r->foreign[i] == number)
            return true;
    }
    return false;
}

static int remove_segment(struct retention *r, uint64_t number)
{
    char name[SEG_NAME_BYTES];
    if (is_foreign(r, number))
        return 0;
    canp_seg_name(name, number);
    return unlinkat(r->dir_fd, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

int canp_retention_remove_oldest(struct retention *r)
{
    uint64_t number = atomic_fetch_add(&r->oldest, 1); /* only one thread removes */
    if (r->sizes)
        set_size(r, number, 0);
    return remove_segment(r, number);
}

void canp_retention_recheck(struct retention *r, uint64_t number)
{
    if (number < retention_oldest(r))
        remove_segment(r, number); /* it was removed once, so it can be again */
}
