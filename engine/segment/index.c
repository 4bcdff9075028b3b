/* The index of a segment: building, writing, checking (index.h). No state but the builder's. */
#include "index.h"

#include <canp/error.h>

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "crc32c.h"
#include "segment_file.h"

_Static_assert(sizeof(struct index_header) == 64, "index_header");
_Static_assert(sizeof(struct index_id) == 16, "index_id");
_Static_assert(sizeof(struct index_block) == 32, "index_block");
PIN(index_header, crc, 4);
PIN(index_header, blocks, 8);
PIN(index_header, ids, 12);
PIN(index_header, bitmap_words, 16);
PIN(index_header, first_frame_ns, 24);
PIN(index_header, last_frame_ns, 32);
PIN(index_id, channel, 4);
PIN(index_id, kind, 5);
PIN(index_id, count, 8);
PIN(index_block, first_ns, 8);
PIN(index_block, last_ns, 16);
PIN(index_block, frames, 24);
PIN(index_block, flags, 28);

#define ARENA_STEP (1U << 20)

/* What stands in the arena in front of a block's bitmap. */
struct arena_block {
    struct index_block block;
    uint32_t words;
    uint32_t zero;
};

void canp_index_begin(struct index_builder *b)
{
    b->used = 0;
    b->blocks = b->ids = 0;
    b->overflow = b->any_frame = false;
    b->first_frame_ns = b->last_frame_ns = 0;
    memset(b->slot, 0, sizeof(b->slot));
}

void canp_index_release(struct index_builder *b)
{
    if (b->arena)
        munmap(b->arena, b->arena_bytes);
    b->arena = NULL;
    b->arena_bytes = 0;
}

static bool reserve(struct index_builder *b, size_t bytes)
{
    if (b->used + bytes <= b->arena_bytes)
        return true;
    size_t size = b->arena_bytes + (bytes > ARENA_STEP ? bytes : ARENA_STEP);
    void *arena = b->arena ? mremap(b->arena, b->arena_bytes, size, MREMAP_MAYMOVE)
                           : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (arena == MAP_FAILED)
        return false;
    b->arena = arena;
    b->arena_bytes = size;
    return true;
}

/* Place of an id, made when it is new. INDEX_IDS_MAX when there is no room. */
static uint32_t place_of(struct index_builder *b, uint32_t id, uint8_t channel, uint8_t kind)
{
    for (uint32_t i = canp_id_slot(canp_id_key(channel, kind, id), INDEX_SLOT_BITS);;
         i = (i + 1) % INDEX_SLOTS) {
        uint32_t place = b->slot[i];
        if (place == 0) {
            if (b->ids == INDEX_IDS_MAX)
                return INDEX_IDS_MAX;
            b->id[b->ids] = (struct index_id){.id = id, .channel = channel, .kind = kind};
            b->slot[i] = (uint16_t)++b->ids;
            return b->ids - 1;
        }
        const struct index_id *known = &b->id[place - 1];
        if (known->id == id && known->channel == channel && known->kind == kind)
            return place - 1;
    }
}

static void note_frame_time(struct index_builder *b, int64_t time_ns)
{
    if (!b->any_frame || time_ns < b->first_frame_ns)
        b->first_frame_ns = time_ns;
    if (!b->any_frame || time_ns > b->last_frame_ns)
        b->last_frame_ns = time_ns;
    b->any_frame = true;
}

/* Counts one row; its place, or INDEX_IDS_MAX for rows that have none. */
static uint32_t add_row(struct index_builder *b, const struct canp_record *r)
{
    if (r->kind == CANP_KIND_GAP) {
        uint32_t place = place_of(b, r->gap->layer, r->channel, CANP_KIND_GAP);
        if (place == INDEX_IDS_MAX)
            b->overflow = true;
        else
            b->id[place].count += r->gap->lost;
        return place;
    }
    if (!canp_kind_is_frame(r->kind))
        return INDEX_IDS_MAX;
    uint32_t place = place_of(b, canp_record_id(r), r->channel, r->kind);
    if (place == INDEX_IDS_MAX) {
        b->overflow = true;
        return place;
    }
    note_frame_time(b, r->time_ns);
    b->id[place].count++;
    return place;
}

void canp_index_add_block(struct index_builder *b, uint64_t offset, const struct block_header *h,
                          const uint8_t *rows)
{
    const size_t bitmap_max = INDEX_IDS_MAX / 8;
    if (b->overflow)
        return;
    if (!reserve(b, sizeof(struct arena_block) + bitmap_max)) {
        b->overflow = true;
        return;
    }
    struct arena_block *entry = (struct arena_block *)(b->arena + b->used);
    uint64_t *bitmap = (uint64_t *)(entry + 1);
    memset(bitmap, 0, bitmap_max);
    for (size_t at = 0; at < h->rows_bytes;) {
        struct canp_record r;
        canp_row_read(rows + at, h->base_ns, &r);
        uint32_t place = add_row(b, &r);
        if (place < INDEX_IDS_MAX)
            bitmap[place / 64] |= UINT64_C(1) << place % 64;
        at += r.row_bytes;
    }
    entry->block = (struct index_block){offset, h->first_ns, h->last_ns, h->frames, h->flags};
    entry->words = (b->ids + 63) / 64;
    entry->zero = 0;
    b->used += sizeof(*entry) + entry->words * sizeof(uint64_t);
    b->blocks++;
}

