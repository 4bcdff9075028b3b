/*
 * One API for all CAN logs: reads and writes canp's recordings and the log files of other programs.
 *
 *   struct canp_log_reader *reader;
 *   struct canp_log_writer *writer;
 *   struct canp_why why;
 *   canp_log_open("drive.log", NULL, &reader, &why);
 *   canp_log_writer_open("drive.json", "json", NULL, &writer, &why);
 *   canp_log_copy(reader, writer, NULL, NULL, &why);
 *   canp_log_finish(writer, &why);
 *   canp_log_close(reader);
 *
 * A log is a stream of struct canp_record. A record of CANP_KIND_IFACE defines a channel (its number is
 * record.channel) and comes before the first record of that channel, whatever the format; where a format has
 * channel numbers only, names are made from these.
 *
 * For options structs see canp/export.h; NULL means the defaults.
 *
 * Threads: a reader or a writer belongs to one thread at a time. The list of formats is constant.
 */
#ifndef CANP_LOG_H
#define CANP_LOG_H

#include <stddef.h>

#include <canp/error.h>
#include <canp/filter.h>
#include <canp/frame.h>
#include <canp/stop.h>

CANP_BEGIN_DECLS

/* ---- formats ----------------------------------------------------------------------------------------- */

/* X(name, bit, words): what a format can do. */
#define CANP_LOG_CAPABILITIES(X)                                                                             \
    X(READ, 0, "read")                                                                                       \
    X(WRITE, 1, "write")                                                                                     \
    X(FD, 2, "CAN FD")                                                                                       \
    X(XL, 3, "CAN XL")                                                                                       \
    X(REMOTE, 4, "remote frames")                                                                            \
    X(ERRORS, 5, "error frames")                                                                             \
    X(RAW_DLC, 6, "raw DLC")                                                                                 \
    X(DIRECTION, 7, "direction")                                                                             \
    X(NANOS, 8, "nanoseconds")                                                                               \
    X(EPOCH, 9, "absolute time")                                                                             \
    X(HW_TIME, 10, "hardware stamps")                                                                        \
    X(NAMES, 11, "interface names")                                                                          \
    X(IFACES, 12, "interface definitions")                                                                   \
    X(NUMBERED, 13, "numbered channels")                                                                     \
    X(GAPS, 14, "gaps")                                                                                      \
    X(LINKS, 15, "link events")                                                                              \
    X(MARKS, 16, "notes and marks")                                                                          \
    X(CLOCKS, 17, "clock anchors")                                                                           \
    X(SEEK, 18, "seek")                                                                                      \
    X(TEXT, 19, "lines of text")

#define CANP_LOG_CAPABILITY_ENUM(name, bit, words) CANP_LOG_##name = 1U << (bit),
enum canp_log_capability { CANP_LOG_CAPABILITIES(CANP_LOG_CAPABILITY_ENUM) };
#undef CANP_LOG_CAPABILITY_ENUM

/* All static text. */
struct canp_log_format_info {
    const char *name;     /* as given to canp_log_writer_open() */
    const char *title;    /* for people: whose format it is */
    const char *suffixes; /* of file names, without dots, separated by blanks; "" = none of its own */
    uint32_t reads;  /* enum canp_log_capability: what its reader yields; 0 = this library cannot read it */
    uint32_t writes; /* what its writer keeps; 0 = this library cannot write it */
};

/* The library's formats, index from 0; NULL behind the last one. */
CANP_API const struct canp_log_format_info *canp_log_format_at(unsigned index);
/* Finds a format by its name, or by the suffix of a file name. NULL when there is none. */
CANP_API const struct canp_log_format_info *canp_log_format_named(const char *name);
CANP_API const struct canp_log_format_info *canp_log_format_by_suffix(const char *path);

/* ---- reading ----------------------------------------------------------------------------------------- */

struct canp_log_reader;
struct canp_damage;

