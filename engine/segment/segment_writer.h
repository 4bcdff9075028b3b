/*
 * A segment being written: allocated, prefaulted, mapped, filled block by block, sealed.
 *
 * Invariant: the bytes before `used` are committed blocks; except for the seal they are never changed.
 * Threads: commit belongs to the writer's thread; create, populate, sync, seal and free to the housekeeper's
 * (or to the same thread where there is none). `used` and `failed` are shared.
 */
#ifndef CANP_ENGINE_SEGMENT_WRITER_H
#define CANP_ENGINE_SEGMENT_WRITER_H

#include <stdatomic.h>

#include <canp/pools/objpool.h>
#include <canp/rows.h>

#include "block_counts.h"
#include "format.h"
#include "index.h"

struct segment_writer {
    struct canp_objpool *pool; /* that it goes back to; NULL: to malloc */
    int fd;
    int dir_fd;   /* borrowed */
    uint8_t *map; /* NULL where the file system cannot map: blocks go by pwrite */
    int watch;    /* of the SIGBUS guard, when mapped: the file may be cut by anybody, or the disk break */
    uint64_t size_bytes;        /* that it may have */
    _Atomic uint64_t allocated; /* that it has: less, where the file system has no fallocate */
    bool is_full;               /* it could not grow any more */
    _Atomic uint64_t used;      /* release in commit, acquire in populate and sync */
    _Atomic int failed;         /* first negative errno of a sync or write: the segment is poisoned */
    uint64_t populated;         /* housekeeper: prefaulted up to here */
    uint64_t dropped;           /* housekeeper: page table entries given back up to here */
    uint64_t ahead_bytes;       /* housekeeper: so much is prefaulted in front of what is used, */
    uint64_t pace_used;         /* as the time shows since used was this */
    uint64_t pace_ns;
    uint64_t synced; /* housekeeper: on disk up to here */
    uint32_t next_seq;
    struct seg_header header;
    struct seg_seal seal;       /* sums up while writing */
    struct block_counts counts; /* likewise */
    struct index_builder
        *index; /* borrowed; fed at each commit. NULL: the seal looks through the mapped rows */
    char name[SEG_NAME_BYTES];
    bool published;
    struct segment_writer *next; /* in the housekeeper's queue of segments to seal */
};

/* What a segment's header takes over from its recording, or from the segment that it replaces. */
struct segment_writer_identity {
    uint8_t recording[16];
    uint8_t boot_id[16];
    int64_t created_realtime_ns; /* 0 = now */
    int64_t created_monotonic_ns;
    struct canp_objpool *pool; /* of struct segment_writer, borrowed; NULL: malloc */
    uint32_t incompat;         /* features */
    uint16_t header_bytes;     /* where blocks begin; 0 = SEG_HEADER_BYTES */
};

/*
 * Makes the file under a temporary name, really allocated. Tries smaller sizes down to least_bytes when the
 * disk is too full for size_bytes. 0, -ENOSPC, or what open, fallocate or mmap said.
 */
int canp_segment_writer_create(int dir_fd, uint64_t number, uint64_t size_bytes, uint64_t least_bytes,
                               const struct segment_writer_identity *identity, struct segment_writer **out);

/* Gives the file its name, which must be free. From now on readers see it. -CANP_E_EXISTS or what rename
 * said. */
int canp_segment_writer_publish(struct segment_writer *s);

/* Gives the file its name in place of the segment that has it: for a sealed file with the same records.
 * -ENOENT when there is no such segment any more. */
int canp_segment_writer_replace(struct segment_writer *s);

/* What these rows take as a block, unpacked. */
uint64_t canp_segment_writer_block_bytes(const struct canp_rowbuf *rows);

/* Does a block of so many payload bytes fit? */
bool canp_segment_writer_fits(const struct segment_writer *s, size_t payload_bytes);
/* The same; where the file grows (no fallocate) it grows so far. False also when it cannot: no room on the
 * disk. The thread that commits. */
bool canp_segment_writer_make_room(struct segment_writer *s, size_t payload_bytes);

/* Commits one block of rows: readable by others on return. 0, -EFBIG when it does not fit, or the poison's
 * error. */
int canp_segment_writer_commit(struct segment_writer *s, const struct canp_rowbuf *rows);

/* The same for rows that were packed. */
int canp_segment_writer_commit_packed(struct segment_writer *s, const struct canp_rowbuf *rows,
                                      const uint8_t *packed, uint32_t packed_bytes);

/* Prefaults a window ahead of `used`, gives back page table entries far behind it; whether there is anything
 * of it to do. */
void canp_segment_writer_populate(struct segment_writer *s);
bool canp_segment_writer_wants_populate(const struct segment_writer *s);

/* fdatasync, when there is something new. 0 or the error, which also poisons the segment. */
int canp_segment_writer_sync(struct segment_writer *s);

/* Writes the seal, cuts the file to its used part, syncs unless no_sync. */
int canp_segment_writer_seal(struct segment_writer *s, bool no_sync, struct index_builder *scratch);

/* Of a segment that was given up: how many of its frames, and of the losses that its gaps tell, no reader
 * finds any more, by channel. */
void canp_segment_writer_gone(const struct segment_writer *s, struct block_counts *gone);

/* Closes; removes the file if it was never published. NULL is allowed. */
void canp_segment_writer_free(struct segment_writer *s);

#endif
