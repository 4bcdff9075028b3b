/*
 * The CSV of comma.ai's panda, read:
 *
 *   Bus,MessageID,Message,MessageLength,Time
 *   130,0x444,0x9e50000000000000,8,0.02567887306213379
 *
 * Seconds since some start; hex. Buses count from 0, here from 1. 128 is added for what panda sent and got
 * back, 192 for what it refused to send, which was on no bus and is passed over. An id tells only by its size
 * that it is extended; more than 8 bytes are an FD frame. No state.
 */
#include "formats/log_format.h"
#include "formats/text/cells.h"

enum line_kind { LINE_FRAME = 1, LINE_OTHER = 0, LINE_BAD = -1 };

#define SENT     128
#define REJECTED 192

struct line {
    int64_t time_ns;
    uint64_t bus;
};

static const char names[] = "Bus,MessageID,Message,MessageLength";

static bool take_row(struct canp_text t, struct line *line, struct canp_frame *frame)
{
    struct canp_text cell, data;
    uint64_t len;
    memset(frame, 0, sizeof(union canp_frame_store));
    if (!canp_take_cell(&t, ',', &cell) || !canp_cell_decimal(cell, 255, &line->bus) ||
        !canp_take_cell(&t, ',', &cell) || !canp_cell_hex(cell, CANP_ID_EFF_MASK, &frame->id) ||
        !canp_take_cell(&t, ',', &data) || !canp_take_text(&data, "0x") || !canp_take_cell(&t, ',', &cell) ||
        !canp_cell_decimal(cell, 64, &len))
        return false;
    if (!canp_take_cell(&t, ',', &cell) || canp_take_seconds(&cell, &line->time_ns) < 0 ||
        cell.at != cell.end)
        return false;
    if (frame->id > CANP_ID_SFF_MASK)
        frame->id |= CANP_ID_EFF;
    frame->len = (uint8_t)len;
    frame->flags = len > 8 ? CANP_FD_FDF : 0;
    return canp_hex_bytes(&data.at, data.end, frame->data, frame->len) == len && data.at == data.end;
}

static enum line_kind take_line(struct canp_text t, struct line *line, struct canp_frame *frame)
{
    struct canp_text head = t;
    canp_trim_end(&t);
    if (t.at == t.end || canp_take_text(&head, names))
        return LINE_OTHER;
    return take_row(t, line, frame) ? LINE_FRAME : LINE_BAD;
}

static int judge(const char *text, size_t bytes)
{
    struct canp_text t = {text, text + bytes}, head = t;
    struct line line;
    union canp_frame_store store;
    return canp_take_text(&head, names) ? 1 : take_line(t, &line, &store.frame);
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
        struct canp_text t = {text, text + bytes};
        struct canp_frame *frame = &reader->store.frame;
        enum line_kind kind = take_line(t, &line, frame);
        if (kind == LINE_BAD)
            canp_log_bad_line(reader, "cannot be read", text, bytes);
        else if (kind == LINE_FRAME && line.bus >= REJECTED)
            canp_log_pass(reader, "frames that panda refused to send");
        if (kind != LINE_FRAME || line.bus >= REJECTED)
            continue;
        int channel = canp_log_channel_numbered(reader, (uint32_t)(line.bus % SENT) + 1);
        if (channel < 0)
            return channel;
        return canp_log_lend(reader, out, line.time_ns, frame->len > 8 ? CANP_KIND_FD : CANP_KIND_CAN,
                             (uint8_t)channel, line.bus >= SENT ? CANP_DIR_TX : CANP_DIR_RX);
    }
    return r;
}

const struct canp_log_format canp_format_panda = {
    .info = {.name = "panda",
             .title = "the CSV of comma.ai's panda",
             .suffixes = "",
             .reads = CANP_LOG_READ | CANP_LOG_FD | CANP_LOG_DIRECTION | CANP_LOG_NANOS | CANP_LOG_NUMBERED |
                      CANP_LOG_TEXT},
    .probe = probe,
    .next = next,
};
