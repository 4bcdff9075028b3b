/*
 * Writes a recording: a directory of segments 00000001.canp, 00000002.canp, ... A file that somebody else
 * puts there is left alone; where it has the name of the next segment, that number is left out.
 *
 * A segment is really allocated (fallocate), prefaulted and mapped before it is needed; a block is copied
 * into the mapping and committed by its checksum. After a crash nothing needs repair: blocks whose checksum
 * validates are the recording.
 *
 * Threads: one writer belongs to one thread at a time (in the recorder: the flush thread). The writer keeps
 * a thread of its own that prepares the next segment; the caller never sees it.
 */
#ifndef CANP_WRITER_H
#define CANP_WRITER_H

#include <canp/error.h>
#include <canp/rows.h>

CANP_BEGIN_DECLS

struct canp_writer;

struct canp_writer_opts {
    size_t size;            /* canp/export.h */
    uint64_t segment_bytes; /* size of a segment file; 0 = 64 MiB; at least 64 KiB */
    uint64_t sync_ns;    /* fdatasync at most this long after a commit; 0 = at the end of each segment only */
    bool no_sync;        /* never sync */
    bool dir_must_exist; /* -ENOENT when it is missing; else it is made, and its parents */
    bool pack; /* pack each segment once it is sealed, in a background thread of the lowest priority */
    uint64_t segment_ns; /* a segment is closed when its first block is so old (canp_writer_tend()); 0 = when
                            it is full */
    /* The recording as a ring: when there is more, the oldest segments are removed. Who reads one finishes
     * undisturbed. On a full disk the oldest goes, too. 0 = keep all. */
    uint64_t keep_segments; /* so many, the current one included */
    /* Of all files, with the current segment at full size, the next one and what packing one may take, as
     * much as two; at least two segments, with `pack` four and 64 KiB. An index may be too much for a moment.
     * Without segment_bytes a segment is a 16th of it, 64 MiB at most. At most 65536 segments. */
    uint64_t keep_bytes;
};
#define CANP_WRITER_OPTS_INIT CANP_OPTS_INIT_(canp_writer_opts)

/* What a writer has done so far. */
struct canp_writer_stats {
    uint64_t frames;  /* frames in committed blocks */
    uint64_t records; /* frames and events in committed blocks */
    uint64_t lost;    /* frames accounted as lost by gap rows in committed blocks */
    uint64_t blocks;
    uint64_t bytes;    /* bytes of committed blocks and segment headers: what the files held before packing */
    uint64_t segments; /* segments started */
    uint64_t removed;  /* of these, removed to keep within keep_segments, keep_bytes or a full disk */
    uint64_t poisoned; /* times that gaps of CANP_LAYER_STORE told of segments not synced or sealed */
    uint64_t undone;   /* frames of these that somebody cut off or removed; of `lost`, not of `frames` */
    uint64_t dirs_again;  /* times that the directory was removed by somebody, and made or found again */
    uint64_t missing;     /* known after canp_writer_finish(): segments that somebody removed */
    uint64_t passed_over; /* numbers left out because a file that is not ours has that segment's name */
};

/* The size that segments get by these options (NULL: the defaults); 0 for options of a newer release. */
CANP_API uint64_t canp_writer_segment_bytes(const struct canp_writer_opts *opts);

/*
 * Starts a new recording in `dir`. Owned: *out, freed by canp_writer_close().
 * Errors: -CANP_E_EXISTS when dir holds segments already (they are left alone), -EINVAL (an option out of its
 * bounds), -ENOSPC, -EACCES, ...;
 * `why` names the path.
 */
CANP_API int canp_writer_open(const char *dir, const struct canp_writer_opts *opts, struct canp_writer **out,
                              struct canp_why *why);

/*
 * Names a channel. Channels count from 0 without holes; at most 255. The definition goes into the
 * stream, stamped time_ns, in front of the next block, and again into each later segment.
 * -CANP_E_TOO_MANY, -EINVAL for a hole.
 */
CANP_API int canp_writer_add_iface(struct canp_writer *w, uint8_t channel, const struct canp_iface *iface,
                                   int64_t time_ns);

/*
 * Commits one block, readable by other processes on return. The rows are copied; the buffer may be reused.
 * A directory that somebody removed is made again (found, with dir_must_exist). An empty block is a no-op.
 * Errors: -ENOSPC (the file system is full: the block is not stored, all earlier
 * ones are; the call may be tried again), -EIO, -EFBIG (block larger than a segment).
 */
CANP_API int canp_writer_commit(struct canp_writer *w, const struct canp_rowbuf *rows);

/*
 * Convenience for programs that have records, not blocks: gathers rows in an internal buffer of 256 KiB and
 * commits it when full. canp_writer_flush() commits what is gathered.
 */
CANP_API int canp_writer_put(struct canp_writer *w, const struct canp_record *record);
CANP_API int canp_writer_flush(struct canp_writer *w);

/* Ends the current segment and starts the next, unless nothing was committed to it yet. */
CANP_API int canp_writer_rotate(struct canp_writer *w);

/*
 * Makes sure that so many blocks of together payload_bytes can be committed next, by starting the next
 * segment if need be. Errors as canp_writer_commit()'s.
 */
CANP_API int canp_writer_reserve(struct canp_writer *w, size_t payload_bytes, unsigned blocks);

/*
 * With segment_ns, for callers that may have nothing to commit for a while: ends the current segment if its
 * time is up. Returns in how many ns to call again, INT64_MAX = not before the next commit; or an error, then
 * the segment goes on and the call may be tried again.
 */
CANP_API int64_t canp_writer_tend(struct canp_writer *w);

/* fdatasync of what is committed. */
CANP_API int canp_writer_sync(struct canp_writer *w);

CANP_API void canp_writer_stats(const struct canp_writer *w, struct canp_writer_stats *out);

/* The channel's part of canp_writer_stats.undone; that of channels from 63 on is one, and channel 63's. */
CANP_API uint64_t canp_writer_undone(const struct canp_writer *w, uint8_t channel);

/*
 * Flushes, seals the last segment and syncs; with opts.pack waits until all is packed. The last error that
 * could still occur is told here; what could not be packed stays in plain rows.
 */
CANP_API int canp_writer_finish(struct canp_writer *w);

/* This boot's number, as segments and clock records carry it; zero where the kernel tells none. Any thread.
 */
CANP_API void canp_boot_id(uint8_t id[16]);

/* Frees the writer; without canp_writer_finish() the last segment stays unsealed, as after a crash. NULL is
 * allowed. */
CANP_API void canp_writer_close(struct canp_writer *w);

CANP_END_DECLS

#endif
