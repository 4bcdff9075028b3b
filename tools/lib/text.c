/* Text that several commands print (text.h). */
#include "text.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

/* The length of the character that begins here, 0 when it is no UTF-8: cut off, too long a form, a surrogate
 * or behind U+10FFFF. */
static size_t utf8_bytes(const unsigned char *p, size_t bytes)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = p[0] < 0x80 ? 1 : p[0] >> 5 == 6 ? 2 : p[0] >> 4 == 14 ? 3 : p[0] >> 3 == 30 ? 4 : 0;
    if (length < 2 || length > bytes)
        return length == 1;
    uint32_t code = p[0] & (0x7FU >> length);
    for (size_t i = 1; i < length; i++) {
        if (p[i] >> 6 != 2)
            return 0;
        code = code << 6 | (p[i] & 0x3F);
    }
    bool is_valid = code >= least[length] && code <= 0x10FFFF && code >> 11 != 0x1B;
    return is_valid ? length : 0;
}

size_t text_json_char(const char *text, size_t bytes, char out[TEXT_JSON_CHAR_BYTES])
{
    unsigned char c = (unsigned char)text[0];
    size_t length = utf8_bytes((const unsigned char *)text, bytes);
    if (length == 0)
        memcpy(out, "\\ufffd", sizeof("\\ufffd"));
    else if (c < 0x20)
        snprintf(out, TEXT_JSON_CHAR_BYTES, "\\u%04x", c);
    else
        snprintf(out, TEXT_JSON_CHAR_BYTES, "%s%.*s", c == '"' || c == '\\' ? "\\" : "", (int)length, text);
    return length ? length : 1;
}

void text_json_string(FILE *to, const char *text)
{
    char out[TEXT_JSON_CHAR_BYTES];
    fputc('"', to);
    for (size_t left = strlen(text), took; left > 0; left -= took, text += took) {
        took = text_json_char(text, left, out);
        fputs(out, to);
    }
    fputc('"', to);
}

const char *text_bytes(char out[TEXT_BYTES], uint64_t bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    double value = (double)bytes;
    unsigned i = 0;
    for (; value >= 999.95 && i < 4; i++)
        value /= 1000;
    snprintf(out, TEXT_BYTES, i ? "%.1f %s" : "%.0f %s", value, units[i]);
    return out;
}

const char *text_count(char out[TEXT_BYTES], uint64_t count)
{
    char digits[24];
    int n = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)count);
    char *to = out;
    for (int i = 0; i < n; i++) {
        if (i && (n - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return out;
}

const char *text_duration(char out[TEXT_BYTES], int64_t ns)
{
    int64_t s = ns / 1000000000;
    if (ns == INT64_MAX)
        snprintf(out, TEXT_BYTES, "292 years or more");
    else if (s < 60)
        snprintf(out, TEXT_BYTES, "%.3f s", (double)ns / 1e9);
    else if (s < 3600)
        snprintf(out, TEXT_BYTES, "%lld min %02lld s", (long long)(s / 60), (long long)(s % 60));
    else
        snprintf(out, TEXT_BYTES, "%lld h %02lld min %02lld s", (long long)(s / 3600),
                 (long long)(s / 60 % 60), (long long)(s % 60));
    return out;
}

const char *text_time(char out[TEXT_BYTES], int64_t ns)
{
    int64_t fraction = ns % 1000000000;
    if (fraction < 0)
        fraction += 1000000000;
    time_t seconds = (time_t)(ns / 1000000000 - (ns % 1000000000 < 0));
    struct tm tm;
    size_t n = gmtime_r(&seconds, &tm) ? strftime(out, TEXT_BYTES, "%Y-%m-%d %H:%M:%S", &tm) : 0;
    snprintf(out + n, TEXT_BYTES - n, ".%09lld UTC", (long long)fraction);
    return out;
}
