/*
 * CANHacker's trace, read, as SavvyCAN reads it:
 *
 *   Time   ID     DLC Data                    Comment
 *   00.000 00004000 8 36 47 19 43 01 00 00 80
 *
 * Seconds since the start of the trace; an id of more than 11 bits is extended. Text behind the payload is a
 * comment. No state; any thread.
 */
#include "formats/text/cells.h"
#include "formats/text/frame_line.h"

/* `Time ID DLC …`, or a line that names the program. */
static bool is_header(struct canp_text t)
{
    struct canp_text word;
    bool is_first = true;
    while (canp_take_word(&t, &word)) {
        if (is_first && canp_text_is(&word, "Time") && canp_take_word(&t, &word) &&
            canp_text_is(&word, "ID") && canp_take_word(&t, &word) && canp_text_is(&word, "DLC"))
            return true;
        if (canp_text_is(&word, "CANHacker"))
            return true;
        is_first = false;
    }
    return false;
}

static bool take_frame(struct canp_text t, int64_t *time_ns, struct canp_frame *frame)
{
    struct canp_text time, id, word;
    uint64_t dlc;
    memset(frame, 0, sizeof(union canp_frame_store));
    if (!canp_take_word(&t, &time) || !memchr(time.at, '.', (size_t)(time.end - time.at)) ||
        canp_take_seconds(&time, time_ns) < 0 || time.at != time.end || !canp_take_word(&t, &id) ||
        id.end - id.at < 3 || !canp_cell_hex(id, CANP_ID_EFF_MASK, &frame->id) ||
        !canp_take_word(&t, &word) || !canp_cell_decimal(word, 8, &dlc))
        return false;
    frame->id |= frame->id > CANP_ID_SFF_MASK ? CANP_ID_EFF : 0;
    for (; frame->len < dlc; frame->len++) {
        if (!canp_take_word(&t, &word) || word.end - word.at != 2 ||
            !canp_cell_byte(word, &frame->data[frame->len]))
            return false;
    }
    return true;
}

static enum canp_line_kind take_line(void *state, struct canp_text t, struct canp_frame_line *line,
                                     struct canp_frame *frame)
{
    (void)state;
    line->number = 1;
    canp_trim_end(&t);
    canp_skip_blanks(&t);
    if (t.at == t.end)
        return CANP_LINE_OTHER;
    if (is_header(t))
        return CANP_LINE_HEAD;
    return take_frame(t, &line->time_ns, frame) ? CANP_LINE_FRAME : CANP_LINE_BAD;
}

CANP_FRAME_LINE_READER(take_line, 0)

const struct canp_log_format canp_format_canhacker = {
    .info = {.name = "canhacker",
             .title = "CANHacker's trace",
             .suffixes = "",
             .reads = CANP_LOG_READ | CANP_LOG_TEXT},
    .probe = probe,
    .next = next,
};
