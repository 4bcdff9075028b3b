/*
 * Vector's ASC as a format of canp/log.h: reads the header and stamps; asc_frame.c reads the frames.
 *
 * Times: a stamp counts from the date of the header or of the trigger block, or from the line before
 * (`timestamps relative`). There are files whose stamps are Unix times: a stamp that would be in 2001 or
 * later as a Unix time is one, whatever the header says. One thread.
 */
#include "formats/asc/asc_parts.h"
#include "formats/text/civil.h"
#include "formats/text/event_text.h"

#define UNIX_TIMES_FROM_NS INT64_C(1000000000000000000) /* 2001-09-09; 31 years are no measurement */

struct reading {
    bool is_decimal, is_relative;
    bool has_date;        /* of the header */
    bool is_new_block;    /* its date is to be weighed against the first stamp behind it */
    bool has_exact_start; /* our own writer's word counts more than a date in local time */
    int64_t base_ns;      /* what stamps count from */
    int64_t date_ns, block_ns;
    int64_t last_ns; /* relative: the line before */
    bool has_error;  /* what an error frame says was told: of the next one of this channel */
    uint8_t error_channel;
    union canp_frame_store error;
};

/* ---- the header ------------------------------------------------------------------------------------ */

/* Does the line begin with these words, whatever the letters' case and the blanks? */
static bool takes_words(struct canp_text *t, const char *first, const char *second)
{
    struct canp_text again = *t, word;
    if (!canp_take_word(&again, &word) || !canp_text_is(&word, first))
        return false;
    if (second && (!canp_take_word(&again, &word) || !canp_text_is(&word, second)))
        return false;
    *t = again;
    return true;
}

static bool takes_base(struct canp_text t, struct reading *state)
{
    struct canp_text word;
    if (!takes_words(&t, "base", NULL) || !canp_take_word(&t, &word))
        return false;
    bool is_decimal = canp_text_is(&word, "dec");
    if (!is_decimal && !canp_text_is(&word, "hex"))
        return false;
    state->is_decimal = is_decimal;
    state->is_relative = takes_words(&t, "timestamps", "relative");
    return true;
}

static void take_date(struct canp_log_reader *reader, struct canp_text t, struct canp_text line,
                      bool is_block)
{
    struct reading *state = reader->state;
    int64_t time_ns;
    canp_skip_blanks(&t);
    if (t.at == t.end)
        return; /* a block without one */
    if (canp_asc_date(t, &time_ns) < 0) {
        canp_log_bad_line(reader,
                          "the date is none that is known (English or German): times may count from 1970",
                          line.at, (size_t)(line.end - line.at));
        return;
    }
    if (state->has_exact_start)
        return;
    if (is_block && state->has_date) {
        state->block_ns = time_ns;
        state->is_new_block = true;
    } else {
        state->base_ns = state->date_ns = state->last_ns = time_ns;
        state->has_date = true;
    }
}

/* Do stamps count from the block's date or from the header's? From that which puts the first nearer to the
 * block's date: a block is written around its trigger. */
static void weigh_block(struct reading *state, int64_t stamp_ns)
{
    int64_t since_date_ns = 0;
    state->is_new_block = false;
    if (__builtin_sub_overflow(state->block_ns, state->date_ns, &since_date_ns))
        return;
    uint64_t by_date = (uint64_t)(stamp_ns > since_date_ns ? (uint64_t)stamp_ns - (uint64_t)since_date_ns
                                                           : (uint64_t)since_date_ns - (uint64_t)stamp_ns);
    uint64_t by_block = (uint64_t)(stamp_ns < 0 ? 0 - (uint64_t)stamp_ns : (uint64_t)stamp_ns);
    state->base_ns = by_block < by_date ? state->block_ns : state->date_ns;
    state->last_ns = state->base_ns;
}

/* ---- comments ---------------------------------------------------------------------------------------- */

/* What the next error frame of a channel says. */
static void keep_error(struct reading *state, const struct canp_frame *frame, uint8_t channel)
{
    memcpy(&state->error, frame, sizeof(state->error));
    state->error_channel = channel;
    state->has_error = true;
}

static void apply_error(struct reading *state, struct canp_frame *frame, uint8_t channel)
{
    if (state->has_error && state->error_channel == channel)
        memcpy(frame, &state->error, sizeof(state->error));
    state->has_error = false;
}

