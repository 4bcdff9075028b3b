/*
 * BUSMASTER's log, read:
 *
 *   ***START DATE AND TIME 23:9:2015 22:17:28:928***                         day:month:year
 * hour:minute:second:ms 22:20:14:9920 Rx 1 0x21A s 8 FE 36 12 FE 69 05 07 AD
 *
 * Time of day, with three digits of milliseconds or four of 100 us; in relative mode the time since the
 * start. The date of the header counts as UTC, so that a file reads alike everywhere; a clock that goes back
 * by more than half a day has passed midnight. Without a date, or in relative mode, stamps count from zero.
 * Types: s and x, sr and xr for remote frames; s-fd and x-fd. `***DEC***` makes ids and bytes decimal.
 */
#include "formats/log_format.h"
#include "formats/text/cells.h"
#include "formats/text/civil.h"

#define SECOND_NS INT64_C(1000000000)
#define DAY_NS    (86400 * SECOND_NS)

enum line_kind { LINE_FRAME = 1, LINE_OTHER = 0, LINE_BAD = -1 };

struct reading {
    int64_t day_ns;  /* midnight of the day that is meant */
    int64_t last_ns; /* the clock of the frame before */
    bool is_decimal, is_relative;
};

struct line {
    int64_t clock_ns;
    uint64_t channel;
    bool is_sent, is_fd;
};

static bool take_part(struct canp_text *t, uint64_t max, uint64_t *value)
{
    canp_take_char(t, ':');
    return canp_take_decimal(t, value) == 0 && *value <= max;
}

/* `22:20:14:992` or `22:20:14:9920`. */
static bool take_clock(struct canp_text t, int64_t *clock_ns)
{
    uint64_t hour, minute, second, part;
    if (!take_part(&t, 9999, &hour) || !take_part(&t, 59, &minute) || !take_part(&t, 60, &second) ||
        canp_peek(&t) != ':')
        return false;
    const char *digits = t.at + 1;
    if (!take_part(&t, 9999, &part) || t.at != t.end || t.at - digits > 4)
        return false;
    int64_t unit = t.at - digits == 4 ? 100000 : 1000000;
    *clock_ns = (int64_t)((hour * 60 + minute) * 60 + second) * SECOND_NS + (int64_t)part * unit;
    return true;
}

static void take_start(struct canp_text t, struct reading *state)
{
    uint64_t day, month, year;
    canp_skip_blanks(&t);
    if (!take_part(&t, 31, &day) || !take_part(&t, 12, &month) || !take_part(&t, 2261, &year) || !month ||
        year < 1971)
        return;
    struct tm tm = {.tm_mday = (int)day, .tm_mon = (int)month - 1, .tm_year = (int)year - 1900};
    int64_t midnight_ns;
    if (canp_civil_to_ns(tm, true, &midnight_ns)) {
        state->day_ns = midnight_ns;
        state->last_ns = 0;
    }
}

static void take_header(struct canp_text t, struct reading *state)
{
    if (canp_take_text(&t, "START DATE AND TIME"))
        take_start(t, state);
    else if (canp_take_text(&t, "DEC***"))
        state->is_decimal = true;
    else if (canp_take_text(&t, "HEX***"))
        state->is_decimal = false;
    else if (canp_take_text(&t, "RELATIVE MODE"))
        state->is_relative = true;
    else if (canp_take_text(&t, "SYSTEM MODE") || canp_take_text(&t, "ABSOLUTE MODE"))
        state->is_relative = false;
}

/* A number of the file's base. */
static bool take_number(struct canp_text word, bool is_decimal, uint32_t max, uint32_t *value)
{
    uint64_t decimal;
    if (!is_decimal)
        return canp_cell_hex(word, max, value);
    if (!canp_cell_decimal(word, max, &decimal))
        return false;
    *value = (uint32_t)decimal;
    return true;
}

static bool take_type(const struct canp_text *type, struct line *line, struct canp_frame *frame)
{
    bool is_extended = canp_peek(type) == 'x' || canp_peek(type) == 'X';
    struct canp_text rest = {type->at + 1, type->end};
    if (!is_extended && canp_peek(type) != 's' && canp_peek(type) != 'S')
        return false;
    line->is_fd = canp_text_is(&rest, "-fd") || canp_text_is(&rest, "fd");
    bool is_remote = canp_text_is(&rest, "r");
    if (rest.at != rest.end && !line->is_fd && !is_remote)
        return false;
    if (!canp_id_fits(frame->id, is_extended))
        return false;
    frame->id |= (is_extended ? CANP_ID_EFF : 0) | (is_remote ? CANP_ID_RTR : 0);
    frame->flags = line->is_fd ? CANP_FD_FDF : 0;
    return true;
}

