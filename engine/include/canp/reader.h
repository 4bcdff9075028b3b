/*
 * Reads a recording: zero-copy, while it grows, after a crash, without repair.
 *
 * A reader is a recording (its segments and interfaces); a cursor is a place in it. Records are lent:
 * struct canp_record points into the mapping of the segment file.
 *
 * Threads: a reader may be shared by threads once opened; a cursor belongs to one thread.
 */
#ifndef CANP_READER_H
#define CANP_READER_H

#include <stddef.h>

#include <canp/error.h>
#include <canp/filter.h>
#include <canp/frame.h>
#include <canp/stop.h>

CANP_BEGIN_DECLS

struct canp_reader;
struct canp_cursor;
struct canp_buf;            /* canp/pools/buf.h */
struct canp_mapcache_stats; /* canp/pools/mapcache.h */
struct canp_monitor;        /* canp/pools/monitor.h */

/* Summary of a recording, taken when asked for: a growing one is larger a moment later. */
struct canp_info {
    uint64_t frames;
    uint64_t records; /* frames and events */
    uint64_t lost;    /* frames accounted as lost by gap records */
    int64_t first_ns; /* lowest time of any frame; 0 when there is none */
    int64_t last_ns;  /* highest; may be more than an int64_t beyond the lowest: logs hold any time */
    uint64_t segments;
    uint64_t blocks;
    uint64_t bytes;        /* of the segment files' used parts */
    uint64_t packed_bytes; /* the part of it in packed blocks */
    uint64_t torn_bytes;   /* behind the last valid block of an unsealed segment: a torn write, 0 when none */
    uint32_t ids;          /* distinct (interface, id, kind) */
    uint32_t damaged;      /* damaged places skipped: blocks or whole segments */
    bool live;             /* its last segment is not sealed: still being written, or its writer was killed */
};

struct canp_iface_info {
    struct canp_iface iface;
    uint64_t frames; /* error frames among them */
    uint64_t lost;
    uint64_t error_frames; /* not known, and 0, when counted the quick way */
};

/*
 * Opens a directory of segments or one segment file. Owned: *out, freed by canp_reader_close().
 * Errors: -ENOENT, -EACCES, -CANP_E_EMPTY (no segment in it), -CANP_E_FORMAT (foreign file),
 * -CANP_E_VERSION; `why` names the path. It opens when one segment can be read; to a cursor the others are
 * damage, also those that another recording's are (-CANP_E_FOREIGN).
 */
CANP_API int canp_reader_open(const char *path, struct canp_reader **out, struct canp_why *why);

struct canp_reader_opts {
    size_t size;        /* canp/export.h */
    uint64_t map_bytes; /* of sealed segments mapped at a time, in use or kept; 0 = 256 MiB. A segment larger
                           than that, or when all is in use, is mapped on its own and not kept */
    const struct canp_stop *stop; /* ends what walks this reader with -ECANCELED soon after it is set;
                                     borrowed until canp_reader_close(). NULL: nothing does */
};
#define CANP_READER_OPTS_INIT CANP_OPTS_INIT_(canp_reader_opts)

/* The same; opts may be NULL. */
CANP_API int canp_reader_open_opts(const char *path, const struct canp_reader_opts *opts,
                                   struct canp_reader **out, struct canp_why *why);
/* NULL is allowed. Cursors, merges and shared buffers of it must be closed or released before. */
CANP_API void canp_reader_close(struct canp_reader *reader);

/* Looks for what was written since: new blocks, new segments. 1 when there is more than before, 0 when there
 * is not, or a negative errno when the directory could not be listed: what was known stays, and one may try
 * again. */
CANP_API int canp_reader_refresh(struct canp_reader *reader);

/* True while the last segment is not sealed: it is being written, or its writer was killed. As of open or
 * refresh. */
CANP_API bool canp_reader_is_live(const struct canp_reader *reader);

