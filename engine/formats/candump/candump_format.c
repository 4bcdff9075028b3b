/*
 * Frames as candump log lines. This is what `canp dump` spends its time on, so: no printf, tables of digit
 * pairs, one pass. Invariant: never more than CANP_CANDUMP_LINE_BYTES are touched. Any thread; no state.
 */
#include "candump_text.h"

#define ROW16(h)                                                                                             \
    h "0" h "1" h "2" h "3" h "4" h "5" h "6" h "7" h "8" h "9" h "A" h "B" h "C" h "D" h "E" h "F"
#define ROW10(d) d "0" d "1" d "2" d "3" d "4" d "5" d "6" d "7" d "8" d "9"

/* clang-format off */
_Static_assert(sizeof(ROW16("0")) == 33 && sizeof(ROW10("0")) == 21, "digit pairs");
const char canp_hex_pairs[513] =
    ROW16("0") ROW16("1") ROW16("2") ROW16("3") ROW16("4") ROW16("5") ROW16("6") ROW16("7")
    ROW16("8") ROW16("9") ROW16("A") ROW16("B") ROW16("C") ROW16("D") ROW16("E") ROW16("F");
const char canp_decimal_pairs[201] =
    ROW10("0") ROW10("1") ROW10("2") ROW10("3") ROW10("4")
    ROW10("5") ROW10("6") ROW10("7") ROW10("8") ROW10("9");
/* clang-format on */

static inline char *put2(char *out, uint32_t value)
{
    memcpy(out, canp_decimal_pairs + 2 * value, 2);
    return out + 2;
}

static inline char *put4(char *out, uint32_t value)
{
    return put2(put2(out, value / 100), value % 100);
}

static inline char *put8(char *out, uint32_t value)
{
    return put4(put4(out, value / 10000), value % 10000);
}

char *canp_put_decimal(char *out, uint64_t value)
{
    char digits[20];
    unsigned count = 0;
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    while (count)
        *out++ = digits[--count];
    return out;
}

/* At least ten digits, as candump's %010llu. */
static inline char *put_seconds(char *out, uint64_t seconds)
{
    if (__builtin_expect(seconds >= 10000000000U, 0))
        return canp_put_decimal(out, seconds);
    return put8(put2(out, (uint32_t)(seconds / 100000000U)), (uint32_t)(seconds % 100000000U));
}

char *canp_put_time(char *out, int64_t time_ns, unsigned style)
{
    uint64_t magnitude = (uint64_t)time_ns;
    if (__builtin_expect(time_ns < 0, 0)) {
        *out++ = '-';
        magnitude = 0 - magnitude;
    }
    uint32_t fraction = (uint32_t)(magnitude % 1000000000U);
    out = put_seconds(out, magnitude / 1000000000U);
    *out++ = '.';
    if (style & CANP_CANDUMP_MICROS) {
        fraction /= 1000;
        return put4(put2(out, fraction / 10000), fraction % 10000);
    }
    *out++ = (char)('0' + fraction / 100000000U);
    return put8(out, fraction % 100000000U);
}

static inline char *put_data(char *out, const uint8_t *data, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        out = canp_put_hex_byte(out, data[i]);
    return out;
}

static inline char *put_id(char *out, uint32_t id)
{
    if (__builtin_expect(!(id & (CANP_ID_EFF | CANP_ID_ERR)), 1)) {
        *out++ = canp_hex_digit(id >> 8 & 7);
        return canp_put_hex_byte(out, (uint8_t)id);
    }
    return canp_put_hex_u32(out,
                            id & ((id & CANP_ID_ERR) ? CANP_ID_ERR | CANP_ID_EFF_MASK : CANP_ID_EFF_MASK));
}

static inline char *put_raw_dlc(char *out, const struct canp_frame *f)
{
    if (__builtin_expect(f->len == 8 && f->len8_dlc > 8 && f->len8_dlc <= 15, 0)) {
        *out++ = '_';
        *out++ = canp_hex_digit(f->len8_dlc);
    }
    return out;
}

static inline char *put_classic(char *out, const struct canp_frame *f)
{
    unsigned len = f->len <= 8 ? f->len : 8;
    out = put_id(out, f->id);
    *out++ = '#';
    if (__builtin_expect((f->id & CANP_ID_RTR) && !(f->id & CANP_ID_ERR), 0)) {
        *out++ = 'R';
        if (len)
            *out++ = (char)('0' + len);
        return put_raw_dlc(out, f);
    }
    return put_raw_dlc(put_data(out, f->data, len), f);
}

static char *put_fd(char *out, const struct canp_frame *f)
{
    out = put_id(out, f->id & ~CANP_ID_ERR);
    *out++ = '#';
    *out++ = '#';
    *out++ = canp_hex_digit(f->flags);
    return put_data(out, f->data, f->len <= 64 ? f->len : 64);
}

static char *put_xl(char *out, const struct canp_xl_frame *f)
{
    out = canp_put_hex_byte(out, (uint8_t)(f->prio >> 16));
    *out++ = canp_hex_digit(f->prio >> 8 & 7);
    out = canp_put_hex_byte(out, (uint8_t)f->prio);
    *out++ = '#';
    out = canp_put_hex_byte(out, f->flags);
    *out++ = ':';
    out = canp_put_hex_byte(out, f->sdt);
    *out++ = ':';
    out = canp_put_hex_u32(out, f->af);
    *out++ = '#';
    return put_data(out, f->data, f->len <= 2048 ? f->len : 2048);
}

static inline char *put_frame(char *out, const struct canp_record *r)
{
    if (__builtin_expect(r->kind == CANP_KIND_CAN, 1))
        return put_classic(out, r->frame);
    return r->kind == CANP_KIND_FD ? put_fd(out, r->frame) : put_xl(out, r->xl);
}

size_t canp_candump_format_frame(const struct canp_record *record, char *out)
{
    return record->kind > CANP_KIND_XL ? 0 : (size_t)(put_frame(out, record) - out);
}

size_t canp_candump_format(const struct canp_record *record, const char *iface, unsigned style, char *out)
{
    char *at = out;
    if (__builtin_expect(record->kind > CANP_KIND_XL, 0)) {
        at = canp_put_event(at, record, iface);
    } else {
        *at++ = '(';
        at = canp_put_time(at, record->time_ns, style);
        *at++ = ')';
        *at++ = ' ';
        at = canp_put_iface(at, iface);
        *at++ = ' ';
        at = put_frame(at, record);
        if (style & CANP_CANDUMP_DIRECTION) {
            *at++ = ' ';
            *at++ = record->dir == CANP_DIR_RX ? 'R' : 'T';
        }
    }
    *at++ = '\n';
    return (size_t)(at - out);
}
