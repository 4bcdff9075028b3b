/*
 * Reads and writes the CSV of GVRET devices and SavvyCAN. There are two headers:
 *
 *   Time Stamp,ID,Extended,Bus,LEN,D1,D2,D3,D4,D5,D6,D7,D8
 *   Time Stamp,ID,Extended,Dir,Bus,LEN,D1,D2,D3,D4,D5,D6,D7,D8      written since 2018
 *   166064000,0000021A,false,Rx,0,8,FE,36,12,FE,69,05,07,AD,
 *
 * Microseconds since some start or since 1970; hex. Buses are numbered from 0; here they are numbered from 1,
 * so bus 0 is can0. Each row shows whether it has a direction, so a file without a header is read as well.
 * Cells behind the payload are ignored. A frame of more than 8 bytes is an FD frame; the format has no FD
 * flags and no remote or error frames. No state; any thread.
 */
#include "formats/text/cells.h"
#include "formats/text/frame_line.h"
#include "formats/text/text_out.h"

#define BUSES      256
#define LINE_BYTES 128

static const char header[] = "Time Stamp,ID,Extended,Dir,Bus,LEN,D1,D2,D3,D4,D5,D6,D7,D8\n";

static bool take_time(struct canp_text cell, int64_t *time_ns)
{
    uint64_t us;
    bool is_negative = canp_take_char(&cell, '-');
    if (!canp_cell_decimal(cell, INT64_MAX / 1000, &us))
        return false;
    *time_ns = (is_negative ? -1 : 1) * (int64_t)us * 1000;
    return true;
}

/* The flag and the id together: an id of more than 11 bits is extended whatever the flag says, as SavvyCAN
 * reads it. */
static bool take_id(struct canp_text id, struct canp_text extended, struct canp_frame *frame)
{
    bool is_extended = canp_text_is(&extended, "true") || canp_text_is(&extended, "1");
    if (!is_extended && !canp_text_is(&extended, "false") && !canp_text_is(&extended, "0"))
        return false;
    if (!canp_cell_hex(id, CANP_ID_EFF_MASK, &frame->id))
        return false;
    if (is_extended || frame->id > CANP_ID_SFF_MASK)
        frame->id |= CANP_ID_EFF;
    return true;
}

static bool take_payload(struct canp_text *t, uint64_t len, struct canp_frame *frame)
{
    struct canp_text cell;
    for (uint64_t i = 0; i < len; i++) {
        if (!canp_take_cell(t, ',', &cell) || !canp_cell_byte(cell, &frame->data[i]))
            return false;
    }
    frame->len = (uint8_t)len;
    frame->flags = len > 8 ? CANP_FD_FDF : 0;
    return true;
}

static bool take_row(struct canp_text t, struct canp_frame_line *line, struct canp_frame *frame)
{
    struct canp_text time, id, extended, cell;
    uint64_t bus, len;
    memset(frame, 0, sizeof(union canp_frame_store));
    if (!canp_take_cell(&t, ',', &time) || !canp_take_cell(&t, ',', &id) ||
        !canp_take_cell(&t, ',', &extended) || !canp_take_cell(&t, ',', &cell))
        return false;
    line->is_sent = canp_text_is(&cell, "Tx");
    if ((line->is_sent || canp_text_is(&cell, "Rx")) && !canp_take_cell(&t, ',', &cell))
        return false;
    if (!take_time(time, &line->time_ns) || !take_id(id, extended, frame) ||
        !canp_cell_decimal(cell, BUSES - 1, &bus) || !canp_take_cell(&t, ',', &cell) ||
        !canp_cell_decimal(cell, 64, &len))
        return false;
    line->number = bus + 1;
    line->is_fd = len > 8;
    return take_payload(&t, len, frame);
}

static enum canp_line_kind take_line(void *state, struct canp_text t, struct canp_frame_line *line,
                                     struct canp_frame *frame)
{
    struct canp_text first = t, cell;
    enum canp_line_kind kind = canp_line_of_table(&t, "Time Stamp,ID,Extended,");
    (void)state;
    if (kind != CANP_LINE_FRAME)
        return kind;
    if (canp_take_cell(&first, ',', &cell) && canp_text_is(&cell, "Time Stamp"))
        return CANP_LINE_OTHER;
    return take_row(t, line, frame) ? CANP_LINE_FRAME : CANP_LINE_BAD;
}

CANP_FRAME_LINE_READER(take_line, 0)

static int create(struct canp_log_writer *writer, struct canp_why *why)
{
    (void)why;
    canp_sink_puts(&writer->sink, header);
    return 0;
}

/* All eight cells are there, as SavvyCAN writes them. */
static char *put_payload(char *out, const struct canp_frame *f)
{
    unsigned len = f->len <= 8 ? f->len : 8;
    out = canp_put_decimal(out, len);
    *out++ = ',';
    for (unsigned i = 0; i < 8; i++) {
        out = canp_put_hex_byte(out, i < len ? f->data[i] : 0);
        *out++ = ',';
    }
    return out;
}

static int write_record(struct canp_log_writer *writer, const struct canp_record *r)
{
    const struct canp_frame *f = r->frame;
    bool is_extended = f->id & CANP_ID_EFF;
    uint32_t number = canp_log_number(writer, r->channel);
    char *at = canp_sink_room(&writer->sink, LINE_BYTES);
    if (r->dir == CANP_DIR_OWN)
        canp_log_lose(writer, CANP_LOG_LOSS_DIRECTION);
    at = canp_put_signed(at, r->time_ns / 1000 - (r->time_ns % 1000 < 0));
    *at++ = ',';
    at = canp_put_hex_u32(at, f->id & (is_extended ? CANP_ID_EFF_MASK : CANP_ID_SFF_MASK));
    at = canp_put_text(at, is_extended ? ",true" : ",false");
    at = canp_put_text(at, r->dir == CANP_DIR_RX ? ",Rx," : ",Tx,");
    at = canp_put_decimal(at, number ? number - 1 : 0);
    *at++ = ',';
    at = put_payload(at, f);
    *at++ = '\n';
    writer->sink.at = (uint8_t *)at;
    return 0;
}

const struct canp_log_format canp_format_gvret = {
    .info = {.name = "gvret",
             .title = "the CSV of SavvyCAN and GVRET devices",
             .suffixes = "",
             .reads = CANP_LOG_READ | CANP_LOG_FD | CANP_LOG_DIRECTION | CANP_LOG_EPOCH | CANP_LOG_NUMBERED |
                      CANP_LOG_TEXT,
             .writes =
                 CANP_LOG_WRITE | CANP_LOG_DIRECTION | CANP_LOG_EPOCH | CANP_LOG_NUMBERED | CANP_LOG_TEXT},
    .probe = probe,
    .next = next,
    .create = create,
    .write = write_record,
};
