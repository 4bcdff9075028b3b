/* A segment file that grows (grown_segment.h). */
#include "grown_segment.h"

#include <canp/error.h>
#include <canp/pools/clock.h>
#include <canp/private/cleanup.h>
#include <canp/private/read_at.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "message.h"
#include "segment/block_counts.h"
#include "segment/file_lock.h"
#include "segment/segment_file.h"

#define JUMP_BYTES       16U /* the tail of a gap: JUMP_MAGIC, position */
#define JUMP_MAGIC       UINT64_C(0x504D554A6E616321)
#define INDEX_PACKED_MIN (512U << 10) /* as segment_writer.c: below, an index may cost more than it saves */
#define INDEX_SHARE      64U
#define BLOCK_ROOM       (CANP_BLOCK_MESSAGE_BYTES_MAX + sizeof(struct block_header) + JUMP_BYTES)

int canp_grown_scratch_init(struct grown_scratch *scratch)
{
    memset(scratch, 0, sizeof(*scratch));
    scratch->block = aligned_alloc(64, (BLOCK_ROOM + 63) & ~(size_t)63);
    return scratch->block ? 0 : -ENOMEM;
}

void canp_grown_scratch_release(struct grown_scratch *scratch)
{
    canp_rows_release(&scratch->rows);
    canp_index_release(&scratch->index);
    free(scratch->block);
    scratch->block = NULL;
}

/* ---- making ---------------------------------------------------------------------------------------- */

static int fill_header(struct seg_header *h, uint64_t number, const struct seg_header *like)
{
    memset(h, 0, sizeof(*h));
    memcpy(h->magic, SEG_MAGIC, sizeof(h->magic));
    h->version = SEG_VERSION;
    h->header_bytes = SEG_BLOCKS_MIN;
    h->compat = SEG_COMPAT_COUNTS;
    h->incompat = SEG_INCOMPAT_SHORT | SEG_INCOMPAT_FOLLOW;
    h->number = number;
    memcpy(h->recording, like->recording, sizeof(h->recording));
    memcpy(h->boot_id, like->boot_id, sizeof(h->boot_id));
    h->created_realtime_ns = like->created_realtime_ns;
    h->created_monotonic_ns = like->created_monotonic_ns;
    memcpy(h->writer, "canp", 5);
    if (getentropy(&h->salt, sizeof(h->salt)) < 0)
        return -errno;
    h->crc = canp_seg_header_crc(h);
    return 0;
}

/* Header and an empty seal: an unsealed file has at least these. */
static int make_file(int dir_fd, const char *name, const struct seg_header *h)
{
    CANP_CLEANUP(canp_fd_close) int fd = canp_segment_file_open(dir_fd, name);
    if (fd < 0)
        return fd;
    int r = canp_segment_file_write_all(fd, h, sizeof(*h), 0);
    if (r == 0 && ftruncate(fd, SEG_BLOCKS_MIN) < 0)
        r = -errno;
    if (r == 0)
        r = canp_segment_file_publish(dir_fd, name);
    if (r < 0)
        canp_segment_file_discard(dir_fd, name);
    return r < 0 ? r : canp_take_fd(&fd);
}

int canp_grown_create(struct grown_segment *g, int dir_fd, uint64_t number, const struct seg_header *like)
{
    struct seg_header h;
    char name[SEG_NAME_BYTES];
    int r = fill_header(&h, number, like);
    if (r < 0)
        return r;
    canp_seg_name(name, number);
    r = make_file(dir_fd, name, &h);
    if (r < 0)
        return r;
    *g = (struct grown_segment){
        .fd = r, .number = number, .used = SEG_BLOCKS_MIN, .salt = h.salt, .dirty = true};
    return 0;
}

/* ---- walking --------------------------------------------------------------------------------------- */

