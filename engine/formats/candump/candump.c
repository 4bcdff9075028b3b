/*
 * Candump's log as a format of canp/log.h. canp/candump.h describes the lines. Records that are no frames are
 *
 written only with CANP_LOG_EVENTS, because other readers of such logs take every line for a frame. One
 *
 thread.
 */
#include <canp/candump.h>

#include "formats/candump/candump_text.h"
#include "formats/log_format.h"

struct reading {
    int64_t last_ns; /* a DROPCOUNT line has the time of the record before */
    struct canp_candump_line line;
};

static int judge(const char *line, size_t bytes)
{
    struct canp_candump_line parsed;
    int r = canp_candump_parse(line, bytes, &parsed);
    return r < 0 ? -1 : r;
}

static enum canp_log_verdict probe(const struct canp_log_head *head, struct canp_why *what)
{
    (void)what;
    return canp_log_probe_lines(head, judge);
}

static int next(struct canp_log_reader *reader, struct canp_record *out)
{
    struct reading *state = reader->state;
    const char *text;
    size_t bytes;
    int r;
    while ((r = canp_source_line(&reader->source, &text, &bytes)) == 1) {
        if (__builtin_expect(reader->source.is_cut, 0)) {
            canp_log_bad_line(reader, "the line is too long", text, bytes);
            continue;
        }
        r = canp_candump_parse(text, bytes, &state->line);
        if (__builtin_expect(r == 0, 0)) {
            canp_log_pass(reader, "comments and empty lines");
            continue;
        }
        if (__builtin_expect(r < 0 || state->line.torn, 0))
            canp_log_bad_line(reader, r < 0 ? "cannot be read" : "the record before it is torn", text, bytes);
        if (__builtin_expect(r < 0, 0))
            continue;
        int channel = canp_channels_padded(&reader->channels, state->line.iface);
        if (channel < 0)
            return channel;
        if (state->line.time_ns == INT64_MIN)
            state->line.time_ns = state->line.gap.from_ns = state->line.gap.to_ns = state->last_ns;
        state->last_ns = state->line.time_ns;
        canp_candump_record(&state->line, (uint8_t)channel, out);
        return 1;
    }
    return r;
}

struct writing {
    unsigned style;                   /* of canp_candump_format() */
    struct canp_seconds_text seconds; /* of the line before */
    struct canp_iface_word {
        char name[CANP_IFACE_NAME_BYTES];
        struct canp_word word;
    } words[CANP_CHANNELS_MAX];
};

/* The channel's name as it stands in a line; made again when it is another one. */
static const struct canp_word *word_of(struct canp_log_writer *writer, uint8_t channel)
{
    struct canp_iface_word *kept = &((struct writing *)writer->state)->words[channel];
    const char *name = canp_log_name(writer, channel);
    if (__builtin_expect(!kept->word.bytes || !canp_same_name(kept->name, name), 0)) {
        memcpy(kept->name, name, sizeof(kept->name));
        kept->word.bytes = (unsigned)(canp_put_iface(kept->word.text, name) - kept->word.text);
    }
    return &kept->word;
}

/* What is no frame. */
static int write_event(struct canp_log_writer *writer, const struct canp_record *record, unsigned style)
{
    if (!(writer->style & CANP_LOG_EVENTS)) {
        canp_log_lose(writer, record->kind == CANP_KIND_GAP    ? CANP_LOG_LOSS_GAPS
                              : record->kind == CANP_KIND_LINK ? CANP_LOG_LOSS_LINKS
                                                               : CANP_LOG_LOSS_MARKS);
        return 0;
    }
    char *room = canp_sink_room(&writer->sink, CANP_CANDUMP_LINE_BYTES);
    writer->sink.at += canp_candump_format(record, canp_log_name(writer, record->channel), style, room);
    return 0;
}

static int create(struct canp_log_writer *writer, struct canp_why *why)
{
    struct writing *state = writer->state;
    (void)why;
    state->style = (writer->style & CANP_LOG_MICROS ? CANP_CANDUMP_MICROS : 0) |
                   (writer->style & CANP_LOG_DIRECTION ? CANP_CANDUMP_DIRECTION : 0);
    return 0;
}

static int write_record(struct canp_log_writer *writer, const struct canp_record *record)
{
    struct writing *state = writer->state;
    unsigned style = state->style;
    if (__builtin_expect(!canp_kind_is_frame(record->kind), 0))
        return write_event(writer, record, style);
    if (__builtin_expect(record->dir != CANP_DIR_RX && !(style & CANP_CANDUMP_DIRECTION), 0))
        canp_log_lose(writer, CANP_LOG_LOSS_DIRECTION);
    char *room = canp_sink_room(&writer->sink, CANP_CANDUMP_LINE_BYTES);
    const struct canp_word *word = word_of(writer, record->channel);
    writer->sink.at = (uint8_t *)canp_candump_put_line(room, &state->seconds, record, word, style);
    return 0;
}

#define KEEPS                                                                                                \
    (CANP_LOG_FD | CANP_LOG_XL | CANP_LOG_REMOTE | CANP_LOG_ERRORS | CANP_LOG_RAW_DLC | CANP_LOG_DIRECTION | \
     CANP_LOG_NANOS | CANP_LOG_EPOCH | CANP_LOG_NAMES | CANP_LOG_TEXT | CANP_LOG_GAPS)

const struct canp_log_format canp_format_candump = {
    .info = {.name = "candump",
             .title = "candump's log (can-utils)",
             .suffixes = "log candump",
             .reads = CANP_LOG_READ | KEEPS,
             .writes = CANP_LOG_WRITE | KEEPS | CANP_LOG_LINKS | CANP_LOG_MARKS},
    .probe = probe,
    .reader_bytes = sizeof(struct reading),
    .next = next,
    .writer_bytes = sizeof(struct writing),
    .create = create,
    .write = write_record,
};
