/* Small text pieces that the candump files share. All writers return the place behind what they wrote. */
#ifndef CANP_ENGINE_CANDUMP_TEXT_H
#define CANP_ENGINE_CANDUMP_TEXT_H

#include <stdint.h>
#include <string.h>

#include <canp/candump.h>

extern const char canp_hex_pairs[513];     /* "000102..FF" */
extern const char canp_decimal_pairs[201]; /* "000102..99" */

static inline char canp_hex_digit(unsigned nibble)
{
    return "0123456789ABCDEF"[nibble & 15];
}

static inline char *canp_put_hex_byte(char *out, uint8_t byte)
{
    memcpy(out, canp_hex_pairs + 2U * byte, 2);
    return out + 2;
}

static inline char *canp_put_hex_u32(char *out, uint32_t value)
{
    out = canp_put_hex_byte(out, (uint8_t)(value >> 24));
    out = canp_put_hex_byte(out, (uint8_t)(value >> 16));
    out = canp_put_hex_byte(out, (uint8_t)(value >> 8));
    return canp_put_hex_byte(out, (uint8_t)value);
}

/* A zero-terminated text. */
static inline char *canp_put_text(char *out, const char *text)
{
    while (*text)
        *out++ = *text++;
    return out;
}

/* An interface's name: at most 15 bytes, read as 16 at once. */
static inline char *canp_put_iface(char *out, const char *iface)
{
    memcpy(out, iface, CANP_IFACE_NAME_BYTES);
    return out + strnlen(iface, CANP_IFACE_NAME_BYTES - 1);
}

char *canp_put_decimal(char *out, uint64_t value);
/* seconds.fraction, seconds at least 10 digits as candump prints them. */
char *canp_put_time(char *out, int64_t time_ns, unsigned style);
/* What is no frame, as a comment line. */
char *canp_put_event(char *out, const struct canp_record *record, const char *iface);

/* ---- reading ------------------------------------------------------------------------------------- */

/* What is left of a line. Readers move `at` and never pass `end`. */
struct canp_text {
    const char *at;
    const char *end;
};

extern const int8_t canp_hex_values[256]; /* -1: no hex digit */

static inline int canp_peek(const struct canp_text *t)
{
    return t->at < t->end ? (unsigned char)*t->at : -1;
}

static inline void canp_skip_blanks(struct canp_text *t)
{
    while (t->at < t->end && (*t->at == ' ' || *t->at == '\t'))
        t->at++;
}

/* seconds.fraction with 6 or 9 digits. 0 or -CANP_E_SYNTAX. */
int canp_take_time(struct canp_text *t, int64_t *time_ns);
int canp_take_decimal(struct canp_text *t, uint64_t *value);
/* A word up to a blank; at most 15 bytes, zero-padded. */
int canp_take_iface(struct canp_text *t, char *iface);
/* Exactly this text. */
bool canp_take_text(struct canp_text *t, const char *text);
/* A comment (1 = a gap, else 0) or a DROPCOUNT line. */
int canp_parse_comment(struct canp_text *t, struct canp_candump_line *out);
int canp_parse_dropcount(struct canp_text *t, struct canp_candump_line *out);

#endif
