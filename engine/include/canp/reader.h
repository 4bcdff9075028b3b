/*
 * Reads a recording without copying it: also while it grows, and after a crash without repair.
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
#include <canp/rows.h>
#include <canp/stop.h>

CANP_BEGIN_DECLS

struct canp_reader;
struct canp_cursor;
struct canp_buf;            /* canp/pools/buf.h */
struct canp_mapcache_stats; /* canp/pools/mapcache.h */
struct canp_monitor;        /* canp/pools/monitor.h */

/* Summary of a recording at the time of the call; one that grows is larger a moment later. */
struct canp_info {
    uint64_t frames;
    uint64_t records; /* frames and events */
    uint64_t lost;    /* frames accounted as lost by gap records */
    int64_t first_ns; /* lowest time of any frame; 0 when there is none */
    int64_t
        last_ns; /* highest; last_ns - first_ns may overflow an int64_t, as stamps in logs may be anything */
    uint64_t segments;
    uint64_t blocks;
    uint64_t bytes;        /* of the segment files' used parts */
    uint64_t packed_bytes; /* the part of it in packed blocks */
    uint64_t torn_bytes;   /* behind the last valid block of an unsealed segment, from an interrupted write;
                              else 0 */
    uint32_t ids;          /* distinct (interface, id, kind) */
    uint32_t damaged;      /* damaged places skipped: blocks or whole segments */
    bool live;             /* its last segment is not sealed: still being written, or its writer was killed */
};

struct canp_iface_info {
    struct canp_iface iface;
    uint64_t frames; /* error frames among them */
    uint64_t lost;
    uint64_t error_frames; /* 0, as not known, when counted with `quick` */
};

/*
 * Opens a directory of segments or one segment file. Owned: *out, freed by canp_reader_close().
 * Errors: -ENOENT, -EACCES, -CANP_E_EMPTY (no segment in it), -CANP_E_FORMAT (foreign file),
 * -CANP_E_VERSION; `why` names the path. Opening succeeds when at least one segment can be read; for a cursor
 * the other segments are damage, and so are segments of another recording (-CANP_E_FOREIGN).
 */
CANP_API int canp_reader_open(const char *path, struct canp_reader **out, struct canp_why *why);

struct canp_reader_opts {
    size_t size;        /* canp/export.h */
    uint64_t map_bytes; /* of sealed segments mapped at a time, in use or cached; 0 = 256 MiB. A segment that
                           does not fit, because it is larger or all others are in use, is mapped all the
                           same, but not cached */
    const struct canp_stop *stop; /* soon after it is set, operations on this reader end with -ECANCELED;
                                     borrowed until canp_reader_close(). NULL: no stop */
};
#define CANP_READER_OPTS_INIT CANP_OPTS_INIT_(canp_reader_opts)

/* The same; opts may be NULL. */
CANP_API int canp_reader_open_opts(const char *path, const struct canp_reader_opts *opts,
                                   struct canp_reader **out, struct canp_why *why);
/* NULL is allowed. Close its cursors and merges and release its shared buffers before. */
CANP_API void canp_reader_close(struct canp_reader *reader);

/* Looks for blocks and segments that were written since. 1 when there are new ones, 0 when not, or a negative
 * errno when the directory could not be listed; then the reader is unchanged and the call can be repeated. */
CANP_API int canp_reader_refresh(struct canp_reader *reader);

/* True while the last segment is not sealed: it is being written, or its writer was killed. As of open or
 * refresh. */
CANP_API bool canp_reader_is_live(const struct canp_reader *reader);

/* May another refresh find more? False once the last segment is sealed, or no process holds a writer's locks:
 * then all that was committed can be read. True when that cannot be known, as on a network file system. As of
 * open or refresh. */
CANP_API bool canp_reader_may_grow(const struct canp_reader *reader);
/* The last segment is not sealed, but no process writes it: its writer was killed, or failed. */
CANP_API bool canp_reader_is_abandoned(const struct canp_reader *reader);

/* Statistics of the cache of sealed segments' mappings: hits, evictions, bytes. It holds at most 256 mappings
 * of map_bytes in all.
 */
CANP_API void canp_reader_cache_stats(struct canp_reader *reader, struct canp_mapcache_stats *out);

