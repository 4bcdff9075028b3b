/*
 * For formats in which a line is at most one frame: the loop over lines, the messages for lines that cannot
 * be read, and the probe. Such a format writes one function that parses a line, and one line
 * CANP_FRAME_LINE_READER(). No state; one thread at a time.
 */
#ifndef CANP_FORMATS_FRAME_LINE_H
#define CANP_FORMATS_FRAME_LINE_H

#include "formats/log_format.h"
#include "formats/text/text_in.h"

enum canp_line_kind {
    CANP_LINE_BAD = -1,  /* cannot be read */
    CANP_LINE_OTHER = 0, /* empty, a comment, a header; it says nothing of the format */
    CANP_LINE_FRAME = 1,
    CANP_LINE_HEAD = 2, /* what only this format's files begin with */
};

struct canp_frame_line {
    int64_t time_ns;
    uint64_t number; /* of the channel, in the log */
    bool is_sent;
    bool is_fd;
    const char *passed_over; /* of an OTHER: what is to be counted, static and in plural; NULL: nothing */
};

/* `state` is the reader's, zeroed memory when only the format is asked for. The line has no line end. */
typedef enum canp_line_kind canp_take_line(void *state, struct canp_text text, struct canp_frame_line *line,
                                           struct canp_frame *frame);

/* For tables: an empty line, the one with the columns' names, or a row, which is left to be read. */
static inline enum canp_line_kind canp_line_of_table(struct canp_text *t, const char *names)
{
    struct canp_text head = *t;
    canp_trim_end(t);
    if (t->at == t->end)
        return CANP_LINE_OTHER;
    return canp_take_text(&head, names) ? CANP_LINE_HEAD : CANP_LINE_FRAME;
}

/* The reader's next(). Inline, so that each format's own function is called directly. */
static inline int canp_next_frame_line(struct canp_log_reader *reader, struct canp_record *out,
                                       canp_take_line *take)
{
    const char *text;
    size_t bytes;
    int r;
    while ((r = canp_source_line(&reader->source, &text, &bytes)) == 1) {
        struct canp_frame_line line = {.passed_over = NULL};
        enum canp_line_kind kind =
            take(reader->state, (struct canp_text){text, text + bytes}, &line, &reader->store.frame);
        if (kind == CANP_LINE_BAD)
            canp_log_bad_line(reader, "cannot be read", text, bytes);
        else if (line.passed_over)
            canp_log_pass(reader, line.passed_over);
        if (kind != CANP_LINE_FRAME)
            continue;
        int channel = canp_log_channel_numbered(reader, (uint32_t)line.number);
        if (channel < 0)
            return channel;
        return canp_log_lend(reader, out, line.time_ns, line.is_fd ? CANP_KIND_FD : CANP_KIND_CAN,
                             (uint8_t)channel, line.is_sent ? CANP_DIR_TX : CANP_DIR_RX);
    }
    return r;
}

/* For the probe: 1 = mine, 0 = it tells nothing, -1 = not mine. `state` is zeroed. */
static inline int canp_judge_frame_line(const char *text, size_t bytes, void *state, canp_take_line *take)
{
    struct canp_frame_line line = {.passed_over = NULL};
    union canp_frame_store store;
    enum canp_line_kind kind = take(state, (struct canp_text){text, text + bytes}, &line, &store.frame);
    return kind == CANP_LINE_BAD ? -1 : kind != CANP_LINE_OTHER;
}

/* Defines probe() and next() of a format by its function `take`; state_bytes is the format's reader_bytes. */
#define CANP_FRAME_LINE_READER(take, state_bytes)                                                            \
    static int judge(const char *text, size_t bytes)                                                         \
    {                                                                                                        \
        uint64_t state[(state_bytes) / sizeof(uint64_t) + 1] = {0};                                          \
        return canp_judge_frame_line(text, bytes, state, take);                                              \
    }                                                                                                        \
    static enum canp_log_verdict probe(const struct canp_log_head *head, struct canp_why *what)              \
    {                                                                                                        \
        (void)what;                                                                                          \
        return canp_log_probe_lines(head, judge);                                                            \
    }                                                                                                        \
    static int next(struct canp_log_reader *reader, struct canp_record *out)                                 \
    {                                                                                                        \
        return canp_next_frame_line(reader, out, take);                                                      \
    }

#endif
