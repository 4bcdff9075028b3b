/* Keeps one value of a signal per interval of time, in a hash table that grows by doubling (decode_thin.h).
 * Main thread. */
#include "decode_thin.h"

#include <errno.h>
#include <stdlib.h>

/* Its slot, or the free one. */
static struct decode_thin_slot *slot_of(const struct decode_thin *t, const void *signal, uint32_t from)
{
    uint64_t hash = ((uint64_t)(uintptr_t)signal + from) * UINT64_C(0x9E3779B97F4A7C15);
    uint32_t at = (uint32_t)(hash >> 32) & t->mask;
    /* NOLINTNEXTLINE(clang-analyzer-*): grow() has made the slots, or its caller went away */
    while (t->slots[at].signal && (t->slots[at].signal != signal || t->slots[at].from != from))
        at = (at + 1) & t->mask;
    return &t->slots[at];
}

static int grow(struct decode_thin *t)
{
    uint32_t old_slots = t->slots ? t->mask + 1 : 0, new_slots = old_slots ? old_slots * 2 : 256;
    struct decode_thin bigger = {.every_ns = t->every_ns, .mask = new_slots - 1, .count = t->count};
    if (new_slots == 0)
        return -ENOMEM;
    bigger.slots = calloc(new_slots, sizeof(*bigger.slots));
    if (!bigger.slots)
        return -ENOMEM;
    for (uint32_t i = 0; i < old_slots; i++) {
        if (t->slots[i].signal)
            *slot_of(&bigger, t->slots[i].signal, t->slots[i].from) = t->slots[i];
    }
    free(t->slots);
    *t = bigger;
    return 0;
}

int decode_thin_pass(struct decode_thin *t, const void *signal, uint32_t from, int64_t time_ns)
{
    if (!t->every_ns)
        return 1;
    int64_t every = (int64_t)t->every_ns;
    int64_t stretch = time_ns / every - (time_ns % every < 0);
    if ((!t->slots || t->count > t->mask / 2) && grow(t) < 0)
        return -ENOMEM;
    struct decode_thin_slot *slot = slot_of(t, signal, from);
    if (slot->signal && slot->stretch == stretch)
        return 0;
    t->count += slot->signal == NULL;
    *slot = (struct decode_thin_slot){signal, stretch, from};
    return 1;
}

void decode_thin_free(struct decode_thin *t)
{
    free(t->slots);
}