/* May there be more after another refresh? False once the last segment is sealed, or nobody holds the locks
 * of a writer any more: then what was committed can be read, and no more comes. True where that cannot be
 * known, as on another machine's disk. As of open or refresh. */
CANP_API bool canp_reader_may_grow(const struct canp_reader *reader);
/* Its last segment is not sealed, and nobody writes it any more: its writer was killed, or failed. */
CANP_API bool canp_reader_is_abandoned(const struct canp_reader *reader);

/* How the reader's mappings of sealed segments fare: hits, evictions, bytes; at most 256 MiB and 256 of them.
 */
CANP_API void canp_reader_cache_stats(struct canp_reader *reader, struct canp_mapcache_stats *out);

/* Has the monitor watch the reader's mappings ("segments") and the memory of unpacked blocks ("unpacked
 * blocks"). The monitor makes no report any more after canp_reader_close(). 0, or -ENOSPC. */
CANP_API int canp_reader_watch(struct canp_reader *reader, struct canp_monitor *monitor);

/* Number of channels named so far. */
CANP_API unsigned canp_reader_iface_count(const struct canp_reader *reader);

/* Borrowed until canp_reader_close(). NULL for a channel that no interface record names. */
CANP_API const struct canp_iface *canp_reader_iface(const struct canp_reader *reader, uint8_t channel);

/* Reads every block's summary, and the rows for ids and per-interface counts. */
CANP_API int canp_reader_info(struct canp_reader *reader, struct canp_info *out);

/*
 * The same from what blocks say of themselves, where that will do: rows are neither looked at nor unpacked.
 * No ids; times are those of blocks that have frames, events in them included. For recordings that are large
 * and not finished: sealed segments have an index.
 */
CANP_API int canp_reader_info_quick(struct canp_reader *reader, struct canp_info *out);

/*
 * canp_reader_info(), or with `quick` canp_reader_info_quick(), and the counts of each interface from the
 * same pass, in channel order: fills at most `count` of `ifaces` (NULL when count is 0). Returns how many
 * interfaces there are, up to the last channel that has a name or frames (the name may be damaged: it is
 * empty then; 256 at most), or a negative error; *out and *ifaces are unchanged then.
 */
CANP_API int canp_reader_info_ifaces(struct canp_reader *reader, bool quick, struct canp_info *out,
                                     struct canp_iface_info *ifaces, unsigned count);

/* A place where the recording is damaged, as a cursor meets it. */
struct canp_damage {
    uint64_t segment; /* number of the segment; 1 for a single file */
    uint32_t block;   /* sequence number of the first block affected; UINT32_MAX: the whole segment or, where
                       * bytes are given, its header, seal or index */
    uint32_t blocks;  /* how many; 0 = not known */
    uint64_t offset;  /* in the segment file */
    uint64_t bytes;
    uint64_t frames; /* affected, when frames_known */
    bool frames_known;
    int error;       /* negative: what reading it said */
    int64_t from_ns; /* between the last time read before, INT64_MIN when there is none, */
    int64_t to_ns;   /* and the first one behind; INT64_MAX when there is none */
};

/*
 * What a cursor is to read. What cannot match is not touched: blocks are passed over by what their headers
 * say, and of packed blocks only the lanes that match are decoded. Damage in what is passed over may go
 * unnoticed.
 */
struct canp_cursor_opts {
    size_t size; /* canp/export.h */
    /* Records before and after are skipped; 0 = from the start, to the end. (At the epoch itself, 1970:
     * -1, 1.) */
    int64_t from_ns;
    int64_t to_ns;
    bool frames_only; /* no events */
    void (*on_damage)(void *user,
                      const struct canp_damage *damage); /* or NULL; called by canp_cursor_next*() */
    void *user;
    const struct canp_filter_set *filter; /* frames must pass it, events need not; NULL = all. Borrowed,
                                           * unchanged, until canp_cursor_close() */
    uint32_t kinds;                       /* bit 1 << enum canp_kind for each kind; 0 = all */
    uint8_t dirs;         /* bit 1 << enum canp_dir for each direction of frames; 0 = all. Events have none */
    uint64_t channels[4]; /* a bit for each channel: canp_cursor_opts_add_channel(); all 0 = all */
    bool thorough; /* blocks that are read whole: is all true that they say of their rows? Are header, seal
                    * and index whole? Else damaged */
};
#define CANP_CURSOR_OPTS_INIT CANP_OPTS_INIT_(canp_cursor_opts)

