/*
 * Reads SavvyCAN's generic CSV: an id and bytes, nothing else.
 *
 *   ID,Data Bytes
 *   0000021A,FE 36 12 FE 69 05 07 AD
 *
 * There are no stamps, so all frames have time 0. An id of more than 11 bits is extended. No state; any
 * thread.
 */
#include "formats/text/cells.h"
#include "formats/text/frame_line.h"

static enum canp_line_kind take_line(void *state, struct canp_text t, struct canp_frame_line *line,
                                     struct canp_frame *frame)
{
    struct canp_text id;
    (void)state;
    line->number = 1;
    canp_trim_end(&t);
    if (t.at == t.end)
        return CANP_LINE_OTHER;
    memset(frame, 0, sizeof(union canp_frame_store));
    if (!canp_take_cell(&t, ',', &id) || !t.at)
        return CANP_LINE_BAD;
    if (canp_text_is(&id, "ID"))
        return CANP_LINE_OTHER;
    if (!canp_cell_hex(id, CANP_ID_EFF_MASK, &frame->id) || !canp_take_spaced_bytes(&t, frame))
        return CANP_LINE_BAD;
    frame->id |= frame->id > CANP_ID_SFF_MASK ? CANP_ID_EFF : 0;
    return CANP_LINE_FRAME;
}

/* Only with its header: rows alone could be anybody's. */
static int judge(const char *text, size_t bytes)
{
    struct canp_text t = {text, text + bytes};
    canp_skip_blanks(&t);
    canp_trim_end(&t);
    if (t.at == t.end)
        return 0;
    return canp_take_text(&t, "ID,Data Bytes") && t.at == t.end ? 1 : -1;
}

static enum canp_log_verdict probe(const struct canp_log_head *head, struct canp_why *what)
{
    (void)what;
    return canp_log_probe_lines(head, judge);
}

static int next(struct canp_log_reader *reader, struct canp_record *out)
{
    return canp_next_frame_line(reader, out, take_line);
}

const struct canp_log_format canp_format_generic = {
    .info = {.name = "generic",
             .title = "SavvyCAN's generic CSV",
             .suffixes = "",
             .reads = CANP_LOG_READ | CANP_LOG_TEXT},
    .probe = probe,
    .next = next,
};
