/*
 * Mapped blocks (canp/pools/mapped.h).
 *
 * Invariant: data .. data + bytes is mapped, and watched by the SIGBUS guard, from open to the last release.
 * Others may change or cut the file, and so the mapped bytes, at any time. Threads: any that holds a
 * reference.
 */
#include <canp/pools/mapped.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mapped_private.h"
#include "pages.h"
#include <canp/private/sigbus.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22 /* Linux 5.14 */
#endif

_Static_assert(offsetof(struct canp_mapped, mark) % 8 == 0 && _Alignof(struct canp_mapped) % 8 == 0,
               "atomic");

/* One that no cache owns. */
struct lone_mapped {
    struct canp_mapped mapped;
    struct canp_ledger_node node;
};

/* ------------------------------------------------------------------ which file */

static void fill_id(const struct stat *st, struct canp_file_id *out)
{
    *out = (struct canp_file_id){
        .device = st->st_dev,
        .inode = st->st_ino,
        .bytes = (uint64_t)st->st_size,
        .mtime_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec,
        .ctime_ns = (int64_t)st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec,
    };
}

int canp_file_id_at(int dir_fd, const char *path, struct canp_file_id *out)
{
    struct stat st;

    if (fstatat(dir_fd, path, &st, 0) < 0)
        return -errno;
    fill_id(&st, out);
    return 0;
}

int canp_file_id_of(int fd, struct canp_file_id *out)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    fill_id(&st, out);
    return 0;
}

int canp_mapped_regular(int fd, struct canp_file_id *out)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    fill_id(&st, out);
    return 0;
}

/* ------------------------------------------------------------------ mapping and unmapping */

int canp_mapped_map(struct canp_mapped *mapped, int fd, uint64_t file_bytes)
{
    size_t bytes = (size_t)file_bytes;
    static const uint8_t nothing[1];

    mapped->data = nothing;
    mapped->bytes = 0;
    mapped->watch = -1;
    __atomic_store_n(&mapped->mark, 0, __ATOMIC_RELAXED);
    if (bytes != file_bytes)
        return -EFBIG;
    if (bytes == 0)
        return 0;
    void *data = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
    if (data == MAP_FAILED)
        return -errno;
    int watch = canp_sigbus_watch(data, bytes, false);
    if (watch < 0) {
        munmap(data, bytes);
        return watch;
    }
    mapped->data = data;
    mapped->bytes = bytes;
    mapped->watch = watch;
    canp_memstats_alloc(CANP_MEMTAG_MAPPINGS, bytes);
    return 0;
}

void canp_mapped_unmap(struct canp_mapped *mapped)
{
    if (mapped->watch < 0)
        return;
    canp_memstats_free(CANP_MEMTAG_MAPPINGS, mapped->bytes);
    canp_sigbus_unwatch(mapped->watch);
    munmap((void *)(uintptr_t)mapped->data, mapped->bytes);
    mapped->watch = -1;
}

static void end_lone(struct canp_bufstore *store)
{
    struct lone_mapped *lone = (struct lone_mapped *)(void *)store;

    canp_ledger_leave(&lone->node);
    canp_mapped_unmap(&lone->mapped);
    free(lone);
}

int canp_mapped_open_fd_at(int fd, struct canp_mapped **out, const struct canp_site *site)
{
    struct canp_file_id id = {0};
    int r = canp_mapped_regular(fd, &id);

    if (r < 0)
        return r;
    struct lone_mapped *lone = calloc(1, sizeof(*lone));
    if (lone == NULL)
        return -ENOMEM;
    r = canp_mapped_map(&lone->mapped, fd, id.bytes);
    if (r < 0) {
        free(lone);
        return r;
    }
    canp_bufstore_init(&lone->mapped.store, 0, end_lone);
    canp_ledger_enter(&lone->node, CANP_MEMTAG_MAPPINGS, lone->mapped.data, lone->mapped.bytes, site);
    *out = &lone->mapped;
    return 0;
}

