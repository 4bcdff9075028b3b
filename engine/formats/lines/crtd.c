/*
 * CRTD, the log of the Open Vehicle Monitoring System, read (docs.openvehicles.com/en/latest/crtd):
 *
 *   1542473901.020305 1R11 7DF 02 01 0C 00 00 00 00 00     time; bus, received, bits of the id; id, bytes
 *   1542473901.021000 CEV a comment or event: types that begin with C
 *
 * A line without a bus number is of bus 1. The fraction has 3 or 6 digits. No state; any thread.
 */
#include "formats/text/cells.h"
#include "formats/text/frame_line.h"

/* `1R11`: the bus and what it is. */
static enum canp_line_kind take_type(struct canp_text type, struct canp_frame_line *line, bool *is_extended)
{
    uint64_t bus = 1;
    bool has_bus = canp_peek(&type) >= '0' && canp_peek(&type) <= '9';
    if (has_bus && (canp_take_decimal(&type, &bus) < 0 || bus > UINT32_MAX - 1))
        return CANP_LINE_BAD;
    line->number = bus;
    int letter = canp_peek(&type);
    line->is_sent = letter == 'T';
    *is_extended = canp_text_is(&type, "R29") || canp_text_is(&type, "T29");
    if (*is_extended || canp_text_is(&type, "R11") || canp_text_is(&type, "T11"))
        return CANP_LINE_FRAME;
    if (letter != 'C' || type.end - type.at != 3)
        return CANP_LINE_BAD;
    line->passed_over = "comments";
    return CANP_LINE_OTHER;
}

static bool take_frame(struct canp_text t, bool is_extended, struct canp_frame *frame)
{
    struct canp_text word;
    uint32_t id;
    if (!canp_take_word(&t, &word) || canp_take_hex(&word, &id) < 0 || word.at != word.end ||
        !canp_id_fits(id, is_extended))
        return false;
    memset(frame, 0, sizeof(union canp_frame_store));
    frame->id = id | (is_extended ? CANP_ID_EFF : 0);
    while (canp_take_word(&t, &word)) {
        if (frame->len == 8 || canp_hex_bytes(&word.at, word.end, frame->data + frame->len, 1) != 1 ||
            word.at != word.end)
            return false;
        frame->len++;
    }
    return true;
}

static enum canp_line_kind take_line(void *state, struct canp_text t, struct canp_frame_line *line,
                                     struct canp_frame *frame)
{
    struct canp_text type;
    bool is_extended;
    (void)state;
    canp_trim_end(&t);
    canp_skip_blanks(&t);
    if (t.at == t.end)
        return CANP_LINE_OTHER;
    if (canp_take_seconds(&t, &line->time_ns) < 0 || canp_peek(&t) != ' ' || !canp_take_word(&t, &type))
        return CANP_LINE_BAD;
    enum canp_line_kind kind = take_type(type, line, &is_extended);
    return kind != CANP_LINE_FRAME || take_frame(t, is_extended, frame) ? kind : CANP_LINE_BAD;
}

CANP_FRAME_LINE_READER(take_line, 0)

const struct canp_log_format canp_format_crtd = {
    .info = {.name = "crtd",
             .title = "CRTD, the log of the Open Vehicle Monitoring System",
             .suffixes = "crtd",
             .reads =
                 CANP_LOG_READ | CANP_LOG_DIRECTION | CANP_LOG_EPOCH | CANP_LOG_NUMBERED | CANP_LOG_TEXT},
    .probe = probe,
    .next = next,
};