/* Reads the block at `used` into the scratch. False: there is no whole block there. */
static bool read_block(const struct grown_segment *g, uint64_t file_bytes, struct grown_scratch *scratch,
                       struct block_header *h)
{
    if (file_bytes < g->used + sizeof(*h) ||
        canp_read_at(g->fd, h, sizeof(*h), g->used) != (int64_t)sizeof(*h))
        return false;
    if (!canp_block_header_is_sane(h, file_bytes - g->used) || h->seq != g->seq ||
        h->stored_bytes > BLOCK_ROOM || h->rows_bytes > ROWS_BYTES_MAX)
        return false;
    return canp_read_at(g->fd, scratch->block, h->stored_bytes, g->used + sizeof(*h)) == h->stored_bytes &&
           canp_block_crc(h, scratch->block, g->salt) == h->crc;
}

/* The sender's position behind a block that begins at `position`. */
static uint64_t position_behind(const struct block_header *h, const uint8_t *payload, uint64_t position)
{
    uint64_t jump[2];
    if (h->records != 1 || h->tail_bytes != JUMP_BYTES)
        return position + h->records;
    memcpy(jump, payload + h->stored_bytes - JUMP_BYTES, sizeof(jump));
    return jump[0] == JUMP_MAGIC && jump[1] > position ? jump[1] : position + 1;
}

static void pass_block(struct grown_segment *g, const struct block_header *h, const uint8_t *payload)
{
    g->position = position_behind(h, payload, g->position);
    g->used += sizeof(*h) + h->stored_bytes;
    g->last_ns = h->last_ns;
    g->seq++;
}

static int read_seal(struct grown_segment *g)
{
    struct seg_seal seal;
    int64_t n = canp_read_at(g->fd, &seal, sizeof(seal), SEG_SEAL_OFFSET);
    g->sealed = n == (int64_t)sizeof(seal) && canp_seg_seal_is_valid(&seal, g->salt);
    if (g->sealed)
        g->last_ns = seal.last_ns;
    return n < 0 ? (int)n : 0;
}

static int read_header(struct grown_segment *g, const uint8_t recording[16])
{
    struct seg_header h;
    int64_t n = canp_read_at(g->fd, &h, sizeof(h), 0);
    if (n < 0)
        return (int)n;
    int r = (size_t)n < sizeof(h) ? -CANP_E_DAMAGED : canp_seg_header_check(&h);
    if (r < 0)
        return r;
    if (memcmp(h.recording, recording, sizeof(h.recording)) != 0)
        return -CANP_E_FOREIGN;
    g->salt = h.salt;
    g->used = h.header_bytes;
    return read_seal(g);
}

/* What a killed process left behind the last block was never said to be safe. */
static int find_end(struct grown_segment *g, struct grown_scratch *scratch)
{
    struct block_header h;
    struct stat st;
    if (fstat(g->fd, &st) < 0)
        return -errno;
    while (read_block(g, (uint64_t)st.st_size, scratch, &h))
        pass_block(g, &h, scratch->block);
    return (uint64_t)st.st_size > g->used && ftruncate(g->fd, (off_t)g->used) < 0 ? -errno : 0;
}