struct canp_log_read_opts {
    size_t size;        /* canp/export.h */
    const char *format; /* a format's name; NULL = recognise it by content */
    /* For recordings: lends each damaged place as a gap of CANP_LAYER_STORE, with the number of frames that
     * the blocks' headers still tell. Before that, on_damage (may be NULL) is called, see canp/reader.h. */
    bool damage_as_gaps;
    void (*on_damage)(void *user, const struct canp_damage *damage);
    void *user;
    /* Soon after it is set, opening and reading end with -ECANCELED, also while waiting for a pipe or
     * terminal; borrowed until canp_log_close(). NULL: no stop. */
    const struct canp_stop *stop;
    bool drain; /* after the stop, a pipe that has given data is read until it ends or is empty */
};
#define CANP_LOG_READ_OPTS_INIT CANP_OPTS_INIT_(canp_log_read_opts)

/*
 * Opens a log, or a recording (a directory or a segment file). Files compressed by gzip or zstd are
 * decompressed, if the library was built with these. `path` may be "-": standard input. Owned: *out, freed by
 * canp_log_close(). Errors: a negative errno of opening or reading; -CANP_E_FORMAT: the format is not known,
 * and `why` says what the file looks like; -CANP_E_DAMAGED: the format is known, but this file is too damaged
 * to be read. A named pipe is allowed: opening waits until somebody writes to it.
 */
CANP_API int canp_log_open(const char *path, const struct canp_log_read_opts *opts,
                           struct canp_log_reader **out, struct canp_why *why);
/* The same for an open descriptor, from its current position. It is borrowed until canp_log_close(), which
 * does not close it. `name` is used in messages and is copied. */
CANP_API int canp_log_open_fd(int fd, const char *name, const struct canp_log_read_opts *opts,
                              struct canp_log_reader **out, struct canp_why *why);
CANP_API void canp_log_close(struct canp_log_reader *reader); /* NULL is allowed */

/* Can it be read again from its beginning? A file or recording that was opened by its path can; a pipe, a
 * descriptor or several logs that are merged cannot. */
CANP_API bool canp_log_can_rewind(const struct canp_log_reader *reader);
/*
 * Goes back to the beginning: the file is opened again, the selection stays, statistics begin anew, channels
 * keep their numbers. 0; -ESPIPE where that cannot be done; or an error of opening, after which nothing more
 * is read.
 */
CANP_API int canp_log_rewind(struct canp_log_reader *reader, struct canp_why *why);

/* Static. */
CANP_API const struct canp_log_format_info *canp_log_reader_format(const struct canp_log_reader *reader);

/* Selects a part of a log. A field that is zero or NULL excludes nothing. */
struct canp_log_selection {
    size_t size;                          /* canp/export.h */
    const struct canp_filter_set *filter; /* of frames; borrowed until canp_log_close() */
    const char *const
        *ifaces;           /* names, or numbers where the format numbers channels; applies to all records */
    unsigned iface_count;  /* 0 = all; the texts are borrowed until canp_log_close() */
    bool has_from, has_to; /* whether from_ns and to_ns are set */
    bool from_is_relative, to_is_relative; /* counted from the first frame, in bus time (canp/busclock.h) */
    int64_t from_ns, to_ns;                /* records before and after are left out */
    uint32_t kinds;                        /* bit 1 << enum canp_kind; 0 = all */
    uint8_t dirs;                          /* of frames: bit 1 << enum canp_dir; 0 = all */
};

/* Call it before the first canp_log_next(): from then on only selected records are lent. 0; -EBUSY when
 * called later; -ENOMEM or an error of reading. */
CANP_API int canp_log_select(struct canp_log_reader *reader, const struct canp_log_selection *selection);

/*
 * The next record: 1 and *out; 0 at the end; or a negative error, which ends the reading; canp_log_why()
 * explains it. Lines or objects that cannot be read are skipped and counted. Borrowed: what *out points to is
 * valid until the next call or canp_log_close().
 */
