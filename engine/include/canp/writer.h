/*
 * Writes a recording: a directory of segments 00000001.canp, 00000002.canp, ... Files of others in that
 * directory are left alone; when one has the name of the next segment, that number is skipped.
 *
 * A segment's disk space is allocated (fallocate), and the file mapped and prefaulted, before it is needed. A
 * block is copied into the mapping and committed by its checksum. A crash needs no repair: the recording is
 * the blocks whose checksum is right.
 *
 * Threads: a writer belongs to one thread at a time (in the recorder: the flush thread). It has a thread of
 * its own that prepares the next segment, and with `pack` another one; neither calls back into the program.
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
    uint64_t
        sync_ns;  /* longest time from a commit to its fdatasync; 0 = sync at the end of each segment only */
    bool no_sync; /* never sync */
    bool dir_must_exist; /* -ENOENT when dir is missing; otherwise it and its parents are made */
    bool pack; /* pack each segment once it is sealed, in a background thread of the lowest priority */
    uint64_t segment_ns; /* a segment is closed when its first block is this old (canp_writer_tend()); 0 =
                            when it is full */
    /* The recording as a ring: the oldest segments are removed when there are more than this; also when the
     * disk is full. A reader that has a removed segment open can read it to its end. 0 = keep all. */
    uint64_t keep_segments; /* number of segments, the current one included */
    /* Bytes of all files together. The current and the next segment count at full size, and with `pack` the
     * packer's file counts as two segments. At least two segments must fit, with `pack` four and 64 KiB. For
     * a moment, an index may exceed it. When segment_bytes is 0, a segment is a 16th of it, 64 MiB at most.
     * At most 65536 segments. */
    uint64_t keep_bytes;
    /* Continues the recording that is in dir, if there is one, in a new segment. Its channels keep their
     * numbers: name them all, in the order of canp_reader_iface(), before new ones. -CANP_E_DAMAGED when it
     * was not closed. Not with keep_segments or keep_bytes: -EINVAL. */
    bool append;
};
#define CANP_WRITER_OPTS_INIT CANP_OPTS_INIT_(canp_writer_opts)

/* Counters since canp_writer_open(). */
struct canp_writer_stats {
    uint64_t frames;  /* frames in committed blocks */
    uint64_t records; /* frames and events in committed blocks */
    uint64_t lost;    /* frames accounted as lost by gap rows in committed blocks */
    uint64_t blocks;
    uint64_t bytes;       /* of committed blocks and segment headers, before packing */
    uint64_t segments;    /* segments started */
    uint64_t removed;     /* of these, removed because of keep_segments, keep_bytes or a full disk */
    uint64_t poisoned;    /* times that gaps of CANP_LAYER_STORE told of segments not synced or sealed */
    uint64_t undone;      /* frames in these segments that somebody cut off or removed; part of `lost`, not of
                             `frames` */
    uint64_t dirs_again;  /* times that somebody removed the directory, and it was made or found again */
    uint64_t missing;     /* segments that somebody else removed; known after canp_writer_finish() */
    uint64_t passed_over; /* numbers skipped because another file has that segment's name */
};

/* The size that segments get with these options (NULL: the defaults); 0 when the options are of a newer
 * release. */
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
 * Names a channel. Channels are numbered from 0 without holes; at most 255. The definition is written with
 * the stamp time_ns before the next block, and again at the start of each later segment. Defining a channel
 * again commits what canp_writer_put() has gathered, which belongs to the definition before.
 * -CANP_E_TOO_MANY, -EINVAL for a hole, those of canp_writer_flush().
 */
CANP_API int canp_writer_add_iface(struct canp_writer *w, uint8_t channel, const struct canp_iface *iface,
                                   int64_t time_ns);

/*
 * Commits one block; other processes can read it when this returns. The rows are copied; the buffer may be
 * reused. When somebody removed the directory it is made again (with dir_must_exist: only opened again, if it
 * is back). An empty block does nothing. Errors: -ENOSPC (the file system is full: the block is not stored,
 * all earlier ones are; the call can be repeated), -EIO, -EFBIG (block larger than a segment).
 */
CANP_API int canp_writer_commit(struct canp_writer *w, const struct canp_rowbuf *rows);

/*
 * For programs that have single records, not blocks: gathers rows in a buffer of 256 KiB and commits it when
 * it is full. canp_writer_flush() commits what was gathered.
 */
CANP_API int canp_writer_put(struct canp_writer *w, const struct canp_record *record);
CANP_API int canp_writer_flush(struct canp_writer *w);

/* Ends the current segment and starts the next, unless nothing was committed to it yet. */
CANP_API int canp_writer_rotate(struct canp_writer *w);

/*
 * Makes room for `blocks` blocks with together payload_bytes of rows in one segment, by starting the next
 * segment if necessary. Errors as of canp_writer_commit().
 */
CANP_API int canp_writer_reserve(struct canp_writer *w, size_t payload_bytes, unsigned blocks);

/*
 * For callers that use segment_ns and may have nothing to commit for a while: ends the current segment if its
 * time is over. Returns after how many ns to call it again, INT64_MAX = not before the next commit; or an
 * error: then the segment continues and the call can be repeated.
 */
CANP_API int64_t canp_writer_tend(struct canp_writer *w);

/* fdatasync of what is committed. */
CANP_API int canp_writer_sync(struct canp_writer *w);

CANP_API void canp_writer_stats(const struct canp_writer *w, struct canp_writer_stats *out);

/* The channel's part of canp_writer_stats.undone. Channels from 63 on are counted together, as channel 63. */
CANP_API uint64_t canp_writer_undone(const struct canp_writer *w, uint8_t channel);

/*
 * Flushes, seals the last segment and syncs; with opts.pack it also waits until all segments are packed.
 * Returns any error that is left; a segment that could not be packed stays in plain rows.
 */
CANP_API int canp_writer_finish(struct canp_writer *w);

/* The id of this boot, which segments and clock records carry; zero when the kernel gives none. Any thread.
 */
CANP_API void canp_boot_id(uint8_t id[16]);

/* Frees the writer; without canp_writer_finish() the last segment stays unsealed, as after a crash. NULL is
 * allowed. */
CANP_API void canp_writer_close(struct canp_writer *w);

CANP_END_DECLS

#endif
