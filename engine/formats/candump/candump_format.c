/*
 * Formats frames as candump log lines, in one pass because `canp dump` spends most of its time here.
 * Invariant: at most CANP_CANDUMP_LINE_BYTES are written. Any thread; no state.
 */
#include "candump_text.h"

static inline char *put_data(char *out, const uint8_t *data, unsigned bytes)
{
    return canp_put_hex_bytes(out, data, bytes);
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

static inline __attribute__((always_inline)) char *put_classic(char *out, const struct canp_frame *f)
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

static inline __attribute__((always_inline)) char *put_frame(char *out, const struct canp_record *r)
{
    if (__builtin_expect(r->kind == CANP_KIND_CAN, 1))
        return put_classic(out, r->frame);
    return r->kind == CANP_KIND_FD ? put_fd(out, r->frame) : put_xl(out, r->xl);
}

size_t canp_candump_format_frame(const struct canp_record *record, char *out)
{
    return record->kind > CANP_KIND_XL ? 0 : (size_t)(put_frame(out, record) - out);
}

/* Behind the time and the name. */
static inline __attribute__((always_inline)) char *put_rest(char *at, const struct canp_record *record,
                                                            unsigned style)
{
    *at++ = ' ';
    at = put_frame(at, record);
    if (style & CANP_CANDUMP_DIRECTION) {
        *at++ = ' ';
        *at++ = record->dir == CANP_DIR_RX ? 'R' : 'T';
    }
    *at++ = '\n';
    return at;
}

char *canp_candump_put_line(char *out, struct canp_seconds_text *kept, const struct canp_record *record,
                            const struct canp_word *word, unsigned style)
{
    *out++ = '(';
    out = canp_put_seconds_kept(kept, out, record->time_ns, 10, style & CANP_CANDUMP_MICROS ? 6 : 9);
    *out++ = ')';
    *out++ = ' ';
    return put_rest(canp_put_word(out, word), record, style);
}

size_t canp_candump_format(const struct canp_record *record, const char *iface, unsigned style, char *out)
{
    char *at = out;
    if (__builtin_expect(record->kind > CANP_KIND_XL, 0)) {
        at = canp_put_event(at, record, iface);
        *at++ = '\n';
        return (size_t)(at - out);
    }
    *at++ = '(';
    at = canp_put_candump_time(at, record->time_ns, style);
    *at++ = ')';
    *at++ = ' ';
    return (size_t)(put_rest(canp_put_iface(at, iface), record, style) - out);
}
