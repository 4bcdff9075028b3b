/* Text that several commands print (text.h). */
#include "text.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "manners.h"

const char *text_safe(char out[TEXT_SAFE_BYTES], const char *text)
{
    canp_safe_text(out, TEXT_SAFE_BYTES, text, strlen(text), 0);
    return out;
}

const char *text_safe_word(char out[TEXT_SAFE_BYTES], const char *text)
{
    canp_safe_text(out, TEXT_SAFE_BYTES, text, strlen(text), CANP_SAFE_WORD);
    return out;
}

void text_put_safe(FILE *to, const char *text)
{
    char out[TEXT_SAFE_BYTES];
    for (size_t left = strlen(text), took; left > 0; left -= took, text += took) {
        took = left < 64 ? left : 64;
        while (took < left && took > 60 && ((unsigned char)text[took] & 0xC0) == 0x80)
            took--; /* not within a character */
        canp_safe_text(out, sizeof(out), text, took, 0);
        fputs(out, to);
    }
}

size_t text_plain_run(const char *text, size_t bytes)
{
    size_t n = 0;
    while (n < bytes && text[n] >= ' ' && text[n] < 0x7F && text[n] != '"' && text[n] != '\\')
        n++;
    return n;
}

void text_json_bytes(FILE *to, const char *text, size_t bytes)
{
    char out[CANP_SAFE_JSON_BYTES];
    putc('"', to);
    for (size_t took; bytes > 0; bytes -= took, text += took) {
        took = text_plain_run(text, bytes);
        if (took) {
            fwrite(text /* trusted: plain characters */, 1, took, to);
        } else {
            took = canp_safe_json_char(text, bytes, out);
            fputs(out, to);
        }
    }
    putc('"', to);
}

void text_json_string(FILE *to, const char *text)
{
    text_json_bytes(to, text, strlen(text));
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
    char zone[8] = "UTC";
    bool known = (manners.local ? localtime_r : gmtime_r)(&seconds, &tm) != NULL;
    size_t n = known ? strftime(out, TEXT_BYTES, "%Y-%m-%d %H:%M:%S", &tm) : 0;
    if (known && manners.local)
        strftime(zone, sizeof(zone), "%z", &tm);
    snprintf(out + n, TEXT_BYTES - n, ".%09lld %s", (long long)fraction, zone);
    return out;
}

const char *text_take_name(const char *text, char *name, size_t size)
{
    size_t used = 0;
    for (; *text && used < size; text++) {
        if (*text == '=' && *++text != '=') {
            name[used] = '\0';
            return used ? text : NULL;
        }
        name[used++] = *text;
    }
    return NULL;
}

const char *text_iface(char out[CANP_IFACE_NAME_BYTES], const char *name, unsigned channel)
{
    if (name && name[0])
        return name;
    snprintf(out, CANP_IFACE_NAME_BYTES, "if%u", channel);
    return out;
}
