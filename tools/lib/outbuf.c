/* Output buffer (outbuf.h). Invariant: used <= OUTBUF_BYTES, and 0 after a flush, failed or not. */
#include "outbuf.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

int outbuf_init(struct outbuf *out, int fd)
{
    *out = (struct outbuf){.fd = fd, .data = malloc(OUTBUF_BYTES)};
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of write(2) */
    return out->data ? 0 : -ENOMEM;
}

void outbuf_free(struct outbuf *out)
{
    free(out->data);
    out->data = NULL;
}

/* Others may have made the pipe or terminal one that does not wait. */
static void wait_for_room(int fd)
{
    struct pollfd out = {.fd = fd, .events = POLLOUT};
    poll(&out, 1, -1);
}

int outbuf_flush(struct outbuf *out)
{
    size_t at = 0;
    while (at < out->used && !out->error) {
        ssize_t n = write(out->fd, out->data + at, out->used - at);
        if (n >= 0)
            at += (size_t)n;
        else if (errno == EAGAIN)
            wait_for_room(out->fd);
        else if (errno != EINTR)
            out->error = -errno;
    }
    out->used = 0;
    return out->error;
}

bool outbuf_is_closed(const struct outbuf *out)
{
    return out->error == -EPIPE;
}
