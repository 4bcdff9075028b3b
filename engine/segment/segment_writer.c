/* A segment being written (segment_writer.h). */
#include "segment_writer.h"

#include <canp/error.h>
#include <canp/pools/clock.h>
#include <canp/private/sigbus.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "block_counts.h"
#include "segment_file.h"

#define INDEX_PACKED_MIN (512U << 10)   /* bytes of packed blocks from which on there is an index */
#define INDEX_SHARE      64U            /* below: when it takes no more than this part of them */
#define WINDOW_BYTES     (512ULL << 10) /* prefaulted at a time */
#define GROW_BYTES       (1ULL << 20)   /* written as zeros at a time, where there is no fallocate */
/* How much is prefaulted in front of the write position: more while windows are used up quickly. */
#define AHEAD_BYTES_MIN (1ULL << 20)
#define AHEAD_BYTES_MAX (4ULL << 20)
#define QUICK_NS        250000000U /* for a window */
#define SLOW_NS         2000000000U

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

static int fill_header(struct segment_writer *s, uint64_t number,
                       const struct segment_writer_identity *identity)
{
    struct seg_header *h = &s->header;
    memcpy(h->magic, SEG_MAGIC, sizeof(h->magic));
    h->version = SEG_VERSION;
    h->header_bytes = identity->header_bytes ? identity->header_bytes : SEG_HEADER_BYTES;
    h->compat = SEG_COMPAT_COUNTS;
    h->incompat = identity->incompat;
    if (getentropy(&h->salt, sizeof(h->salt)) < 0)
        return -errno;
    h->number = number;
    memcpy(h->recording, identity->recording, sizeof(h->recording));
    memcpy(h->boot_id, identity->boot_id, sizeof(h->boot_id));
    h->created_realtime_ns = identity->created_realtime_ns;
    h->created_monotonic_ns = identity->created_monotonic_ns;
    if (h->created_realtime_ns == 0) {
        h->created_realtime_ns = canp_realtime_ns();
        h->created_monotonic_ns = (int64_t)canp_monotonic_ns();
    }
    memcpy(h->writer, "canp", 5);
    h->crc = canp_seg_header_crc(h);
    return 0;
}

static void map_file(struct segment_writer *s)
{
    size_t bytes = (size_t)s->size_bytes;
    if (bytes != s->size_bytes) /* more than 32 bits can address: blocks go by pwrite */
        return;
    void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
    if (map == MAP_FAILED)
        return;
    s->watch = canp_sigbus_watch(map, bytes, true);
    if (s->watch < 0) { /* so many mappings cannot be watched: blocks go by pwrite */
        munmap(map, bytes);
        return;
    }
    s->map = map;
}

static void unmap_file(struct segment_writer *s)
{
    if (!s->map)
        return;
    canp_sigbus_unwatch(s->watch);
    munmap(s->map, (size_t)s->size_bytes);
    s->map = NULL;
}

/* The segment is given up by its first error. Returns the one that it was. */
static int give_up(struct segment_writer *s, int error)
{
    int none = 0;
    atomic_compare_exchange_strong(&s->failed, &none, error);
    return atomic_load(&s->failed);
}

/* Is what was written to the mapping in the file? */
static int check_mapping(struct segment_writer *s)
{
    return s->map && canp_sigbus_error(s->watch) < 0 ? give_up(s, -CANP_E_LOST) : 0;
}

/* Nobody but us may cut the file, and while it is written it has a name. */
static int check_file(struct segment_writer *s)
{
    struct stat st;
    if (fstat(s->fd, &st) < 0)
        return give_up(s, -errno);
    bool is_gone = st.st_nlink == 0 || (uint64_t)st.st_size < atomic_load(&s->allocated);
    return is_gone ? give_up(s, -CANP_E_LOST) : check_mapping(s);
}

/* Adds what the block at this place counts. False where there is none. */
static bool count_block(const struct segment_writer *s, const struct block_header *h, uint64_t at,
                        struct block_counts *sums)
{
    uint8_t tail[BLOCK_COUNTS_BYTES_MAX];
    size_t bytes = block_counts_bytes(h->channel_mask);
    uint64_t end = at + sizeof(*h) + h->stored_bytes;
    if (h->tail_bytes < bytes || pread(s->fd, tail, bytes, (off_t)(end - bytes)) != (ssize_t)bytes)
        return false;
    canp_block_counts_add(h, tail + bytes, sums);
    return true;
}

