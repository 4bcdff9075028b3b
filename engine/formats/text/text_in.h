/*
 * Reads pieces of a line of text. Invariant: nothing outside of [at, end) is read. No state; any thread.
 */
#ifndef CANP_FORMATS_TEXT_IN_H
#define CANP_FORMATS_TEXT_IN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <canp/error.h>

#include <canp/private/hex.h>

/* What is left of a line. Readers move `at` and never pass `end`; what fails may have moved it. */
struct canp_text {
    const char *at;
    const char *end;
};

/* The next byte, -1 at the end. */
static inline int canp_peek(const struct canp_text *t)
{
    return t->at < t->end ? (unsigned char)*t->at : -1;
}

static inline void canp_skip_blanks(struct canp_text *t)
{
    while (t->at < t->end && (*t->at == ' ' || *t->at == '\t'))
        t->at++;
}

/* Blanks, tabs and line ends at the end of the text go. */
static inline void canp_trim_end(struct canp_text *t)
{
    while (t->end > t->at &&
           (t->end[-1] == '\r' || t->end[-1] == '\n' || t->end[-1] == ' ' || t->end[-1] == '\t'))
        t->end--;
}

/* Eight decimal digits at once, in one word: their value, or UINT32_MAX when one of them is none. */
static inline uint32_t canp_decimal_8(const char *at)
{
    const uint64_t each = UINT64_C(0x0101010101010101);
    uint64_t v;
    memcpy(&v, at, sizeof(v));
    v ^= each * 0x30; /* each byte is 0..9 now, or something larger */
    if (((v + each * 0x76) | v) & each * 0x80)
        return UINT32_MAX;
    v = v * 10 + (v >> 8); /* pairs, in every second byte */
    v = (v & UINT64_C(0x000000FF000000FF)) * UINT64_C(0x000F424000000064) +
        (v >> 16 & UINT64_C(0x000000FF000000FF)) * UINT64_C(0x0000271000000001);
    return (uint32_t)(v >> 32);
}

/* Exactly this byte, or this text. */
static inline bool canp_take_char(struct canp_text *t, char c)
{
    if (t->at >= t->end || *t->at != c) /* a cell that is missing has no place at all: NULL */
        return false;
    t->at++;
    return true;
}
static inline bool canp_take_text(struct canp_text *t, const char *text)
{
    size_t bytes = strlen(text); /* inline: mostly known to the compiler */
    if ((size_t)(t->end - t->at) < bytes || memcmp(t->at, text, bytes) != 0)
        return false;
    t->at += bytes;
    return true;
}
/* A word up to a blank, tab or the end; false when there is none. It is lent from the line. */
bool canp_take_word(struct canp_text *t, struct canp_text *word);
/* Up to `separator`, which is passed, or the end: a cell of a line of separated values without quotes. */
bool canp_take_cell(struct canp_text *t, char separator, struct canp_text *cell);
/* Is the text this one, letters of either case alike? */
bool canp_text_is(const struct canp_text *t, const char *text);

/* 0 or -CANP_E_SYNTAX, as all below. */
int canp_take_decimal(struct canp_text *t, uint64_t *value);
/* 1 to 8 hex digits. */
static inline int canp_take_hex(struct canp_text *t, uint32_t *value)
{
    return canp_hex_number(&t->at, t->end, value) ? 0 : -CANP_E_SYNTAX;
}
/* Seconds with or without a fraction of 1 to 9 digits (more are read and cut), perhaps negative, in ns. */
int canp_take_seconds(struct canp_text *t, int64_t *time_ns);
/* A word up to a blank as an interface's name, the spelling of canp/safe_text.h undone: at most 15 bytes,
 * zero-padded to CANP_IFACE_NAME_BYTES; control bytes end it.
 */
int canp_take_iface(struct canp_text *t, char *iface);

#endif