static bool take_payload(struct canp_text *t, bool is_decimal, struct canp_frame *frame)
{
    struct canp_text word;
    uint32_t byte;
    if (frame->id & CANP_ID_RTR)
        return true;
    for (unsigned i = 0; i < frame->len; i++) {
        if (!canp_take_word(t, &word) || !take_number(word, is_decimal, 0xFF, &byte))
            return false;
        frame->data[i] = (uint8_t)byte;
    }
    return !canp_take_word(t, &word);
}

static bool take_frame(struct canp_text t, bool is_decimal, struct line *line, struct canp_frame *frame)
{
    struct canp_text word, type;
    uint64_t len;
    memset(frame, 0, sizeof(union canp_frame_store));
    if (!canp_take_word(&t, &word) || !take_clock(word, &line->clock_ns) || !canp_take_word(&t, &word))
        return false;
    line->is_sent = canp_text_is(&word, "Tx");
    if ((!line->is_sent && !canp_text_is(&word, "Rx")) || !canp_take_word(&t, &word) ||
        !canp_cell_decimal(word, 0xFFFF, &line->channel) || !canp_take_word(&t, &word) ||
        !take_number(word, is_decimal, CANP_ID_EFF_MASK, &frame->id) || !canp_take_word(&t, &type) ||
        !take_type(&type, line, frame) || !canp_take_word(&t, &word) ||
        !canp_cell_decimal(word, line->is_fd ? 64 : 8, &len))
        return false;
    frame->len = (uint8_t)len;
    return take_payload(&t, is_decimal, frame);
}

static enum line_kind take_line(struct canp_text t, struct reading *state, struct line *line,
                                struct canp_frame *frame)
{
    canp_trim_end(&t);
    canp_skip_blanks(&t);
    if (canp_take_text(&t, "***")) {
        take_header(t, state);
        return LINE_OTHER;
    }
    if (t.at == t.end)
        return LINE_OTHER;
    return take_frame(t, state->is_decimal, line, frame) ? LINE_FRAME : LINE_BAD;
}

static int judge(const char *text, size_t bytes)
{
    struct canp_text t = {text, text + bytes};
    struct reading state = {.is_decimal = false};
    struct line line;
    union canp_frame_store store;
    canp_skip_blanks(&t);
    if (canp_take_text(&t, "***BUSMASTER"))
        return 1;
    return take_line((struct canp_text){text, text + bytes}, &state, &line, &store.frame);
}

static enum canp_log_verdict probe(const struct canp_log_head *head, struct canp_why *what)
{
    (void)what;
    return canp_log_probe_lines(head, judge);
}

static int64_t time_of(struct reading *state, int64_t clock_ns)
{
    if (state->is_relative)
        return clock_ns;
    if (state->day_ns < INT64_C(9000000000) * SECOND_NS && state->last_ns - clock_ns > DAY_NS / 2)
        state->day_ns += DAY_NS;
    state->last_ns = clock_ns;
    return state->day_ns + clock_ns;
}

static int next(struct canp_log_reader *reader, struct canp_record *out)
{
    struct reading *state = reader->state;
    struct line line;
    const char *text;
    size_t bytes;
    int r;
    while ((r = canp_source_line(&reader->source, &text, &bytes)) == 1) {
        struct canp_text t = {text, text + bytes};
        enum line_kind kind = take_line(t, state, &line, &reader->store.frame);
        if (kind == LINE_BAD)
            canp_log_bad_line(reader, "cannot be read", text, bytes);
        if (kind != LINE_FRAME)
            continue;
        int channel = canp_log_channel_numbered(reader, (uint32_t)line.channel);
        if (channel < 0)
            return channel;
        return canp_log_lend(reader, out, time_of(state, line.clock_ns),
                             line.is_fd ? CANP_KIND_FD : CANP_KIND_CAN, (uint8_t)channel,
                             line.is_sent ? CANP_DIR_TX : CANP_DIR_RX);
    }
    return r;
}

const struct canp_log_format canp_format_busmaster = {
    .info = {.name = "busmaster",
             .title = "BUSMASTER's log",
             .suffixes = "",
             .reads = CANP_LOG_READ | CANP_LOG_FD | CANP_LOG_REMOTE | CANP_LOG_DIRECTION | CANP_LOG_EPOCH |
                      CANP_LOG_NUMBERED | CANP_LOG_TEXT},
    .probe = probe,
    .reader_bytes = sizeof(struct reading),
    .next = next,
};
