/*
 * BUSMASTER's log, read:
 *
 *   ***START DATE AND TIME 23:9:2015 22:17:28:928***        day:month:year, then the time with ms
 *   22:20:14:9920 Rx 1 0x21A s 8 FE 36 12 FE 69 05 07 AD
 *
 * Time of day, with three digits of milliseconds or four of 100 us; in relative mode the time since the
 * start. The date of the header counts as UTC, so that a file is read the same in every time zone; when the
 * time of day goes back by more than half a day, midnight has passed. Without a date, or in relative mode,
 * stamps count from zero. Types: s and x, sr and xr for remote frames; s-fd and x-fd. `***DEC***` makes ids
 * and bytes decimal.
 */
#include "formats/text/cells.h"
#include "formats/text/civil.h"
#include "formats/text/frame_line.h"

#define SECOND_NS INT64_C(1000000000)
#define DAY_NS    (86400 * SECOND_NS)

struct reading {
    int64_t day_ns;  /* midnight of the day that is meant */
    int64_t last_ns; /* the clock of the frame before */
    bool is_decimal, is_relative;
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

static bool take_type(const struct canp_text *type, struct canp_frame_line *line, struct canp_frame *frame)
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

static bool take_frame(struct canp_text t, bool is_decimal, int64_t *clock_ns, struct canp_frame_line *line,
                       struct canp_frame *frame)
{
    struct canp_text word, type;
    uint64_t len;
    memset(frame, 0, sizeof(union canp_frame_store));
    if (!canp_take_word(&t, &word) || !take_clock(word, clock_ns) || !canp_take_word(&t, &word))
        return false;
    line->is_sent = canp_text_is(&word, "Tx");
    if ((!line->is_sent && !canp_text_is(&word, "Rx")) || !canp_take_word(&t, &word) ||
        !canp_cell_decimal(word, 0xFFFF, &line->number) || !canp_take_word(&t, &word) ||
        !take_number(word, is_decimal, CANP_ID_EFF_MASK, &frame->id) || !canp_take_word(&t, &type) ||
        !take_type(&type, line, frame) || !canp_take_word(&t, &word) ||
        !canp_cell_decimal(word, line->is_fd ? 64 : 8, &len))
        return false;
    frame->len = (uint8_t)len;
    return take_payload(&t, is_decimal, frame);
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

static enum canp_line_kind take_line(void *state, struct canp_text t, struct canp_frame_line *line,
                                     struct canp_frame *frame)
{
    struct reading *reading = state;
    int64_t clock_ns;
    canp_trim_end(&t);
    canp_skip_blanks(&t);
    if (canp_take_text(&t, "***")) {
        take_header(t, reading);
        return canp_take_text(&t, "BUSMASTER") ? CANP_LINE_HEAD : CANP_LINE_OTHER;
    }
    if (t.at == t.end)
        return CANP_LINE_OTHER;
    if (!take_frame(t, reading->is_decimal, &clock_ns, line, frame))
        return CANP_LINE_BAD;
    line->time_ns = time_of(reading, clock_ns);
    return CANP_LINE_FRAME;
}

CANP_FRAME_LINE_READER(take_line, sizeof(struct reading))

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
