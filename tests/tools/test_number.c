/* Numbers as text are what printf writes: corners, and drawn ones of each kind. */
#include <criterion/criterion.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/number.h"

#define DRAWS 300000U

static uint64_t draw(void)
{
    static uint64_t state = 15;
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

static void check_real(double value)
{
    char got[NUMBER_BYTES], wanted[NUMBER_BYTES];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(wanted, sizeof(wanted), "%.*g", digits, value);
        double back = strtod(wanted, NULL);
        if (memcmp(&back, &value, sizeof(back)) == 0)
            break;
    }
    size_t n = number_real(got, value);
    cr_assert(n == strlen(wanted) && strcmp(got, wanted) == 0, "%a: '%s', printf says '%s'", value, got,
              wanted);
}

static void check_integer(uint64_t bits)
{
    char got[NUMBER_BYTES], wanted[NUMBER_BYTES];
    snprintf(wanted, sizeof(wanted), "%" PRIu64, bits);
    cr_assert(number_unsigned(got, bits) == strlen(wanted) && strcmp(got, wanted) == 0, "%s %s", got, wanted);
    snprintf(wanted, sizeof(wanted), "%" PRId64, (int64_t)bits);
    cr_assert(number_signed(got, (int64_t)bits) == strlen(wanted) && strcmp(got, wanted) == 0, "%s %s", got,
              wanted);
}

Test(number, corners)
{
    const double reals[] = {0,         -0.0,     1,        -1,        0.1,      1e-4,
                            9.9999e-5, 1e14,     1e15,     1e16,      1e300,    DBL_MIN,
                            DBL_MAX,   NAN,      INFINITY, -INFINITY, 0.3,      0.1 + 0.2,
                            123.5,     99999.5,  1e-300,   4.9e-324,  1e15 - 1, 999999999999999.875,
                            0.000123,  0.9999995};
    const uint64_t integers[] = {0, 1, 9, 10, 99, 100, 12345, UINT64_MAX, INT64_MAX, (uint64_t)INT64_MAX + 1};
    for (size_t i = 0; i < sizeof(reals) / sizeof(reals[0]); i++)
        check_real(reals[i]);
    for (size_t i = 0; i < sizeof(integers) / sizeof(integers[0]); i++)
        check_integer(integers[i]);
}

Test(number, drawn_integers)
{
    for (unsigned i = 0; i < DRAWS; i++)
        check_integer(draw() >> draw() % 64);
}

/* As signals have them: a whole number by a factor, and an offset. */
Test(number, drawn_scaled_values)
{
    static const double factors[] = {0.5,     0.25,       0.1,  0.01, 0.001, 0.0001,
                                     0.03125, 0.00390625, 1e-6, 1e-7, 3,     1.0 / 3};
    static const double offsets[] = {0, -40, -273, 0.1, -125.5};
    for (unsigned i = 0; i < DRAWS; i++)
        check_real((double)(draw() >> draw() % 64) * factors[draw() % 12] + offsets[draw() % 5]);
}

Test(number, drawn_bits)
{
    for (unsigned i = 0; i < DRAWS / 3; i++) {
        uint64_t bits = draw();
        double value;
        memcpy(&value, &bits, sizeof(value));
        check_real(value);
    }
}
