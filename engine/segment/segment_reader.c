/* A segment opened for reading (segment_reader.h). */
#include "segment_reader.h"

#include <canp/error.h>
#include <canp/pools/buf.h>
#include <canp/pools/mapcache.h>
#include <canp/pools/mapped.h>
#include <canp/private/read_at.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOPS_MAX        16U
#define RUN_MIN         2U            /* who wants but a block or two is left alone */
#define AHEAD_BYTES     (1024U << 10) /* mapped at a time */
#define COPY_BYTES_MIN  (512U << 10)
#define INDEX_BYTES_MAX (64U << 20) /* of one that is copied; the blocks tell the same */

/* Write permission for one's own group is the usual umask of systems where each user has a group alone. */
static bool others_may_write(const struct stat *st)
{
    if ((st->st_mode & S_IWOTH) || ((st->st_mode & S_IWGRP) && st->st_gid != getegid()))
        return true;
    return st->st_uid != geteuid() && st->st_uid != 0;
}

static int read_file_size(struct segment_reader *s)
{
    struct stat st;
    if (fstat(s->fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -CANP_E_FORMAT;
    s->file_bytes = (uint64_t)st.st_size;
    s->by_copy = s->by_copy || others_may_write(&st);
    return 0;
}

static int read_header(struct segment_reader *s)
{
    int64_t n = canp_read_at(s->fd, &s->header, sizeof(s->header), 0);
    if (n < 0)
        return (int)n;
    if ((size_t)n < sizeof(s->header))
        return n >= 8 && memcmp(s->header.magic, SEG_MAGIC, 8) == 0 ? -CANP_E_DAMAGED : -CANP_E_FORMAT;
    int r = canp_seg_header_check(&s->header);
    s->header_mended = (r == -CANP_E_DAMAGED || r == -CANP_E_FORMAT) && canp_seg_header_mend(&s->header);
    return s->header_mended ? canp_seg_header_check(&s->header) : r;
}

int canp_segment_reader_refresh(struct segment_reader *s)
{
    if (s->sealed)
        return 0;
    /* The seal first: once it is there, the size that follows is final. */
    int64_t n = canp_read_at(s->fd, &s->seal, sizeof(s->seal), SEG_SEAL_OFFSET);
    int r = n < 0 ? (int)n : read_file_size(s);
    if (r == 0)
        s->sealed = n == sizeof(s->seal) && canp_seg_seal_is_valid(&s->seal, s->header.salt);
    return r;
}

int canp_segment_reader_open(struct segment_reader *s, int dir_fd, const char *name)
{
    memset(s, 0, sizeof(*s));
    s->fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (s->fd < 0)
        return -errno;
    int r = read_file_size(s);
    if (r == 0)
        r = read_header(s);
    s->chain_end = s->header.header_bytes;
    if (r == 0)
        r = canp_segment_reader_refresh(s);
    if (r == 0 && s->file_bytes < s->header.header_bytes && !s->sealed)
        r = -CANP_E_DAMAGED; /* a segment has its size before it has its name: it was cut */
    if (r < 0)
        canp_segment_reader_close(s);
    return r;
}

void canp_segment_reader_close(struct segment_reader *s)
{
    canp_mapped_release(s->mapped);
    s->mapped = NULL;
    canp_mbuf_release(&s->copy);
    free(s->index_copy);
    s->index_copy = NULL;
    if (s->fd >= 0)
        close(s->fd);
    s->map = NULL;
    s->fd = -1;
}

/* Where blocks can lie. */
static uint64_t blocks_limit(const struct segment_reader *s)
{
    bool is_whole = s->sealed && s->seal.blocks_end <= s->file_bytes;
    return is_whole ? s->seal.blocks_end : s->file_bytes;
}

/* A sealed segment changes no more: it may stay mapped for the next who reads it. Where the cache has no room
 * the mapping is ours alone. */
static int map_segment(struct segment_reader *s)
{
    struct canp_file_id id;
    int r = s->sealed && s->maps ? canp_file_id_of(s->fd, &id) : -EBUSY;
    if (r == 0)
        r = canp_mapcache_get(s->maps, &id, s->fd, &s->mapped);
    if (r == -EBUSY || r == -EFBIG || r == -ESTALE)
        r = canp_mapped_open_fd(s->fd, &s->mapped);
    return r;
}

/* Not this file, or no more of them. */
static bool cannot_be_mapped(int r)
{
    return r == -ENODEV || r == -EACCES || r == -EPERM || r == -EINVAL || r == -EOVERFLOW || r == -ENOMEM ||
           r == -EMFILE;
}

static int ensure_mapped(struct segment_reader *s, uint64_t end)
{
    if (s->map && end <= s->map_bytes)
        return 0;
    if (end > s->file_bytes)
        return -CANP_E_DAMAGED;
    if (s->by_copy)
        return 0;
    /* A segment has its size before it is published, so one mapping lasts; but where the file system cannot
     * allocate it grows. What others share of the mapping before stays theirs. */
    if (s->map && s->sealed)
        return -CANP_E_LOST;
    canp_mapped_release(s->mapped);
    s->mapped = NULL;
    s->map = NULL;
    int r = map_segment(s);
    if (cannot_be_mapped(r)) {
        s->by_copy = true;
        return 0;
    }
    if (r < 0)
        return r;
    s->map_bytes = canp_mapped_bytes(s->mapped);
    r = canp_mapped_borrow(s->mapped, 0, (size_t)s->map_bytes, &s->map);
    return r == 0 && end > s->map_bytes ? -CANP_E_LOST : r;
}

/* The header at an offset, by a read: a mapping could be cut behind the last block meanwhile. */
int canp_segment_reader_header_at(const struct segment_reader *s, uint64_t offset, struct block_header *h)
{
    if (s->sealed && s->map && offset + sizeof(*h) <= s->map_bytes) {
        memcpy(h, s->map + offset, sizeof(*h));
        return 1;
    }
    int64_t n = canp_read_at(s->fd, h, sizeof(*h), offset);
    if (n < 0)
        return (int)n;
    return (size_t)n == sizeof(*h);
}

/*
 * Everything up to the mark was checked, so the headers alone lead from block to block there. Follows them, a
 * few blocks each time, over what was skipped by the index.
 */
static void catch_up(struct segment_reader *s, uint64_t offset)
{
    struct block_header h;
    if (offset >= canp_mapped_mark(s->mapped))
        return;
    for (unsigned i = 0; i < HOPS_MAX && s->chain_end < offset && offset + sizeof(h) <= s->map_bytes; i++) {
        memcpy(&h, s->map + s->chain_end, sizeof(h));
        s->chain_end += sizeof(h) + h.stored_bytes;
    }
}

/* Of blocks that are read one behind the other for the first time the pages are mapped some at a time: that
 * costs less than meeting them one by one. Only a hint: what cannot be read is found when it is. */
static void map_ahead(struct segment_reader *s, uint64_t offset, uint64_t end)
{
    s->run = offset == s->run_end ? s->run + 1 : 0;
    s->run_end = end;
    if (!s->sealed || s->run < RUN_MIN || end <= s->at_hand || end <= canp_mapped_mark(s->mapped))
        return;
    uint64_t left = blocks_limit(s) - offset, bytes = left < AHEAD_BYTES ? left : AHEAD_BYTES;
    canp_mapped_advise(s->mapped, (size_t)offset, (size_t)bytes, CANP_MAPPED_AT_HAND);
    s->at_hand = offset + bytes;
}

/* Room for so many bytes; a buffer that somebody shares is left to them. */
static int ensure_copy(struct segment_reader *s, size_t bytes)
{
    if (bytes <= s->copy.capacity_bytes && canp_mbuf_refs(&s->copy) == 1)
        return 0;
    canp_mbuf_release(&s->copy);
    return canp_decompress_buffer(s->buffers, bytes < COPY_BYTES_MIN ? COPY_BYTES_MIN : bytes, &s->copy);
}

/* Where so many bytes of the file can be read: in the mapping, or in a copy. */
static int borrow(struct segment_reader *s, uint64_t offset, uint32_t bytes, const uint8_t **out)
{
    int r = ensure_mapped(s, offset + bytes);
    if (r < 0)
        return r;
    if (!s->by_copy) {
        *out = s->map + offset;
        return 0;
    }
    r = ensure_copy(s, bytes);
    if (r < 0)
        return r;
    int64_t n = canp_read_at(s->fd, s->copy.data, bytes, offset);
    if (n < 0)
        return (int)n;
    if ((size_t)n < bytes)
        return -CANP_E_LOST; /* it was that long a moment ago */
    *out = s->copy.data;
    return 0;
}

static bool is_blank(const struct block_header *h)
{
    static const struct block_header blank;
    return memcmp(h, &blank, sizeof(blank)) == 0;
}

static int damaged(const struct segment_reader *s)
{
    return segment_reader_status(s) < 0 ? -CANP_E_LOST : -CANP_E_DAMAGED;
}

int canp_segment_reader_block_at(struct segment_reader *s, uint64_t offset, struct segment_block *out)
{
    uint64_t limit = blocks_limit(s);
    struct block_header h;
    if (offset >= limit)
        return 0;
    if (limit - offset < sizeof(h))
        return s->sealed ? -CANP_E_DAMAGED : 0;
    int r = canp_segment_reader_header_at(s, offset, &h);
    if (r <= 0)
        return r == 0 && s->sealed ? -CANP_E_LOST : r; /* it was that long when it was opened */
    if (is_blank(&h))
        return s->sealed ? damaged(s) : 0;
    if (!canp_block_header_is_sane(&h, limit - offset))
        return damaged(s);
    const uint8_t *payload = NULL;
    r = borrow(s, offset + sizeof(h), h.stored_bytes, &payload);
    if (r < 0)
        return r;
    uint64_t end = offset + sizeof(h) + h.stored_bytes;
    if (!s->by_copy) {
        map_ahead(s, offset, end);
        catch_up(s, offset);
    }
    /* A place that was skipped to may be no block's: it may be data that looks like one. */
    bool chained = offset == s->chain_end;
    bool checked = !s->by_copy && chained && end <= canp_mapped_mark(s->mapped);
    if (!checked && canp_block_crc(&h, payload, s->header.salt) != h.crc)
        return damaged(s);
    if (chained)
        s->chain_end = end;
    *out = (struct segment_block){offset, end, h, payload, chained, checked};
    return 1;
}

void canp_segment_reader_note_checked(struct segment_reader *s, const struct segment_block *b)
{
    if (s->by_copy)
        return;
    uint64_t before = canp_mapped_mark(s->mapped);
    if (b->chained && b->offset == (before ? before : s->header.header_bytes))
        canp_mapped_raise_mark(s->mapped, b->end);
}

#define SCAN_CHUNK 65536U

/*
 * Can what begins here be a block behind a damaged place? Tested before its checksum is computed: a hostile
 * file could hold a magic every 8 bytes, each in front of megabytes. Blocks are at least 88 bytes long, hence
 * the bound of the sequence number.
 */
static int block_is_likely(struct segment_reader *s, uint64_t at, uint64_t from, uint32_t seq_min,
                           uint64_t *budget)
{
    struct block_header h;
    int r = canp_segment_reader_header_at(s, at, &h);
    if (r <= 0)
        return r;
    uint64_t seq_max = seq_min + (at - from) / 88 + 1;
    if (!canp_block_header_is_sane(&h, blocks_limit(s) - at) || h.seq < seq_min || h.seq > seq_max)
        return 0;
    if (h.stored_bytes > *budget)
        return 0;
    *budget -= h.stored_bytes;
    return 1;
}

/* The checksums of a search cover at most this: twice what is left, and some. */
static uint64_t search_budget(const struct segment_reader *s, uint64_t at)
{
    return 2 * (blocks_limit(s) - at) + BLOCK_BYTES_MAX;
}

/* The first magic in this chunk from i on, or n. */
static size_t find_magic(const uint8_t *chunk, size_t i, size_t n)
{
    for (; i + 8 <= n; i += 8) {
        uint32_t magic;
        memcpy(&magic, chunk + i, sizeof(magic));
        if (magic == BLOCK_MAGIC)
            return i;
    }
    return n;
}

/* Where data may be from `at` on: a file may be cut longer by terabytes of holes. `limit` when there is none.
 */
static uint64_t skip_holes(const struct segment_reader *s, uint64_t at, uint64_t limit)
{
    off_t data = lseek(s->fd, (off_t)at, SEEK_DATA); /* who reads here does so by pread() */
    if (data < 0)
        return errno == ENXIO ? limit : at;
    return (uint64_t)data > at ? (uint64_t)data & ~UINT64_C(7) : at;
}

int canp_segment_reader_block_after(struct segment_reader *s, uint64_t offset, uint32_t seq_min,
                                    struct segment_block *out)
{
    uint8_t chunk[SCAN_CHUNK];
    uint64_t at = (offset + 8) & ~UINT64_C(7);
    if (at < s->header.header_bytes)
        at = s->header.header_bytes;
    uint64_t limit = blocks_limit(s), budget = at < limit ? search_budget(s, at) : 0;
    while ((at = skip_holes(s, at, limit)) < limit) {
        int64_t n = canp_read_at(s->fd, chunk, sizeof(chunk), at);
        if (n < 8)
            return n < 0 ? (int)n : 0;
        for (size_t i = 0; (i = find_magic(chunk, i, (size_t)n)) < (size_t)n; i += 8) {
            int r = block_is_likely(s, at + i, offset, seq_min, &budget);
            if (r == 1)
                r = canp_segment_reader_block_at(s, at + i, out);
            if (r == 1 || (r < 0 && r != -CANP_E_DAMAGED))
                return r;
        }
        at += (uint64_t)n & ~UINT64_C(7);
    }
    return 0;
}

int canp_segment_reader_rows_bytes(const struct segment_reader *s, uint64_t *out)
{
    uint64_t sum = 0, at = s->header.header_bytes;
    struct block_header h;
    while (at < s->seal.blocks_end) {
        int r = canp_segment_reader_header_at(s, at, &h);
        if (r < 0)
            return r;
        if (r == 0 || !canp_block_header_is_sane(&h, s->seal.blocks_end - at))
            return -CANP_E_DAMAGED;
        sum += h.rows_bytes;
        at += sizeof(h) + h.stored_bytes;
    }
    *out = sum;
    return 0;
}

static const uint8_t *copy_index(struct segment_reader *s, uint64_t offset, uint64_t bytes)
{
    if (s->index_copy || bytes > INDEX_BYTES_MAX)
        return s->index_copy;
    uint8_t *copy = malloc((size_t)bytes);
    if (copy && canp_read_at(s->fd, copy, (size_t)bytes, offset) == (int64_t)bytes)
        return s->index_copy = copy;
    free(copy);
    return NULL;
}

/* A mapping made while the segment was written ends where its file did then; the index may lie behind. Blocks
 * that were lent point into that mapping, so it stays. */
static const uint8_t *borrow_index(struct segment_reader *s, uint64_t offset, uint64_t bytes)
{
    bool is_behind = s->map && offset + bytes > s->map_bytes;
    if (!is_behind && ensure_mapped(s, offset + bytes) < 0)
        return NULL;
    return is_behind || s->by_copy ? copy_index(s, offset, bytes) : s->map + offset;
}

bool canp_segment_reader_index(struct segment_reader *s, struct index_view *out)
{
    uint64_t offset = s->seal.index_offset, bytes = s->seal.index_bytes, end;
    if (!s->sealed || bytes == 0 || offset % 8 != 0 || offset < s->seal.blocks_end ||
        __builtin_add_overflow(offset, bytes, &end) || end > s->file_bytes)
        return false;
    const uint8_t *data = borrow_index(s, offset, bytes);
    return data && canp_index_is_valid(data, bytes, s->header.salt, out) &&
           out->header.blocks == s->seal.blocks;
}
