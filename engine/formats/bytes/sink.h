/*
 * Bytes of a log that is being written: a large buffer in front of a file, pipe or device.
 *
 * A regular file has no name until canp_sink_commit(): it is made with O_TMPFILE and linked, or, where the
 * file system cannot do that, has a temporary name until it is renamed. So a writer that is killed or finds
 * the disk full leaves nothing under the final name.
 *
 * The first error is kept, and nothing is written after it, so callers may check for errors once, at the end.
 * One thread.
 */
#ifndef CANP_FORMATS_SINK_H
#define CANP_FORMATS_SINK_H

#include <canp/error.h>
#include <canp/log.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define CANP_SINK_BYTES (256U * 1024)

struct canp_sink {
    uint8_t *at, *limit; /* room in the buffer */
    int error;           /* negative: the first write that failed */
    bool is_seekable;    /* what was written can be patched */
    /* The rest is sink.c's. */
    uint8_t *buffer;
    uint64_t flushed; /* bytes handed over before buffer[0] */
    int fd;
    bool owns_fd;
    canp_log_receiver *take; /* instead of fd */
    void *user;
    char *path;      /* the final name; NULL: none is given */
    char *temporary; /* NULL: the file has no name yet, or its own */
};

int canp_sink_open(struct canp_sink *sink, const char *path, struct canp_why *why);
int canp_sink_open_fd(struct canp_sink *sink, int fd);
/* All bytes go to a function: 0, or a negative errno, after which it is not called again. */
int canp_sink_open_to(struct canp_sink *sink, canp_log_receiver *take, void *user);
/* Completes: 0 or the first error; then nothing is left under the name. */
int canp_sink_commit(struct canp_sink *sink, struct canp_why *why);
void canp_sink_close(struct canp_sink *sink); /* without a commit nothing is left; a zeroed one is allowed */

int canp_sink_flush(struct canp_sink *sink);

/* Empties the buffer without writing it: how many bytes were in it. */
static inline size_t canp_sink_drop(struct canp_sink *sink)
{
    size_t length = (size_t)(sink->at - sink->buffer);
    sink->flushed += length;
    sink->at = sink->buffer;
    return length;
}

/* Room for `bytes` (at most CANP_SINK_BYTES) at sink->at: advance `at` by what was written there. Never NULL:
 * behind an error the room is there, and what is in it goes nowhere. */
static inline char *canp_sink_room(struct canp_sink *sink, size_t bytes)
{
    if (__builtin_expect((size_t)(sink->limit - sink->at) < bytes, 0))
        canp_sink_flush(sink);
    return (char *)sink->at;
}

/* Any number of bytes. */
void canp_sink_put(struct canp_sink *sink, const void *bytes, size_t length);

static inline void canp_sink_puts(struct canp_sink *sink, const char *text)
{
    canp_sink_put(sink, text, strlen(text));
}

/* Bytes so far: where the next one goes. */
static inline uint64_t canp_sink_offset(const struct canp_sink *sink)
{
    return sink->flushed + (uint64_t)(sink->at - sink->buffer);
}

/* Writes over what was written before. 0, -ESPIPE on a pipe, or an error. */
int canp_sink_patch(struct canp_sink *sink, uint64_t offset, const void *bytes, size_t length);

#endif
