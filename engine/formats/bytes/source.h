/*
 * Bytes of a log file, a pipe or memory, buffered; gzip and zstd are decompressed and UTF-16 becomes UTF-8.
 *
 * The unread bytes that are in memory are at[0..end-at). canp_source_need() reads more; pointers lent before
 * are invalid then, as the bytes may move. The file is read, not mapped, so each byte is read once: others
 * who change the file meanwhile cannot change it between a check and its use, and those who cut it cause no
 * SIGBUS.
 *
 * One thread at a time. Memory: CANP_SOURCE_WINDOW, or up to CANP_SOURCE_NEED_MAX when a format needs that
 * much at once.
 */
#ifndef CANP_FORMATS_SOURCE_H
#define CANP_FORMATS_SOURCE_H

#include <canp/error.h>
#include <canp/stop.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CANP_SOURCE_WINDOW   (256U * 1024)
#define CANP_SOURCE_NEED_MAX (16U * 1024 * 1024)
#define CANP_SOURCE_HEAD_MAX (64U * 1024)
#define CANP_SOURCE_LINE_MAX (64U * 1024) /* longer lines are cut and said to be */

struct canp_source_stage; /* source_stages.h */

struct canp_source {
    const uint8_t *at, *end; /* what is in memory and unread */
    bool at_end;             /* nothing comes behind `end` */
    int error;               /* of reading: negative; there is nothing behind `end` then */
    bool is_seekable;        /* a plain file, not compressed */
    uint64_t line;           /* number of the last line lent, from 1 */
    bool is_cut; /* the last line lent was longer than CANP_SOURCE_LINE_MAX: that is its beginning */
    /* The rest is source.c's. */
    uint64_t end_offset; /* of `end` */
    uint64_t line_offset;
    uint8_t *window;
    size_t window_bytes;
    char line_end; /* 0: not known yet */
    int fd;
    struct canp_source_stage *top;
};

/* Takes fd (borrowed) from where it stands; undoes gzip, zstd, UTF-16, and skips a UTF-8 byte order mark.
 * `stop` (borrowed; NULL: none) ends reading with -ECANCELED; with `drain` a pipe that has said something is
 * first read until it ends or is silent. 0 or an error with its `why`. */
int canp_source_open(struct canp_source *source, int fd, const char *name, const struct canp_stop *stop,
                     bool drain, struct canp_why *why);
/* Reads memory (borrowed), as it is. */
int canp_source_open_memory(struct canp_source *source, const void *bytes, size_t length);
void canp_source_close(struct canp_source *source); /* a zeroed one is allowed */

/* Sees to it that at least `bytes` (up to CANP_SOURCE_NEED_MAX) can be read from `at`. How many there are:
 * fewer at the end of the file. Negative: an error of reading, or -EFBIG. */
int64_t canp_source_fill(struct canp_source *source, size_t bytes);

static inline size_t canp_source_there(const struct canp_source *source)
{
    return (size_t)(source->end - source->at);
}

/* Are so many bytes there, or can they be had? */
static inline bool canp_source_need(struct canp_source *source, size_t bytes)
{
    return __builtin_expect(canp_source_there(source) >= bytes, 1) ||
           canp_source_fill(source, bytes) >= (int64_t)bytes;
}

/* Passes over so many bytes, which need not be in memory. 0; 1 when the file ends before; or an error. */
int canp_source_skip(struct canp_source *source, uint64_t bytes);

/* Where `at` is, in the bytes that come out (after decompression). */
static inline uint64_t canp_source_offset(const struct canp_source *source)
{
    return source->end_offset - canp_source_there(source);
}

/* Goes to an offset. 0; -ESPIPE where that cannot be done (it can backwards within what is in memory); an
 * error. */
int canp_source_seek(struct canp_source *source, uint64_t offset);
/* The size of a seekable source as of now; UINT64_MAX when it is not known. */
uint64_t canp_source_size(const struct canp_source *source);
/* Reads elsewhere, without moving: how many bytes, fewer at the end; -ESPIPE when not seekable. */
int64_t canp_source_read_at(struct canp_source *source, uint64_t offset, void *to, size_t bytes);

/*
 * The next line without its end (LF, CRLF, or CR in a file that has no LF): 1, 0 at the end, or an error.
 * Lent until the next call. The last line may lack its end. Blanks in front and behind are the line's.
 */
int canp_source_line(struct canp_source *source, const char **line, size_t *bytes);

/* At the end: may the file have grown? Then it is read on. */
int canp_source_refresh(struct canp_source *source);

#endif
