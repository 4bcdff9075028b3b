/*
 * Reads and writes hexadecimal digits, for engine and capture. Constant tables; any thread.
 */
#ifndef CANP_PRIVATE_HEX_H
#define CANP_PRIVATE_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

extern const int8_t canp_hex_values[256]; /* -1: no hex digit */
extern const char canp_hex_pairs[513];    /* "000102..FF" */

/* The digit's value; -1 for any other byte, and for what is no byte (-1). */
static inline int canp_hex_value(int c)
{
    return c < 0 ? -1 : canp_hex_values[(uint8_t)c];
}

/* Two digits: the byte; negative when one of them is none. */
static inline int canp_hex_byte(const char *at)
{
    int high = canp_hex_values[(uint8_t)at[0]], low = canp_hex_values[(uint8_t)at[1]];
    return high < 0 ? high : high << 4 | low; /* a low of -1 makes all bits 1 */
}

/*
 * Eight digits at once, as four bytes in the order of the text: false when one of them is none. All eight
 * bytes are worked on in one word (little-endian, as segment files are); a byte's bit 7 says what it is:
 * adding 0x50 sets it from '0' on, 0x46 behind '9', and of the lower-case letter 0x1F from 'a' on, 0x19
 * behind 'f'.
 */
static inline bool canp_hex_8(const char *at, uint8_t out[4])
{
    const uint64_t each = UINT64_C(0x0101010101010101), top = each * 0x80;
    uint64_t v;
    memcpy(&v, at, sizeof(v));
    uint64_t lower = v | each * 0x20;
    uint64_t digit = (v + each * 0x50) & ~(v + each * 0x46);
    uint64_t letter = (lower + each * 0x1F) & ~(lower + each * 0x19) & top;
    if ((v & top) || ((digit | letter) & top) != top)
        return false;
    uint64_t nibbles = (v & each * 0x0F) + (letter >> 7) * 9;
    uint64_t bytes = (nibbles << 4 | nibbles >> 8) & UINT64_C(0x00FF00FF00FF00FF);
    bytes = (bytes | bytes >> 8) & UINT64_C(0x0000FFFF0000FFFF);
    uint32_t packed = (uint32_t)(bytes | bytes >> 16);
    memcpy(out, &packed, sizeof(packed));
    return true;
}

/* Pairs of digits up to the first that is none, `end` or `max` bytes: their number. *at stands behind the
 * last. */
static inline unsigned canp_hex_bytes(const char **at, const char *end, uint8_t *out, unsigned max)
{
    unsigned n = 0;
    const char *p = *at;
    for (; n + 4 <= max && end - p >= 8 && canp_hex_8(p, out + n); p += 8)
        n += 4;
    for (int byte; n < max && end - p >= 2 && (byte = canp_hex_byte(p)) >= 0; p += 2)
        out[n++] = (uint8_t)byte;
    *at = p;
    return n;
}

/* Digits up to the first that is none or `end`, at most 8 of them: how many. *at stands behind the last. */
static inline unsigned canp_hex_number(const char **at, const char *end, uint32_t *value)
{
    const char *p = *at;
    uint32_t v = 0;
    uint8_t bytes[4];
    if (end - p >= 8 && canp_hex_8(p, bytes)) {
        *at = p + 8;
        *value = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
        return 8;
    }
    for (int d; p < end && p - *at < 8 && (d = canp_hex_values[(uint8_t)*p]) >= 0; p++)
        v = v << 4 | (uint32_t)d;
    unsigned digits = (unsigned)(p - *at);
    *value = v;
    *at = p;
    return digits;
}

static inline char canp_hex_digit(unsigned nibble)
{
    return "0123456789ABCDEF"[nibble & 15];
}

/* Writers return the place behind what they wrote. */
static inline char *canp_put_hex_byte(char *out, uint8_t byte)
{
    memcpy(out, canp_hex_pairs + 2U * byte, 2);
    return out + 2;
}

/*
 * Eight bytes as sixteen digits at once, in a vector of 16 bits for each byte: its nibbles go to the two
 * bytes, the high one first (little-endian, as segment files are); 7 lie between '9' and 'A'.
 */
static inline char *canp_put_hex_8(char *out, const uint8_t bytes[8])
{
    typedef uint8_t eight __attribute__((vector_size(8)));
    typedef uint16_t wide __attribute__((vector_size(16)));
    typedef uint8_t digits __attribute__((vector_size(16)));
    eight packed;
    memcpy(&packed, bytes, sizeof(packed));
    wide spread = __builtin_convertvector(packed, wide);
    digits v = (digits)(spread >> 4 | (spread & 0x0F) << 8);
    v += '0' + ((digits)(v > 9) & 7);
    memcpy(out, &v, sizeof(v));
    return out + sizeof(v);
}

static inline char *canp_put_hex_u32(char *out, uint32_t value)
{
    out = canp_put_hex_byte(out, (uint8_t)(value >> 24));
    out = canp_put_hex_byte(out, (uint8_t)(value >> 16));
    out = canp_put_hex_byte(out, (uint8_t)(value >> 8));
    return canp_put_hex_byte(out, (uint8_t)value);
}

static inline char *canp_put_hex_bytes(char *out, const uint8_t *data, size_t bytes)
{
    for (; bytes >= 8; bytes -= 8, data += 8)
        out = canp_put_hex_8(out, data);
    for (; bytes; bytes--)
        out = canp_put_hex_byte(out, *data++);
    return out;
}

#endif
