/* Row ids that stay the same (sql_rowid.h). */
#include "sql_rowid.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BITS_FIRST 8U
#define BITS_MAX   40U

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    hash ^= hash >> 32;
    hash *= UINT64_C(0xD6E8FEB86659FD93);
    return hash ^ hash >> 29;
}

uint64_t sql_hash(uint64_t hash, const void *data, size_t bytes)
{
    const uint8_t *at = data;
    uint64_t word;
    hash = mix(hash, bytes);
    for (; bytes >= sizeof(word); bytes -= sizeof(word), at += sizeof(word)) {
        memcpy(&word, at, sizeof(word));
        hash = mix(hash, word);
    }
    word = 0;
    memcpy(&word, at, bytes);
    return mix(hash, word);
}

uint64_t sql_hash_record(uint64_t hash, const struct canp_record *r)
{
    size_t bytes = r->kind == CANP_KIND_XL       ? sizeof(*r->xl) + r->xl->len
                   : canp_kind_is_frame(r->kind) ? sizeof(*r->frame) + r->frame->len
                                                 : r->event->bytes;
    hash = mix(hash, (uint64_t)r->time_ns);
    hash = mix(hash, (uint64_t)r->channel << 16 | (uint64_t)r->kind << 8 | r->dir);
    return sql_hash(hash, r->event, bytes);
}

static struct sql_rowid_slot *slot_of(const struct sql_rowids *ids, uint64_t hash)
{
    uint64_t mask = (UINT64_C(1) << ids->bits) - 1, at = hash & mask;
    while (ids->slots[at].alike && ids->slots[at].hash != hash)
        at = (at + 1) & mask;
    return &ids->slots[at];
}

static int grow(struct sql_rowids *ids)
{
    struct sql_rowids bigger = {.bits = ids->slots ? ids->bits + 1 : BITS_FIRST, .count = ids->count};
    if (bigger.bits > BITS_MAX)
        return -ENOMEM;
    bigger.slots = calloc((size_t)1 << bigger.bits, sizeof(*bigger.slots));
    if (!bigger.slots)
        return -ENOMEM;
    for (uint64_t i = 0; ids->slots && i < UINT64_C(1) << ids->bits; i++) {
        if (ids->slots[i].alike)
            *slot_of(&bigger, ids->slots[i].hash) = ids->slots[i];
    }
    free(ids->slots);
    *ids = bigger;
    return 0;
}

int sql_rowids_next(struct sql_rowids *ids, uint64_t hash, int64_t *rowid)
{
    if ((!ids->slots || ids->count >= UINT64_C(1) << (ids->bits - 1)) && grow(ids) < 0)
        return -ENOMEM;
    struct sql_rowid_slot *slot = slot_of(ids, hash);
    slot->hash = hash;
    ids->count += slot->alike == 0;
    *rowid = (int64_t)((mix(hash, slot->alike) & INT64_MAX));
    slot->alike++;
    return 0;
}

void sql_rowids_free(struct sql_rowids *ids)
{
    free(ids->slots);
    *ids = (struct sql_rowids){NULL, 0, 0};
}
