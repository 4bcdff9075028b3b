/* Options structs across releases (canp/private/opts.h). Any thread. */
#include <canp/private/opts.h>

#include <errno.h>
#include <stdint.h>
#include <string.h>

#define OPTS_BYTES_MAX 4096 /* a larger size is garbage, and nothing is read there */

static int check_beyond(const uint8_t *bytes, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (bytes[i])
            return -E2BIG;
    }
    return 0;
}

int canp_opts_take(void *taken, size_t known_bytes, size_t first_bytes, const void *opts)
{
    size_t size = 0;
    int r = 0;

    if (opts)
        memcpy(&size, opts, sizeof(size));
    if (opts && size == 0)
        size = first_bytes;
    else if (size > OPTS_BYTES_MAX)
        return -E2BIG;
    else if (opts && size < sizeof(size))
        return -EINVAL;
    if (size > known_bytes) {
        r = check_beyond(opts, known_bytes, size);
        size = known_bytes;
    }
    if (r < 0)
        return r;
    memset(taken, 0, known_bytes);
    if (opts)
        memcpy(taken, opts, size);
    memcpy(taken, &known_bytes, sizeof(known_bytes));
    return 0;
}
