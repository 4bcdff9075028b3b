/* Pieces of a line of text (text_out.h). No state. */
#include "formats/text_out.h"

#define ROW(d) d "0" d "1" d "2" d "3" d "4" d "5" d "6" d "7" d "8" d "9"

/* clang-format off */
_Static_assert(sizeof(ROW("0")) == 21, "digit pairs");
const char canp_decimal_pairs[201] =
    ROW("0") ROW("1") ROW("2") ROW("3") ROW("4") ROW("5") ROW("6") ROW("7") ROW("8") ROW("9");
/* clang-format on */

char *canp_put_decimal(char *out, uint64_t value)
{
    char digits[20];
    unsigned at = sizeof(digits);
    for (; value >= 100; value /= 100) {
        at -= 2;
        memcpy(digits + at, canp_decimal_pairs + 2 * (value % 100), 2);
    }
    if (value >= 10) {
        at -= 2;
        memcpy(digits + at, canp_decimal_pairs + 2 * value, 2);
    } else {
        digits[--at] = (char)('0' + value);
    }
    memcpy(out, digits + at, sizeof(digits) - at);
    return out + sizeof(digits) - at;
}

char *canp_put_signed(char *out, int64_t value)
{
    if (value < 0)
        *out++ = '-';
    return canp_put_decimal(out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

static char *put_whole_seconds(char *out, uint64_t seconds, unsigned width)
{
    if (seconds >= 1000000000 && seconds < 10000000000) /* what is not long ago */
        return canp_put_8(canp_put_2(out, (uint32_t)(seconds / 100000000U)),
                          (uint32_t)(seconds % 100000000U));
    char digits[20];
    size_t bytes = (size_t)(canp_put_decimal(digits, seconds) - digits);
    for (; bytes < width; width--)
        *out++ = '0';
    memcpy(out, digits, bytes);
    return out + bytes;
}

char *canp_put_seconds(char *out, int64_t time_ns, unsigned width, unsigned fraction_digits)
{
    uint64_t magnitude = (uint64_t)time_ns;
    if (__builtin_expect(time_ns < 0, 0)) {
        *out++ = '-';
        magnitude = 0 - magnitude;
    }
    uint32_t fraction = (uint32_t)(magnitude % 1000000000U);
    out = put_whole_seconds(out, magnitude / 1000000000U, width);
    *out++ = '.';
    if (fraction_digits == 6) {
        fraction /= 1000;
        return canp_put_4(canp_put_2(out, fraction / 10000), fraction % 10000);
    }
    *out++ = (char)('0' + fraction / 100000000U);
    return canp_put_8(out, fraction % 100000000U);
}

char *canp_put_safe(char *out, const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        *out++ = (unsigned char)text[i] < ' ' || text[i] == 0x7F ? ' ' : text[i];
    return out;
}
