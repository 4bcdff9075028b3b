/*
 * The CSV of comma.ai's panda, read:
 *
 *   Bus,MessageID,Message,MessageLength,Time
 *   130,0x444,0x9e50000000000000,8,0.02567887306213379
 *
 * Seconds since some start; hex. Buses are numbered from 0; here they are numbered from 1. 128 is added to
 * the bus of frames that panda sent, and 192 to that of frames that it refused to send; these were on no bus
 * and are skipped. An id of more than 11 bits is extended; a frame of more than 8 bytes is an FD frame. No
 * state; any thread.
 */
#include "formats/text/cells.h"
#include "formats/text/frame_line.h"

#define SENT     128
#define REJECTED 192

static const char names[] = "Bus,MessageID,Message,MessageLength";

static bool take_row(struct canp_text t, struct canp_frame_line *line, struct canp_frame *frame)
{
    struct canp_text cell, data;
    uint64_t bus, len;
    memset(frame, 0, sizeof(union canp_frame_store));
    if (!canp_take_cell(&t, ',', &cell) || !canp_cell_decimal(cell, 255, &bus) ||
        !canp_take_cell(&t, ',', &cell) || !canp_cell_hex(cell, CANP_ID_EFF_MASK, &frame->id) ||
        !canp_take_cell(&t, ',', &data) || !canp_take_text(&data, "0x") || !canp_take_cell(&t, ',', &cell) ||
        !canp_cell_decimal(cell, 64, &len))
        return false;
    if (!canp_take_cell(&t, ',', &cell) || canp_take_seconds(&cell, &line->time_ns) < 0 ||
        cell.at != cell.end)
        return false;
    line->number = bus % SENT + 1;
    line->is_sent = bus >= SENT;
    line->is_fd = len > 8;
    line->passed_over = bus >= REJECTED ? "frames that panda refused to send" : NULL;
    if (frame->id > CANP_ID_SFF_MASK)
        frame->id |= CANP_ID_EFF;
    frame->len = (uint8_t)len;
    frame->flags = line->is_fd ? CANP_FD_FDF : 0;
    return canp_hex_bytes(&data.at, data.end, frame->data, frame->len) == len && data.at == data.end;
}

static enum canp_line_kind take_line(void *state, struct canp_text t, struct canp_frame_line *line,
                                     struct canp_frame *frame)
{
    enum canp_line_kind kind = canp_line_of_table(&t, names);
    (void)state;
    if (kind != CANP_LINE_FRAME)
        return kind;
    if (!take_row(t, line, frame))
        return CANP_LINE_BAD;
    return line->passed_over ? CANP_LINE_OTHER : CANP_LINE_FRAME;
}

CANP_FRAME_LINE_READER(take_line, 0)

const struct canp_log_format canp_format_panda = {
    .info = {.name = "panda",
             .title = "the CSV of comma.ai's panda",
             .suffixes = "",
             .reads = CANP_LOG_READ | CANP_LOG_FD | CANP_LOG_DIRECTION | CANP_LOG_NANOS | CANP_LOG_NUMBERED |
                      CANP_LOG_TEXT},
    .probe = probe,
    .next = next,
};
