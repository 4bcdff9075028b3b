/*
 * CARBUS Analyzer's trace, read, as SavvyCAN reads it. Lines end in CR alone:
 *
 *   @ TEXT @ 2 @ 64 @ 0 @ 55 @ 10078 @ 00:00:10.078 @         version, system, devices, frames, ms, time
 *   # $LocalTime=12:05:10.123
 *   46,016  1  0004  45A  8  5A 04 00 00 00 00 00 00  00000000  Z
 *
 * Seconds and, behind the comma, milliseconds (version 2) or microseconds (3); channel; flags, of which only
 * "a frame" is known; id, which is extended when it has more than 11 bits; DLC; data; what is behind repeats
 * it. Stamps count from the program's start. Columns are parted by tabs.
 */
#include "formats/text/cells.h"
#include "formats/text/frame_line.h"

#define SECOND_NS   INT64_C(1000000000)
#define SECONDS_MAX UINT64_C(4000000000)

struct reading {
    uint32_t version; /* 0 before the header */
};

static enum canp_line_kind take_header(struct canp_text t, struct reading *state)
{
    uint64_t version;
    if (!canp_take_text(&t, " TEXT @ ") || canp_take_decimal(&t, &version) < 0 || version > 9)
        return CANP_LINE_BAD;
    state->version = (uint32_t)version;
    return CANP_LINE_HEAD;
}

/* `46,016`. */
static bool take_time(struct canp_text word, uint32_t version, int64_t *time_ns)
{
    int64_t unit_ns = version == 2 ? 1000000 : 1000;
    uint64_t seconds, part;
    if (canp_take_decimal(&word, &seconds) < 0 || seconds > SECONDS_MAX || !canp_take_char(&word, ',') ||
        canp_take_decimal(&word, &part) < 0 || word.at != word.end || part >= (uint64_t)(SECOND_NS / unit_ns))
        return false;
    *time_ns = (int64_t)seconds * SECOND_NS + (int64_t)part * unit_ns;
    return true;
}

static bool take_payload(struct canp_text *t, uint64_t dlc, struct canp_frame *frame)
{
    struct canp_text word;
    for (; frame->len < dlc; frame->len++) {
        if (!canp_take_word(t, &word) || word.end - word.at != 2 ||
            !canp_cell_byte(word, &frame->data[frame->len]))
            return false;
    }
    return true;
}

static bool take_frame(struct canp_text t, uint32_t version, struct canp_frame_line *line,
                       struct canp_frame *frame)
{
    struct canp_text word;
    uint32_t flags;
    uint64_t dlc;
    memset(frame, 0, sizeof(union canp_frame_store));
    if (!canp_take_word(&t, &word) || !take_time(word, version, &line->time_ns) ||
        !canp_take_word(&t, &word) || !canp_cell_decimal(word, 0xFFFF, &line->number) ||
        !canp_take_word(&t, &word) || !canp_cell_hex(word, UINT32_MAX, &flags) ||
        !canp_take_word(&t, &word) || !canp_cell_hex(word, CANP_ID_EFF_MASK, &frame->id) ||
        !canp_take_word(&t, &word) || !canp_cell_decimal(word, 8, &dlc))
        return false;
    frame->id |= frame->id > CANP_ID_SFF_MASK ? CANP_ID_EFF : 0;
    return take_payload(&t, dlc, frame);
}

static enum canp_line_kind take_line(void *state, struct canp_text t, struct canp_frame_line *line,
                                     struct canp_frame *frame)
{
    struct reading *reading = state;
    canp_trim_end(&t);
    canp_skip_blanks(&t);
    if (canp_take_char(&t, '@'))
        return take_header(t, reading);
    if (t.at == t.end || canp_peek(&t) == '#')
        return CANP_LINE_OTHER;
    return take_frame(t, reading->version, line, frame) ? CANP_LINE_FRAME : CANP_LINE_BAD;
}

CANP_FRAME_LINE_READER(take_line, sizeof(struct reading))

const struct canp_log_format canp_format_carbus = {
    .info = {.name = "carbus",
             .title = "CARBUS Analyzer's trace",
             .suffixes = "",
             .reads = CANP_LOG_READ | CANP_LOG_NUMBERED | CANP_LOG_TEXT},
    .probe = probe,
    .reader_bytes = sizeof(struct reading),
    .next = next,
};
