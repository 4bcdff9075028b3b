/*
 * CRTD, the log of the Open Vehicle Monitoring System, read (docs.openvehicles.com/en/latest/crtd):
 *
 *   1542473901.020305 1R11 7DF 02 01 0C 00 00 00 00 00     time, bus, received or sent, bits of the id; id,
 * bytes 1542473901.021000 CEV a comment or event: types that begin with C
 *
 * Without a bus it is bus 1. The fraction has 3 or 6 digits. No state.
 */
#include "formats/log_format.h"
#include "formats/text/text_in.h"

enum line_kind { LINE_FRAME = 1, LINE_OTHER = 0, LINE_BAD = -1 };

struct line {
    int64_t time_ns;
    uint32_t bus;
    bool is_sent, is_extended;
    struct canp_text rest; /* behind the type */
};

/* `1R11`: the bus and what it is. */
static enum line_kind take_type(struct canp_text type, struct line *line)
{
    uint64_t bus = 1;
    bool has_bus = canp_peek(&type) >= '0' && canp_peek(&type) <= '9';
    if (has_bus && (canp_take_decimal(&type, &bus) < 0 || bus > UINT32_MAX - 1))
        return LINE_BAD;
    line->bus = (uint32_t)bus;
    int letter = canp_peek(&type);
    line->is_sent = letter == 'T';
    line->is_extended = canp_text_is(&type, "R29") || canp_text_is(&type, "T29");
    if (line->is_extended || canp_text_is(&type, "R11") || canp_text_is(&type, "T11"))
        return LINE_FRAME;
    return letter == 'C' && type.end - type.at == 3 ? LINE_OTHER : LINE_BAD;
}

static enum line_kind take_head(struct canp_text t, struct line *line)
{
    struct canp_text type;
    canp_trim_end(&t);
    canp_skip_blanks(&t);
    if (t.at == t.end)
        return LINE_OTHER;
    if (canp_take_seconds(&t, &line->time_ns) < 0 || canp_peek(&t) != ' ' || !canp_take_word(&t, &type))
        return LINE_BAD;
    line->rest = t;
    return take_type(type, line);
}

static int take_frame(struct line *line, struct canp_frame *frame)
{
    struct canp_text word;
    uint32_t id;
    if (!canp_take_word(&line->rest, &word) || canp_take_hex(&word, &id) < 0 || word.at != word.end ||
        id > (line->is_extended ? CANP_ID_EFF_MASK : CANP_ID_SFF_MASK))
        return -CANP_E_SYNTAX;
    memset(frame, 0, sizeof(union canp_frame_store));
    frame->id = id | (line->is_extended ? CANP_ID_EFF : 0);
    while (canp_take_word(&line->rest, &word)) {
        if (frame->len == 8 || canp_hex_bytes(&word.at, word.end, frame->data + frame->len, 1) != 1 ||
            word.at != word.end)
            return -CANP_E_SYNTAX;
        frame->len++;
    }
    return 0;
}

static int judge(const char *text, size_t bytes)
{
    struct line line;
    union canp_frame_store store;
    enum line_kind kind = take_head((struct canp_text){text, text + bytes}, &line);
    if (kind == LINE_FRAME)
        return take_frame(&line, &store.frame) < 0 ? -1 : 1;
    return kind == LINE_BAD ? -1 : 0;
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
        enum line_kind kind = take_head((struct canp_text){text, text + bytes}, &line);
        if (kind == LINE_OTHER) {
            canp_log_pass(reader, "comments");
        } else if (kind == LINE_BAD || take_frame(&line, &reader->store.frame) < 0) {
            canp_log_bad_line(reader, "cannot be read", text, bytes);
        } else {
            int channel = canp_log_channel_numbered(reader, line.bus);
            if (channel < 0)
                return channel;
            return canp_log_lend(reader, out, line.time_ns, CANP_KIND_CAN, (uint8_t)channel,
                                 line.is_sent ? CANP_DIR_TX : CANP_DIR_RX);
        }
    }
    return r;
}

const struct canp_log_format canp_format_crtd = {
    .info = {.name = "crtd",
             .title = "CRTD, the log of the Open Vehicle Monitoring System",
             .suffixes = "crtd",
             .reads =
                 CANP_LOG_READ | CANP_LOG_DIRECTION | CANP_LOG_EPOCH | CANP_LOG_NUMBERED | CANP_LOG_TEXT},
    .probe = probe,
    .next = next,
};
