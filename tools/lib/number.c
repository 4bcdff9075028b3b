/* Numbers as text (number.h). Any thread. */
#include "number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_MAX  20
#define PLACES_MAX  6    /* behind the point: most factors of databases have no more */
#define EXACT_BELOW 1e15 /* decimals of 15 digits are all different doubles, and read back as themselves */
#define PLAIN_FROM  1e-4 /* %g writes smaller ones with an exponent */

static const char pairs[] =
    "0001020304050607080910111213141516171819202122232425262728293031323334353637383940"
    "4142434445464748495051525354555657585960616263646566676869707172737475767778798081"
    "828384858687888990919293949596979899";

static size_t put_unsigned(char *out, uint64_t value)
{
    char digits[DIGITS_MAX];
    size_t at = DIGITS_MAX;
    for (; value >= 100; value /= 100) {
        at -= 2;
        memcpy(digits + at, pairs + 2 * (value % 100), 2);
    }
    at -= 2;
    memcpy(digits + at, pairs + 2 * value, 2);
    at += value < 10;
    memcpy(out, digits + at, DIGITS_MAX - at);
    out[DIGITS_MAX - at] = '\0';
    return DIGITS_MAX - at;
}

size_t number_unsigned(char out[NUMBER_BYTES], uint64_t value)
{
    return put_unsigned(out, value);
}

size_t number_signed(char out[NUMBER_BYTES], int64_t value)
{
    out[0] = '-';
    return value < 0 ? 1 + put_unsigned(out + 1, 0 - (uint64_t)value) : put_unsigned(out, (uint64_t)value);
}

/* A value that is a short decimal. 0: it is not. */
static size_t short_decimal(char *out, double value)
{
    static const double powers[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};
    static const uint32_t whole[] = {1, 10, 100, 1000, 10000, 100000, 1000000};
    for (unsigned places = 0; places <= PLACES_MAX && value * powers[places] < EXACT_BELOW; places++) {
        uint64_t scaled = (uint64_t)(value * powers[places] + 0.5);
        double back = (double)scaled / powers[places];
        /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): the same bits are wanted */
        if (memcmp(&back, &value, sizeof(back)) != 0)
            continue;
        size_t n = put_unsigned(out, scaled / whole[places]);
        if (places) {
            out[n] = '.';
            number_digits(out + n + 1, (uint32_t)(scaled % whole[places]), places);
            n += 1 + places;
            out[n] = '\0';
        }
        return n;
    }
    return 0;
}

size_t number_real(char out[NUMBER_BYTES], double value)
{
    double size = fabs(value);
    size_t sign = signbit(value) ? 1 : 0, n = 0;
    out[0] = '-';
    if (size < EXACT_BELOW && (size >= PLAIN_FROM || fpclassify(size) == FP_ZERO))
        n = short_decimal(out + sign, size);
    if (n > 0)
        return sign + n;
    for (int digits = 15; digits <= 17; digits++) {
        n = (size_t)snprintf(out, NUMBER_BYTES, "%.*g", digits, value);
        double back = strtod(out, NULL);
        /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): the same bits are wanted */
        if (memcmp(&back, &value, sizeof(back)) == 0)
            break;
    }
    return n;
}
