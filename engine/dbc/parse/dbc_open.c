/*
 * Opens databases from files. A file is first read as a whole into private memory, so that a change meanwhile
 * cannot confuse the parser. Any thread.
 */
#include <canp/private/cleanup.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "dbc_open.h"
#include "dbc_priv.h"

/* The whole file; *text is the caller's. Reads what is there even when the size is not known before. */
static int read_all(int fd, size_t expected, uint64_t max, char **text, size_t *bytes)
{
    size_t capacity = expected + 1, used = 0;
    char *buffer = malloc(capacity);
    ssize_t got = -1;
    while (buffer && (got = read(fd, buffer + used, capacity - used)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            break;
        used += (size_t)got;
        if (used > max)
            break;
        if (used == capacity) {
            char *more = realloc(buffer, capacity *= 2);
            if (!more) {
                free(buffer);
                return -ENOMEM;
            }
            buffer = more;
        }
    }
    if (!buffer)
        return -ENOMEM;
    if (got < 0 || used > max) {
        int r = got < 0 ? -errno : -EFBIG;
        free(buffer);
        return r;
    }
    *text = buffer;
    *bytes = used;
    return 0;
}

int canp_dbc_open_fd(int fd, const struct stat *st, const char *path, const struct canp_dbc_opts *opts,
                     struct canp_dbc **out, struct canp_why *why)
{
    struct canp_dbc_opts taken;
    char *text = NULL;
    size_t bytes = 0;
    int r = canp_dbc_take_opts(opts, &taken, why);
    if (r < 0)
        return r;
    if (S_ISDIR(st->st_mode))
        return canp_fail(why, -EISDIR, "%s is a directory: name a DBC file", path);
    if (!S_ISREG(st->st_mode)) /* O_NONBLOCK: it has not waited for a pipe's writer either */
        return canp_fail(why, -EINVAL, "%s is a pipe or device: copy what it says into a file", path);
    uint64_t size = (uint64_t)st->st_size;
    r = size > taken.file_bytes_max ? -EFBIG
                                    : read_all(fd, (size_t)size, taken.file_bytes_max, &text, &bytes);
    if (r == -EFBIG)
        return canp_fail(why, r,
                         "%s has more than %llu bytes, the most that may be read: is it a signal database?",
                         path, (unsigned long long)taken.file_bytes_max);
    if (r < 0)
        return canp_fail(why, r, "cannot read %s: %s", path, canp_strerror(r));
    r = canp_dbc_parse(text, bytes, path, opts, out, why);
    free(text);
    return r;
}

int canp_dbc_open(const char *path, const struct canp_dbc_opts *opts, struct canp_dbc **out,
                  struct canp_why *why)
{
    struct stat st;
    CANP_CLEANUP(canp_fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) < 0) {
        int r = -errno;
        return canp_fail(why, r, "cannot open %s: %s", path, canp_strerror(r));
    }
    return canp_dbc_open_fd(fd, &st, path, opts, out, why);
}
