/* canp_reader_info(): counts what a recording holds. Reads every block once. Any thread; one at a time per
 * reader. */
#include "cursor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A set of 64 bit keys: open addressing, doubled at half full. Keys are never 0. */
struct id_set {
    uint64_t *keys;
    size_t capacity; /* a power of two */
    size_t count;
};

static size_t slot_of(const struct id_set *set, uint64_t key)
{
    size_t i = (key * UINT64_C(0x9E3779B97F4A7C15)) >> 32 & (set->capacity - 1);
    while (set->keys[i] && set->keys[i] != key)
        i = (i + 1) & (set->capacity - 1);
    return i;
}

static int grow(struct id_set *set)
{
    struct id_set larger = {NULL, set->capacity ? set->capacity * 2 : 1024, set->count};
    larger.keys = calloc(larger.capacity, sizeof(uint64_t));
    if (!larger.keys)
        return -ENOMEM;
    for (size_t i = 0; i < set->capacity; i++) {
        if (set->keys[i])
            larger.keys[slot_of(&larger, set->keys[i])] = set->keys[i];
    }
    free(set->keys);
    *set = larger;
    return 0;
}

static int id_set_add(struct id_set *set, uint64_t key)
{
    if (set->count * 2 >= set->capacity && grow(set) < 0)
        return -ENOMEM;
    size_t i = slot_of(set, key);
    if (!set->keys[i]) {
        set->keys[i] = key;
        set->count++;
    }
    return 0;
}

static uint64_t id_key(const struct canp_record *r)
{
    uint32_t id = r->kind == CANP_KIND_XL ? r->xl->prio & CANP_ID_SFF_MASK : r->frame->id & ~CANP_ID_RTR;
    return UINT64_C(1) << 63 | (uint64_t)r->channel << 40 | (uint64_t)r->kind << 32 | id;
}

static int count_record(struct canp_reader *reader, struct canp_info *info, struct id_set *ids,
                        const struct canp_record *r)
{
    info->records++;
    if (r->kind == CANP_KIND_GAP) {
        info->lost += r->gap->lost;
        reader->ifaces[r->channel].lost += r->gap->lost;
    }
    if (!canp_kind_is_frame(r->kind))
        return 0;
    if (info->frames == 0 || r->time_ns < info->first_ns)
        info->first_ns = r->time_ns;
    if (info->frames == 0 || r->time_ns > info->last_ns)
        info->last_ns = r->time_ns;
    info->frames++;
    reader->ifaces[r->channel].frames++;
    return id_set_add(ids, id_key(r));
}

static int count_block(struct canp_cursor *c, struct canp_info *info, struct id_set *ids)
{
    const struct block_header *h = &c->block.header;
    info->blocks++;
    info->bytes += sizeof(*h) + h->stored_bytes;
    if (h->flags & CANP_BLOCK_PACKED)
        info->packed_bytes += sizeof(*h) + h->stored_bytes;
    for (size_t at = 0; at < c->rows_bytes;) {
        struct canp_record r;
        canp_row_read(c->rows + at, c->base_ns, &r);
        int error = count_record(c->reader, info, ids, &r);
        if (error < 0)
            return error;
        at += r.row_bytes;
    }
    return 0;
}

/* What lies behind the last good block of an unsealed segment, up to the zeros that were never written. */
static uint64_t torn_bytes(struct segin *s, uint64_t end)
{
    uint8_t chunk[4096];
    uint64_t torn = 0;
    for (uint64_t at = end; at < s->file_bytes; at += sizeof(chunk)) {
        ssize_t n = pread(s->fd, chunk, sizeof(chunk), (off_t)at);
        for (ssize_t i = 0; i < n; i++) {
            if (chunk[i])
                torn = at + (uint64_t)i + 1 - end;
        }
        if (n <= 0 || at - end > (1U << 20)) /* a torn block starts right here; the rest was never written */
            break;
    }
    return torn;
}

static int count_all(struct canp_cursor *c, struct canp_info *info, struct id_set *ids)
{
    uint64_t number = 0;
    int r;
    while ((r = cursor_next_block(c)) == 1 && (r = count_block(c, info, ids)) == 0) {
        if (c->number != number)
            info->bytes += SEG_HEADER_BYTES;
        number = c->number;
    }
    info->damaged = c->damaged;
    info->live = c->segment_open && !c->segment.sealed;
    if (info->live)
        info->torn_bytes = torn_bytes(&c->segment, c->offset);
    return r;
}

int canp_reader_info(struct canp_reader *reader, struct canp_info *out)
{
    struct canp_info info = {.segments = reader->number_count};
    struct id_set ids = {NULL, 0, 0};
    struct canp_cursor *cursor;
    for (unsigned i = 0; i < CHANNELS_MAX; i++)
        reader->ifaces[i].frames = reader->ifaces[i].lost = 0;
    int r = canp_cursor_open(reader, NULL, &cursor);
    if (r < 0)
        return r;
    r = count_all(cursor, &info, &ids);
    canp_cursor_close(cursor);
    info.ids = (uint32_t)ids.count;
    free(ids.keys);
    if (r == 0)
        *out = info;
    return r;
}
