/*
 * Writes pieces of a line of text, by tables of digit pairs because printf is too slow. Each function writes
 * to `out`, which must have room, and returns the place behind the text; no zero is appended. No state; any
 * thread.
 */
#ifndef CANP_FORMATS_TEXT_OUT_H
#define CANP_FORMATS_TEXT_OUT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <canp/frame.h>
#include <canp/safe_text.h>

#include <canp/private/hex.h>

extern const char canp_decimal_pairs[201]; /* "000102..99" */

/* A zero-terminated text. */
static inline char *canp_put_text(char *out, const char *text)
{
    while (*text)
        *out++ = *text++;
    return out;
}

/* Room that canp_put_iface() may use. */
#define CANP_PUT_IFACE_BYTES (CANP_SAFE_EXPANSION * CANP_IFACE_NAME_BYTES + 1)

/* The name of an interface, readable for CANP_IFACE_NAME_BYTES, as one word: what would break the line is
 * spelled out (canp/safe_text.h); canp_take_iface() undoes it. */
char *canp_put_iface(char *out, const char *iface);

/* Such a word, kept. */
struct canp_word {
    unsigned bytes;
    char text[CANP_PUT_IFACE_BYTES];
};

static inline char *canp_put_word(char *out, const struct canp_word *word)
{
    memcpy(out, word->text, 16); /* any name that needs no spelling */
    if (__builtin_expect(word->bytes > 16, 0))
        memcpy(out + 16, word->text + 16, word->bytes - 16);
    return out + word->bytes;
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

/* Nanoseconds of a second, as 9 digits or, cut, as 6. */
static inline char *canp_put_fraction(char *out, uint32_t ns, unsigned digits)
{
    if (digits == 6) {
        ns /= 1000;
        return canp_put_4(canp_put_2(out, ns / 10000), ns % 10000);
    }
    *out++ = (char)('0' + ns / 100000000U);
    return canp_put_8(out, ns % 100000000U);
}

/* seconds.fraction: seconds of at least `width` digits (1 to 10), a fraction of 9 or 6 digits. */
char *canp_put_seconds(char *out, int64_t time_ns, unsigned width, unsigned fraction_digits);

/*
 * The whole seconds of a stamp as text, with the point behind them: most stamps of a log share them with the
 * stamp before. Zeroed: of none.
 */
struct canp_seconds_text {
    int64_t from_ns;
    unsigned bytes;
    char text[16]; /* 10 digits and the point */
};

/* Keeps what canp_put_seconds() writes before the fraction; of a negative time nothing is kept. */
void canp_keep_seconds(struct canp_seconds_text *kept, int64_t time_ns, unsigned width);

/* canp_put_seconds(), with what is kept of the stamp before. */
static inline char *canp_put_seconds_kept(struct canp_seconds_text *kept, char *out, int64_t time_ns,
                                          unsigned width, unsigned fraction_digits)
{
    if (__builtin_expect(!kept->bytes || (uint64_t)time_ns - (uint64_t)kept->from_ns >= 1000000000U, 0)) {
        canp_keep_seconds(kept, time_ns, width);
        if (!kept->bytes)
            return canp_put_seconds(out, time_ns, width, fraction_digits);
    }
    memcpy(out, kept->text, sizeof(kept->text));
    return canp_put_fraction(out + kept->bytes, (uint32_t)(time_ns - kept->from_ns), fraction_digits);
}

/* A text of somebody else's on a line of its own, spelled as canp/safe_text.h says: up to
 * CANP_SAFE_EXPANSION * bytes + 1 are written. */
char *canp_put_safe(char *out, const char *text, size_t bytes);

#endif
