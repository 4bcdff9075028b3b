/*
 * Any CAN log through one API: reads and writes canp's recordings and the log files of other programs.
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
 * record.channel) and comes before the first record of that channel, in every format: formats that number
 * their channels get names made of the numbers.
 *
 * Options structs: canp/export.h. NULL means the defaults, too.
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
    uint32_t reads;       /* enum canp_log_capability: what its reader yields; 0 = it cannot be read here */
    uint32_t writes;      /* what its writer keeps; 0 = it cannot be written here */
};

/* The formats of this library, from 0. NULL behind the last. */
CANP_API const struct canp_log_format_info *canp_log_format_at(unsigned index);
/* By its name; or by the suffix of a file name. NULL when there is none. */
CANP_API const struct canp_log_format_info *canp_log_format_named(const char *name);
CANP_API const struct canp_log_format_info *canp_log_format_by_suffix(const char *path);

/* ---- reading ----------------------------------------------------------------------------------------- */

struct canp_log_reader;
struct canp_damage;

struct canp_log_read_opts {
    size_t size;        /* canp/export.h */
    const char *format; /* a format's name; NULL = recognised by content */
    /* Of a recording: each damaged place is lent as a gap of CANP_LAYER_STORE, with the frames that its
     * blocks' headers still name; and told, before that (canp/reader.h; NULL = not). */
    bool damage_as_gaps;
    void (*on_damage)(void *user, const struct canp_damage *damage);
    void *user;
    /* Ends opening and reading with -ECANCELED soon after it is set, also where a pipe or terminal has
     * nothing to say; borrowed until canp_log_close(). NULL: nothing does. */
    const struct canp_stop *stop;
    bool drain; /* a pipe that has said something is read on after the stop, until it ends or falls silent */
};
#define CANP_LOG_READ_OPTS_INIT CANP_OPTS_INIT_(canp_log_read_opts)

/*
 * Opens a log, or a recording (a directory or a segment file). gzip and zstd are undone where the library was
 * built with them. `path` may be "-": standard input. Owned: *out, freed by canp_log_close().
 * Errors: a negative errno of opening or reading; -CANP_E_FORMAT: no format that is known, `why` says what
 * it looks like; -CANP_E_DAMAGED: a format that is known, but this file of it cannot be read. A named pipe is
 * read as it comes: while nobody writes to it yet, opening waits.
 */
CANP_API int canp_log_open(const char *path, const struct canp_log_read_opts *opts,
                           struct canp_log_reader **out, struct canp_why *why);
/* The same for an open descriptor, from where it stands. It is borrowed until canp_log_close(), not closed.
 * `name` is for messages and is copied. */
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

/* Which part is wanted. All that is zero or NULL leaves nothing out. */
struct canp_log_selection {
    size_t size;                          /* canp/export.h */
    const struct canp_filter_set *filter; /* of frames; borrowed until canp_log_close() */
    const char *const *ifaces; /* names, or numbers where the format numbers channels; of all records */
    unsigned iface_count;      /* 0 = all; the texts are borrowed until canp_log_close() */
    bool has_from, has_to;     /* are these set? */
    bool from_is_relative, to_is_relative; /* counted from the first frame, in bus time (canp/busclock.h) */
    int64_t from_ns, to_ns;                /* records before and after are left out */
    uint32_t kinds;                        /* bit 1 << enum canp_kind; 0 = all */
    uint8_t dirs;                          /* of frames: bit 1 << enum canp_dir; 0 = all */
};

/* Before the first canp_log_next(): reads on only what is selected. 0, -EBUSY after it, -ENOMEM or an error
 * of reading. */
CANP_API int canp_log_select(struct canp_log_reader *reader, const struct canp_log_selection *selection);

/*
 * The next record: 1 and *out; 0 at the end; or a negative error, behind which nothing more is read. What
 * cannot be read is passed over and counted. Borrowed: what *out points to is valid until the next call or
 * canp_log_close(). After an error canp_log_why() says more.
 */
CANP_API int canp_log_next(struct canp_log_reader *reader, struct canp_record *out);
/* Borrowed until canp_log_close(). "" while nothing failed. */
CANP_API const char *canp_log_why(const struct canp_log_reader *reader);

