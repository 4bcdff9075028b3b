/* Pieces of a line of text (text_out.h). No state. */
#include "formats/text/text_out.h"

#include <endian.h>

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
    out = put_whole_seconds(out, magnitude / 1000000000U, width);
    *out++ = '.';
    return canp_put_fraction(out, (uint32_t)(magnitude % 1000000000U), fraction_digits);
}

void canp_keep_seconds(struct canp_seconds_text *kept, int64_t time_ns, unsigned width)
{
    kept->bytes = 0;
    if (time_ns < 0)
        return;
    char *end = put_whole_seconds(kept->text, (uint64_t)time_ns / 1000000000U, width);
    *end++ = '.';
    kept->bytes = (unsigned)(end - kept->text);
    kept->from_ns = time_ns - time_ns % 1000000000;
}

char *canp_put_safe(char *out, const char *text, size_t bytes)
{
    return out + canp_safe_text(out, CANP_SAFE_EXPANSION * bytes + 1, text, bytes, 0);
}

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/*
 * How many of 8 characters stand before the first zero (8: there is none), or -1 when one of them is not to
 * stand in a word as it is: a control, a blank, 7F and above, a backslash. Eight at once, as every line
 * begins with a name.
 */
static inline int plain_bytes(const char *text)
{
    uint64_t x;
    memcpy(&x, text, sizeof(x));
    x = le64toh(x);
    uint64_t zero = (x - EACH(1)) & ~x & EACH(0x80);
    uint64_t before = zero ? ((zero & -zero) >> 7) - 1 : UINT64_MAX; /* the bytes before the first zero */
    uint64_t y = (x & before) | (~before & EACH('a'));
    uint64_t bad = (y - EACH(0x21)) | (y + EACH(1)) | y | ((y ^ EACH('\\')) - EACH(1));
    if (__builtin_expect((bad & EACH(0x80)) != 0, 0))
        return -1;
    return zero ? __builtin_ctzll(zero) >> 3 : 8;
}

/* Names are of plain characters, but for those somebody made up to break the line. */
char *canp_put_iface(char *out, const char *iface)
{
    memcpy(out, iface, CANP_IFACE_NAME_BYTES);
    int first = plain_bytes(iface);
    int second = first == 8 ? plain_bytes(iface + 8) : 0;
    if (__builtin_expect(first >= 0 && second >= 0 && second < 8, 1))
        return out + first + second;
    return out + canp_safe_text(out, CANP_PUT_IFACE_BYTES, iface, strnlen(iface, CANP_IFACE_NAME_BYTES - 1),
                                CANP_SAFE_WORD);
}
