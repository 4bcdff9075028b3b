/*
 * The RAW lines of Yacht Devices' gateways (YDWG-02, YDEN-02, YDNU-02) for NMEA 2000, read:
 *
 *   00:17:55.475 R 0DF50B23 FF FF FF FF FF 00 00 FF      time of day, received or transmitted, id, bytes
 *
 * All ids are extended. There is no date: stamps count from midnight of the first day, and one that is more
 * than half a day before its predecessor is of the next. No thread of its own.
 */
#include "formats/log_format.h"
#include "formats/text/cells.h"

#define SECOND_NS INT64_C(1000000000)
#define DAY_NS    (86400 * SECOND_NS)

enum line_kind { LINE_FRAME = 1, LINE_OTHER = 0, LINE_BAD = -1 };

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

static enum line_kind take_line(struct canp_text t, int64_t *time_ns, bool *is_sent, struct canp_frame *frame)
{
    struct canp_text time, dir, id;
    canp_trim_end(&t);
    if (!canp_take_word(&t, &time))
        return LINE_OTHER;
    memset(frame, 0, sizeof(union canp_frame_store));
    if (!take_time_of_day(time, time_ns) || !canp_take_word(&t, &dir) || !canp_take_word(&t, &id))
        return LINE_BAD;
    *is_sent = canp_text_is(&dir, "T");
    if ((!*is_sent && !canp_text_is(&dir, "R")) || !canp_cell_hex(id, CANP_ID_EFF_MASK, &frame->id))
        return LINE_BAD;
    frame->id |= CANP_ID_EFF;
    return canp_take_spaced_bytes(&t, frame) ? LINE_FRAME : LINE_BAD;
}

static int judge(const char *text, size_t bytes)
{
    union canp_frame_store store;
    int64_t time_ns;
    bool is_sent;
    return take_line((struct canp_text){text, text + bytes}, &time_ns, &is_sent, &store.frame);
}

static enum canp_log_verdict probe(const struct canp_log_head *head, struct canp_why *what)
{
    (void)what;
    return canp_log_probe_lines(head, judge);
}

/* Days that passed are counted: at most one a line, so nothing overflows. */
static int64_t on_its_day(struct reading *state, int64_t time_ns)
{
    if (time_ns < state->last_ns - DAY_NS / 2 && state->day_ns < INT64_MAX - 2 * DAY_NS)
        state->day_ns += DAY_NS;
    state->last_ns = time_ns;
    return state->day_ns + time_ns;
}

static int next(struct canp_log_reader *reader, struct canp_record *out)
{
    const char *text;
    size_t bytes;
    int r;
    while ((r = canp_source_line(&reader->source, &text, &bytes)) == 1) {
        int64_t time_ns;
        bool is_sent;
        enum line_kind kind =
            take_line((struct canp_text){text, text + bytes}, &time_ns, &is_sent, &reader->store.frame);
        if (kind == LINE_BAD)
            canp_log_bad_line(reader, "cannot be read", text, bytes);
        if (kind != LINE_FRAME)
            continue;
        int channel = canp_log_channel_numbered(reader, 1);
        if (channel < 0)
            return channel;
        return canp_log_lend(reader, out, on_its_day(reader->state, time_ns), CANP_KIND_CAN, (uint8_t)channel,
                             is_sent ? CANP_DIR_TX : CANP_DIR_RX);
    }
    return r;
}

const struct canp_log_format canp_format_ydwg = {
    .info = {.name = "ydwg",
             .title = "the RAW lines of Yacht Devices' gateways",
             .suffixes = "ydwg",
             .reads = CANP_LOG_READ | CANP_LOG_DIRECTION | CANP_LOG_TEXT},
    .probe = probe,
    .reader_bytes = sizeof(struct reading),
    .next = next,
};
