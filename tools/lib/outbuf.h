/* A large buffer in front of a file descriptor, for commands that print millions of lines. Main thread. */
#ifndef CANP_TOOLS_OUTBUF_H
#define CANP_TOOLS_OUTBUF_H

#include <stdbool.h>
#include <stddef.h>

#define OUTBUF_BYTES (1U << 20)

struct outbuf {
    int fd;
    int error; /* negative errno of the first write that failed; nothing is written afterwards */
    size_t used;
    char *data;
};

/* 0 or -ENOMEM. */
int outbuf_init(struct outbuf *out, int fd);
void outbuf_free(struct outbuf *out);

/* Writes out what is gathered. 0, or the first error. */
int outbuf_flush(struct outbuf *out);

/* Room for `bytes` (at most OUTBUF_BYTES); advance `used` by what was written into it. */
static inline char *outbuf_room(struct outbuf *out, size_t bytes)
{
    if (OUTBUF_BYTES - out->used < bytes)
        outbuf_flush(out);
    return out->data + out->used;
}

/* The reader of the pipe has gone: no error worth a word. */
bool outbuf_is_closed(const struct outbuf *out);

#endif
