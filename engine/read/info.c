/* canp_reader_info() counts what a recording holds. It reads each block that is in no index once;
 * canp_reader_info_quick() reads only the headers of these. The call keeps the counts, not the reader. Any
 * thread; other threads that count or refresh the same reader wait. */
#include "cursor_priv.h"
#include "segment/block_counts.h"

#include <canp/error_text.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A set of 64 bit keys: open addressing, doubled at half full. Keys are never 0. */
struct id_set {
    uint64_t *keys;
    size_t capacity; /* 2^bits, or 0 */
    unsigned bits;
    size_t count;
};

static size_t slot_of(const struct id_set *set, uint64_t key)
{
    size_t i = canp_id_slot(key, set->bits);
    while (set->keys[i] && set->keys[i] != key)
        i = (i + 1) & (set->capacity - 1);
    return i;
}

static int grow(struct id_set *set)
{
    struct id_set larger = {.bits = set->capacity ? set->bits + 1 : 10, .count = set->count};
    if (larger.bits > 32)
        return -ENOMEM;
    larger.capacity = (size_t)1 << larger.bits;
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

/* What is being counted. */
struct tally {
    struct canp_reader *reader;
    struct canp_info info;
    struct id_set ids;
    struct canp_iface_info ifaces[CHANNELS_MAX]; /* the counts; names come at the end */
    bool quick;                                  /* by the blocks' own counts, no ids */
};

static void note_times(struct canp_info *info, int64_t first_ns, int64_t last_ns)
{
    if (info->frames == 0 || first_ns < info->first_ns)
        info->first_ns = first_ns;
    if (info->frames == 0 || last_ns > info->last_ns)
        info->last_ns = last_ns;
}

static int count_record(struct tally *t, const struct canp_record *r)
{
    t->info.records++;
    if (r->kind == CANP_KIND_GAP) {
        t->info.lost += r->gap->lost;
        t->ifaces[r->channel].lost += r->gap->lost;
    }
    if (!canp_kind_is_frame(r->kind))
        return 0;
    note_times(&t->info, r->time_ns, r->time_ns);
    t->info.frames++;
    t->ifaces[r->channel].frames++;
    t->ifaces[r->channel].error_frames += canp_is_error_frame(r);
    return t->quick ? 0 : id_set_add(&t->ids, canp_id_key(r->channel, r->kind, canp_record_id(r)));
}

static void count_head(struct tally *t, const struct segment_block *b)
{
    const struct block_header *h = &b->header;
    struct block_counts counts;
    if (!canp_block_counts_read(h, b->payload, &counts))
        return;
    for (unsigned i = 0; i < BLOCK_CHANNELS_MAX; i++) {
        t->ifaces[i].frames += counts.frames[i];
        t->ifaces[i].lost += counts.lost[i];
    }
    if (h->frames)
        note_times(&t->info, h->first_ns, h->last_ns);
    t->info.records += h->records;
    t->info.frames += h->frames;
    t->info.lost += h->lost;
}

static int count_block(struct tally *t, struct canp_cursor *c)
{
    const struct block_header *h = &c->block.header;
    t->info.blocks++;
    t->info.bytes += sizeof(*h) + h->stored_bytes;
    if (h->flags & CANP_BLOCK_PACKED)
        t->info.packed_bytes += sizeof(*h) + h->stored_bytes;
    if (c->rows_bytes == 0)
        count_head(t, &c->block);
    for (size_t at = 0; at < c->rows_bytes;) {
        struct canp_record r;
        canp_row_read(c->head.rows + at, c->head.base_ns, &r);
        int error = count_record(t, &r);
        if (error < 0)
            return error;
        at += r.row_bytes;
    }
    return 0;
}

/* What lies behind the last good block of an unsealed segment, up to the zeros that were never written. */
static uint64_t torn_bytes(struct segment_reader *s, uint64_t end)
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

/* ---- one segment: by its index, else by its blocks -------------------------------------------------- */

/* The sum of an index is that of the seal, or it is not believed. */
static bool index_agrees(const struct segment_reader *s, const struct index_view *index)
{
    uint64_t frames = 0, lost = 0;
    for (uint32_t i = 0; i < index->header.ids; i++) {
        if (canp_kind_is_frame(index->ids[i].kind))
            frames += index->ids[i].count;
        else
            lost += index->ids[i].count;
    }
    return frames == s->seal.frames && lost == s->seal.lost;
}

static int count_by_index(struct tally *t, const struct segment_reader *s, const struct index_view *index)
{
    struct canp_info *info = &t->info;
    for (uint32_t i = 0; i < index->header.ids; i++) {
        const struct index_id *id = &index->ids[i];
        if (!canp_kind_is_frame(id->kind)) {
            t->ifaces[id->channel].lost += id->count;
            continue;
        }
        t->ifaces[id->channel].frames += id->count;
        if (id->kind == CANP_KIND_CAN && (id->id & CANP_ID_ERR))
            t->ifaces[id->channel].error_frames += id->count;
        if (!t->quick && id_set_add(&t->ids, canp_id_key(id->channel, id->kind, id->id)) < 0)
            return -ENOMEM;
    }
    if (s->seal.frames)
        note_times(info, index->header.first_frame_ns, index->header.last_frame_ns);
    info->frames += s->seal.frames;
    info->records += s->seal.records;
    info->lost += s->seal.lost;
    info->blocks += s->seal.blocks;
    info->bytes += s->seal.blocks_end;
    info->packed_bytes += s->seal.packed_bytes;
    return 0;
}

static int count_by_blocks(struct tally *t, uint64_t number)
{
    struct canp_cursor *c;
    int r = canp_cursor_open(t->reader, NULL, &c);
    if (r < 0)
        return r;
    c->number = number - 1;
    c->last_number = number;
    c->heads_only = t->quick;
    while ((r = canp_cursor_next_block(c)) == 1 && (r = count_block(t, c)) == 0)
        continue;
    t->info.damaged += c->damaged;
    if (r == 0 && c->segment_open && !c->segment.sealed)
        t->info.torn_bytes += torn_bytes(&c->segment, c->place.offset);
    t->info.bytes += c->segment_open ? c->segment.header.header_bytes : 0;
    canp_cursor_close(c);
    return r < 0 ? r : 0;
}

static int count_segment(struct tally *t, uint64_t number)
{
    struct segment_reader s;
    struct index_view index;
    int r = canp_reader_open_segment(t->reader, number, &s);
    if (r < 0) {
        if (reader_error_passes(r))
            return r;
        t->info.damaged += r != -ENOENT;
        return 0;
    }
    t->info.live = !s.sealed;
    bool named = canp_reader_knows_channels(t->reader, s.seal.channel_mask);
    if (named && /* else the blocks tell the names, too */
        canp_segment_reader_index(&s, &index) && index_agrees(&s, &index))
        r = count_by_index(t, &s, &index);
    else
        r = count_by_blocks(t, number);
    canp_segment_reader_close(&s);
    return r;
}
static int count_all(struct tally *t)
{
    uint64_t number = 0, before = 0;
    while ((number = canp_reader_next_segment(t->reader, number)) != 0) {
        if (before && number > before + 1)
            t->info.damaged++; /* segments are missing in the middle */
        before = number;
        int r = canp_stop_is_set(t->reader->stop) ? -ECANCELED : count_segment(t, number);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Names what was counted. Returns how many interfaces there are. */
static int hand_out_ifaces(struct tally *t, struct canp_iface_info *out, unsigned count)
{
    unsigned there = t->reader->iface_count;
    for (unsigned i = there; i < CHANNELS_MAX; i++) {
        if (t->ifaces[i].frames || t->ifaces[i].lost) /* the record with its name may be damaged */
            there = i + 1;
    }
    for (unsigned i = 0; i < count && i < there; i++) {
        const struct canp_iface *named = canp_reader_iface(t->reader, (uint8_t)i);
        out[i] = t->ifaces[i];
        if (named)
            out[i].iface = *named;
    }
    return (int)there;
}

int canp_reader_info_ifaces(struct canp_reader *reader, bool quick, struct canp_info *out,
                            struct canp_iface_info *ifaces, unsigned count)
{
    struct tally t = {.reader = reader, .quick = quick};
    pthread_mutex_lock(&reader->looking);
    pthread_mutex_lock(&reader->lock);
    t.info.segments = reader->list.count;
    pthread_mutex_unlock(&reader->lock);
    int r = count_all(&t);
    pthread_mutex_unlock(&reader->looking);
    t.info.ids = (uint32_t)t.ids.count;
    free(t.ids.keys);
    if (r < 0)
        return r;
    *out = t.info;
    return hand_out_ifaces(&t, ifaces, count);
}

int canp_reader_info(struct canp_reader *reader, struct canp_info *out)
{
    int r = canp_reader_info_ifaces(reader, false, out, NULL, 0);
    return r < 0 ? r : 0;
}

int canp_reader_info_quick(struct canp_reader *reader, struct canp_info *out)
{
    int r = canp_reader_info_ifaces(reader, true, out, NULL, 0);
    return r < 0 ? r : 0;
}

int canp_reader_start(struct canp_reader *reader, int64_t *start_ns)
{
    struct canp_cursor *cursor;
    struct canp_record first;
    *start_ns = 0;
    int r = canp_cursor_open(reader, NULL, &cursor);
    if (r < 0)
        return r;
    r = canp_cursor_next(cursor, &first);
    if (r == 1)
        *start_ns = first.time_ns;
    canp_cursor_close(cursor);
    return r;
}
