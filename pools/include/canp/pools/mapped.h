/*
 * Mapped block: a read-only file as memory.
 *
 * A mapping fails while it is read: the file was cut, or the disk cannot read. The kernel then sends SIGBUS.
 * In a program that has called canp_sigbus_guard_install() the reader sees zeros instead, and
 * canp_mapped_status() returns an error for that mapping from then on. So borrow, read, and check the status
 * before you believe what you read. Without the guard, canp_mapped_prefault() finds the error beforehand.
 * The library itself installs no signal handler.
 *
 * A mapping is reference-counted, like a buffer: each reference is released once, from any thread. Its other
 * functions may be called by any thread that holds a reference.
 */
#ifndef CANP_POOLS_MAPPED_H
#define CANP_POOLS_MAPPED_H

#include <canp/error.h>
#include <canp/export.h>
#include <canp/pools/buf.h>
#include <canp/pools/ledger.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

CANP_BEGIN_DECLS

/* How many mappings the process may have at once; one more fails with -EMFILE. */
#define CANP_MAPPED_MAX 4096

struct canp_mapped;

/* Identifies a file and the state of its content. */
struct canp_file_id {
    uint64_t device;
    uint64_t inode;
    uint64_t bytes;
    int64_t mtime_ns; /* CANP_FILE_ANY_MTIME: neither this nor ctime_ns is compared */
    int64_t ctime_ns; /* last change of any kind; unlike mtime, no program can set it */
};
#define CANP_FILE_ANY_MTIME INT64_MIN

/* One stat. 0, or a negative errno. dir_fd may be AT_FDCWD. */
CANP_API int canp_file_id_at(int dir_fd, const char *path, struct canp_file_id *out);
CANP_API int canp_file_id_of(int fd, struct canp_file_id *out);

/* Maps the whole file, as large as it is now. *out is owned: canp_mapped_release(). An empty file is a
 * mapping of 0 bytes. 0; a negative errno of openat, fstat or mmap; -EINVAL (not a regular file); -EFBIG
 * (more than a 32-bit process can map); -EMFILE. */
#define canp_mapped_open(dir_fd, path, out) canp_mapped_open_at((dir_fd), (path), (out), CANP_SITE_HERE)
CANP_API int canp_mapped_open_at(int dir_fd, const char *path, struct canp_mapped **out,
                                 const struct canp_site *site);

/* The same of an open file, which may be closed afterwards. */
#define canp_mapped_open_fd(fd, out) canp_mapped_open_fd_at((fd), (out), CANP_SITE_HERE)
CANP_API int canp_mapped_open_fd_at(int fd, struct canp_mapped **out, const struct canp_site *site);

/* Adds a reference; drops one. Dropping the last one unmaps the file, or leaves it in its cache. NULL is
 * allowed. */
CANP_API void canp_mapped_share(struct canp_mapped *mapped);
CANP_API void canp_mapped_release(struct canp_mapped *mapped);

CANP_API size_t canp_mapped_bytes(const struct canp_mapped *mapped);

/* 0, or -CANP_E_LOST after the first failed read. */
CANP_API int canp_mapped_status(const struct canp_mapped *mapped);

/* A number that users keep with the mapping, for instance up to where they have checked it. It lives as long
 * as the mapping, in a cache too. 0 at first; it only grows. */
CANP_API uint64_t canp_mapped_mark(const struct canp_mapped *mapped);
CANP_API void canp_mapped_raise_mark(struct canp_mapped *mapped, uint64_t mark);

/* Borrows a part: *out is valid while the caller holds its reference. 0; -ERANGE if the part does not lie
 * within the file; -CANP_E_LOST. */
CANP_API int canp_mapped_borrow(const struct canp_mapped *mapped, size_t offset, size_t bytes,
                                const uint8_t **out);

/* The same part as a buffer, which holds a reference of its own. */
CANP_API int canp_mapped_slice(struct canp_mapped *mapped, size_t offset, size_t bytes, struct canp_buf *out);

/* Reads a part into memory now. 0; -ERANGE; -CANP_E_LOST if it cannot be read (and the mapping is marked). On
 * kernels before 5.14 this is only a hint. */
CANP_API int canp_mapped_prefault(struct canp_mapped *mapped, size_t offset, size_t bytes);

enum canp_mapped_hint {
    CANP_MAPPED_NORMAL,
    CANP_MAPPED_SEQUENTIAL, /* read far ahead, drop early */
    CANP_MAPPED_RANDOM,     /* do not read ahead */
    CANP_MAPPED_SOON,       /* begin to read it */
    CANP_MAPPED_NO_MORE,    /* the kernel may drop its pages; they are read again when touched */
    CANP_MAPPED_AT_HAND,    /* map its pages now, as canp_mapped_prefault() does; a failure is ignored */
};

/* A hint about a part. 0; -ERANGE; a negative errno. */
CANP_API int canp_mapped_advise(struct canp_mapped *mapped, size_t offset, size_t bytes,
                                enum canp_mapped_hint hint);

/* For programs, once, at the start: turns a SIGBUS in one of this library's mappings into that mapping's
 * error. Any other SIGBUS goes to the handler that was installed before, or to the default action. 0, or a
 * negative errno. */
CANP_API int canp_sigbus_guard_install(void);
/* Puts the previous handler back. */
CANP_API void canp_sigbus_guard_remove(void);

CANP_END_DECLS

#endif
