/* Text that several commands print (text.h). */
#include "text.h"

#include <string.h>
#include <time.h>

void text_json_string(FILE *to, const char *text)
{
    fputc('"', to);
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '"' || *p == '\\')
            fprintf(to, "\\%c", *p);
        else if (*p < 0x20)
            fprintf(to, "\\u%04x", *p);
        else
            fputc(*p, to);
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
    if (s < 60)
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
    time_t seconds = (time_t)((ns - fraction) / 1000000000);
    struct tm tm;
    size_t n = gmtime_r(&seconds, &tm) ? strftime(out, TEXT_BYTES, "%Y-%m-%d %H:%M:%S", &tm) : 0;
    snprintf(out + n, TEXT_BYTES - n, ".%09lld UTC", (long long)fraction);
    return out;
}
