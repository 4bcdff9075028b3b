/* The catalogue's file (catalogue.h). No state. */
#include "catalogue.h"

#include <canp/cleanup.h>
#include <canp/error.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crc32c.h"
#include "segfile.h"

_Static_assert(sizeof(struct catalogue_header) == 64, "catalogue_header");
_Static_assert(sizeof(struct catalogue_entry) == 64, "catalogue_entry");
PIN(catalogue_header, crc, 4);
PIN(catalogue_header, version, 8);
PIN(catalogue_header, entries, 12);
PIN(catalogue_header, recording, 16);
PIN(catalogue_entry, bytes, 8);
PIN(catalogue_entry, change_ns, 16);
PIN(catalogue_entry, inode, 24);
PIN(catalogue_entry, first_ns, 32);
PIN(catalogue_entry, last_ns, 40);
PIN(catalogue_entry, channel_mask, 48);
PIN(catalogue_entry, id_filter, 56);

static uint32_t catalogue_crc(const struct catalogue_header *h, const struct catalogue_entry *entries)
{
    uint32_t crc = crc32c(0, &h->version, sizeof(*h) - offsetof(struct catalogue_header, version));
    return crc32c(crc, entries, h->entries * sizeof(*entries));
}

/* ---- reading --------------------------------------------------------------------------------------- */

/* Reads exactly so many bytes. */
static bool read_whole(int fd, void *to, size_t bytes, off_t offset)
{
    uint8_t *p = to;
    while (bytes > 0) {
        ssize_t n = pread(fd, p, bytes, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        p += n;
        bytes -= (size_t)n;
        offset += n;
    }
    return true;
}

/* The header of a file of exactly the size that it says. */
static bool read_header(int fd, struct catalogue_header *h)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && read_whole(fd, h, sizeof(*h), 0) &&
           h->magic == CATALOGUE_MAGIC && h->version == CATALOGUE_VERSION &&
           h->entries <= CATALOGUE_ENTRIES_MAX &&
           (uint64_t)st.st_size == sizeof(*h) + (uint64_t)h->entries * sizeof(struct catalogue_entry);
}

static bool is_ascending(const struct catalogue_entry *entries, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        if (entries[i].number <= entries[i - 1].number)
            return false;
    }
    return true;
}

int catalogue_read(int dir_fd, struct catalogue *out)
{
    struct catalogue_header h;
    memset(out, 0, sizeof(*out));
    CANP_CLEANUP(canp_fd_close) int fd = openat(dir_fd, CATALOGUE_NAME, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || !read_header(fd, &h) || h.entries == 0)
        return 0;
    struct catalogue_entry *entries = malloc(h.entries * sizeof(*entries));
    if (!entries)
        return -ENOMEM;
    if (!read_whole(fd, entries, h.entries * sizeof(*entries), sizeof(h)) ||
        catalogue_crc(&h, entries) != h.crc || !is_ascending(entries, h.entries)) {
        free(entries);
        return 0;
    }
    out->entries = entries;
    out->count = h.entries;
    memcpy(out->recording, h.recording, sizeof(out->recording));
    return 0;
}

void catalogue_free(struct catalogue *c)
{
    free(c->entries);
    c->entries = NULL;
    c->count = 0;
}

/* ---- writing --------------------------------------------------------------------------------------- */

static int put_in_place(int dir_fd)
{
    int r = segfile_replace(dir_fd, CATALOGUE_NAME);
    return r == -ENOENT ? segfile_publish(dir_fd, CATALOGUE_NAME) : r;
}

/* Not synced: what a power cut leaves of it has a wrong checksum. */
int catalogue_write(int dir_fd, const struct catalogue *c)
{
    struct catalogue_header h = {.magic = CATALOGUE_MAGIC, .version = CATALOGUE_VERSION, .entries = c->count};
    size_t bytes = c->count * sizeof(*c->entries);
    memcpy(h.recording, c->recording, sizeof(h.recording));
    h.crc = catalogue_crc(&h, c->entries);
    CANP_CLEANUP(canp_fd_close) int fd = segfile_open(dir_fd, CATALOGUE_NAME);
    if (fd < 0)
        return fd;
    int r = ftruncate(fd, 0) < 0 ? -errno : segfile_write_all(fd, &h, sizeof(h), 0);
    if (r == 0)
        r = segfile_write_all(fd, c->entries, bytes, sizeof(h));
    if (r == 0)
        r = put_in_place(dir_fd);
    if (r < 0)
        segfile_discard(dir_fd, CATALOGUE_NAME);
    return r;
}

/* ---- entries --------------------------------------------------------------------------------------- */

int catalogue_identify(int dir_fd, uint64_t number, struct catalogue_entry *out)
{
    char name[SEG_NAME_BYTES];
    struct stat st;
    seg_name(name, number);
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

bool catalogue_is_same_file(const struct catalogue_entry *a, const struct catalogue_entry *b)
{
    return a->number == b->number && a->bytes == b->bytes && a->change_ns == b->change_ns &&
           a->inode == b->inode;
}

const struct catalogue_entry *catalogue_find(const struct catalogue *c,
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
    bool found = low < c->count && catalogue_is_same_file(&c->entries[low], identity);
    return found ? &c->entries[low] : NULL;
}
