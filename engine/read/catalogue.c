/*
 * Reads and writes the catalogue's file (catalogue.h). Its bytes are in a block of a pool, so that the memory
 * statistics count them; the reference count is not atomic, because they stay in one thread.
 */
#include "catalogue.h"

#include <canp/error.h>
#include <canp/pools/buf.h>
#include <canp/pools/mempool.h>
#include <canp/pools/memstats.h>
#include <canp/private/cleanup.h>
#include <canp/private/read_at.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "segment/crc32c.h"
#include "segment/segment_file.h"

#define HEADER_BYTES    64U
#define RECORDING_AT    16U /* offsets in the header: magic, crc, version, entries, recording, zeros */
#define CRC_AT          4U
#define CRC_COVERS_FROM 8U
#define FILE_BYTES(n)   (HEADER_BYTES + (size_t)(n) * sizeof(struct catalogue_entry))

_Static_assert(sizeof(struct catalogue_entry) == 64, "catalogue_entry");
PIN(catalogue_entry, bytes, 8);
PIN(catalogue_entry, change_ns, 16);
PIN(catalogue_entry, inode, 24);
PIN(catalogue_entry, first_ns, 32);
PIN(catalogue_entry, last_ns, 40);
PIN(catalogue_entry, channel_mask, 48);
PIN(catalogue_entry, id_filter, 56);

/* An empty buffer for a whole file. Owned: both. */
static int make_buffer(size_t bytes, struct canp_mempool **pool, struct canp_mbuf *out)
{
    const struct canp_mempool_opts opts = {
        .size = sizeof(opts), .no_classes = true, .direct_bytes_max = bytes, .tag = CANP_MEMTAG_INDEX};
    int r = canp_mempool_open(&opts, pool);
    if (r == 0 && (r = canp_mbuf_init(*pool, bytes, CANP_BUF_PLAIN, out)) < 0) {
        canp_mempool_close(*pool);
        *pool = NULL;
    }
    return r;
}

/* ---- reading --------------------------------------------------------------------------------------- */

/* The size of what may be a catalogue; 0 = it is none. */
static size_t file_bytes(int fd)
{
    struct stat st;
    bool fits = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= (off_t)FILE_BYTES(1) &&
                st.st_size <= (off_t)FILE_BYTES(CATALOGUE_ENTRIES_MAX);
    return fits ? (size_t)st.st_size : 0;
}

/* All of the file's bytes. */
static bool read_whole(int fd, struct canp_mbuf *to, size_t bytes)
{
    to->used_bytes = bytes;
    return canp_read_at(fd, to->data, bytes, 0) == (int64_t)bytes;
}

static bool is_ascending(const struct catalogue_entry *entries, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        if (entries[i].number <= entries[i - 1].number)
            return false;
    }
    return true;
}

/* Takes the entries out of the file. False: it is no catalogue, or not a whole one. */
static bool parse(struct canp_buf *file, struct catalogue *c)
{
    struct canp_bufcur cursor = canp_bufcur_start(file);
    uint32_t magic, crc, version, count;
    if (canp_bufcur_get_u32le(&cursor, &magic) < 0 || canp_bufcur_get_u32le(&cursor, &crc) < 0 ||
        canp_bufcur_get_u32le(&cursor, &version) < 0 || canp_bufcur_get_u32le(&cursor, &count) < 0 ||
        canp_bufcur_get(&cursor, c->recording, sizeof(c->recording)) < 0)
        return false;
    if (magic != CATALOGUE_MAGIC || version != CATALOGUE_VERSION || count == 0 ||
        count > CATALOGUE_ENTRIES_MAX || file->bytes != FILE_BYTES(count) ||
        crc != canp_crc32c(0, file->data + CRC_COVERS_FROM, file->bytes - CRC_COVERS_FROM))
        return false;
    if (canp_buf_split(file, HEADER_BYTES, &c->rows) < 0)
        return false;
    c->entries = (const struct catalogue_entry *)(const void *)c->rows.data; /* aligned as the block is */
    c->count = count;
    return is_ascending(c->entries, count);
}