/* An interface's name and rates; a name that another channel has is not given twice. */
static int lend_iface(struct canp_log_reader *reader, const struct canp_event_text *event, int64_t time_ns,
                      struct canp_record *out)
{
    struct canp_iface *iface = (struct canp_iface *)reader->store.bytes;
    int channel = canp_log_channel_numbered(reader, event->number);
    if (channel < 0)
        return channel;
    for (unsigned i = 0; i < reader->channels.count; i++) {
        if (i != (unsigned)channel && canp_same_name(reader->channels.of[i].iface.name, iface->name))
            memcpy(iface->name, reader->channels.of[channel].iface.name, sizeof(iface->name));
    }
    return canp_log_lend(reader, out, time_ns, CANP_KIND_IFACE, (uint8_t)channel, CANP_DIR_RX);
}

/* `Comment: 0 canp …`: 1 a record, 0 none, or an error. */
static int take_comment(struct canp_log_reader *reader, struct canp_text t, struct canp_text line,
                        int64_t time_ns, struct canp_record *out)
{
    struct canp_event_text event;
    struct canp_text word;
    bool is_event = takes_words(&t, "Comment:", NULL) && canp_take_word(&t, &word);
    canp_skip_blanks(&t);
    int r = is_event ? canp_take_event_text(t, &reader->store, &event) : 0;
    if (r < 0)
        canp_log_bad_line(reader, "canp's own comment is damaged", line.at, (size_t)(line.end - line.at));
    if (r == 0 || (r > 0 && event.what == CANP_EVENT_TEXT_START))
        canp_log_pass(reader, "comments");
    if (r <= 0 || event.what == CANP_EVENT_TEXT_START)
        return 0;
    if (event.kind == CANP_KIND_IFACE)
        return lend_iface(reader, &event, time_ns, out);
    int channel = canp_channels_padded(&reader->channels, event.iface);
    if (channel < 0)
        return channel;
    if (event.what == CANP_EVENT_TEXT_ERROR) {
        keep_error(reader->state, &reader->store.frame, (uint8_t)channel);
        return 0;
    }
    return canp_log_lend(reader, out, time_ns, event.kind, (uint8_t)channel, CANP_DIR_RX);
}

/* Lines without a stamp. */
static void take_header_line(struct canp_log_reader *reader, struct canp_text line)
{
    struct reading *state = reader->state;
    struct canp_text t = line;
    struct canp_event_text event;
    canp_skip_blanks(&t);
    if (t.at == t.end || takes_base(t, state) || takes_words(&t, "internal", "events") ||
        takes_words(&t, "no", "internal") || takes_words(&t, "End", "TriggerBlock"))
        return;
    if (takes_words(&t, "date", NULL)) {
        take_date(reader, t, line, false);
    } else if (takes_words(&t, "Begin", "TriggerBlock")) {
        take_date(reader, t, line, true);
    } else if (canp_take_text(&t, "//")) {
        canp_skip_blanks(&t);
        if (canp_take_event_text(t, &reader->store, &event) > 0 && event.what == CANP_EVENT_TEXT_START) {
            state->base_ns = state->last_ns = event.start_ns;
            state->has_exact_start = true;
        } else {
            canp_log_pass(reader, "comments");
        }
    } else {
        canp_log_bad_line(reader, "is neither a header line nor an event", line.at,
                          (size_t)(line.end - line.at));
    }
}

/* ---- lines with a stamp ------------------------------------------------------------------------------ */

/* The time of a stamp; false when it is beyond what can be. */
static inline bool place_stamp(struct reading *state, int64_t stamp_ns, int64_t *time_ns)
{
    if (__builtin_expect(state->is_new_block, 0))
        weigh_block(state, stamp_ns);
    if (__builtin_expect(state->is_relative, 0)) {
        bool is_good = !__builtin_add_overflow(state->last_ns, stamp_ns, time_ns);
        state->last_ns = is_good ? *time_ns : state->last_ns;
        return is_good;
    }
    int64_t base_ns = stamp_ns >= UNIX_TIMES_FROM_NS && !state->has_exact_start ? 0 : state->base_ns;
    return !__builtin_add_overflow(base_ns, stamp_ns, time_ns);
}

