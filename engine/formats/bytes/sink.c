/* Bytes of a log that is being written (sink.h). One thread. One thread. */
#include "formats/bytes/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <canp/error.h>

static int fail_to_write(struct canp_why *why, int error, const char *path)
{
    return canp_fail(why, error, "cannot write %s: %s%s", path, canp_strerror(error),
                     error == -EEXIST ? "; choose another name or move it away" : "");
}

static int set_up(struct canp_sink *sink, int fd, bool owns_fd)
{
    sink->buffer = malloc(CANP_SINK_BYTES);
    if (!sink->buffer)
        return -ENOMEM;
    sink->at = sink->buffer;
    sink->limit = sink->buffer + CANP_SINK_BYTES;
    sink->fd = fd;
    sink->owns_fd = owns_fd;
    return 0;
}

int canp_sink_open_fd(struct canp_sink *sink, int fd)
{
    *sink = (struct canp_sink){.fd = -1};
    return set_up(sink, fd, false);
}

int canp_sink_open_to(struct canp_sink *sink, canp_log_receiver *take, void *user)
{
    *sink = (struct canp_sink){.fd = -1};
    int r = set_up(sink, -1, false);
    sink->take = take;
    sink->user = user;
    return r;
}

/* The directory of a path, to be freed. */
static char *directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return strdup(".");
    return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/* A file beside `path` without a name, or with one of its own in sink->temporary. Its descriptor or an error.
 */
static int open_nameless(struct canp_sink *sink, const char *path)
{
    char *directory = directory_of(path);
    if (!directory)
        return -ENOMEM;
    int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
    int error = errno;
    if (fd >= 0 || (error != EOPNOTSUPP && error != EISDIR && error != EINVAL)) {
        free(directory);
        return fd >= 0 ? fd : -error;
    }
    for (unsigned i = 0; fd < 0 && i < 100; i++) {
        free(sink->temporary);
        if (asprintf(&sink->temporary, "%s/.canp-%ld-%u.part", directory, (long)getpid(), i) < 0)
            sink->temporary = NULL;
        error = ENOMEM;
        if (!sink->temporary)
            break;
        fd = open(sink->temporary, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0666);
        error = errno;
        if (fd < 0 && error != EEXIST)
            break;
    }
    free(directory);
    return fd >= 0 ? fd : -error;
}

static int open_output(struct canp_sink *sink, const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return errno == ENOENT ? open_nameless(sink, path) : -errno;
    if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
        return -EEXIST;
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int canp_sink_open(struct canp_sink *sink, const char *path, struct canp_why *why)
{
    *sink = (struct canp_sink){.fd = -1};
    int fd = open_output(sink, path);
    if (fd < 0) {
        canp_sink_close(sink);
        return fail_to_write(why, fd, path);
    }
    struct stat st;
    sink->is_seekable = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    sink->path = strdup(path);
    int r = set_up(sink, fd, true);
    if (r < 0 || !sink->path) {
        if (r < 0)
            close(fd);
        canp_sink_close(sink);
        return canp_fail(why, -ENOMEM, "no memory to write %s", path);
    }
    return 0;
}

/* Others may have made the pipe or terminal one that does not wait. */
static void wait_for_room(int fd)
{
    struct pollfd out = {.fd = fd, .events = POLLOUT};
    poll(&out, 1, -1);
}

static int write_all(int fd, const uint8_t *bytes, size_t length)
{
    while (length) {
        ssize_t n = write(fd, bytes, length);
        if (n >= 0) {
            bytes += n;
            length -= (size_t)n;
        } else if (errno == EAGAIN) {
            wait_for_room(fd);
        } else if (errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}

int canp_sink_flush(struct canp_sink *sink)
{
    size_t length = (size_t)(sink->at - sink->buffer);
    if (!sink->error && length)
        sink->error = sink->take ? sink->take(sink->user, sink->buffer, length)
                                 : write_all(sink->fd, sink->buffer, length);
    sink->flushed += length;
    sink->at = sink->buffer;
    return sink->error;
}

void canp_sink_put(struct canp_sink *sink, const void *bytes, size_t length)
{
    const uint8_t *from = bytes;
    while (length) {
        size_t room = (size_t)(sink->limit - sink->at);
        size_t part = length < room ? length : room;
        memcpy(sink->at, from, part);
        sink->at += part;
        from += part;
        length -= part;
        if (sink->at == sink->limit)
            canp_sink_flush(sink);
    }
}

int canp_sink_patch(struct canp_sink *sink, uint64_t offset, const void *bytes, size_t length)
{
    if (!sink->is_seekable)
        return -ESPIPE;
    if (canp_sink_flush(sink) < 0)
        return sink->error;
    for (const uint8_t *from = bytes; length && !sink->error;) {
        ssize_t n = pwrite(sink->fd, from, length, (off_t)offset);
        if (n < 0 && errno != EINTR)
            sink->error = -errno;
        if (n <= 0)
            continue;
        from += n;
        offset += (uint64_t)n;
        length -= (size_t)n;
    }
    return sink->error;
}

/* The final name for a file that has none yet: never one that is there. */
static int name_it(struct canp_sink *sink)
{
    char self[64];
    if (sink->temporary) {
        if (link(sink->temporary, sink->path) == 0) {
            unlink(sink->temporary);
            return 0;
        }
        if (errno == EEXIST || access(sink->path, F_OK) == 0)
            return -EEXIST;
        return rename(sink->temporary, sink->path) < 0 ? -errno : 0; /* a file system without links */
    }
    snprintf(self, sizeof(self), "/proc/self/fd/%d", sink->fd);
    return linkat(AT_FDCWD, self, AT_FDCWD, sink->path, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
}

int canp_sink_commit(struct canp_sink *sink, struct canp_why *why)
{
    int r = canp_sink_flush(sink);
    if (r == 0 && sink->path && sink->is_seekable) {
        r = name_it(sink);
        if (r == 0) {
            free(sink->temporary);
            sink->temporary = NULL;
        }
    }
    return r < 0 ? fail_to_write(why, r, sink->path ? sink->path : "the output") : 0;
}

void canp_sink_close(struct canp_sink *sink)
{
    if (sink->temporary)
        unlink(sink->temporary);
    free(sink->temporary);
    free(sink->path);
    free(sink->buffer);
    if (sink->owns_fd && sink->fd >= 0)
        close(sink->fd);
    *sink = (struct canp_sink){.fd = -1};
}
