/*
 * Bytes into a pipe that may not take them: what it does not take now waits in a bounded queue. Nothing here
 * waits, so whoever reads slowly, or not at all, costs the writer nothing; whoever writes looks at
 * pipe_out_is_full() and leaves out what has no room.
 *
 * Invariant: bytes reach the pipe in their order, each once, and behind an error none. One thread at a time.
 */
#ifndef CANP_TOOLS_PIPE_OUT_H
#define CANP_TOOLS_PIPE_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of the queue. What is put beyond the limit still has room: a log's buffer, and the gaps that tell what was
 * left out. */
#define PIPE_OUT_BYTES ((size_t)16 << 20)
#define PIPE_OUT_LIMIT (PIPE_OUT_BYTES - ((size_t)2 << 20))

struct pipe_out {
    const char *path; /* "-": standard output; borrowed */
    int fd;           /* -1: a named pipe that nobody has opened for reading yet */
    bool may_wait;    /* the descriptor is shared with others, who may want its writes to wait */
    int error;        /* negative: the first one; -EPIPE: its reader has gone */
    uint8_t *queue;
    size_t head, used; /* the queue is a ring */
};

/* Is the path one for this: standard output, a pipe, a device; and no regular file, nor one to be made? */
bool pipe_out_is_for(const char *path);

/* 0 or a negative errno. A named pipe without a reader is no error. */
int pipe_out_open(struct pipe_out *out, const char *path);
void pipe_out_close(struct pipe_out *out);

/* Takes bytes: canp_log_receiver of canp/log.h, `user` is the pipe. -ENOBUFS: there is no room. */
int pipe_out_put(void *user, const void *bytes, size_t length);
/* Moves on what waits. 0, or the error. */
int pipe_out_push(struct pipe_out *out);

/* Bytes that wait. */
static inline size_t pipe_out_used(const struct pipe_out *out)
{
    return out->used;
}
static inline bool pipe_out_is_full(const struct pipe_out *out)
{
    return out->used >= PIPE_OUT_LIMIT;
}

/* The events to wait for by poll(), on out->fd. */
short pipe_out_events(const struct pipe_out *out);

#endif