CANP_API int canp_log_next(struct canp_log_reader *reader, struct canp_record *out);
/* The sentence that explains the error. Borrowed until canp_log_close(); "" while nothing failed. */
CANP_API const char *canp_log_why(const struct canp_log_reader *reader);

/*
 * Looks for records that were written since the end was reached. 1: canp_log_next() may lend more; 0: nothing
 * now; or a negative error. For a pipe or a compressed file it is always 0.
 */
CANP_API int canp_log_refresh(struct canp_log_reader *reader);
/* May the log still grow? True for a recording that is being written, and for an uncompressed file of text
 * lines. */
CANP_API bool canp_log_is_live(const struct canp_log_reader *reader);
/* True for a recording that was not closed and that no process writes (canp_reader_is_abandoned()). */
CANP_API bool canp_log_is_abandoned(const struct canp_log_reader *reader);

/* Number of channels met so far. A recording names all its channels at open. */
CANP_API unsigned canp_log_iface_count(const struct canp_log_reader *reader);
/* The channel's interface. Borrowed until the next canp_log_next(); NULL for a channel not met. Its name is
 * never empty: where the log has none it is made from the number. */
CANP_API const struct canp_iface *canp_log_iface(const struct canp_log_reader *reader, uint8_t channel);
/* The channel's number in the log; UINT32_MAX when the log has names. */
CANP_API uint32_t canp_log_iface_number(const struct canp_log_reader *reader, uint8_t channel);

#define CANP_LOG_BAD_MAX    8
#define CANP_LOG_PASSED_MAX 32

/* A line or object that could not be read. */
struct canp_log_bad {
    uint64_t line;      /* from 1; 0: not a text */
    uint64_t offset;    /* in the decompressed data; of a text, where the line begins */
    const char *reason; /* static */
    char text[72];      /* the line's beginning, zero-terminated; bytes that are no ASCII text shown as '.' */
};

/* Things in the log that are no CAN records: LIN frames, statistics and so on. */
struct canp_log_passed {
    const char *what; /* static, in plural */
    uint64_t count;
};

struct canp_log_stats {
    uint64_t records; /* yielded by the format, before the selection */
    uint64_t frames;  /* of these, frames */
    uint64_t lines;   /* of a text: lines read */
    uint64_t bytes;   /* read, after decompression */
    uint64_t passed;  /* things skipped that are no damage: the sum of passed_over */
    uint64_t bad;     /* lines or objects that cannot be read */
    struct canp_log_bad first_bad[CANP_LOG_BAD_MAX];         /* min(bad, MAX) are filled */
    struct canp_log_passed passed_over[CANP_LOG_PASSED_MAX]; /* ends at the first with what == NULL; when it
                                                                is full, the last entry counts all further
                                                                things */
};

/* The statistics now. Borrowed until the next call with this reader. */
CANP_API const struct canp_log_stats *canp_log_reader_stats(struct canp_log_reader *reader);

/* ---- writing ----------------------------------------------------------------------------------------- */

struct canp_log_writer;

/* Style flags; a format ignores those that do not apply to it. */
#define CANP_LOG_MICROS    1U /* 6 digits of a second where the default is 9 */
#define CANP_LOG_DIRECTION 2U /* candump: the direction behind each frame */
#define CANP_LOG_EVENTS    4U /* candump: writes events as comments, which some programs cannot skip */
#define CANP_LOG_PACK      8U /* canp: a packed recording */

struct canp_log_write_opts {
    size_t size;    /* canp/export.h */
    unsigned style; /* CANP_LOG_MICROS and so on */
    /* For formats that number channels: the numbers of interfaces, as in "can0=1,vcan0=2". Interfaces that
     * are not named here: can0 gets 1, can1 gets 2 and so on if these are free; others get the lowest free
     * number. Copied; may be NULL. */
    const char *map;
};
#define CANP_LOG_WRITE_OPTS_INIT CANP_OPTS_INIT_(canp_log_write_opts)

