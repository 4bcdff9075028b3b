/*
 * Open addressing, linear probing, at most half full. The hash is seeded per database, because the keys come
 * from a file that may be hostile and must not be able to collide on purpose. Each key is stored once, so
 * that equal keys cannot make long runs. Any thread once it is filled.
 */
#include "dbc_names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

static uint64_t mix(uint64_t a, uint64_t b)
{
    uint64_t x = (a ^ b) * UINT64_C(0xBF58476D1CE4E5B9); /* the finaliser of splitmix64: no 128 bits needed */
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

static uint64_t hash_of(const struct dbc_names *names, enum dbc_names_kind kind, uint32_t id,
                        struct dbc_word name)
{
    uint64_t hash = mix(names->seed ^ ((uint64_t)kind << 32 | id), UINT64_C(0x9E3779B97F4A7C15));
    const char *p = name.text;
    size_t left = name.bytes;
    for (; left >= 8; left -= 8, p += 8) {
        uint64_t part;
        memcpy(&part, p, 8);
        hash = mix(hash ^ part ^ names->seed, UINT64_C(0xE7037ED1A0B428DB));
    }
    uint64_t rest = name.bytes;
    for (; left; left--)
        rest = rest << 8 | (unsigned char)*p++;
    hash = mix(hash ^ rest, UINT64_C(0x8EBC6AF09C88C6E3) ^ names->seed);
    return hash | 1; /* never 0 */
}

void canp_dbc_names_seed(struct dbc_names *names)
{
    if (getrandom(&names->seed, sizeof(names->seed), GRND_NONBLOCK) != (ssize_t)sizeof(names->seed))
        names->seed = (uint64_t)(uintptr_t)names ^ (uint64_t)time(NULL) << 20;
}

static bool same(const struct dbc_names_entry *entry, uint64_t hash, enum dbc_names_kind kind, uint32_t id,
                 struct dbc_word name)
{
    if (entry->hash != hash || entry->kind != (uint32_t)kind || entry->id != id)
        return false;
    if (kind == DBC_NAMES_MESSAGE_ID)
        return true;
    const char *there = *(const char *const *)entry->object;
    return strncmp(there, name.text, name.bytes) == 0 && there[name.bytes] == '\0';
}

/* Where the key is, or the empty place where it would be. The capacity is not 0. */
static struct dbc_names_entry *place_of(const struct dbc_names *names, uint64_t hash,
                                        enum dbc_names_kind kind, uint32_t id, struct dbc_word name)
{
    uint32_t mask = names->capacity - 1;
    uint32_t at = (uint32_t)(hash >> 32) & mask;
    while (names->entries[at].hash != 0 && !same(&names->entries[at], hash, kind, id, name))
        at = (at + 1) & mask;
    return &names->entries[at];
}

const void *canp_dbc_names_find(const struct dbc_names *names, enum dbc_names_kind kind, uint32_t id,
                                struct dbc_word name)
{
    if (names->capacity == 0)
        return NULL;
    return place_of(names, hash_of(names, kind, id, name), kind, id, name)->object;
}

static int grow(struct dbc_names *names)
{
    struct dbc_names bigger = *names;
    bigger.capacity = names->capacity ? names->capacity * 2 : 64;
    bigger.entries = calloc(bigger.capacity, sizeof(*bigger.entries));
    if (!bigger.entries)
        return -ENOMEM;
    for (uint32_t i = 0; i < names->capacity; i++) {
        if (names->entries[i].hash == 0)
            continue;
        uint32_t at = (uint32_t)(names->entries[i].hash >> 32) & (bigger.capacity - 1);
        while (bigger.entries[at].hash != 0)
            at = (at + 1) & (bigger.capacity - 1);
        bigger.entries[at] = names->entries[i];
    }
    free(names->entries);
    *names = bigger;
    return 0;
}

int canp_dbc_names_add(struct dbc_names *names, enum dbc_names_kind kind, uint32_t id, struct dbc_word name,
                       const void *object)
{
    if (names->count * 2 >= names->capacity && grow(names) < 0)
        return -ENOMEM;
    uint64_t hash = hash_of(names, kind, id, name);
    struct dbc_names_entry *entry = place_of(names, hash, kind, id, name);
    if (entry->hash != 0)
        return 0;
    *entry = (struct dbc_names_entry){hash, id, (uint32_t)kind, object};
    names->count++;
    return 1;
}

void canp_dbc_names_free(struct dbc_names *names)
{
    free(names->entries);
    memset(names, 0, sizeof(*names));
}