/* What a reader still finds of the segment: the blocks in front of where the file ends, or is blank. None
 * where it has no name or no header any more. */
static void count_left(const struct segment_writer *s, struct block_counts *left)
{
    struct seg_header header;
    struct block_header h;
    struct stat st;
    uint64_t at = s->header.header_bytes;
    if (fstat(s->fd, &st) < 0 || st.st_nlink == 0 ||
        pread(s->fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header) ||
        memcmp(&header, &s->header, sizeof(header)) != 0)
        return;
    for (uint32_t seq = 0; seq < s->next_seq && at < (uint64_t)st.st_size; seq++) {
        if (pread(s->fd, &h, sizeof(h), (off_t)at) != (ssize_t)sizeof(h) || h.seq != seq ||
            !canp_block_header_is_sane(&h, (uint64_t)st.st_size - at) || !count_block(s, &h, at, left))
            break;
        at += sizeof(h) + h.stored_bytes;
    }
}

static uint64_t less(uint64_t all, uint64_t part)
{
    return all > part ? all - part : 0;
}

void canp_segment_writer_gone(const struct segment_writer *s, struct block_counts *gone)
{
    struct block_counts left = {0};
    count_left(s, &left);
    for (unsigned i = 0; i < BLOCK_CHANNELS_MAX; i++) {
        gone->frames[i] = less(s->counts.frames[i], left.frames[i]);
        gone->lost[i] = less(s->counts.lost[i], left.lost[i]);
    }
}

/* Where the file system cannot allocate a file it grows, so that a short recording is not 64 MiB of zeros. */
static int allocate_file(struct segment_writer *s, uint64_t least_bytes)
{
    uint64_t first = least_bytes > GROW_BYTES ? least_bytes : GROW_BYTES;
    int r = canp_segment_file_allocate(s->fd, &s->size_bytes, least_bytes);
    if (r != -EOPNOTSUPP) {
        atomic_store(&s->allocated, s->size_bytes);
        return r;
    }
    if (first > s->size_bytes)
        first = s->size_bytes;
    r = canp_segment_file_grow(s->fd, 0, first);
    atomic_store(&s->allocated, first);
    return r;
}

static int create_file(struct segment_writer *s, uint64_t number, uint64_t size_bytes, uint64_t least_bytes,
                       const struct segment_writer_identity *identity)
{
    canp_seg_name(s->name, number);
    int r = canp_segment_file_open(s->dir_fd, s->name);
    if (r < 0)
        return r;
    s->fd = r;
    if (ftruncate(s->fd, 0) < 0)
        return -errno;
    s->size_bytes = size_bytes;
    r = allocate_file(s, least_bytes);
    if (r < 0)
        return r;
    r = fill_header(s, number, identity);
    if (r < 0)
        return r;
    atomic_store_explicit(&s->used, s->header.header_bytes, memory_order_relaxed);
    r = canp_segment_file_write_all(s->fd, &s->header, sizeof(s->header), 0);
    if (r < 0)
        return r;
    if (atomic_load(&s->allocated) == s->size_bytes) /* else blocks go by pwrite */
        map_file(s);
    canp_segment_writer_populate(s);
    return 0;
}

int canp_segment_writer_create(int dir_fd, uint64_t number, uint64_t size_bytes, uint64_t least_bytes,
                               const struct segment_writer_identity *identity, struct segment_writer **out)
{
    struct segment_writer *s = identity->pool ? canp_objpool_acquire(identity->pool) : malloc(sizeof(*s));
    if (!s)
        return -ENOMEM;
    memset(s, 0, sizeof(*s));
    s->pool = identity->pool;
    s->fd = -1;
    s->watch = -1;
    s->dir_fd = dir_fd;
    s->ahead_bytes = AHEAD_BYTES_MIN;
    s->seal.first_ns = INT64_MAX;
    s->seal.last_ns = INT64_MIN;
    atomic_init(&s->used, 0);
    int r = create_file(s, number, size_bytes, least_bytes, identity);
    if (r < 0) {
        canp_segment_writer_free(s);
        return r;
    }
    *out = s;
    return 0;
}

