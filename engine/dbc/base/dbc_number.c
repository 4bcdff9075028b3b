/*
 * Decimal numbers of a DBC file: `-9.22337203685478E+018`, `1.`, `.5`, also `1.#INF` as old tools printed
 * infinity. Independent of the locale. Numbers of up to 19 digits and a small exponent take one
 * multiplication or division of two exact doubles, so the result is rounded once, as it should be; all others
 * are parsed by strtod. Any thread.
 */
#include "dbc_number.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_BYTES_MAX 400 /* longer ones are cut: 1e-308 spelled out has 310 digits */

struct digits {
    uint64_t mantissa;  /* of the first 19 significant digits */
    int32_t exponent;   /* of ten */
    uint32_t count;     /* significant digits seen */
    bool any, fraction; /* any digit, a point or an exponent */
};

static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static const char *take_digits(const char *at, const char *end, struct digits *d, bool behind_point)
{
    for (; at < end && *at >= '0' && *at <= '9'; at++) {
        d->any = true;
        if (d->count < 19) {
            d->mantissa = d->mantissa * 10 + (uint64_t)(*at - '0');
            d->count += d->mantissa != 0;
            d->exponent -= behind_point;
        } else {
            d->count += d->count < 1000;
            d->exponent += !behind_point && d->exponent < 100000;
        }
    }
    return at;
}

/* An exponent that follows, or none: `1E` alone is a number and a word. */
static const char *take_exponent(const char *at, const char *end, struct digits *d)
{
    const char *p = at + 1;
    int32_t exponent = 0;
    bool negative = false;
    if (at >= end || (*at != 'e' && *at != 'E'))
        return at;
    if (p < end && (*p == '+' || *p == '-'))
        negative = *p++ == '-';
    if (p >= end || *p < '0' || *p > '9')
        return at;
    for (; p < end && *p >= '0' && *p <= '9'; p++)
        exponent = exponent < 100000 ? exponent * 10 + (*p - '0') : exponent;
    d->exponent += negative ? -exponent : exponent;
    d->fraction = true;
    return p;
}

static double convert_slowly(const char *text, const char *end)
{
    char copy[NUMBER_BYTES_MAX + 1];
    size_t bytes = (size_t)(end - text) < NUMBER_BYTES_MAX ? (size_t)(end - text) : NUMBER_BYTES_MAX;
    memcpy(copy, text, bytes);
    copy[bytes] = '\0';
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    double value = plain ? strtod_l(copy, NULL, plain) : strtod(copy, NULL);
    if (plain)
        freelocale(plain);
    return value;
}

static int64_t to_integer(double value)
{
    if (!(value > -9223372036854775808.0))
        return INT64_MIN; /* NaN as well */
    return value < 9223372036854775808.0 ? (int64_t)value : INT64_MAX;
}

/* Unsigned 64 bit numbers keep their bits. */
static int64_t exact_integer(uint64_t magnitude, bool negative)
{
    if (negative)
        return magnitude > (uint64_t)1 << 63 ? INT64_MIN : (int64_t)(0 - magnitude);
    return (int64_t)magnitude;
}

/* `#INF`, `#IND`, `#QNAN` behind `1.`, as Microsoft's C library prints them. */
static bool odd_number(const char **at, const char *end, bool negative, double *value)
{
    const char *p = *at;
    if (p >= end || *p != '#')
        return false;
    while (p < end && (*p == '#' || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9')))
        p++;
    *value = p - *at >= 4 && memcmp(*at, "#INF", 4) == 0 ? (negative ? -HUGE_VAL : HUGE_VAL) : (double)NAN;
    *at = p;
    return true;
}

static double scaled(const struct digits *d, const char *start, const char *end, bool negative)
{
    if (d->mantissa == 0)
        return negative ? -0.0 : 0.0;
    if (d->count > 19 || d->mantissa > (uint64_t)1 << 53 || d->exponent < -22 || d->exponent > 22)
        return convert_slowly(start, end);
    double value = (double)d->mantissa;
    value = d->exponent < 0 ? value / powers[-d->exponent] : value * powers[d->exponent];
    return negative ? -value : value;
}

/* 20 digits may still fit 64 bits. */
static bool whole_number(const char *at, const char *end, bool negative, int64_t *integer)
{
    uint64_t magnitude = 0;
    for (; at < end; at++)
        if (__builtin_mul_overflow(magnitude, (uint64_t)10, &magnitude) ||
            __builtin_add_overflow(magnitude, (uint64_t)(*at - '0'), &magnitude))
            return false;
    *integer = exact_integer(magnitude, negative);
    return true;
}

/* Most numbers are whole and have few digits. */
static bool short_number(const char *text, const char *end, double *value, int64_t *integer,
                         const char **end_of)
{
    const char *at = text;
    int64_t sum = 0;
    for (; at < end && at < text + 15 && *at >= '0' && *at <= '9'; at++)
        sum = sum * 10 + (*at - '0');
    if (at == text || at == end || *at == '.' || (*at >= '0' && *at <= '9') || (*at | 0x20) == 'e')
        return false;
    *value = (double)sum;
    *integer = sum;
    *end_of = at;
    return true;
}

bool canp_dbc_number(const char *text, const char *end, double *value, int64_t *integer, const char **end_of)
{
    struct digits d = {0};
    const char *at = text;
    bool negative = false;
    if (short_number(text, end, value, integer, end_of))
        return true;
    if (at < end && (*at == '-' || *at == '+'))
        negative = *at++ == '-';
    const char *first = at;
    at = take_digits(at, end, &d, false);
    const char *whole_end = at;
    if (at < end && *at == '.') {
        d.fraction = true;
        at = take_digits(at + 1, end, &d, true);
    }
    if (!d.any)
        return false;
    if (odd_number(&at, end, negative, value)) {
        *integer = to_integer(*value);
        *end_of = at;
        return true;
    }
    at = take_exponent(at, end, &d);
    *value = scaled(&d, text, at, negative);
    if (d.fraction || !whole_number(first, whole_end, negative, integer))
        *integer = to_integer(*value);
    *end_of = at;
    return true;
}