/*
 * Looks for what was written since the end was met. 1: canp_log_next() may lend more; 0: nothing now; or a
 * negative error. A pipe or a compressed file is never followed.
 */
CANP_API int canp_log_refresh(struct canp_log_reader *reader);
/* May it still grow? A recording that is being written, or a plain file of text lines. */
CANP_API bool canp_log_is_live(const struct canp_log_reader *reader);
/* A recording that was not closed, and that nobody writes any more (canp_reader_is_abandoned()). */
CANP_API bool canp_log_is_abandoned(const struct canp_log_reader *reader);

/* Channels met so far. A recording names its channels at once. */
CANP_API unsigned canp_log_iface_count(const struct canp_log_reader *reader);
/* The channel's interface. Borrowed until the next canp_log_next(); NULL for a channel not met. Its name is
 * never empty: where the log has none it is made of the number. */
CANP_API const struct canp_iface *canp_log_iface(const struct canp_log_reader *reader, uint8_t channel);
/* The number that the log itself gives the channel; UINT32_MAX when it names channels. */
CANP_API uint32_t canp_log_iface_number(const struct canp_log_reader *reader, uint8_t channel);

#define CANP_LOG_BAD_MAX    8
#define CANP_LOG_PASSED_MAX 32

/* A line or object that could not be read. */
struct canp_log_bad {
    uint64_t line;      /* from 1; 0: not a text */
    uint64_t offset;    /* in the (uncompressed) bytes; of a text, where the line begins */
    const char *reason; /* static */
    char text[72];      /* the line's beginning, zero-terminated; bytes that are no ASCII text shown as '.' */
};

/* Things the format holds that are no records of CAN: LIN frames, statistics and so on */
struct canp_log_passed {
    const char *what; /* static, in plural */
    uint64_t count;
};

struct canp_log_stats {
    uint64_t records; /* yielded by the format, before the selection */
    uint64_t frames;  /* of these, frames */
    uint64_t lines;   /* of a text: lines read */
    uint64_t bytes;   /* read, after decompression */
    uint64_t passed;  /* things passed over that are no damage: the sum of passed_over */
    uint64_t bad;     /* lines or objects that cannot be read */
    struct canp_log_bad first_bad[CANP_LOG_BAD_MAX];         /* min(bad, MAX) are filled */
    struct canp_log_passed passed_over[CANP_LOG_PASSED_MAX]; /* up to the first with what == NULL; what finds
                                                                no place is counted in the last */
};

/* As of now. Borrowed until the next call with the reader. */
CANP_API const struct canp_log_stats *canp_log_reader_stats(struct canp_log_reader *reader);

/* ---- writing ----------------------------------------------------------------------------------------- */

struct canp_log_writer;

/* Style flags; formats that do not know one ignore it. */
#define CANP_LOG_MICROS    1U /* 6 digits of a second where the default is 9 */
#define CANP_LOG_DIRECTION 2U /* candump: the direction behind each frame */
#define CANP_LOG_EVENTS    4U /* candump: what is no frame, as comments that other programs may not skip */
#define CANP_LOG_PACK      8U /* canp: packed */

struct canp_log_write_opts {
    size_t size;    /* canp/export.h */
    unsigned style; /* CANP_LOG_MICROS and so on */
    /* Numbers for interfaces in formats that number channels: "can0=1,vcan0=2". NULL: can0 is 1, can1 is 2
     * and so on where these are free, others get the lowest free number. Copied. */
    const char *map;
};
#define CANP_LOG_WRITE_OPTS_INIT CANP_OPTS_INIT_(canp_log_write_opts)

/*
 * Makes a new log. A plain file gets its name when canp_log_finish() succeeds: until then there is nothing
 * under it, and what exists is never replaced. `path` may be "-" (standard output) or a pipe or device, which
 * is written to at once. `format` NULL: by the path's suffix; a path without a known one is a recording.
 * Owned: *out, freed by canp_log_finish() or canp_log_abandon().
 * Errors: -EEXIST, -CANP_E_EXISTS, -EACCES and others; -CANP_E_FORMAT: no such format, or it cannot be
 * written.
 */
CANP_API int canp_log_writer_open(const char *path, const char *format,
                                  const struct canp_log_write_opts *opts, struct canp_log_writer **out,
                                  struct canp_why *why);
