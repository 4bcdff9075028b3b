/*
 * Reads terminals (dbc_lex.h). Invariant: line and line_start always tell where `at` is; nothing is read at
 * or behind `end`. Every character is read a bounded number of times per statement. One thread at a time.
 */
#include "dbc_lex.h"
#include "dbc_number.h"

#include <string.h>

void canp_dbc_lex_skip(struct dbc_lex *lex)
{
    const char *p = lex->at;
    for (; p < lex->end; p++) {
        if (*p == '\n') {
            lex->line++;
            lex->line_start = p + 1;
        } else if (*p == '/' && p + 1 < lex->end && p[1] == '/') {
            const char *newline = memchr(p, '\n', (size_t)(lex->end - p));
            p = newline ? newline - 1 : lex->end - 1;
        } else if (*p != ' ' && *p != '\t' && *p != '\r' && *p != '\f' && *p != '\v') {
            break;
        }
    }
    lex->at = p;
}

bool canp_dbc_lex_fail(struct dbc_lex *lex, const char *expected)
{
    if (lex->expected)
        return false;
    lex->expected = expected;
    lex->failed_at = lex->at;
    lex->failed_line = lex->line;
    lex->failed_column = (uint32_t)(lex->at - lex->line_start) + 1;
    return false;
}

bool canp_dbc_lex_maybe(struct dbc_lex *lex, char c)
{
    canp_dbc_lex_blanks(lex);
    if (lex->at >= lex->end || *lex->at != c)
        return false;
    lex->at++;
    return true;
}

bool canp_dbc_lex_char(struct dbc_lex *lex, char c, const char *what)
{
    return canp_dbc_lex_maybe(lex, c) || canp_dbc_lex_fail(lex, what);
}

/* What may stand in a name: more than the specification's letters, digits and underscores, as files have
 * more. */
static inline bool in_word(char c)
{
    static const bool no_part[128] = {
        [' '] = true,  ['\t'] = true, ['\n'] = true, ['\r'] = true, ['\f'] = true, ['\v'] = true,
        ['\0'] = true, [':'] = true,  [';'] = true,  [','] = true,  ['"'] = true,  ['|'] = true,
        ['@'] = true,  ['('] = true,  [')'] = true,  ['['] = true,  [']'] = true,  ['\\'] = true,
    };
    return (unsigned char)c >= 128 || !no_part[(unsigned char)c];
}

static struct dbc_word word_at(const char *at, const char *end)
{
    const char *p = at;
    while (p < end && in_word(*p))
        p++;
    return (struct dbc_word){at, (size_t)(p - at)};
}

struct dbc_word canp_dbc_lex_peek(struct dbc_lex *lex)
{
    canp_dbc_lex_blanks(lex);
    return word_at(lex->at, lex->end);
}

bool canp_dbc_lex_word(struct dbc_lex *lex, struct dbc_word *word, const char *what)
{
    *word = canp_dbc_lex_peek(lex);
    if (word->bytes == 0 || canp_dbc_lex_at_statement(lex))
        return canp_dbc_lex_fail(lex, what);
    lex->at += word->bytes;
    return true;
}

bool canp_dbc_lex_uint(struct dbc_lex *lex, uint64_t max, uint64_t *value, const char *what)
{
    uint64_t sum = 0;
    canp_dbc_lex_blanks(lex);
    const char *p = lex->at;
    for (; p < lex->end && *p >= '0' && *p <= '9'; p++) {
        uint64_t digit = (uint64_t)(*p - '0');
        if (sum > (max - digit) / 10 || digit > max)
            return canp_dbc_lex_fail(lex, what);
        sum = sum * 10 + digit;
    }
    if (p == lex->at)
        return canp_dbc_lex_fail(lex, what);
    lex->at = p;
    *value = sum;
    return true;
}

bool canp_dbc_lex_number(struct dbc_lex *lex, double *value, int64_t *integer, const char *what)
{
    const char *end;
    int64_t unused;
    canp_dbc_lex_blanks(lex);
    if (!canp_dbc_number(lex->at, lex->end, value, integer ? integer : &unused, &end))
        return canp_dbc_lex_fail(lex, what);
    lex->at = end;
    return true;
}

/* ---- texts -------------------------------------------------------------------------------------------- */

/* Windows-1252: 0x80..0x9F (0 where nothing is defined: the replacement character), else as Latin-1. */
static const uint16_t cp1252[32] = {0x20AC, 0xFFFD, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                    0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0xFFFD, 0x017D, 0xFFFD,
                                    0xFFFD, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                    0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0xFFFD, 0x017E, 0x0178};

