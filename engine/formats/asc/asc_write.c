/*
 * ASC files, written as CANoe writes them: the date, a trigger block, stamps relative to its beginning.
 * Stamps have 6 digits, or 9 where 6 would lose something. A record that is no frame becomes a comment event
 * (event_text.h); the content of an error frame becomes one, too, since ASC stores only that there was an
 * error.
 *
 * Invariant: no stamp is below 0. A record from before the block's beginning ends the block; the next one
 * begins earlier. So each block begins earlier than all before, and a clock that jumps back and forth costs
 * two blocks, not thousands. One thread.
 */
#include <stdio.h>

#include "formats/asc/asc_parts.h"
#include "formats/text/civil.h"
#include "formats/text/event_text.h"
#include "formats/text/text_out.h"

#define LINE_BYTES (CANP_EVENT_TEXT_BYTES + 64U)
_Static_assert(LINE_BYTES > 3 * 2048 + 512, "an XL frame fits");

/* As asctime() writes it with the milliseconds, whatever the locale. */
static char *put_date(char *out, int64_t time_ns)
{
    static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct tm tm;
    uint32_t rest_ns;
    time_t seconds = (time_t)canp_split_seconds(time_ns, &rest_ns);
    localtime_r(&seconds, &tm);
    return out + sprintf(out, "%.3s %.3s %d %02d:%02d:%02d.%03u %d", days + 3 * tm.tm_wday,
                         months + 3 * tm.tm_mon, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                         rest_ns / 1000000, tm.tm_year + 1900);
}

static void begin(struct canp_log_writer *writer, int64_t time_ns)
{
    struct canp_asc_writing *state = writer->state;
    char *at = canp_sink_room(&writer->sink, LINE_BYTES);
    uint32_t rest_ns;
    /* A whole second, and some time before the first record: interfaces are not quite in order. */
    int64_t early_ns = time_ns < INT64_MIN / 2 ? time_ns : time_ns - 100000000;
    state->start_ns = canp_split_seconds(early_ns, &rest_ns) * 1000000000;
    if (state->has_begun) {
        at = canp_put_text(at, "End TriggerBlock\n");
    } else {
        at = put_date(canp_put_text(at, "date "), state->start_ns);
        at =
            canp_put_text(at, "\nbase hex  timestamps absolute\ninternal events logged\n// version 18.2.0\n");
    }
    at = canp_put_start_text(canp_put_text(at, "// "), state->start_ns);
    at = put_date(canp_put_text(at, "\nBegin Triggerblock "), state->start_ns);
    at = canp_put_text(at, "\n   0.000000 Start of measurement\n");
    writer->sink.at = (uint8_t *)at;
    state->has_begun = true;
}

/* `   1.234567 `: eleven places. */
static inline char *put_stamp(char *out, const struct canp_log_writer *writer, int64_t since_ns)
{
    uint64_t seconds = (uint64_t)since_ns / 1000000000U;
    uint32_t rest_ns = (uint32_t)((uint64_t)since_ns - seconds * 1000000000U), micros = rest_ns / 1000;
    memcpy(out, "   ", 3);
    out = canp_put_decimal(out + (seconds < 10 ? 3 : seconds < 100 ? 2 : seconds < 1000), seconds);
    *out++ = '.';
    out = canp_put_4(canp_put_2(out, micros / 10000), micros % 10000);
    uint32_t nanos = rest_ns - micros * 1000;
    if (__builtin_expect(nanos && !(writer->style & CANP_LOG_MICROS), 0)) {
        *out++ = (char)('0' + nanos / 100);
        out = canp_put_2(out, nanos % 100);
    }
    *out++ = ' ';
    return out;
}

static inline char *put_id(char *out, uint32_t id)
{
    char digits[16] = {0}; /* eight are copied, from the first that counts on */
    canp_put_hex_u32(digits, id & (id & CANP_ID_EFF ? CANP_ID_EFF_MASK : CANP_ID_SFF_MASK));
    uint32_t bits = id & CANP_ID_EFF_MASK;
    unsigned skip = bits ? (unsigned)__builtin_clz(bits) / 4 : 7;
    memcpy(out, digits + skip, 8);
    out += 8 - skip;
    if (id & CANP_ID_EFF)
        *out++ = 'x';
    return out;
}

/* Blanks up to a width. */
static inline char *pad(char *out, char *from, unsigned width)
{
    char *to = from + width;
    if (out >= to)
        return out;
    memset(out, ' ', (size_t)(to - out));
    return to;
}

static inline char *put_bytes(char *out, const uint8_t *data, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        *out = ' ';
        out = canp_put_hex_byte(out + 1, data[i]);
    }
    return out;
}

static inline const char *direction_of(const struct canp_record *r)
{
    return r->dir == CANP_DIR_RX ? "Rx   " : "Tx   ";
}

static inline char *put_classic(char *out, const struct canp_record *r, uint32_t number)
{
    const struct canp_frame *f = r->frame;
    unsigned dlc = f->len >= 8 ? f->len8_dlc > 8 && f->len8_dlc <= 15 ? f->len8_dlc : 8 : f->len;
    char *from = out = canp_put_text(canp_put_decimal(out, number), number < 10 ? "  " : " ");
    out = pad(put_id(out, f->id), from, 15);
    *out++ = ' ';
    memcpy(out, direction_of(r), 5);
    out += 5;
    bool is_remote = f->id & CANP_ID_RTR;
    *out++ = is_remote ? 'r' : 'd';
    *out++ = ' ';
    *out++ = canp_hex_digit(dlc);
    return is_remote ? out : put_bytes(out, f->data, f->len < 8 ? f->len : 8);
}