/*
 * Makes a new log. A regular file gets its name only when canp_log_finish() succeeds, and an existing file is
 * never replaced. `path` may be "-" (standard output), a pipe or a device; these are written to at once.
 * `format` NULL: chosen by the path's suffix; without a known suffix the log is a recording.
 * Owned: *out, freed by canp_log_finish() or canp_log_abandon().
 * Errors: -EEXIST, -CANP_E_EXISTS, -EACCES and others; -CANP_E_FORMAT: no such format, or it cannot be
 * written.
 */
CANP_API int canp_log_writer_open(const char *path, const char *format,
                                  const struct canp_log_write_opts *opts, struct canp_log_writer **out,
                                  struct canp_why *why);
/* The same into an open descriptor, borrowed until the writer is freed. Not for recordings. -1: there is
 * none; canp_log_take() hands out what is written. */
CANP_API int canp_log_writer_open_fd(int fd, const char *name, const char *format,
                                     const struct canp_log_write_opts *opts, struct canp_log_writer **out,
                                     struct canp_why *why);

/* Takes bytes of a log in their order, all of them: 0, or a negative errno, after which nothing more comes.
 */
typedef int canp_log_receiver(void *user, const void *bytes, size_t length);
/* The same into a function, which is called when a buffer is full, by canp_log_flush() and by
 * canp_log_finish(), in the thread that calls these. Not for recordings. */
CANP_API int canp_log_writer_open_to(canp_log_receiver *take, void *user, const char *name,
                                     const char *format, const struct canp_log_write_opts *opts,
                                     struct canp_log_writer **out, struct canp_why *why);

/*
 * Appends a record; one of CANP_KIND_IFACE defines its channel. Parts that the format cannot hold are left
 * out and counted; that is no error. 0; -EINVAL: its channel was not defined; or a negative error, after
 * which nothing more is written.
 */
CANP_API int canp_log_write(struct canp_log_writer *writer, const struct canp_record *record);
/* Writes out what is buffered, for programs that read the log meanwhile. 0 or a negative error. */
CANP_API int canp_log_flush(struct canp_log_writer *writer);
/* Takes the bytes that are buffered instead of writing them out: all since the last call, of a writer without
 * a descriptor, which has room for 256 KiB and fails with -EBADF beyond them. Lent until the next call with
 * this writer. 0 or a negative error. */
CANP_API int canp_log_take(struct canp_log_writer *writer, const char **text, size_t *bytes);

/* X(name, words): what a format could not hold. The words follow a number. */
#define CANP_LOG_LOSSES(X)                                                                                   \
    X(FD, "CAN FD frames")                                                                                   \
    X(FD_FLAGS, "FD flags (BRS, ESI)")                                                                       \
    X(XL, "CAN XL frames")                                                                                   \
    X(XL_FIELDS, "fields of CAN XL frames")                                                                  \
    X(REMOTE, "remote frames")                                                                               \
    X(REMOTE_DLC, "lengths of remote frames")                                                                \
    X(ERRORS, "error frames")                                                                                \
    X(ERROR_CLASS, "classes of error frames")                                                                \
    X(RAW_DLC, "raw DLCs")                                                                                   \
    X(DIRECTION, "directions")                                                                               \
    X(NANOS, "stamps cut to microseconds or less")                                                           \
    X(TIME, "stamps out of range")                                                                           \
    X(HW_TIME, "hardware stamps")                                                                            \
    X(NAMES, "interface names")                                                                              \
    X(IFACES, "interface definitions")                                                                       \
    X(GAPS, "gaps")                                                                                          \
    X(LINKS, "link events")                                                                                  \
    X(MARKS, "notes and marks")                                                                              \
    X(CLOCKS, "clock anchors")                                                                               \
    X(OTHER, "records of kinds unknown here")

#define CANP_LOG_LOSS_ENUM(name, words) CANP_LOG_LOSS_##name,
enum canp_log_loss { CANP_LOG_LOSSES(CANP_LOG_LOSS_ENUM) CANP_LOG_LOSS_COUNT };
#undef CANP_LOG_LOSS_ENUM

