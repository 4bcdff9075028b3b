/*
 * Makes untrusted text fit to be shown (canp/safe_text.h). It decodes UTF-8 itself, because the C library's
 * functions depend on the locale. Invariant: the result is valid UTF-8 without control characters.
 * Any thread; no state.
 */
#include <canp/safe_text.h>

#include <canp/private/hex.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* The length of the character that begins here, 0 when it is no UTF-8: cut off, too long a form, a surrogate
 * or behind U+10FFFF. */
static size_t take_char(const uint8_t *p, size_t bytes, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = p[0] < 0x80 ? 1 : p[0] >> 5 == 6 ? 2 : p[0] >> 4 == 14 ? 3 : p[0] >> 3 == 30 ? 4 : 0;
    *code = p[0];
    if (length < 2 || length > bytes)
        return length == 1;
    uint32_t c = p[0] & (0x7FU >> length);
    for (size_t i = 1; i < length; i++) {
        if (p[i] >> 6 != 2)
            return 0;
        c = c << 6 | (p[i] & 0x3F);
    }
    *code = c;
    return c >= least[length] && c <= 0x10FFFF && c >> 11 != 0x1B ? length : 0;
}

/* Controls, and what changes how the text around it is shown without being seen itself. */
static bool is_hidden(uint32_t code)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {{0x00, 0x1F},     {0x7F, 0x9F},     {0x61C, 0x61C},   {0x200B, 0x200B}, {0x200E, 0x200F},
                  {0x2028, 0x202E}, {0x2060, 0x206F}, {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFB}, {0xE0000, 0xE007F}};
    if (code >= 0x20 && code < 0x7F)
        return false;
    for (unsigned i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        if (code >= ranges[i].first && code <= ranges[i].last)
            return true;
    }
    return false;
}

/* One character, or one byte that is none. Returns how many bytes of the text it took; *used those written.
 */
static size_t spell(const uint8_t *p, size_t bytes, unsigned how, char out[16], size_t *used)
{
    uint32_t code;
    size_t length = take_char(p, bytes, &code), n = 0;
    bool spelled = length == 0 || is_hidden(code) || ((how & CANP_SAFE_WORD) && code == ' ');
    length = length ? length : 1;
    for (size_t i = 0; i < length; i++) {
        if (spelled || p[i] == '\\')
            out[n++] = '\\';
        if (spelled) {
            out[n++] = 'x';
            out[n++] = canp_hex_digit(p[i] >> 4);
        }
        out[n++] = spelled ? canp_hex_digit(p[i]) : (char)p[i];
    }
    *used = n;
    return length;
}

/* How many characters at the beginning are written as they are, whatever the rules: most texts are no more.
 */
static inline size_t plain_run(const char *text, size_t bytes)
{
    size_t n = 0;
    while (n < bytes && text[n] > ' ' && text[n] < 0x7F && text[n] != '\\' && text[n] != '"')
        n++;
    return n;
}

size_t canp_safe_text(char *out, size_t room, const char *text, size_t bytes, unsigned how)
{
    size_t used = plain_run(text, bytes < room ? bytes : room - 1), n;
    char piece[16];
    memcpy(out, text, used);
    for (size_t at = used; at < bytes;) {
        at += spell((const uint8_t *)text + at, bytes - at, how, piece, &n);
        if (n >= room - used)
            break;
        memcpy(out + used, piece, n);
        used += n;
    }
    out[used] = '\0';
    return used;
}

/* Two digits of upper case, as canp_safe_text() writes them; negative for any other text. */
static int spelled_byte(const char *digits)
{
    return digits[0] < 'a' && digits[1] < 'a' ? canp_hex_byte(digits) : -1;
}

size_t canp_safe_restore(char *out, const char *text, size_t bytes)
{
    size_t used = 0;
    for (size_t at = 0; at < bytes; at++) {
        char c = text[at];
        size_t left = bytes - at;
        if (c == '\\' && left >= 2 && text[at + 1] == '\\') {
            at++;
        } else if (c == '\\' && left >= 4 && text[at + 1] == 'x' && spelled_byte(text + at + 2) >= 0) {
            c = (char)spelled_byte(text + at + 2);
            at += 3;
        }
        out[used++] = c;
    }
    return used;
}

size_t canp_safe_json_char(const char *text, size_t bytes, char out[CANP_SAFE_JSON_BYTES])
{
    uint32_t code;
    size_t length = take_char((const uint8_t *)text, bytes, &code);
    if (length == 0)
        memcpy(out, "\\ufffd", sizeof("\\ufffd"));
    else if (is_hidden(code) && code > 0xFFFF)
        snprintf(out, CANP_SAFE_JSON_BYTES, "\\u%04x\\u%04x", (unsigned)(0xD7C0 + (code >> 10)),
                 (unsigned)(0xDC00 | (code & 0x3FF)));
    else if (is_hidden(code))
        snprintf(out, CANP_SAFE_JSON_BYTES, "\\u%04x", (unsigned)code);
    else
        snprintf(out, CANP_SAFE_JSON_BYTES, "%s%.*s", code == '"' || code == '\\' ? "\\" : "", (int)length,
                 text);
    return length ? length : 1;
}

size_t canp_safe_csv(char *out, size_t room, const char *text, size_t bytes)
{
    bool formula = bytes && text[0] && strchr("=+-@'", text[0]);
    size_t used = 0, n, plain = room > bytes ? plain_run(text, bytes) : 0;
    bool quoted = formula || memchr(text, ',', bytes) || (plain < bytes && memchr(text, '"', bytes));
    char piece[16];
    plain = quoted ? 0 : plain;
    if (quoted)
        out[used++] = '"';
    if (formula)
        out[used++] = '\'';
    memcpy(out + used, text, plain);
    used += plain;
    for (size_t at = plain; at < bytes;) {
        at += spell((const uint8_t *)text + at, bytes - at, 0, piece, &n);
        if (n + 3 > room - used) /* a doubled or closing quote and the zero */
            break;
        if (piece[0] == '"')
            out[used++] = '"';
        memcpy(out + used, piece, n);
        used += n;
    }
    if (quoted)
        out[used++] = '"';
    out[used] = '\0';
    return used;
}