static int open_locked(int dir_fd, uint64_t number)
{
    char name[SEG_NAME_BYTES];
    canp_seg_name(name, number);
    CANP_CLEANUP(canp_fd_close) int fd = openat(dir_fd, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = canp_file_lock_take(fd);
    return r < 0 ? r : canp_take_fd(&fd);
}

int canp_grown_open(struct grown_segment *g, int dir_fd, uint64_t number, const uint8_t recording[16],
                    struct grown_scratch *scratch)
{
    *g = (struct grown_segment){.fd = open_locked(dir_fd, number), .number = number};
    int r = g->fd < 0 ? g->fd : read_header(g, recording);
    if (r == 0 && !g->sealed)
        r = find_end(g, scratch);
    if (r < 0)
        canp_grown_pause(g);
    return r;
}

int canp_grown_continue(struct grown_segment *g, int dir_fd)
{
    if (g->fd >= 0)
        return 0;
    int r = open_locked(dir_fd, g->number);
    if (r < 0)
        return r;
    g->fd = r;
    return 0;
}

void canp_grown_pause(struct grown_segment *g)
{
    if (g->fd >= 0)
        close(g->fd);
    g->fd = -1;
}

/* ---- writing --------------------------------------------------------------------------------------- */

int canp_grown_commit(struct grown_segment *g, const struct block_header *header, const uint8_t *payload,
                      uint64_t jump, struct grown_scratch *scratch)
{
    struct block_header h = *header;
    uint8_t *to = scratch->block + sizeof(h);
    memcpy(to, payload, h.stored_bytes);
    if (jump) {
        uint64_t tail[2] = {JUMP_MAGIC, jump};
        memcpy(to + h.stored_bytes, tail, JUMP_BYTES);
        h.stored_bytes += JUMP_BYTES;
        h.tail_bytes += JUMP_BYTES;
    }
    h.seq = g->seq;
    h.crc = canp_block_crc(&h, to, g->salt);
    memcpy(scratch->block, &h, sizeof(h));
    g->dirty = true;
    int r = canp_segment_file_write_all(g->fd, scratch->block, sizeof(h) + h.stored_bytes, g->used);
    if (r < 0)
        return r;
    pass_block(g, &h, to);
    return 0;
}

int canp_grown_sync(struct grown_segment *g)
{
    if (!g->dirty || g->fd < 0)
        return 0;
    if (fdatasync(g->fd) < 0 && errno != EINVAL)
        return -errno;
    g->dirty = false;
    return 0;
}

static void sum_up(struct seg_seal *seal, const struct block_header *h)
{
    bool is_first = seal->blocks++ == 0;
    seal->records += h->records;
    seal->frames += h->frames;
    seal->lost += h->lost;
    seal->channel_mask |= h->channel_mask;
    seal->id_filter |= h->id_filter;
    if (is_first || h->first_ns < seal->first_ns)
        seal->first_ns = h->first_ns;
    if (is_first || h->last_ns > seal->last_ns)
        seal->last_ns = h->last_ns;
    if (h->flags & CANP_BLOCK_PACKED)
        seal->packed_bytes += sizeof(*h) + h->stored_bytes;
}

/* Reads the blocks once more, for their sums and the index: a store for thousands of vehicles has no memory
 * to keep these for each. */
static int survey(const struct grown_segment *g, struct grown_scratch *scratch, struct seg_seal *seal)
{
    struct grown_segment at = {.fd = g->fd, .salt = g->salt, .used = SEG_BLOCKS_MIN};
    canp_index_begin(&scratch->index);
    while (at.used < g->used) {
        struct block_header h;
        const uint8_t *rows;
        if (!read_block(&at, g->used, scratch, &h))
            return -CANP_E_DAMAGED;
        int r = canp_rows_load(&scratch->rows, &h, scratch->block, &rows);
        if (r < 0)
            return r;
        canp_index_add_block(&scratch->index, at.used, &h, rows);
        sum_up(seal, &h);
        pass_block(&at, &h, scratch->block);
    }
    return 0;
}

static bool index_pays(const struct seg_seal *seal, const struct index_builder *index)
{
    return seal->packed_bytes == 0 || seal->packed_bytes >= INDEX_PACKED_MIN ||
           seal->packed_bytes >= INDEX_SHARE * canp_index_bytes(index);
}

int canp_grown_seal(struct grown_segment *g, struct grown_scratch *scratch)
{
    struct seg_seal seal = {.magic = SEAL_MAGIC, .blocks_end = g->used};
    int r = survey(g, scratch, &seal);
    if (r < 0)
        return r;
    if (!index_pays(&seal, &scratch->index) ||
        canp_index_write(&scratch->index, g->fd, g->used, g->salt, &seal.index_bytes) < 0)
        seal.index_bytes = 0; /* a cache */
    seal.index_offset = seal.index_bytes ? g->used : 0;
    seal.crc = canp_seg_seal_crc(&seal, g->salt);
    g->dirty = true;
    r = canp_grown_sync(g); /* the blocks are on disk before the seal says so */
    if (r == 0)
        r = canp_segment_file_write_all(g->fd, &seal, sizeof(seal), SEG_SEAL_OFFSET);
    g->dirty = true;
    if (r == 0)
        r = canp_grown_sync(g);
    g->sealed = r == 0;
    return r;
}