static char *put_cp1252(char *out, unsigned char c)
{
    unsigned code = c < 0xA0 ? cp1252[c - 0x80] : c;
    if (code < 0x800) {
        *out++ = (char)(0xC0 | code >> 6);
    } else {
        *out++ = (char)(0xE0 | code >> 12);
        *out++ = (char)(0x80 | (code >> 6 & 0x3F));
    }
    *out++ = (char)(0x80 | (code & 0x3F));
    return out;
}

/* Copies with `\"` as a quote where `escapes`, and NUL as a replacement's blank; out has room. Returns its
 * end. */
static char *copy_text(const struct dbc_lex *lex, char *out, struct dbc_word word, bool escapes)
{
    const char *end = word.text + word.bytes;
    for (const char *p = word.text; p < end; p++) {
        if (escapes && *p == '\\' && p + 1 < end && p[1] == '"')
            continue;
        if ((unsigned char)*p >= 128 && !lex->is_utf8)
            out = put_cp1252(out, (unsigned char)*p);
        else if (*p != '\r' || p + 1 == end || p[1] != '\n')
            *out++ = *p == '\0' ? ' ' : *p;
    }
    *out = '\0';
    return out;
}

static const char *copy_word(struct dbc_lex *lex, struct dbc_word word, bool escapes)
{
    size_t room = (lex->is_utf8 ? word.bytes : word.bytes * 3) + 1;
    char *text = canp_dbc_arena_text(lex->arena, room);
    if (!text) {
        lex->out_of_memory = true;
        return NULL;
    }
    if (lex->is_utf8 && !lex->has_nul && !escapes && !memchr(word.text, '\r', word.bytes)) {
        memcpy(text, word.text, word.bytes);
        text[word.bytes] = '\0';
        return text;
    }
    char *end = copy_text(lex, text, word, escapes);
    canp_dbc_arena_trim(lex->arena, text, room, (size_t)(end - text) + 1);
    return text;
}

const char *canp_dbc_lex_copy(struct dbc_lex *lex, struct dbc_word word)
{
    return copy_word(lex, word, false);
}

/* The closing quote of the text whose first character is at `at`, or NULL. */
static const char *closing_quote(const char *at, const char *end, bool *escapes)
{
    const char *start = at;
    while ((at = memchr(at, '"', (size_t)(end - at))) != NULL) {
        if (at == start || at[-1] != '\\')
            return at;
        *escapes = true;
        at++;
    }
    return NULL;
}

static void count_lines(struct dbc_lex *lex, const char *from, const char *to)
{
    while ((from = memchr(from, '\n', (size_t)(to - from))) != NULL) {
        from++;
        lex->line++;
        lex->line_start = from;
    }
}

static bool take_string(struct dbc_lex *lex, const char **text, const char *what, bool one_line)
{
    bool escapes = false;
    canp_dbc_lex_blanks(lex);
    if (lex->at >= lex->end || *lex->at != '"')
        return canp_dbc_lex_fail(lex, what);
    const char *start = lex->at + 1;
    const char *newline = one_line ? memchr(start, '\n', (size_t)(lex->end - start)) : NULL;
    const char *close = closing_quote(start, newline ? newline : lex->end, &escapes);
    if (!close)
        return canp_dbc_lex_fail(lex, one_line ? "a text that ends with a quote in this line"
                                               : "a text that ends with a quote");
    if (close == start) {
        *text = "";
    } else {
        *text = copy_word(lex, (struct dbc_word){start, (size_t)(close - start)}, escapes);
        if (!*text)
            return false;
        count_lines(lex, start, close);
    }
    lex->at = close + 1;
    return true;
}

bool canp_dbc_lex_string(struct dbc_lex *lex, const char **text, const char *what)
{
    return take_string(lex, text, what, false);
}

bool canp_dbc_lex_line_string(struct dbc_lex *lex, const char **text, const char *what)
{
    return take_string(lex, text, what, true);
}

/* ---- keywords ----------------------------------------------------------------------------------------- */

enum dbc_keyword canp_dbc_keyword(struct dbc_word word)
{
#define DBC_KEYWORD_ROW(name, text) {text, sizeof(text) - 1},
    static const struct {
        const char *text;
        size_t bytes;
    } rows[] = {DBC_KEYWORDS(DBC_KEYWORD_ROW)};
#undef DBC_KEYWORD_ROW
    for (int i = 0; i < DBC_KEY_NONE; i++)
        if (rows[i].bytes == word.bytes && memcmp(rows[i].text, word.text, word.bytes) == 0)
            return (enum dbc_keyword)i;
    return DBC_KEY_NONE;
}

bool canp_dbc_lex_at_statement(const struct dbc_lex *lex)
{
    const char *p = lex->line_start;
    while (p < lex->at && (*p == ' ' || *p == '\t'))
        p++;
    return p == lex->at && canp_dbc_keyword(word_at(p, lex->end)) != DBC_KEY_NONE;
}