/* "CAN XL frames" and so on: static. */
CANP_API const char *canp_log_loss_words(enum canp_log_loss loss);

struct canp_log_write_stats {
    uint64_t records;                     /* written, whole or with a part lost */
    uint64_t frames;                      /* of these, frames */
    uint64_t bytes;                       /* written so far; for recordings before packing */
    uint64_t losses[CANP_LOG_LOSS_COUNT]; /* records left out, or fields of records that were written */
};

CANP_API void canp_log_writer_stats(const struct canp_log_writer *writer, struct canp_log_write_stats *out);

/* The number under which an interface is written in a format that numbers channels; UINT32_MAX: it has none.
 */
CANP_API uint32_t canp_log_writer_number(const struct canp_log_writer *writer, uint8_t channel);
/* A channel's interface. Borrowed until the next write; NULL: the channel is not defined. */
CANP_API const struct canp_iface *canp_log_writer_iface(const struct canp_log_writer *writer,
                                                        uint8_t channel);

/* Completes the log, gives the file its name and frees the writer. It frees the writer on failure, too; then
 * there is no file of that name, but a recording keeps what was written. */
CANP_API int canp_log_finish(struct canp_log_writer *writer, struct canp_why *why);
/* Frees the writer without completing the log; no regular file is left. NULL is allowed. */
CANP_API void canp_log_abandon(struct canp_log_writer *writer);

/* ---- merging ----------------------------------------------------------------------------------------- */

struct canp_log_merge_opts {
    size_t size;      /* canp/export.h */
    bool follow;      /* for recordings only: follows them as they grow; see canp_merge_follow() */
    uint64_t wait_ns; /* with follow: how long to wait for a quiet interface or recording */
};
#define CANP_LOG_MERGE_OPTS_INIT CANP_OPTS_INIT_(canp_log_merge_opts)

/*
 * Several logs as one reader in order of time; interfaces of the same name become one channel. Recordings
 * alone are merged as canp/merge.h says. When other logs are among them, each log is read ahead by
 * CANP_MERGE_WINDOW_NS or 65536 records, whichever is less; the records of one interface of one log keep
 * their order, and where a log's time runs back by more than that window its clock counts as set. The readers
 * must outlive *out, and nothing else may read from them. Owned: *out, freed by canp_log_close(). To follow:
 * while canp_log_refresh() returns 1, read until 0 and sleep a little. Errors: -EINVAL (no log, more than
 * CANP_MERGE_MAX, or `follow` for a log that is no recording), -ENOMEM, or an error of reading.
 */
CANP_API int canp_log_merge_open(struct canp_log_reader *const *readers, unsigned count,
                                 const struct canp_log_merge_opts *opts, struct canp_log_reader **out,
                                 struct canp_why *why);

/* ---- copying ----------------------------------------------------------------------------------------- */

struct canp_log_copy_opts {
    size_t size; /* canp/export.h */
    bool (*is_stopped)(
        void *user); /* called from time to time; true ends the copy with -EINTR. May be NULL */
    void *user;
};
#define CANP_LOG_COPY_OPTS_INIT CANP_OPTS_INIT_(canp_log_copy_opts)

struct canp_log_copy_result {
    uint64_t records; /* taken by the writer */
    uint64_t frames;
    bool is_write_error; /* the returned error is the writer's; otherwise it is the reader's */
};

/*
 * Copies what the reader has left. An interface that the writer knows by name, from earlier copies too, keeps
 * its channel; others get a new channel with their first record. 0; -CANP_E_TOO_MANY: more than 255
 * interfaces; or an error of either side. *result (may be NULL) is always filled.
 */
CANP_API int canp_log_copy(struct canp_log_reader *reader, struct canp_log_writer *writer,
                           const struct canp_log_copy_opts *opts, struct canp_log_copy_result *result,
                           struct canp_why *why);

CANP_END_DECLS

#endif
