/*
 * Pieces of a line of text, for formats that are written: no printf, tables of digit pairs. Each writes to
 * `out`, which has room, and returns the place behind what it wrote; no zero is appended. No state.
 */
#ifndef CANP_FORMATS_TEXT_OUT_H
#define CANP_FORMATS_TEXT_OUT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <canp/frame.h>

#include "frame/hex.h"

extern const char canp_decimal_pairs[201]; /* "000102..99" */

/* A zero-terminated text. */
static inline char *canp_put_text(char *out, const char *text)
{
    while (*text)
        *out++ = *text++;
    return out;
}

/* An interface's name: at most 15 bytes, read and written as 16 at once. */
static inline char *canp_put_iface(char *out, const char *iface)
{
    memcpy(out, iface, CANP_IFACE_NAME_BYTES);
    return out + strnlen(iface, CANP_IFACE_NAME_BYTES - 1);
}

static inline char *canp_put_2(char *out, uint32_t value)
{
    memcpy(out, canp_decimal_pairs + 2 * value, 2);
    return out + 2;
}

static inline char *canp_put_4(char *out, uint32_t value)
{
    return canp_put_2(canp_put_2(out, value / 100), value % 100);
}

static inline char *canp_put_8(char *out, uint32_t value)
{
    return canp_put_4(canp_put_4(out, value / 10000), value % 10000);
}

char *canp_put_decimal(char *out, uint64_t value);
char *canp_put_signed(char *out, int64_t value);

/* seconds.fraction: seconds of at least `width` digits (1 to 10), a fraction of 9 or 6 digits. */
char *canp_put_seconds(char *out, int64_t time_ns, unsigned width, unsigned fraction_digits);

/* A text of somebody else's as one cell or word of a line: control bytes and DEL become blanks. */
char *canp_put_safe(char *out, const char *text, size_t bytes);

#endif
