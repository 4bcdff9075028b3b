/*
 * Guarded allocations (guard.h).
 *
 * Layout: | header page | ... object, right-aligned | slack | guard page |. The header says where the region
 * starts and ends; it lies at the start of the page before the object's first.
 *
 * Invariant: no byte of the guard page, nor of a freed region, can be read or written. Any thread.
 * A ring keeps the last QUARANTINE freed regions protected; a new one replaces the oldest, which is unmapped.
 */
#include "guard.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "pages.h"

#define QUARANTINE 256
#define SLACK_BYTE 0xC5

struct region {
    unsigned char *base;
    size_t bytes;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct region quarantine[QUARANTINE];
static unsigned quarantine_next;

/* The object lies in the pages right behind the header's page. */
static struct region *header_of(const void *object)
{
    uintptr_t page = (uintptr_t)object / canp_page_bytes() * canp_page_bytes();

    return (struct region *)(page - canp_page_bytes());
}

void *canp_guard_alloc(size_t bytes, size_t align_bytes)
{
    size_t page_bytes = canp_page_bytes();
    size_t room_bytes = canp_pages_round_up(bytes);
    size_t region_bytes = page_bytes + room_bytes + page_bytes;
    size_t slack_bytes = (room_bytes - bytes) % align_bytes;

    if (room_bytes == SIZE_MAX || region_bytes < room_bytes)
        return NULL;
    unsigned char *base =
        mmap(NULL, region_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED)
        return NULL;
    mprotect(base + page_bytes + room_bytes, page_bytes, PROT_NONE);
    *(struct region *)(void *)base = (struct region){base, region_bytes};
    unsigned char *object = base + page_bytes + room_bytes - bytes - slack_bytes;
    memset(object + bytes, SLACK_BYTE, slack_bytes);
    return object;
}

bool canp_guard_is_intact(const void *object, size_t bytes)
{
    const struct region *region = header_of(object);
    const unsigned char *guard = region->base + region->bytes - canp_page_bytes();

    for (const unsigned char *at = (const unsigned char *)object + bytes; at < guard; at++) {
        if (*at != SLACK_BYTE)
            return false;
    }
    return true;
}

void canp_guard_free(void *object)
{
    struct region region = *header_of(object);

    mprotect(region.base, region.bytes, PROT_NONE);
    pthread_mutex_lock(&lock);
    struct region oldest = quarantine[quarantine_next];
    quarantine[quarantine_next] = region;
    quarantine_next = (quarantine_next + 1) % QUARANTINE;
    pthread_mutex_unlock(&lock);
    if (oldest.base != NULL)
        munmap(oldest.base, oldest.bytes);
}