static inline void canp_cursor_opts_add_channel(struct canp_cursor_opts *opts, uint8_t channel)
{
    opts->channels[channel / 64] |= (uint64_t)1 << channel % 64;
}

/* Owned: *out, freed by canp_cursor_close(). The reader must outlive it. opts may be NULL. */
CANP_API int canp_cursor_open(struct canp_reader *reader, const struct canp_cursor_opts *opts,
                              struct canp_cursor **out);
CANP_API void canp_cursor_close(struct canp_cursor *cursor); /* NULL is allowed */

/*
 * Goes to a point in time: what is read next is the first record in recorded order that is not before time_ns
 * and passes the options, whose from_ns this replaces; backwards in time as well. 0; -CANP_E_LOST when what
 * was lent before may have been wrong, as by canp_cursor_next(): the cursor has moved all the same.
 */
CANP_API int canp_cursor_seek(struct canp_cursor *cursor, int64_t time_ns);

/*
 * The next record in recorded order: 1 and *out, or 0 at the end (of what is there now: after
 * canp_reader_refresh() there may be more), or a negative error; damaged blocks are skipped and counted.
 * Borrowed: what *out points to stays valid until the next call on this cursor or canp_cursor_close().
 */
CANP_API int canp_cursor_next(struct canp_cursor *cursor, struct canp_record *out);

/*
 * The record in front of the cursor's place, which moves there: 1 and *out, lent as by canp_cursor_next(); 0
 * at the start; or a negative error. canp_cursor_next() lends the same record again. The options hold; of
 * times, those the cursor was opened with, or from where canp_cursor_seek() went if that is earlier. A cursor
 * just opened goes back from the first record that it would lend. Damaged places that are passed going back
 * alone are not counted.
 */
CANP_API int canp_cursor_prev(struct canp_cursor *cursor, struct canp_record *out);

/* Damaged places that this cursor has skipped so far: blocks, or whole segments. */
CANP_API uint32_t canp_cursor_damaged(const struct canp_cursor *cursor);

/* A run of rows as they lie in one block. */
struct canp_batch {
    const uint8_t
        *rows; /* well-formed rows, see canp/rows.h; same lifetime as a record of canp_cursor_next() */
    size_t bytes;
    uint32_t records;
    uint32_t frames; /* among them */
    uint16_t stride; /* size of every row when they are all alike, else 0 */
    int64_t base_ns;
};

/*
 * The rows of the block that the last record or batch came from, as a buffer of the caller's own: what the
 * cursor lent from it stays valid until canp_buf_release(), in any thread, beyond the cursor's move and its
 * end; release it before canp_reader_close(). Nothing is copied. 0; -ENODATA when nothing was read yet or the
 * end is reached; -CANP_E_LOST.
 */
CANP_API int canp_cursor_share(struct canp_cursor *cursor, struct canp_buf *out);

/*
 * The rest of the current block, or the next one, as rows; 1, 0 or error. Blocks that cannot match the
 * options are left out, of packed blocks also lanes; to single rows neither time bounds nor filters are
 * applied: canp_cursor_wants() does.
 */
CANP_API int canp_cursor_next_batch(struct canp_cursor *cursor, struct canp_batch *out);

/* Would canp_cursor_next() lend this record? */
CANP_API bool canp_cursor_wants(const struct canp_cursor *cursor, const struct canp_record *record);

CANP_END_DECLS

#endif
