/* Points in time as texts (sql_time.h). Years of four digits: texts and times have the same order. */
#include "sql_time.h"

#include <string.h>
#include <time.h>

#include "lib/number.h"

#define SECOND_NS 1000000000

const char *sql_time_text(char out[SQL_TIME_BYTES], int64_t ns)
{
    int64_t fraction = ns % SECOND_NS;
    time_t seconds = (time_t)(ns / SECOND_NS - (fraction < 0));
    struct tm tm;
    fraction += fraction < 0 ? SECOND_NS : 0;
    memcpy(out, "0000-00-00 00:00:00.000000000", sizeof("0000-00-00 00:00:00.000000000"));
    if (gmtime_r(&seconds, &tm)) { /* 64 bits of nanoseconds: years 1677 to 2262 */
        number_digits(out, (uint32_t)tm.tm_year + 1900, 4);
        number_digits(out + 5, (uint32_t)tm.tm_mon + 1, 2);
        number_digits(out + 8, (uint32_t)tm.tm_mday, 2);
        number_digits(out + 11, (uint32_t)tm.tm_hour, 2);
        number_digits(out + 14, (uint32_t)tm.tm_min, 2);
        number_digits(out + 17, (uint32_t)tm.tm_sec, 2);
    }
    number_digits(out + 20, (uint32_t)fraction, 9);
    return out;
}

/* Exactly so many digits, at most `most`. Negative: none. */
static int number(const char **text, int digits, int most)
{
    int n = 0;
    for (int i = 0; i < digits; i++, ++*text) {
        if (**text < '0' || **text > '9')
            return -1;
        n = n * 10 + (**text - '0');
    }
    return n <= most ? n : -1;
}

/* Up to nine digits of a second; further ones are dropped. */
static int64_t fraction_ns(const char **text)
{
    int64_t ns = 0;
    int digits = 0;
    for (; **text >= '0' && **text <= '9'; ++*text) {
        if (digits++ < 9)
            ns = ns * 10 + (**text - '0');
    }
    for (; digits < 9; digits++)
        ns *= 10;
    return ns;
}

static bool joined(int64_t seconds, int64_t fraction, int64_t *ns)
{
    if (seconds < 0 && fraction > 0) { /* towards zero: the lowest times have no whole second of their own */
        seconds++;
        fraction -= SECOND_NS;
    }
    return !__builtin_mul_overflow(seconds, (int64_t)SECOND_NS, ns) &&
           !__builtin_add_overflow(*ns, fraction, ns);
}

static bool parse_seconds(const char *text, int64_t *ns)
{
    bool is_negative = *text == '-';
    int64_t seconds = 0, fraction = 0;
    text += is_negative;
    if (*text < '0' || *text > '9')
        return false;
    for (; *text >= '0' && *text <= '9'; text++) {
        if (__builtin_mul_overflow(seconds, 10, &seconds) ||
            __builtin_add_overflow(seconds, *text - '0', &seconds))
            return false;
    }
    if (*text == '.' && text++)
        fraction = fraction_ns(&text);
    return *text == '\0' && joined(is_negative ? -seconds : seconds, is_negative ? -fraction : fraction, ns);
}

/* Behind the date: [ HH[:MM[:SS[.FRACTION]]]]. False: something else. */
static bool parse_clock(const char **text, bool is_lenient, int *seconds, int64_t *fraction)
{
    const int most[] = {23, 59, 59}, unit[] = {3600, 60, 1};
    if (**text == '\0')
        return true;
    if (**text != ' ' && !(is_lenient && **text == 'T'))
        return false;
    for (int i = 0; i < 3; i++) {
        ++*text; /* the blank, or a colon */
        int n = number(text, 2, most[i]);
        if (n < 0)
            return false;
        *seconds += n * unit[i];
        if (i == 2 && **text == '.' && ++*text)
            *fraction = fraction_ns(text);
        if (**text != ':')
            break;
    }
    return true;
}

bool sql_time_parse(const char *text, bool is_lenient, int64_t *ns)
{
    struct tm tm = {0};
    int seconds = 0;
    int64_t fraction = 0;
    if (is_lenient && text[0] == '@')
        return parse_seconds(text + 1, ns);
    int year = number(&text, 4, 9999);
    int month = year >= 0 && *text == '-' ? (text++, number(&text, 2, 12)) : -1;
    int day = month >= 1 && *text == '-' ? (text++, number(&text, 2, 31)) : -1;
    if (day < 1 || !parse_clock(&text, is_lenient, &seconds, &fraction))
        return false;
    if (is_lenient && *text == 'Z')
        text++;
    tm.tm_year = year - 1900;
    tm.tm_mon = month - 1;
    tm.tm_mday = day;
    int64_t midnight = timegm(&tm);
    return *text == '\0' && tm.tm_mday == day && joined(midnight + seconds, fraction, ns);
}
