/*
 * Decides which closed segments of a growing recording are kept, by a maximum number or by bytes on disk; the
 * oldest are removed first.
 *
 * Invariant: the segments of the recording are those from `oldest` on. `oldest` changes before the file is
 * removed, so the packer, whose rename may bring a segment back, can see that it must remove it again.
 * Threads: the housekeeper removes; the thread that closed or packed a segment calls canp_retention_size();
 * any thread may read the atomic fields.
 */
#ifndef CANP_ENGINE_RETENTION_H
#define CANP_ENGINE_RETENTION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* More closed segments than this are not kept by bytes: their sizes are remembered in a table. */
#define RETENTION_SEGMENTS_MAX 65536U
#define RETENTION_FOREIGN_MAX  64U

struct retention {
    int dir_fd;                              /* borrowed */
    uint64_t segments_max;                   /* with the current one; 0 = no limit */
    uint64_t bytes_max;                      /* of all files, those being made included; 0 = no limit */
    _Atomic uint64_t oldest;                 /* number of the oldest segment that is kept, from 1 */
    _Atomic int64_t bytes;                   /* of closed segments */
    _Atomic int64_t *sizes;                  /* bytes_max only: of segment n at n % RETENTION_SEGMENTS_MAX */
    uint64_t packing_bytes_max;              /* what the packer's own copy of a segment may take */
    uint64_t foreign[RETENTION_FOREIGN_MAX]; /* numbers whose file is not ours: never removed */
    _Atomic unsigned foreign_count;
};

/* 0 or -ENOMEM. */
int canp_retention_open(struct retention *r, int dir_fd, uint64_t segments_max, uint64_t bytes_max);
void canp_retention_close(struct retention *r);

static inline bool retention_is_on(const struct retention *r)
{
    return r->segments_max || r->bytes_max;
}

/* A closed segment's file has this size: first when it is closed, again when it was cut or packed. */
void canp_retention_size(struct retention *r, uint64_t number, uint64_t bytes);

/* Are these too many: closed segments, the current one of number `current`, and `open_bytes` of files that
 * are written or made ready? Never true when there is nothing left to remove. */
bool canp_retention_exceeded(const struct retention *r, uint64_t current, uint64_t open_bytes);

static inline uint64_t retention_oldest(const struct retention *r)
{
    return atomic_load(&r->oldest);
}

/* A file that this writer did not make has the name of segment `number`: it is left alone. False when there
 * are too many such. */
bool canp_retention_leave_foreign(struct retention *r, uint64_t number);

/* Removes the oldest segment. 0, or what unlink said: then its file stays, but is no longer counted. */
int canp_retention_remove_oldest(struct retention *r);

/* To be called when a segment was given its name again, by packing: removes it if it went meanwhile. */
void canp_retention_recheck(struct retention *r, uint64_t number);

#endif