int canp_segment_writer_publish(struct segment_writer *s)
{
    int r = canp_segment_file_publish(s->dir_fd, s->name);
    s->published = r == 0;
    return r;
}

int canp_segment_writer_replace(struct segment_writer *s)
{
    int r = canp_segment_file_replace(s->dir_fd, s->name);
    s->published = r == 0;
    return r;
}

uint64_t canp_segment_writer_block_bytes(const struct canp_rowbuf *rows)
{
    return sizeof(struct block_header) + rows->used_bytes + block_counts_bytes(rows->channel_mask);
}

bool canp_segment_writer_fits(const struct segment_writer *s, size_t payload_bytes)
{
    uint64_t used = atomic_load_explicit(&s->used, memory_order_relaxed);
    return payload_bytes <= BLOCK_BYTES_MAX && !s->is_full &&
           used + sizeof(struct block_header) + payload_bytes <= s->size_bytes;
}

bool canp_segment_writer_make_room(struct segment_writer *s, size_t payload_bytes)
{
    uint64_t allocated = atomic_load_explicit(&s->allocated, memory_order_relaxed);
    uint64_t end =
        atomic_load_explicit(&s->used, memory_order_relaxed) + sizeof(struct block_header) + payload_bytes;
    if (!canp_segment_writer_fits(s, payload_bytes))
        return false;
    if (end <= allocated)
        return true;
    uint64_t to = end + GROW_BYTES < s->size_bytes ? end + GROW_BYTES : s->size_bytes;
    s->is_full =
        canp_segment_file_grow(s->fd, allocated, to) < 0; /* the next segment makes room, or says why not */
    if (!s->is_full)
        atomic_store(&s->allocated, to);
    return !s->is_full;
}

/* A payload: rows or their packed form, then padding and counts by channel. */
struct payload {
    const uint8_t *data;
    uint32_t bytes;
    uint32_t tail_bytes;
    uint8_t tail[8 + BLOCK_COUNTS_BYTES_MAX];
};

static void fill_payload(struct payload *p, const struct canp_rowbuf *rows, const uint8_t *data,
                         uint32_t bytes)
{
    uint32_t padding = canp_align8(bytes) - bytes;
    p->data = data;
    p->bytes = bytes;
    memset(p->tail, 0, 8);
    p->tail_bytes = padding + canp_block_counts_write(rows, p->tail + padding);
}

static int write_block(struct segment_writer *s, uint64_t at, const struct block_header *h,
                       const struct payload *p)
{
    int r = canp_segment_file_write_all(s->fd, p->data, p->bytes, at + sizeof(*h));
    if (r == 0 && p->tail_bytes)
        r = canp_segment_file_write_all(s->fd, p->tail, p->tail_bytes, at + sizeof(*h) + p->bytes);
    return r < 0 ? r : canp_segment_file_write_all(s->fd, h, sizeof(*h), at);
}

/* The magic comes last, so that a reader who sees it mostly sees a whole block; the checksum decides. */
static int store_block(struct segment_writer *s, uint64_t at, const struct block_header *h,
                       const struct payload *p)
{
    if (!s->map)
        return write_block(s, at, h, p);
    uint8_t *to = s->map + at;
    memcpy(to + sizeof(*h), p->data, p->bytes);
    memcpy(to + sizeof(*h) + p->bytes, p->tail, p->tail_bytes);
    memcpy(to + 4, (const uint8_t *)h + 4, sizeof(*h) - 4);
    /* release: pairs with the acquire load of the magic in a reader of the same mapping */
    __atomic_store_n((uint32_t *)to, h->magic, __ATOMIC_RELEASE);
    return 0;
}

static void sum_up(struct seg_seal *seal, const struct canp_rowbuf *rows)
{
    seal->blocks++;
    seal->records += rows->records;
    seal->frames += rows->frames;
    seal->lost += rows->lost;
    seal->channel_mask |= rows->channel_mask;
    seal->id_filter |= rows->id_filter;
    if (rows->first_ns < seal->first_ns)
        seal->first_ns = rows->first_ns;
    if (rows->last_ns > seal->last_ns)
        seal->last_ns = rows->last_ns;
}