/* ---- writing --------------------------------------------------------------------------------------- */

struct output {
    int fd;
    uint64_t offset; /* of what is next, in the file */
    uint32_t crc;
    uint8_t buffer[16384];
    size_t used;
    int error;
};

static void flush(struct output *o)
{
    if (o->error == 0)
        o->error = canp_segment_file_write_all(o->fd, o->buffer, o->used, o->offset);
    o->offset += o->used;
    o->used = 0;
}

static void put(struct output *o, const void *data, size_t bytes)
{
    const uint8_t *p = data;
    o->crc = canp_crc32c(o->crc, data, bytes);
    while (bytes > 0) {
        size_t n = sizeof(o->buffer) - o->used < bytes ? sizeof(o->buffer) - o->used : bytes;
        memcpy(o->buffer + o->used, p, n);
        o->used += n;
        p += n;
        bytes -= n;
        if (o->used == sizeof(o->buffer))
            flush(o);
    }
}

static void put_blocks(struct output *o, const struct index_builder *b, uint32_t words)
{
    static const uint64_t zero;
    size_t at = 0;
    for (uint32_t i = 0; i < b->blocks; i++) {
        const struct arena_block *entry = (const struct arena_block *)(b->arena + at);
        put(o, &entry->block, sizeof(entry->block));
        put(o, entry + 1, entry->words * sizeof(uint64_t));
        for (uint32_t w = entry->words; w < words; w++)
            put(o, &zero, sizeof(zero));
        at += sizeof(*entry) + entry->words * sizeof(uint64_t);
    }
}

uint64_t canp_index_bytes(const struct index_builder *b)
{
    uint64_t words = (b->ids + 63) / 64;
    return sizeof(struct index_header) + b->ids * sizeof(struct index_id) +
           b->blocks * (sizeof(struct index_block) + words * sizeof(uint64_t));
}

int canp_index_write(const struct index_builder *b, int fd, uint64_t offset, uint64_t salt, uint64_t *bytes)
{
    struct index_header h = {.magic = INDEX_MAGIC,
                             .blocks = b->blocks,
                             .ids = b->ids,
                             .bitmap_words = (b->ids + 63) / 64,
                             .first_frame_ns = b->first_frame_ns,
                             .last_frame_ns = b->last_frame_ns};
    *bytes = 0;
    if (b->overflow || b->blocks == 0)
        return 0;
    struct output o = {.fd = fd, .offset = offset + sizeof(h), .crc = canp_crc32c(0, &salt, sizeof(salt))};
    o.crc = canp_crc32c(o.crc, &h.blocks, sizeof(h) - offsetof(struct index_header, blocks));
    put(&o, b->id, b->ids * sizeof(b->id[0]));
    put_blocks(&o, b, h.bitmap_words);
    flush(&o);
    h.crc = o.crc;
    if (o.error == 0)
        o.error = canp_segment_file_write_all(fd, &h, sizeof(h), offset);
    if (o.error == 0)
        *bytes = o.offset - offset;
    return o.error;
}

/* ---- reading --------------------------------------------------------------------------------------- */

bool canp_index_is_valid(const uint8_t *data, uint64_t bytes, uint64_t salt, struct index_view *out)
{
    struct index_header *h = &out->header;
    if (bytes < sizeof(*h))
        return false;
    memcpy(h, data, sizeof(*h));
    if (h->magic != INDEX_MAGIC || h->ids > INDEX_IDS_MAX || h->bitmap_words != (h->ids + 63) / 64)
        return false;
    size_t block_bytes = sizeof(struct index_block) + h->bitmap_words * sizeof(uint64_t);
    uint64_t need = sizeof(*h) + h->ids * sizeof(struct index_id) + (uint64_t)h->blocks * block_bytes;
    if (need != bytes)
        return false;
    uint32_t crc = canp_crc32c(0, &salt, sizeof(salt));
    crc = canp_crc32c(crc, &h->blocks, sizeof(*h) - offsetof(struct index_header, blocks));
    if (canp_crc32c(crc, data + sizeof(*h), (size_t)bytes - sizeof(*h)) != h->crc)
        return false;
    out->ids = (const struct index_id *)(data + sizeof(*h));
    out->blocks = data + sizeof(*h) + h->ids * sizeof(struct index_id);
    out->block_bytes = block_bytes;
    return true;
}