int canp_catalogue_read(int dir_fd, struct catalogue *out)
{
    struct catalogue c = {.rows = CANP_BUF_INIT};
    struct canp_mbuf filled = CANP_MBUF_INIT;
    struct canp_buf file;
    memset(out, 0, sizeof(*out));
    CANP_CLEANUP(canp_fd_close) int fd = openat(dir_fd, CATALOGUE_NAME, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    size_t bytes = file_bytes(fd);
    if (bytes == 0)
        return 0;
    int r = make_buffer(bytes, &c.pool, &filled);
    if (r < 0)
        return r;
    bool whole = read_whole(fd, &filled, bytes);
    canp_mbuf_freeze(&filled, &file);
    whole = whole && parse(&file, &c);
    canp_buf_release(&file); /* the entries keep the block */
    if (whole)
        *out = c;
    else
        canp_catalogue_free(&c);
    return 0;
}

void canp_catalogue_free(struct catalogue *c)
{
    canp_buf_release(&c->rows);
    canp_mempool_close(c->pool);
    c->pool = NULL;
    c->entries = NULL;
    c->count = 0;
}

/* ---- writing --------------------------------------------------------------------------------------- */

int canp_catalogue_begin(struct catalogue_draft *d, const uint8_t recording[16], uint32_t count)
{
    static const uint8_t zeros[HEADER_BYTES - RECORDING_AT - 16];
    int r = make_buffer(FILE_BYTES(count), &d->pool, &d->file);
    if (r < 0)
        return r;
    /* There is room for all of it. */
    canp_mbuf_put_u32le(&d->file, CATALOGUE_MAGIC);
    canp_mbuf_put_u32le(&d->file, 0); /* the checksum, once all is there */
    canp_mbuf_put_u32le(&d->file, CATALOGUE_VERSION);
    canp_mbuf_put_u32le(&d->file, count);
    canp_mbuf_put(&d->file, recording, 16);
    canp_mbuf_put(&d->file, zeros, sizeof(zeros));
    return 0;
}

int canp_catalogue_add(struct catalogue_draft *d, const struct catalogue_entry *entry)
{
    return canp_mbuf_put(&d->file, entry, sizeof(*entry));
}

static int put_in_place(int dir_fd)
{
    int r = canp_segment_file_replace(dir_fd, CATALOGUE_NAME);
    return r == -ENOENT ? canp_segment_file_publish(dir_fd, CATALOGUE_NAME) : r;
}

/* Not synced: what a power cut leaves of it has a wrong checksum. */
int canp_catalogue_write(int dir_fd, struct catalogue_draft *d)
{
    const struct canp_mbuf *file = &d->file;
    uint32_t crc = canp_crc32c(0, file->data + CRC_COVERS_FROM, file->used_bytes - CRC_COVERS_FROM);
    memcpy(file->data + CRC_AT, &crc, sizeof(crc));
    CANP_CLEANUP(canp_fd_close) int fd = canp_segment_file_open(dir_fd, CATALOGUE_NAME);
    if (fd < 0)
        return fd;
    int r = ftruncate(fd, 0) < 0 ? -errno : canp_segment_file_write_all(fd, file->data, file->used_bytes, 0);
    if (r == 0)
        r = put_in_place(dir_fd);
    if (r < 0)
        canp_segment_file_discard(dir_fd, CATALOGUE_NAME);
    return r;
}

void canp_catalogue_drop(struct catalogue_draft *d)
{
    canp_mbuf_release(&d->file);
    canp_mempool_close(d->pool);
    d->pool = NULL;
}

/* ---- entries --------------------------------------------------------------------------------------- */

int canp_catalogue_identify(int dir_fd, uint64_t number, struct catalogue_entry *out)
{
    char name[SEG_NAME_BYTES];
    struct stat st;
    canp_seg_name(name, number);
    if (fstatat(dir_fd, name, &st, 0) < 0)
        return -errno;
    *out = (struct catalogue_entry){
        .number = number,
        .bytes = (uint64_t)st.st_size,
        .change_ns = (int64_t)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec,
        .inode = st.st_ino,
    };
    return 0;
}

bool canp_catalogue_is_same_file(const struct catalogue_entry *a, const struct catalogue_entry *b)
{
    return a->number == b->number && a->bytes == b->bytes && a->change_ns == b->change_ns &&
           a->inode == b->inode;
}

const struct catalogue_entry *canp_catalogue_find(const struct catalogue *c,
                                                  const struct catalogue_entry *identity)
{
    uint32_t low = 0, high = c->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (c->entries[middle].number < identity->number)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < c->count && canp_catalogue_is_same_file(&c->entries[low], identity);
    return found ? &c->entries[low] : NULL;
}