static int commit_block(struct segment_writer *s, const struct canp_rowbuf *rows, struct block_header *h,
                        const struct payload *p)
{
    int poison = atomic_load_explicit(&s->failed, memory_order_relaxed);
    if (poison < 0)
        return poison;
    h->stored_bytes = p->bytes + p->tail_bytes;
    h->tail_bytes = p->tail_bytes;
    if (!canp_segment_writer_make_room(s, h->stored_bytes))
        return s->is_full ? -ENOSPC : -EFBIG;
    uint64_t at = atomic_load_explicit(&s->used, memory_order_relaxed);
    h->crc = canp_block_crc_parts(h, p->data, p->bytes, p->tail, s->header.salt);
    int r = store_block(s, at, h, p);
    if (r < 0)
        return give_up(s, r);
    r = check_mapping(s);
    if (r < 0)
        return r;
    s->next_seq++;
    sum_up(&s->seal, rows);
    canp_block_counts_add(h, p->tail + p->tail_bytes, &s->counts);
    if (s->index)
        canp_index_add_block(s->index, at, h, rows->data);
    if (h->flags & CANP_BLOCK_PACKED)
        s->seal.packed_bytes += sizeof(*h) + h->stored_bytes;
    /* release: pairs with the acquire loads in canp_segment_writer_populate() and canp_segment_writer_sync()
     */
    atomic_store_explicit(&s->used, at + sizeof(*h) + h->stored_bytes, memory_order_release);
    return 0;
}

int canp_segment_writer_commit(struct segment_writer *s, const struct canp_rowbuf *rows)
{
    struct block_header h;
    struct payload p;
    canp_block_header_fill(&h, rows, s->next_seq);
    fill_payload(&p, rows, rows->data, (uint32_t)rows->used_bytes);
    return commit_block(s, rows, &h, &p);
}

int canp_segment_writer_commit_packed(struct segment_writer *s, const struct canp_rowbuf *rows,
                                      const uint8_t *packed, uint32_t packed_bytes)
{
    struct block_header h;
    struct payload p;
    canp_block_header_fill(&h, rows, s->next_seq);
    h.flags |= CANP_BLOCK_PACKED;
    fill_payload(&p, rows, packed, packed_bytes);
    return commit_block(s, rows, &h, &p);
}

static void populate_window(struct segment_writer *s, size_t bytes)
{
    uint8_t *from = s->map + s->populated;
    int r = madvise(from, bytes, MADV_POPULATE_WRITE) < 0 ? -errno : 0;
    if (r == -EINVAL) { /* an older kernel */
        for (uint64_t i = 0; i < bytes; i += 4096)
            __atomic_fetch_or(from + i, 0, __ATOMIC_RELAXED);
    } else if (r < 0 && r != -ENOMEM && r != -EAGAIN && r != -EINTR) {
        give_up(s,
                -CANP_E_LOST); /* the file was cut, or the disk has no room for pages that must be copied */
    }
    s->populated += bytes;
}

static bool is_window_due(const struct segment_writer *s, uint64_t used)
{
    return s->populated < s->size_bytes && s->populated < used + s->ahead_bytes;
}

/* The thread that prefaults also syncs, which may take a second: a fast recording needs more in front of it,
 * a slow one need not hold so much memory. */
static void keep_pace(struct segment_writer *s, uint64_t used)
{
    if (used - s->pace_used < WINDOW_BYTES)
        return;
    uint64_t now_ns = canp_monotonic_ns(), took_ns = now_ns - s->pace_ns;
    if (took_ns < QUICK_NS && s->ahead_bytes < AHEAD_BYTES_MAX)
        s->ahead_bytes *= 2;
    else if (took_ns > SLOW_NS && s->ahead_bytes > AHEAD_BYTES_MIN)
        s->ahead_bytes /= 2;
    s->pace_used = used;
    s->pace_ns = now_ns;
}

bool canp_segment_writer_wants_populate(const struct segment_writer *s)
{
    uint64_t used = atomic_load_explicit(&s->used, memory_order_acquire);
    return s->map && (is_window_due(s, used) || (used & ~(WINDOW_BYTES - 1)) > s->dropped);
}

