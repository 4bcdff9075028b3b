/* Bytes into a pipe that may not take them (pipe_out.h). One thread at a time. */
#include "tee/pipe_out.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIPE_BYTES (1 << 20) /* asked for: what /proc/sys/fs/pipe-max-size usually allows */

bool pipe_out_is_for(const char *path)
{
    struct stat st;
    if (strcmp(path, "-") == 0)
        return true;
    return stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

/* A description of its own, whose writes do not wait: that of the descriptor may be shared. A socket has none
 * to open. */
static int open_standard_output(struct pipe_out *out)
{
    struct stat st;
    if (fstat(STDOUT_FILENO, &st) < 0)
        return -errno;
    if (S_ISFIFO(st.st_mode))
        out->fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (out->fd >= 0)
        return 0;
    if (S_ISFIFO(st.st_mode) && errno == ENXIO)
        return -EPIPE;
    out->may_wait = true;
    out->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    return out->fd < 0 ? -errno : 0;
}

/* A named pipe has no reader yet: ENXIO; it is tried again. */
static int open_path(struct pipe_out *out)
{
    out->fd = open(out->path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (out->fd < 0)
        return errno == ENXIO ? 0 : -errno;
    fcntl(out->fd, F_SETPIPE_SZ, PIPE_BYTES); /* no more than a wish */
    return 0;
}

int pipe_out_open(struct pipe_out *out, const char *path)
{
    *out = (struct pipe_out){.path = path, .fd = -1};
    int r = strcmp(path, "-") == 0 ? open_standard_output(out) : open_path(out);
    if (r < 0)
        return r;
    out->queue = malloc(PIPE_OUT_BYTES); /* pages that are never used take no memory */
    if (!out->queue)
        pipe_out_close(out);
    return out->queue ? 0 : -ENOMEM;
}

void pipe_out_close(struct pipe_out *out)
{
    free(out->queue);
    if (out->fd >= 0)
        close(out->fd);
    *out = (struct pipe_out){.path = out->path, .fd = -1, .error = out->error};
}

/* Of a description that may wait: when poll() says that it takes something, a pipe has a free page. */
static ssize_t write_politely(int fd, const uint8_t *bytes, size_t length)
{
    struct pollfd ready = {.fd = fd, .events = POLLOUT};
    if (poll(&ready, 1, 0) != 1) {
        errno = EAGAIN;
        return -1;
    }
    return write(fd, bytes, length < 4096 ? length : 4096);
}

/* How many bytes the pipe takes now; 0: none; or an error, which is kept. */
static ssize_t write_now(struct pipe_out *out, const uint8_t *bytes, size_t length)
{
    size_t done = 0;
    if (out->fd < 0 && (out->error = open_path(out)) < 0)
        return out->error;
    if (out->fd < 0)
        return 0;
    while (done < length) {
        ssize_t n = out->may_wait ? write_politely(out->fd, bytes + done, length - done)
                                  : write(out->fd, bytes + done, length - done);
        if (n >= 0)
            done += (size_t)n;
        else if (errno == EAGAIN)
            break;
        else if (errno != EINTR)
            return out->error = -errno;
    }
    return (ssize_t)done;
}

int pipe_out_push(struct pipe_out *out)
{
    while (!out->error && out->used) {
        size_t part = PIPE_OUT_BYTES - out->head;
        part = part < out->used ? part : out->used;
        ssize_t n = write_now(out, out->queue + out->head, part);
        if (n < 0)
            break;
        out->head = (out->head + (size_t)n) % PIPE_OUT_BYTES;
        out->used -= (size_t)n;
        if ((size_t)n < part)
            break;
    }
    return out->error;
}

int pipe_out_put(void *user, const void *bytes, size_t length)
{
    struct pipe_out *out = user;
    const uint8_t *from = bytes;
    if (pipe_out_push(out) < 0)
        return out->error;
    if (!out->used) {
        ssize_t n = write_now(out, from, length);
        if (n < 0)
            return out->error;
        from += n;
        length -= (size_t)n;
    }
    if (length > PIPE_OUT_BYTES - out->used)
        return out->error = -ENOBUFS;
    while (length) {
        size_t tail = (out->head + out->used) % PIPE_OUT_BYTES, part = PIPE_OUT_BYTES - tail;
        part = part < length ? part : length;
        memcpy(out->queue + tail, from, part);
        out->used += part;
        from += part;
        length -= part;
    }
    return 0;
}

short pipe_out_events(const struct pipe_out *out)
{
    return out->used ? POLLOUT : 0; /* POLLERR, that the reader has gone, comes by itself */
}