/* One line: 1 a record, 0 none, or an error. */
static inline int take_line(struct canp_log_reader *reader, struct canp_text line, struct canp_record *out)
{
    struct reading *state = reader->state;
    struct canp_text t = line;
    struct canp_asc_line frame;
    int64_t stamp_ns, time_ns;
    canp_skip_blanks(&t);
    if (__builtin_expect((unsigned)(canp_peek(&t) - '0') > 9, 0) && canp_peek(&t) != '-') {
        take_header_line(reader, line);
        return 0;
    }
    if (__builtin_expect(canp_take_seconds(&t, &stamp_ns) < 0 || !place_stamp(state, stamp_ns, &time_ns),
                         0)) {
        canp_log_bad_line(reader, "the stamp cannot be read", line.at, (size_t)(line.end - line.at));
        return 0;
    }
    enum canp_asc_verdict verdict = canp_asc_frame(t, state->is_decimal, &reader->store, &frame);
    if (__builtin_expect(verdict == CANP_ASC_OTHER, 0)) {
        if (strcmp(frame.what, "comments") == 0)
            return take_comment(reader, t, line, time_ns, out);
        canp_log_pass(reader, frame.what);
        return 0;
    }
    if (__builtin_expect(verdict == CANP_ASC_BAD, 0)) {
        canp_log_bad_line(reader, frame.what, line.at, (size_t)(line.end - line.at));
        return 0;
    }
    int channel = canp_log_channel_numbered(reader, frame.number);
    if (channel < 0)
        return channel;
    if (__builtin_expect(frame.is_error, 0))
        apply_error(state, &reader->store.frame, (uint8_t)channel);
    return canp_log_lend(reader, out, time_ns, frame.kind, (uint8_t)channel, frame.dir);
}

static int next(struct canp_log_reader *reader, struct canp_record *out)
{
    const char *text;
    size_t bytes;
    int r;
    while ((r = canp_source_line(&reader->source, &text, &bytes)) == 1) {
        struct canp_text line = {text, text + bytes};
        if (__builtin_expect(reader->source.is_cut, 0)) {
            canp_log_bad_line(reader, "the line is too long", text, bytes);
            continue;
        }
        canp_trim_end(&line);
        r = take_line(reader, line, out);
        if (r != 0)
            return r;
    }
    return r;
}

/* ---- recognition ------------------------------------------------------------------------------------- */

static int judge(const char *text, size_t bytes)
{
    struct reading state;
    union canp_log_store store;
    struct canp_asc_line frame;
    struct canp_text line = {text, text + bytes};
    int64_t ns;
    canp_trim_end(&line);
    canp_skip_blanks(&line);
    struct canp_text t = line;
    if (t.at == t.end || canp_take_text(&t, "//"))
        return 0;
    if (takes_words(&t, "date", NULL))
        return canp_asc_date(t, &ns) == 0 ? 1 : 0;
    if (takes_base(t, &state) || takes_words(&t, "Begin", "TriggerBlock") ||
        takes_words(&t, "internal", "events") || takes_words(&t, "no", "internal"))
        return 1;
    if (canp_take_seconds(&t, &ns) < 0 || (canp_peek(&t) != ' ' && canp_peek(&t) != '\t'))
        return -1;
    return canp_asc_frame(t, false, &store, &frame) == CANP_ASC_FRAME ? 1 : -1;
}

static enum canp_log_verdict probe(const struct canp_log_head *head, struct canp_why *what)
{
    (void)what;
    return canp_log_probe_lines(head, judge);
}

#define HOLDS                                                                                                \
    (CANP_LOG_FD | CANP_LOG_XL | CANP_LOG_REMOTE | CANP_LOG_ERRORS | CANP_LOG_RAW_DLC | CANP_LOG_DIRECTION | \
     CANP_LOG_NANOS | CANP_LOG_EPOCH | CANP_LOG_NAMES | CANP_LOG_IFACES | CANP_LOG_NUMBERED |                \
     CANP_LOG_GAPS | CANP_LOG_LINKS | CANP_LOG_MARKS | CANP_LOG_CLOCKS | CANP_LOG_TEXT)

const struct canp_log_format canp_format_asc = {
    .info = {.name = "asc",
             .title = "Vector ASC",
             .suffixes = "asc",
             .reads = CANP_LOG_READ | HOLDS,
             .writes = CANP_LOG_WRITE | HOLDS},
    .probe = probe,
    .reader_bytes = sizeof(struct reading),
    .next = next,
    .writer_bytes = sizeof(struct canp_asc_writing),
    .write = canp_asc_write,
    .finish = canp_asc_finish,
};