void canp_segment_writer_populate(struct segment_writer *s)
{
    if (!s->map)
        return;
    uint64_t used = atomic_load_explicit(&s->used, memory_order_acquire);
    if (is_window_due(s, used)) {
        uint64_t left = s->size_bytes - s->populated;
        keep_pace(s, used);
        populate_window(s, left < WINDOW_BYTES ? (size_t)left : WINDOW_BYTES);
    }
    uint64_t behind = used & ~(WINDOW_BYTES - 1);
    if (behind > s->dropped) {
        /* The pages stay in the page cache; only this process's resident set shrinks. */
        madvise(s->map + s->dropped, (size_t)(behind - s->dropped), MADV_DONTNEED);
        s->dropped = behind;
    }
}

int canp_segment_writer_sync(struct segment_writer *s)
{
    uint64_t used = atomic_load_explicit(&s->used, memory_order_acquire);
    int poison = atomic_load(&s->failed);
    if (poison == 0)
        poison = check_file(s);
    if (poison < 0 || used == s->synced)
        return poison;
    /* An error is final: the kernel forgets which pages were dirty, so a second call would lie. */
    if (fdatasync(s->fd) < 0 && errno != EINVAL && errno != EROFS) {
        return give_up(s, -errno);
    }
    s->synced = used;
    return 0;
}

/* The index of blocks that are plain rows in the mapping. */
static void index_rows(struct segment_writer *s, struct index_builder *index)
{
    uint64_t end = atomic_load_explicit(&s->used, memory_order_acquire);
    for (uint64_t at = s->header.header_bytes; at < end;) {
        struct block_header h;
        memcpy(&h, s->map + at, sizeof(h));
        canp_index_add_block(index, at, &h, s->map + at + sizeof(h));
        at += sizeof(h) + h.stored_bytes;
    }
}

/* A small packed segment is unpacked in a few milliseconds, and an index would be a good part of it. */
static bool index_pays(const struct seg_seal *seal, const struct index_builder *index)
{
    return seal->packed_bytes == 0 || seal->packed_bytes >= INDEX_PACKED_MIN ||
           seal->packed_bytes >= INDEX_SHARE * canp_index_bytes(index);
}

/* A cache: when it cannot be written, the segment is sealed without. */
static void write_index(struct segment_writer *s, struct index_builder *scratch)
{
    struct seg_seal *seal = &s->seal;
    struct index_builder *index = s->index;
    if (!index && scratch && s->map) {
        index = scratch;
        canp_index_begin(index);
        index_rows(s, index);
    }
    if (!index || !index_pays(seal, index) ||
        canp_index_write(index, s->fd, seal->blocks_end, s->header.salt, &seal->index_bytes) < 0)
        seal->index_bytes = 0;
    seal->index_offset = seal->index_bytes ? seal->blocks_end : 0;
}

int canp_segment_writer_seal(struct segment_writer *s, bool no_sync, struct index_builder *scratch)
{
    int r = atomic_load(&s->failed);
    if (r == 0)
        r = check_file(s);
    if (r < 0)
        return r;
    struct seg_seal *seal = &s->seal;
    seal->blocks_end = atomic_load_explicit(&s->used, memory_order_acquire);
    if (seal->blocks == 0)
        seal->first_ns = seal->last_ns = 0;
    write_index(s, scratch);
    seal->magic = SEAL_MAGIC;
    seal->crc = canp_seg_seal_crc(seal, s->header.salt);
    /* The blocks are on disk before the seal says so. */
    r = no_sync ? check_mapping(s) : canp_segment_writer_sync(s);
    if (r < 0)
        return r;
    unmap_file(s);
    r = canp_segment_file_write_all(s->fd, seal, sizeof(*seal), SEG_SEAL_OFFSET);
    if (r < 0)
        return r;
    /* Only what was never committed is cut off, and readers touch nothing else (reader.c). */
    if (ftruncate(s->fd, (off_t)(seal->blocks_end + seal->index_bytes)) < 0)
        return -errno;
    return no_sync || fsync(s->fd) == 0 || errno == EINVAL ? 0 : -errno;
}

void canp_segment_writer_free(struct segment_writer *s)
{
    if (!s)
        return;
    unmap_file(s);
    if (s->fd >= 0) {
        if (!s->published)
            canp_segment_file_discard(s->dir_fd, s->name);
        close(s->fd);
    }
    if (s->pool)
        canp_objpool_release(s->pool, s);
    else
        free(s);
}