int canp_mapped_open_at(int dir_fd, const char *path, struct canp_mapped **out, const struct canp_site *site)
{
    int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return -errno;
    int r = canp_mapped_open_fd_at(fd, out, site);
    close(fd);
    return r;
}

void canp_mapped_share(struct canp_mapped *mapped)
{
    canp_bufstore_share(&mapped->store);
}

void canp_mapped_release(struct canp_mapped *mapped)
{
    if (mapped != NULL)
        canp_bufstore_release(&mapped->store);
}

/* ------------------------------------------------------------------ reading */

size_t canp_mapped_bytes(const struct canp_mapped *mapped)
{
    return mapped->bytes;
}

int canp_mapped_status(const struct canp_mapped *mapped)
{
    return canp_sigbus_error(mapped->watch);
}

/* Relaxed, both: it is about the file's bytes, and orders no memory. */
uint64_t canp_mapped_mark(const struct canp_mapped *mapped)
{
    return __atomic_load_n(&mapped->mark, __ATOMIC_RELAXED);
}

void canp_mapped_raise_mark(struct canp_mapped *mapped, uint64_t mark)
{
    uint64_t now = canp_mapped_mark(mapped);

    while (now < mark &&
           !__atomic_compare_exchange_n(&mapped->mark, &now, mark, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        continue;
}

static int check_range(const struct canp_mapped *mapped, size_t offset, size_t bytes)
{
    return offset > mapped->bytes || bytes > mapped->bytes - offset ? -ERANGE : 0;
}

int canp_mapped_borrow(const struct canp_mapped *mapped, size_t offset, size_t bytes, const uint8_t **out)
{
    int r = check_range(mapped, offset, bytes);

    if (r == 0)
        r = canp_mapped_status(mapped);
    if (r < 0)
        return r;
    *out = mapped->data + offset;
    return 0;
}

int canp_mapped_slice(struct canp_mapped *mapped, size_t offset, size_t bytes, struct canp_buf *out)
{
    const uint8_t *data;
    int r = canp_mapped_borrow(mapped, offset, bytes, &data);

    if (r < 0)
        return r;
    canp_bufstore_share(&mapped->store);
    *out = (struct canp_buf){data, bytes, &mapped->store};
    return 0;
}

static int advise_pages(const struct canp_mapped *mapped, size_t offset, size_t bytes, int advice)
{
    size_t head_bytes = offset % canp_page_bytes();
    int r = check_range(mapped, offset, bytes);

    if (r < 0 || bytes == 0)
        return r;
    void *from = (void *)(uintptr_t)(mapped->data + offset - head_bytes);
    return madvise(from, bytes + head_bytes, advice) < 0 ? -errno : 0;
}

int canp_mapped_prefault(struct canp_mapped *mapped, size_t offset, size_t bytes)
{
    int r = advise_pages(mapped, offset, bytes, MADV_POPULATE_READ);

    if (r == -EINVAL)
        r = advise_pages(mapped, offset, bytes, MADV_WILLNEED);
    if (r < 0 && r != -ERANGE) {
        canp_sigbus_set_error(mapped->watch);
        return -CANP_E_LOST;
    }
    return r < 0 ? r : canp_mapped_status(mapped);
}

int canp_mapped_advise(struct canp_mapped *mapped, size_t offset, size_t bytes, enum canp_mapped_hint hint)
{
    static const int advice[] = {
        [CANP_MAPPED_NORMAL] = MADV_NORMAL,    [CANP_MAPPED_SEQUENTIAL] = MADV_SEQUENTIAL,
        [CANP_MAPPED_RANDOM] = MADV_RANDOM,    [CANP_MAPPED_SOON] = MADV_WILLNEED,
        [CANP_MAPPED_NO_MORE] = MADV_DONTNEED, [CANP_MAPPED_AT_HAND] = MADV_POPULATE_READ,
    };

    return advise_pages(mapped, offset, bytes, advice[hint]);
}
