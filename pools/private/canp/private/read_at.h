/* Reads at an offset of a file, without using the file position. Any thread. */
#ifndef CANP_PRIVATE_READ_AT_H
#define CANP_PRIVATE_READ_AT_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

/* Up to `bytes` from `offset` on, which is no more than INT64_MAX: how many, fewer only at the file's end; or
 * a negative errno. */
static inline int64_t canp_read_at(int fd, void *to, size_t bytes, uint64_t offset)
{
    size_t got = 0;
    while (got < bytes) {
        ssize_t n = pread(fd, (uint8_t *)to + got, bytes - got, (off_t)(offset + got));
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            break;
        got += n > 0 ? (size_t)n : 0;
    }
    return (int64_t)got;
}

#endif