/* Makes the monitor watch the reader's mappings ("segments") and the memory of unpacked blocks ("unpacked
 * blocks"). The monitor must not report after canp_reader_close(). 0, or -ENOSPC. */
CANP_API int canp_reader_watch(struct canp_reader *reader, struct canp_monitor *monitor);

/* Number of channels named so far. */
CANP_API unsigned canp_reader_iface_count(const struct canp_reader *reader);

/* Borrowed until canp_reader_close(). NULL when no interface record names the channel. */
CANP_API const struct canp_iface *canp_reader_iface(const struct canp_reader *reader, uint8_t channel);

/* Sums up the recording from the segments' indexes; blocks without an index are read, rows included. */
CANP_API int canp_reader_info(struct canp_reader *reader, struct canp_info *out);

/*
 * The same from the headers of blocks: rows are neither read nor unpacked. ids is 0; first_ns and last_ns are
 * those of blocks that hold frames, so events in these blocks count as well. Of use for large recordings
 * whose last segment is not sealed: only sealed segments have an index.
 */
CANP_API int canp_reader_info_quick(struct canp_reader *reader, struct canp_info *out);

/* The stamp of the first record, which relative times count from: 1 and *start_ns; 0 where there is no record
 * yet, *start_ns is 0; or a negative error. Reads no further than that record. */
CANP_API int canp_reader_start(struct canp_reader *reader, int64_t *start_ns);

/*
 * canp_reader_info(), or with `quick` canp_reader_info_quick(), together with the counts of each interface in
 * channel order: fills at most `count` of `ifaces` (NULL when count is 0). Returns the number of interfaces
 * up to the last channel that has a name or frames (at most 256; where damage took a name, it is empty), or a
 * negative error, with *out and *ifaces unchanged.
 */
CANP_API int canp_reader_info_ifaces(struct canp_reader *reader, bool quick, struct canp_info *out,
                                     struct canp_iface_info *ifaces, unsigned count);

/* A damaged place that a cursor met. */
struct canp_damage {
    uint64_t segment; /* number of the segment; 1 for a single file */
    uint32_t block;   /* sequence number of the first block affected; UINT32_MAX: the whole segment or, where
                       * bytes are given, its header, seal or index */
    uint32_t blocks;  /* number of blocks affected; 0 = not known */
    uint64_t offset;  /* in the segment file */
    uint64_t bytes;
    uint64_t frames; /* number of frames affected, when frames_known */
    bool frames_known;
    int error;       /* the negative error of reading it */
    int64_t from_ns; /* the last time read before the place; INT64_MIN: none */
    int64_t to_ns;   /* the first time behind it; INT64_MAX: none */
};

/* Of a recording that is whole. */
struct canp_check {
    uint64_t frames;
    uint64_t blocks;
};

/*
 * Checks all that a thorough cursor does (canp_cursor_opts), by `jobs` threads, the caller's included, that
 * take a segment each; at most 64. 1 and *out: all is whole. 0: something is not, or could not be read, or
 * there is but one segment: then a thorough cursor tells what. Ends soon after the first finding, or the
 * reader's stop.
 */
CANP_API int canp_reader_check(struct canp_reader *reader, unsigned jobs, struct canp_check *out);

/*
 * What a cursor reads. It skips blocks whose headers show that nothing in them matches, and of packed blocks
 * it decodes only lanes that match. Damage in what it skips may go unnoticed.
 */
