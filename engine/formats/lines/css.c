/*
 * The CSV of CSS Electronics' loggers and converters, read:
 *
 *   TimestampEpoch;BusChannel;ID;IDE;DLC;DataLength;Dir;EDL;BRS;DataBytes
 *   1581670628.162300;1;123;0;3;3;0;0;0;123456
 *
 * Seconds since 1970; hex; Dir 1 is sent; EDL 1 is CAN FD; there is no column for ESI. The line with the
 * columns' names is optional: rows are recognised without it. No state; any thread.
 */
#include "formats/text/cells.h"
#include "formats/text/frame_line.h"

static const char names[] = "TimestampEpoch;BusChannel;ID;IDE;DLC;DataLength;";

static bool take_number(struct canp_text *t, uint64_t max, uint64_t *value)
{
    struct canp_text cell;
    return canp_take_cell(t, ';', &cell) && canp_cell_decimal(cell, max, value);
}

static bool take_payload(struct canp_text *t, uint64_t len, struct canp_frame *frame)
{
    struct canp_text cell;
    frame->len = (uint8_t)len;
    return canp_take_cell(t, ';', &cell) &&
           canp_hex_bytes(&cell.at, cell.end, frame->data, frame->len) == len && cell.at == cell.end;
}

static bool take_row(struct canp_text t, struct canp_frame_line *line, struct canp_frame *frame)
{
    struct canp_text cell, id;
    uint64_t is_extended, dlc, len, is_sent, is_fd, has_brs;
    memset(frame, 0, sizeof(union canp_frame_store));
    if (!canp_take_cell(&t, ';', &cell) || canp_take_seconds(&cell, &line->time_ns) < 0 ||
        cell.at != cell.end || !take_number(&t, 0xFFFF, &line->number) || !canp_take_cell(&t, ';', &id) ||
        !take_number(&t, 1, &is_extended) || !take_number(&t, 15, &dlc) || !take_number(&t, 64, &len) ||
        !take_number(&t, 1, &is_sent) || !take_number(&t, 1, &is_fd) || !take_number(&t, 1, &has_brs))
        return false;
    if (!canp_cell_hex(id, CANP_ID_EFF_MASK, &frame->id) || !canp_id_fits(frame->id, is_extended) ||
        (!is_fd && len > 8))
        return false;
    line->is_sent = is_sent;
    line->is_fd = is_fd;
    frame->id |= is_extended ? CANP_ID_EFF : 0;
    if (is_fd)
        frame->flags = (uint8_t)(CANP_FD_FDF | (has_brs ? CANP_FD_BRS : 0));
    else if (len == 8 && dlc > 8)
        frame->len8_dlc = (uint8_t)dlc;
    return take_payload(&t, len, frame);
}

static enum canp_line_kind take_line(void *state, struct canp_text t, struct canp_frame_line *line,
                                     struct canp_frame *frame)
{
    enum canp_line_kind kind = canp_line_of_table(&t, names);
    (void)state;
    if (kind != CANP_LINE_FRAME)
        return kind;
    return take_row(t, line, frame) ? CANP_LINE_FRAME : CANP_LINE_BAD;
}

CANP_FRAME_LINE_READER(take_line, 0)

const struct canp_log_format canp_format_css = {
    .info = {.name = "css",
             .title = "the CSV of CSS Electronics' loggers",
             .suffixes = "",
             .reads = CANP_LOG_READ | CANP_LOG_FD | CANP_LOG_RAW_DLC | CANP_LOG_DIRECTION | CANP_LOG_NANOS |
                      CANP_LOG_EPOCH | CANP_LOG_NUMBERED | CANP_LOG_TEXT},
    .probe = probe,
    .next = next,
};
