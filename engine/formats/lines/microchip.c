/*
 * The log of Microchip's CAN BUS Analyzer, read:
 *
 *   Logging Started: 23/9/2015 22:17:43                                 a head between lines of //-----
 *   166064;RX;0x0000021A;8;0xFE;0x36;0x12;0xFE;0x69;0x05;0x07;0xAD;    milliseconds since some start
 *
 * Stamps count from zero, because they do not begin at the time that the head names. An id of more than 11
 * bits is extended; the format has no other sign. There is one bus, number 1. No state; any thread.
 */
#include "formats/text/cells.h"
#include "formats/text/frame_line.h"

/* Milliseconds, some versions with a fraction of them. */
static bool take_time(struct canp_text cell, int64_t *time_ns)
{
    int64_t ms_ns; /* a thousandth of the time, in ns: read as seconds */
    if (canp_take_seconds(&cell, &ms_ns) < 0 || cell.at != cell.end)
        return false;
    *time_ns = ms_ns / 1000;
    return true;
}

static bool take_frame(struct canp_text t, struct canp_frame_line *line, struct canp_frame *frame)
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

static enum canp_line_kind take_line(void *state, struct canp_text t, struct canp_frame_line *line,
                                     struct canp_frame *frame)
{
    (void)state;
    line->number = 1;
    canp_trim_end(&t);
    canp_skip_blanks(&t);
    if (is_head(t))
        return CANP_LINE_OTHER;
    return take_frame(t, line, frame) ? CANP_LINE_FRAME : CANP_LINE_BAD;
}

CANP_FRAME_LINE_READER(take_line, 0)

const struct canp_log_format canp_format_microchip = {
    .info = {.name = "microchip",
             .title = "the log of Microchip's CAN BUS Analyzer",
             .suffixes = "",
             .reads = CANP_LOG_READ | CANP_LOG_DIRECTION | CANP_LOG_NUMBERED | CANP_LOG_TEXT},
    .probe = probe,
    .next = next,
};