struct canp_cursor_opts {
    size_t size; /* canp/export.h */
    /* Records before from_ns and after to_ns are skipped; 0 = from the start, to the end. (For 1970-01-01
     * itself give -1 or 1.) */
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
    bool thorough; /* also checks, of blocks that are read as a whole, that their headers describe their rows,
                    * and that segment headers, seals and indexes are sound; what is not is damage */
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
 * Moves to a point in time, forwards or backwards: the next record is the first one in recorded order that is
 * not before time_ns and passes the options, with time_ns in place of from_ns. 0; -CANP_E_LOST, as from
 * canp_cursor_next(), when records lent before may have been wrong; the cursor has moved even then.
 */
CANP_API int canp_cursor_seek(struct canp_cursor *cursor, int64_t time_ns);

/*
 * The next record in recorded order: 1 and *out; 0 at the end (after canp_reader_refresh() there may be
 * more); or a negative error. Damaged blocks are skipped and counted. -CANP_E_LOST: the file was cut or
 * became unreadable, and records lent before from its last block may have been wrong. Borrowed: what *out
 * points to is valid until the next call on this cursor or canp_cursor_close().
 */
CANP_API int canp_cursor_next(struct canp_cursor *cursor, struct canp_record *out);

/*
 * What a cursor begins with: where in the rows of its block it is. Only canp_cursor_next() reads and moves
 * it. This struct is a part of the ABI; the rest of a cursor is not.
 */
struct canp_cursor_head {
    const uint8_t *rows;
    size_t at;          /* of the next row */
    size_t ready_bytes; /* rows up to here may be lent as they are; 0 when there are bounds or filters */
    int64_t base_ns;
    uint32_t stride; /* size of every row when they are all alike, else 0 */
};

/*
 * canp_cursor_next() as a macro, as getc() is one: the usual case without a call, so that a loop pays only
 * for what it uses of a record. (canp_cursor_next)(cursor, out) calls the function, which does the same.
 *
 * The SIGBUS guard shows zeros in place of what cannot be read (canp/pools/mapped.h). A row may be one of
 * these when its stamp or its first 8 bytes are zero: then the function asks whether it is.
 */
static inline int canp_cursor_next_inline(struct canp_cursor *cursor, struct canp_record *out)
{
    struct canp_cursor_head *head = (struct canp_cursor_head *)(void *)cursor;
    size_t at = head->at;
    if (__builtin_expect(at + 16 <= head->ready_bytes, 1)) {
        const uint8_t *row = head->rows + at;
        uint32_t bytes = head->stride ? head->stride : canp_row_bytes(row);
        bool is_suspect = canp_load_u64(row) == 0 || canp_load_u64(row + 8) == 0;
        if (__builtin_expect(!is_suspect && at + bytes <= head->ready_bytes, 1)) {
            head->at = at + bytes;
            canp_row_read_sized(row, bytes, head->base_ns, out);
            return 1;
        }
    }
    struct canp_record record; /* so that the compiler may keep *out in registers */
    int r = canp_cursor_next(cursor, &record);
    if (r == 1)
        *out = record;
    return r;
}
#define canp_cursor_next(cursor, out) canp_cursor_next_inline(cursor, out)

/*
 * Moves one record back: 1 and *out, lent as by canp_cursor_next(), which would lend the same record again; 0
 * at the start; or a negative error. The cursor's options apply; the start is from_ns, or the time given to
 * canp_cursor_seek() if that is earlier. A cursor that was just opened goes back from the first record that
 * it would lend. Damaged places that are met only on the way back are not counted.
 */
CANP_API int canp_cursor_prev(struct canp_cursor *cursor, struct canp_record *out);

/* Number of damaged places, blocks or whole segments, that this cursor has skipped. */
CANP_API uint32_t canp_cursor_damaged(const struct canp_cursor *cursor);

/* Consecutive rows of one block. */
struct canp_batch {
    const uint8_t
        *rows; /* well-formed rows, see canp/rows.h; same lifetime as a record of canp_cursor_next() */
    size_t bytes;
    uint32_t records;
    uint32_t frames; /* among them */
    uint16_t stride; /* size of each row when all have the same size, else 0 */
    int64_t base_ns;
};

/*
 * The rows of the block that the last record or batch came from, as a buffer that the caller owns: what the
 * cursor lent from that block stays valid until canp_buf_release(), in any thread, also after the cursor
 * moved or was closed; release it before canp_reader_close(). Nothing is copied. 0; -ENODATA when nothing was
 * read yet or the end is reached; -CANP_E_LOST.
 */
CANP_API int canp_cursor_share(struct canp_cursor *cursor, struct canp_buf *out);

/*
 * The rest of the current block, or else the next block, as rows; 1, 0 or an error as from
 * canp_cursor_next(). Blocks, and lanes of packed blocks, that cannot match the options are left out, but the
 * rows of the others are not filtered one by one: call canp_cursor_wants() for each.
 */
CANP_API int canp_cursor_next_batch(struct canp_cursor *cursor, struct canp_batch *out);

/* Would canp_cursor_next() lend this record? */
CANP_API bool canp_cursor_wants(const struct canp_cursor *cursor, const struct canp_record *record);

CANP_END_DECLS

#endif
