/*
 * The log of Microchip's CAN BUS Analyzer, read:
 *
 *   Logging Started: 23/9/2015 22:17:43                                 a head between lines of //-----
 *   166064;RX;0x0000021A;8;0xFE;0x36;0x12;0xFE;0x69;0x05;0x07;0xAD;    milliseconds since some start
 *
 * Stamps stay as they are: counted from zero, for what they begin with is not the start that the head names.
 * The log tells an extended id only by its size, and knows one bus, which is number 1. No state.
 */
#include "formats/log_format.h"
#include "formats/text/cells.h"

enum line_kind { LINE_FRAME = 1, LINE_OTHER = 0, LINE_BAD = -1 };

struct line {
    int64_t time_ns;
    bool is_sent;
};

/* Milliseconds, some versions with a fraction of them. */
static bool take_time(struct canp_text cell, int64_t *time_ns)
{
    int64_t ms_ns; /* a thousandth of the time, in ns: read as seconds */
    if (canp_take_seconds(&cell, &ms_ns) < 0 || cell.at != cell.end)
        return false;
    *time_ns = ms_ns / 1000;
    return true;
}

static bool take_frame(struct canp_text t, struct line *line, struct canp_frame *frame)
{
    struct canp_text cell;
    uint64_t len;
    memset(frame, 0, sizeof(union canp_frame_store));
    if (!canp_take_cell(&t, ';', &cell) || !take_time(cell, &line->time_ns) ||
        !canp_take_cell(&t, ';', &cell))
        return false;
    line->is_sent = canp_text_is(&cell, "TX");
    if ((!line->is_sent && !canp_text_is(&cell, "RX")) || !canp_take_cell(&t, ';', &cell) ||
        !canp_cell_hex(cell, CANP_ID_EFF_MASK, &frame->id) || !canp_take_cell(&t, ';', &cell) ||
        !canp_cell_decimal(cell, 8, &len))
        return false;
    if (frame->id > CANP_ID_SFF_MASK)
        frame->id |= CANP_ID_EFF;
    frame->len = (uint8_t)len;
    for (unsigned i = 0; i < frame->len; i++) {
        if (!canp_take_cell(&t, ';', &cell) || !canp_cell_byte(cell, &frame->data[i]))
            return false;
    }
    return true;
}

static bool is_head(struct canp_text t)
{
    return t.at == t.end || canp_take_text(&t, "//") || canp_take_text(&t, "Microchip Technology") ||
           canp_take_text(&t, "CAN BUS Analyzer") || canp_take_text(&t, "SavvyCAN Exporter") ||
           canp_take_text(&t, "Logging Started");
}

static enum line_kind take_line(struct canp_text t, struct line *line, struct canp_frame *frame)
{
    canp_trim_end(&t);
    canp_skip_blanks(&t);
    if (is_head(t))
        return LINE_OTHER;
    return take_frame(t, line, frame) ? LINE_FRAME : LINE_BAD;
}

static int judge(const char *text, size_t bytes)
{
    struct line line;
    union canp_frame_store store;
    return take_line((struct canp_text){text, text + bytes}, &line, &store.frame);
}

static enum canp_log_verdict probe(const struct canp_log_head *head, struct canp_why *what)
{
    (void)what;
    return canp_log_probe_lines(head, judge);
}

static int next(struct canp_log_reader *reader, struct canp_record *out)
{
    struct line line;
    const char *text;
    size_t bytes;
    int r;
    while ((r = canp_source_line(&reader->source, &text, &bytes)) == 1) {
        enum line_kind kind = take_line((struct canp_text){text, text + bytes}, &line, &reader->store.frame);
        if (kind == LINE_BAD)
            canp_log_bad_line(reader, "cannot be read", text, bytes);
        if (kind != LINE_FRAME)
            continue;
        int channel = canp_log_channel_numbered(reader, 1);
        if (channel < 0)
            return channel;
        return canp_log_lend(reader, out, line.time_ns, CANP_KIND_CAN, (uint8_t)channel,
                             line.is_sent ? CANP_DIR_TX : CANP_DIR_RX);
    }
    return r;
}

const struct canp_log_format canp_format_microchip = {
    .info = {.name = "microchip",
             .title = "the log of Microchip's CAN BUS Analyzer",
             .suffixes = "",
             .reads = CANP_LOG_READ | CANP_LOG_DIRECTION | CANP_LOG_NUMBERED | CANP_LOG_TEXT},
    .probe = probe,
    .next = next,
};
