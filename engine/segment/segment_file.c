/* The file of a segment being written (segment_file.h). */
#include "segment_file.h"

#include <canp/error.h>
#include <canp/private/cleanup.h>
#include <canp/private/disk_full.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file_lock.h"
#include "format.h"

#ifndef RENAME_NOREPLACE /* a C library that does not know the call, as musl before 1.2.5 */
#include <linux/fs.h>
#include <sys/syscall.h>

static int renameat2(int old_fd, const char *old_name, int new_fd, const char *new_name, unsigned flags)
{
    return (int)syscall(SYS_renameat2, old_fd, old_name, new_fd, new_name, flags);
}
#endif

#define ZERO_CHUNK      (256U << 10)
#define TEMPORARY_BYTES (SEG_NAME_BYTES + 4)

static void temporary_name(const char *name, char out[TEMPORARY_BYTES])
{
    snprintf(out, TEMPORARY_BYTES, "%s.new", name);
}

int canp_segment_file_write_all(int fd, const void *data, size_t bytes, uint64_t offset)
{
    const uint8_t *p = data;
    while (bytes > 0) {
        ssize_t n = pwrite(fd, p, bytes, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return -EIO;
        p += n;
        offset += (uint64_t)n;
        bytes -= (size_t)n;
    }
    return 0;
}

int canp_segment_file_grow(int fd, uint64_t from, uint64_t to)
{
    static const uint8_t zeros[ZERO_CHUNK];
    int r = 0;
    for (uint64_t at = from; r == 0 && at < to; at += ZERO_CHUNK) {
        size_t n = to - at < ZERO_CHUNK ? (size_t)(to - at) : ZERO_CHUNK;
        r = canp_segment_file_write_all(fd, zeros, n, at);
    }
    return r;
}

static int allocate(int fd, uint64_t bytes)
{
    int r;
    do
        r = fallocate(fd, 0, 0, (off_t)bytes) < 0 ? -errno : 0;
    while (r == -EINTR);
    return r;
}

int canp_segment_file_allocate(int fd, uint64_t *size, uint64_t least_bytes)
{
    uint64_t size_bytes = *size;
    int r = allocate(fd, size_bytes);
    if (r == -EOPNOTSUPP || r == -ENOSYS)
        return -EOPNOTSUPP;
    while (canp_is_disk_full(r) && size_bytes / 2 >= least_bytes) {
        size_bytes = (size_bytes / 2) & ~(uint64_t)4095;
        if (ftruncate(fd, 0) < 0)
            return -errno;
        r = allocate(fd, size_bytes);
    }
    *size = size_bytes;
    return r;
}

/* Locks the file; -EBUSY when another has it, or the name is not this file's any more. */
static int lock_named(int fd, int dir_fd, const char *name)
{
    struct stat opened, named;
    int r = canp_file_lock_take(fd);
    if (r < 0)
        return r;
    if (fstat(fd, &opened) < 0)
        return -errno;
    if (fstatat(dir_fd, name, &named, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? -EBUSY : -errno;
    return opened.st_ino != named.st_ino || opened.st_dev != named.st_dev ? -EBUSY : 0;
}

/*
 * Removes a file with the temporary name, unless it is locked: its maker was killed. The file is not reused,
 * because others may hold it: it may be a segment that was exchanged and not yet removed, which readers or
 * other names (a backup of hard links) still refer to, or a link to anywhere.
 */
static int remove_left(int dir_fd, const char *name)
{
    CANP_CLEANUP(canp_fd_close)
    int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno != ELOOP)
        return errno == ENOENT ? -EBUSY : -errno; /* it was there a moment ago */
    int r = fd < 0 ? 0 : lock_named(fd, dir_fd, name);
    if (r == 0 && unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT)
        r = -errno;
    return r;
}

static int open_new(int dir_fd, const char *name)
{
    int fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    return fd < 0 ? -errno : fd;
}

int canp_segment_file_open(int dir_fd, const char *segment_name)
{
    char name[TEMPORARY_BYTES];
    temporary_name(segment_name, name);
    CANP_CLEANUP(canp_fd_close) int fd = open_new(dir_fd, name);
    int r = fd == -EEXIST ? remove_left(dir_fd, name) : 0;
    if (r < 0)
        return r;
    if (fd == -EEXIST)
        fd = open_new(dir_fd, name);
    if (fd < 0)
        return fd == -EEXIST ? -EBUSY : fd;
    r = lock_named(fd, dir_fd, name); /* before, another may have taken it for left */
    return r < 0 ? r : canp_take_fd(&fd);
}

int canp_segment_file_take_after(int fd, int old_fd)
{
    struct stat is, was;
    if (fstat(fd, &is) < 0 || fstat(old_fd, &was) < 0)
        return -errno;
    /* Where only root may give files away, at least the group. */
    if ((is.st_uid != was.st_uid || is.st_gid != was.st_gid) && fchown(fd, was.st_uid, was.st_gid) < 0 &&
        fchown(fd, (uid_t)-1, was.st_gid) < 0 && errno != EPERM)
        return -errno;
    if (is.st_mode != was.st_mode && fchmod(fd, was.st_mode & 0777) < 0)
        return -errno;
    return 0;
}

int canp_segment_file_publish(int dir_fd, const char *name)
{
    char temporary[TEMPORARY_BYTES];
    temporary_name(name, temporary);
    /* Never over an existing file: a segment that this writer did not open is not its own. */
    if (renameat2(dir_fd, temporary, dir_fd, name, RENAME_NOREPLACE) < 0) {
        if (errno != EINVAL && errno != ENOSYS)
            return errno == EEXIST ? -CANP_E_EXISTS : -errno;
        if (faccessat(dir_fd, name, F_OK, 0) == 0)
            return -CANP_E_EXISTS;
        if (renameat(dir_fd, temporary, dir_fd, name) < 0)
            return -errno;
    }
    return 0;
}

/* Where names cannot be exchanged: the segment may be removed between the look and the renaming. */
static int replace_by_renaming(int dir_fd, const char *name, const char *temporary)
{
    if (faccessat(dir_fd, name, F_OK, 0) < 0)
        return -errno;
    return renameat(dir_fd, temporary, dir_fd, name) < 0 ? -errno : 0;
}

/* The two names are exchanged: that fails when the segment has been removed, and does not bring it back. */
int canp_segment_file_replace(int dir_fd, const char *name)
{
    char temporary[TEMPORARY_BYTES];
    temporary_name(name, temporary);
    CANP_CLEANUP(canp_fd_close) int old = openat(dir_fd, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (old < 0)
        return -errno;
    /* For a moment it has the temporary name, under which others would cut it: see canp_segment_file_open().
     */
    int r = canp_file_lock_take(old);
    if (r < 0)
        return r;
    if (renameat2(dir_fd, temporary, dir_fd, name, RENAME_EXCHANGE) < 0)
        return errno == EINVAL || errno == ENOSYS ? replace_by_renaming(dir_fd, name, temporary) : -errno;
    unlinkat(dir_fd, temporary, 0); /* what stays there holds no data for any reader */
    return 0;
}

void canp_segment_file_discard(int dir_fd, const char *name)
{
    char temporary[TEMPORARY_BYTES];
    temporary_name(name, temporary);
    unlinkat(dir_fd, temporary, 0);
}
