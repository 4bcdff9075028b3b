/*
 * The RAW lines of Yacht Devices' gateways (YDWG-02, YDEN-02, YDNU-02) for NMEA 2000, read:
 *
 *   00:17:55.475 R 0DF50B23 FF FF FF FF FF 00 00 FF      time of day, received or transmitted, id, bytes
 *
 * All ids are extended. There is no date: stamps count from midnight of the first day, and a stamp more than
 * half a day before the previous one belongs to the next day. One thread.
 */
#include "formats/text/cells.h"
#include "formats/text/frame_line.h"

#define SECOND_NS INT64_C(1000000000)
#define DAY_NS    (86400 * SECOND_NS)

struct reading {
    int64_t day_ns, last_ns;
};

/* hh:mm:ss.mmm */
static bool take_time_of_day(struct canp_text word, int64_t *time_ns)
{
    uint64_t hours, minutes;
    if (canp_take_decimal(&word, &hours) < 0 || !canp_take_char(&word, ':') ||
        canp_take_decimal(&word, &minutes) < 0 || !canp_take_char(&word, ':') ||
        canp_take_seconds(&word, time_ns) < 0 || word.at != word.end)
        return false;
    if (hours > 23 || minutes > 59 || *time_ns < 0 || *time_ns >= 61 * SECOND_NS)
        return false;
    *time_ns += (int64_t)(hours * 3600 + minutes * 60) * SECOND_NS;
    return true;
}

/* Days that passed are counted: at most one a line, so nothing overflows. */
static int64_t on_its_day(struct reading *state, int64_t time_ns)
{
    if (time_ns < state->last_ns - DAY_NS / 2 && state->day_ns < INT64_MAX - 2 * DAY_NS)
        state->day_ns += DAY_NS;
    state->last_ns = time_ns;
    return state->day_ns + time_ns;
}

static bool take_frame(struct canp_text t, struct canp_frame_line *line, struct canp_frame *frame)
{
    struct canp_text time, dir, id;
    memset(frame, 0, sizeof(union canp_frame_store));
    if (!canp_take_word(&t, &time) || !take_time_of_day(time, &line->time_ns) || !canp_take_word(&t, &dir) ||
        !canp_take_word(&t, &id))
        return false;
    line->is_sent = canp_text_is(&dir, "T");
    if ((!line->is_sent && !canp_text_is(&dir, "R")) || !canp_cell_hex(id, CANP_ID_EFF_MASK, &frame->id))
        return false;
    frame->id |= CANP_ID_EFF;
    return canp_take_spaced_bytes(&t, frame);
}

static enum canp_line_kind take_line(void *state, struct canp_text t, struct canp_frame_line *line,
                                     struct canp_frame *frame)
{
    line->number = 1;
    canp_trim_end(&t);
    canp_skip_blanks(&t);
    if (t.at == t.end)
        return CANP_LINE_OTHER;
    if (!take_frame(t, line, frame))
        return CANP_LINE_BAD;
    line->time_ns = on_its_day(state, line->time_ns);
    return CANP_LINE_FRAME;
}

CANP_FRAME_LINE_READER(take_line, sizeof(struct reading))

const struct canp_log_format canp_format_ydwg = {
    .info = {.name = "ydwg",
             .title = "the RAW lines of Yacht Devices' gateways",
             .suffixes = "ydwg",
             .reads = CANP_LOG_READ | CANP_LOG_DIRECTION | CANP_LOG_TEXT},
    .probe = probe,
    .reader_bytes = sizeof(struct reading),
    .next = next,
};
