/* Pieces of a line of text (text_in.h). No state. */
#include "formats/text/text_in.h"

#include <strings.h>

#include <canp/frame.h>
#include <canp/safe_text.h>

bool canp_take_word(struct canp_text *t, struct canp_text *word)
{
    canp_skip_blanks(t);
    word->at = t->at;
    while (t->at < t->end && *t->at != ' ' && *t->at != '\t')
        t->at++;
    word->end = t->at;
    return word->end > word->at;
}

bool canp_take_cell(struct canp_text *t, char separator, struct canp_text *cell)
{
    if (!t->at)
        return false;
    const char *end = memchr(t->at, separator, (size_t)(t->end - t->at));
    cell->at = t->at;
    cell->end = end ? end : t->end;
    t->at = end ? end + 1 : NULL; /* the last cell may be empty: NULL tells that it was taken */
    if (!end)
        t->end = NULL;
    return true;
}

bool canp_text_is(const struct canp_text *t, const char *text)
{
    size_t bytes = strlen(text);
    return (size_t)(t->end - t->at) == bytes && strncasecmp(t->at, text, bytes) == 0;
}

int canp_take_decimal(struct canp_text *t, uint64_t *value)
{
    const char *start = t->at;
    uint64_t v = 0;
    for (; t->at < t->end && *t->at >= '0' && *t->at <= '9'; t->at++) {
        if (__builtin_mul_overflow(v, 10U, &v) || __builtin_add_overflow(v, (uint64_t)(*t->at - '0'), &v))
            return -CANP_E_SYNTAX;
    }
    *value = v;
    return t->at == start ? -CANP_E_SYNTAX : 0;
}

/* Nanoseconds of the digits behind the point. */
static int take_fraction(struct canp_text *t, uint32_t *ns)
{
    static const uint32_t scale[] = {0, 100000000, 10000000, 1000000, 100000, 10000, 1000, 100, 10, 1};
    const char *start = t->at;
    uint32_t v = 0;
    for (; t->at < t->end && (unsigned)(*t->at - '0') < 10; t->at++) {
        if (t->at - start < 9)
            v = v * 10 + (uint32_t)(*t->at - '0');
    }
    size_t digits = (size_t)(t->at - start);
    if (digits == 0)
        return -CANP_E_SYNTAX;
    *ns = v * scale[digits < 9 ? digits : 9];
    return 0;
}

int canp_take_seconds(struct canp_text *t, int64_t *time_ns)
{
    bool is_negative = canp_take_char(t, '-');
    uint64_t seconds = 0;
    uint32_t fraction = 0;
    const char *start = t->at;
    uint32_t eight = t->end - t->at >= 8 ? canp_decimal_8(t->at) : UINT32_MAX;
    if (eight != UINT32_MAX) {
        seconds = eight;
        t->at += 8;
    }
    for (; t->at < t->end && (unsigned)(*t->at - '0') < 10; t->at++) {
        seconds = seconds * 10 + (unsigned)(*t->at - '0');
        if (t->at - start >= 17) /* beyond what is a time, before it overflows */
            return -CANP_E_SYNTAX;
    }
    if (t->at == start || seconds > 9000000000U)
        return -CANP_E_SYNTAX;
    if (canp_take_char(t, '.') && take_fraction(t, &fraction) < 0)
        return -CANP_E_SYNTAX;
    int64_t ns = (int64_t)(seconds * 1000000000U + fraction);
    *time_ns = is_negative ? -ns : ns;
    return 0;
}

/* A name with a spelling in it. What it stands for must be a name: no zero, and no longer than one. */
static int restore_iface(const char *word, size_t bytes, char *iface)
{
    char name[CANP_SAFE_EXPANSION * CANP_IFACE_NAME_BYTES];
    if (bytes > sizeof(name))
        return -CANP_E_SYNTAX;
    bytes = canp_safe_restore(name, word, bytes);
    if (bytes >= CANP_IFACE_NAME_BYTES || memchr(name, '\0', bytes))
        return -CANP_E_SYNTAX;
    memset(iface, 0, CANP_IFACE_NAME_BYTES);
    memcpy(iface, name, bytes);
    return 0;
}

int canp_take_iface(struct canp_text *t, char *iface)
{
    const char *start = t->at;
    bool is_spelled = false;
    for (; t->at < t->end && (unsigned char)*t->at > ' '; t->at++) /* control bytes are no part of a name */
        is_spelled |= *t->at == '\\';
    size_t bytes = (size_t)(t->at - start);
    if (__builtin_expect(is_spelled, 0))
        return restore_iface(start, bytes, iface);
    if (bytes == 0 || bytes >= CANP_IFACE_NAME_BYTES)
        return -CANP_E_SYNTAX;
    memset(iface, 0, CANP_IFACE_NAME_BYTES);
    memcpy(iface, start, bytes);
    return 0;
}
