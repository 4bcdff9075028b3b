/*
 * CANHacker's trace, read, as SavvyCAN reads it:
 *
 *   Time   ID     DLC Data                    Comment
 *   00.000 00004000 8 36 47 19 43 01 00 00 80
 *
 * Seconds from a start of its own; an id of more than 11 bits is an extended one. What stands behind the
 * payload is a comment. No state.
 */
#include "formats/log_format.h"
#include "formats/text/cells.h"

enum line_kind { LINE_FRAME = 1, LINE_OTHER = 0, LINE_BAD = -1 };

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

static enum line_kind take_line(struct canp_text t, int64_t *time_ns, struct canp_frame *frame)
{
    struct canp_text time, id, word;
    uint64_t dlc;
    canp_trim_end(&t);
    if (!canp_take_word(&t, &time) || is_header((struct canp_text){time.at, t.end}))
        return LINE_OTHER;
    memset(frame, 0, sizeof(union canp_frame_store));
    if (!memchr(time.at, '.', (size_t)(time.end - time.at)) || canp_take_seconds(&time, time_ns) < 0 ||
        time.at != time.end || !canp_take_word(&t, &id) || id.end - id.at < 3 ||
        !canp_cell_hex(id, CANP_ID_EFF_MASK, &frame->id) || !canp_take_word(&t, &word) ||
        !canp_cell_decimal(word, 8, &dlc))
        return LINE_BAD;
    frame->id |= frame->id > CANP_ID_SFF_MASK ? CANP_ID_EFF : 0;
    for (; frame->len < dlc; frame->len++) {
        if (!canp_take_word(&t, &word) || word.end - word.at != 2 ||
            !canp_cell_byte(word, &frame->data[frame->len]))
            return LINE_BAD;
    }
    return LINE_FRAME;
}

static int judge(const char *text, size_t bytes)
{
    struct canp_text t = {text, text + bytes};
    union canp_frame_store store;
    int64_t time_ns;
    if (is_header(t))
        return 1;
    return take_line(t, &time_ns, &store.frame);
}

static enum canp_log_verdict probe(const struct canp_log_head *head, struct canp_why *what)
{
    (void)what;
    return canp_log_probe_lines(head, judge);
}

static int next(struct canp_log_reader *reader, struct canp_record *out)
{
    const char *text;
    size_t bytes;
    int r;
    while ((r = canp_source_line(&reader->source, &text, &bytes)) == 1) {
        int64_t time_ns;
        enum line_kind kind =
            take_line((struct canp_text){text, text + bytes}, &time_ns, &reader->store.frame);
        if (kind == LINE_BAD)
            canp_log_bad_line(reader, "cannot be read", text, bytes);
        if (kind != LINE_FRAME)
            continue;
        int channel = canp_log_channel_numbered(reader, 1);
        return channel < 0
                   ? channel
                   : canp_log_lend(reader, out, time_ns, CANP_KIND_CAN, (uint8_t)channel, CANP_DIR_RX);
    }
    return r;
}

const struct canp_log_format canp_format_canhacker = {
    .info = {.name = "canhacker",
             .title = "CANHacker's trace",
             .suffixes = "",
             .reads = CANP_LOG_READ | CANP_LOG_TEXT},
    .probe = probe,
    .next = next,
};