/* The same into an open descriptor, borrowed until the end. Not for recordings. */
CANP_API int canp_log_writer_open_fd(int fd, const char *name, const char *format,
                                     const struct canp_log_write_opts *opts, struct canp_log_writer **out,
                                     struct canp_why *why);

/*
 * Appends a record; one of CANP_KIND_IFACE defines its channel. What the format cannot hold is left out and
 * counted, which is no error. 0; -EINVAL: its channel was not defined; or a negative error, after which
 * nothing more is written.
 */
CANP_API int canp_log_write(struct canp_log_writer *writer, const struct canp_record *record);
/* Hands over what is gathered, for those who read along. 0 or a negative error. */
CANP_API int canp_log_flush(struct canp_log_writer *writer);

/* X(name, words): what a target could not hold. The words follow a number. */
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
    uint64_t bytes;                       /* written so far; of recordings before packing */
    uint64_t losses[CANP_LOG_LOSS_COUNT]; /* records left out, or fields of records that were written */
};

CANP_API void canp_log_writer_stats(const struct canp_log_writer *writer, struct canp_log_write_stats *out);

/* The number under which an interface is written in a format that numbers channels; UINT32_MAX: it has none.
 */
CANP_API uint32_t canp_log_writer_number(const struct canp_log_writer *writer, uint8_t channel);
/* The interface of a channel as defined. Borrowed until the next write; NULL: not defined. */
CANP_API const struct canp_iface *canp_log_writer_iface(const struct canp_log_writer *writer,
                                                        uint8_t channel);

/* Completes the log, gives it its name and frees the writer, also when it fails: then there is no file under
 * the name, but a recording keeps what was written. */
CANP_API int canp_log_finish(struct canp_log_writer *writer, struct canp_why *why);
/* Frees the writer; nothing is left of a plain file. NULL is allowed. */
CANP_API void canp_log_abandon(struct canp_log_writer *writer);

/* ---- merging ----------------------------------------------------------------------------------------- */

struct canp_log_merge_opts {
    size_t size;      /* canp/export.h */
    bool follow;      /* recordings alone: as they grow; see canp_merge_follow() */
    uint64_t wait_ns; /* with follow: waits so long for what a quiet one may still write */
};
#define CANP_LOG_MERGE_OPTS_INIT CANP_OPTS_INIT_(canp_log_merge_opts)

/*
 * Several logs as one reader, by time, interfaces of the same name being one. Recordings are merged as
 * canp/merge.h says. With other logs among them each is read ahead by CANP_MERGE_WINDOW_NS, or by 65536
 * records; the records of one interface of one log keep their order, where a log's time runs back by more
 * than that its clock was set. The readers must outlive *out, and nobody else may read them. Owned: *out,
 * freed by canp_log_close(). To be followed: while canp_log_refresh() says 1, read until 0 and rest a little.
 * Errors: -EINVAL (none, more than CANP_MERGE_MAX, or to follow what is no recording), -ENOMEM, or of
 * reading.
 */
CANP_API int canp_log_merge_open(struct canp_log_reader *const *readers, unsigned count,
                                 const struct canp_log_merge_opts *opts, struct canp_log_reader **out,
                                 struct canp_why *why);

/* ---- copying ----------------------------------------------------------------------------------------- */

struct canp_log_copy_opts {
    size_t size;                    /* canp/export.h */
    bool (*is_stopped)(void *user); /* asked now and then; true ends the copy with -EINTR. NULL: never */
    void *user;
};
#define CANP_LOG_COPY_OPTS_INIT CANP_OPTS_INIT_(canp_log_copy_opts)

struct canp_log_copy_result {
    uint64_t records; /* taken by the writer */
    uint64_t frames;
    bool is_write_error; /* the error returned is the writer's, else the reader's */
};

/*
 * Copies what is left of the reader. Channels of the same interface name are one in the writer, whatever was
 * copied into it before; others get a channel when they show up. 0; -CANP_E_TOO_MANY: more than 255
 * interfaces; or an error of either side. *result (may be NULL) is filled in any case.
 */
CANP_API int canp_log_copy(struct canp_log_reader *reader, struct canp_log_writer *writer,
                           const struct canp_log_copy_opts *opts, struct canp_log_copy_result *result,
                           struct canp_why *why);

CANP_END_DECLS

#endif