/* The channel in three places. */
static char *put_channel(char *out, uint32_t number)
{
    out = canp_put_text(out, number < 10 ? "  " : number < 100 ? " " : "");
    return canp_put_decimal(out, number);
}

static char *put_fd(char *out, const struct canp_record *r, uint32_t number)
{
    const struct canp_frame *f = r->frame;
    unsigned len = f->len <= 64 ? f->len : 64;
    bool has_brs = f->flags & CANP_FD_BRS, has_esi = f->flags & CANP_FD_ESI;
    char id[16];
    size_t id_bytes = (size_t)(put_id(id, f->id) - id);
    out = canp_put_text(put_channel(canp_put_text(out, "CANFD "), number), " ");
    out = canp_put_text(out, direction_of(r));
    memset(out, ' ', 48);
    memcpy(out + 11 - id_bytes, id, id_bytes);
    out += 45;
    *out++ = has_brs ? '1' : '0';
    *out++ = ' ';
    *out++ = has_esi ? '1' : '0';
    *out++ = ' ';
    *out++ = "0123456789abcdef"[canp_fd_dlc(len)];
    *out++ = ' ';
    if (len < 10)
        *out++ = ' ';
    out = put_bytes(canp_put_decimal(out, len), f->data, len);
    uint32_t flags = CANP_ASC_FDF | (has_brs ? CANP_ASC_BRS : 0) | (has_esi ? CANP_ASC_ESI : 0);
    out = canp_put_text(out, "        0    0     ");
    out = canp_put_hex_byte(out, (uint8_t)(flags >> 8));
    return canp_put_text(out, "00 0 0 0 0 0");
}

static char *put_xl(char *out, const struct canp_record *r, uint32_t number)
{
    const struct canp_xl_frame *xl = r->xl;
    unsigned len = xl->len <= 2048 ? xl->len : 2048;
    bool has_sec = xl->flags & CANP_XL_SEC;
    uint32_t flags = CANP_ASC_XLF | CANP_ASC_FDF | CANP_ASC_BRS | (has_sec ? CANP_ASC_SEC : 0) |
                     (xl->flags & CANP_XL_RRS ? CANP_ASC_RRS : 0);
    out = put_channel(canp_put_text(out, "CANXL "), number);
    out += sprintf(out,
                   " %sXLFF        0      0 %9X                                  %02x %d %x %u 0 0 %02x %08x",
                   direction_of(r), xl->prio & CANP_ID_SFF_MASK, xl->sdt, has_sec, len - 1, len,
                   xl->prio >> 16 & 0xFF, xl->af);
    out = put_bytes(out, xl->data, len);
    out += sprintf(out, " 0 %08x 00000000", flags);
    return canp_put_text(out, " 0000000000000000 0000000000000000 0000000000000000 0000000000000000"
                              " 0000000000000000 0000000000000000");
}

/* The word that other programs know, and before it what it stands for. */
static char *put_error(char *out, const struct canp_log_writer *writer, const struct canp_record *r,
                       int64_t since_ns)
{
    out = canp_put_error_text(canp_put_text(out, "Comment: 0 "), r->frame, canp_log_name(writer, r->channel));
    *out++ = '\n';
    out = canp_put_decimal(put_stamp(out, writer, since_ns), canp_log_number(writer, r->channel));
    return canp_put_text(out, "  ErrorFrame");
}

static inline char *put_frame(char *out, struct canp_log_writer *writer, const struct canp_record *r,
                              int64_t since_ns)
{
    uint32_t number = canp_log_number(writer, r->channel);
    if (__builtin_expect(r->dir == CANP_DIR_OWN, 0))
        canp_log_lose(writer, CANP_LOG_LOSS_DIRECTION);
    if (r->kind == CANP_KIND_FD)
        return put_fd(out, r, number);
    if (r->kind == CANP_KIND_XL) {
        if (r->xl->flags & ~(CANP_XL_XLF | CANP_XL_SEC | CANP_XL_RRS))
            canp_log_lose(writer, CANP_LOG_LOSS_XL_FIELDS);
        return put_xl(out, r, number);
    }
    if (__builtin_expect(r->frame->id & CANP_ID_ERR, 0)) {
        if (r->dir == CANP_DIR_TX)
            canp_log_lose(writer, CANP_LOG_LOSS_DIRECTION);
        return put_error(out, writer, r, since_ns);
    }
    return put_classic(out, r, number);
}

int canp_asc_write(struct canp_log_writer *writer, const struct canp_record *record)
{
    struct canp_asc_writing *state = writer->state;
    int64_t since_ns;
    if (__builtin_expect(!state->has_begun || record->time_ns < state->start_ns, 0))
        begin(writer, record->time_ns);
    if (__builtin_sub_overflow(record->time_ns, state->start_ns, &since_ns)) {
        canp_log_lose(writer, CANP_LOG_LOSS_TIME);
        since_ns = INT64_MAX;
    }
    char *at = canp_sink_room(&writer->sink, LINE_BYTES);
    at = put_stamp(at, writer, since_ns);
    if (canp_kind_is_frame(record->kind))
        at = put_frame(at, writer, record, since_ns);
    else
        at = canp_put_event_text(canp_put_text(at, "Comment: 0 "), record,
                                 canp_log_name(writer, record->channel),
                                 canp_log_number(writer, record->channel));
    *at++ = '\n';
    writer->sink.at = (uint8_t *)at;
    return 0;
}

int canp_asc_finish(struct canp_log_writer *writer)
{
    struct canp_asc_writing *state = writer->state;
    if (!state->has_begun)
        begin(writer, 0);
    canp_sink_puts(&writer->sink, "End TriggerBlock\n");
    return 0;
}
