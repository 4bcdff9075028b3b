/*
 * canp's own recordings as a format of canp/log.h, so that programs which use that API can read and write
 * them. Records are lent from the mapping; the cursor applies the selection and skips what cannot match. One
 * thread.
 */
#include <errno.h>
#include <stdlib.h>

#include <canp/busclock.h>
#include <canp/reader.h>
#include <canp/writer.h>

#include "formats/log_format.h"
#include "formats/recording.h"
#include "read/cursor_priv.h"
#include "segment/format.h"

struct reading {
    struct canp_reader *reader;
    struct canp_cursor *cursor;
    uint32_t damaged;      /* places told */
    struct canp_gap *gaps; /* of damaged places, to be lent before what the cursor lends next */
    unsigned gap_count, gaps_lent, gap_room;
    struct canp_record kept; /* comes behind them, */
    int kept_result;         /* with this */
    bool has_bus_window;     /* from_ns and to_ns are bus time */
    int64_t from_ns, to_ns;
    struct canp_busclock clock;
};

static enum canp_log_verdict probe(const struct canp_log_head *head, struct canp_why *what)
{
    static const uint8_t magic[8] = SEG_MAGIC;
    const char *dot = head->path ? strrchr(head->path, '.') : NULL;
    (void)what;
    if (dot && strcmp(dot, ".canp") == 0) /* also with a damaged beginning */
        return CANP_LOG_MINE;
    if (head->length < sizeof(magic))
        return head->at_end ? CANP_LOG_NOT_MINE : CANP_LOG_UNSURE;
    return memcmp(head->bytes, magic, sizeof(magic)) == 0 ? CANP_LOG_MINE : CANP_LOG_NOT_MINE;
}

/* The channels that the recording names, before the first record. */
static void name_channels(struct canp_log_reader *reader)
{
    const struct reading *state = reader->state;
    for (unsigned c = 0; c < canp_reader_iface_count(state->reader); c++) {
        const struct canp_iface *iface = canp_reader_iface(state->reader, (uint8_t)c);
        if (iface)
            canp_channels_define(&reader->channels, (uint8_t)c, iface);
    }
}

/* A gap stands where the damage was. What finds no memory is still counted as damage. */
static void note_damage(void *user, const struct canp_damage *damage)
{
    struct canp_log_reader *reader = user;
    struct reading *state = reader->state;
    int64_t from_ns = damage->from_ns == INT64_MIN ? damage->to_ns : damage->from_ns;
    int64_t to_ns = damage->to_ns == INT64_MAX ? from_ns : damage->to_ns;
    if (reader->opts.on_damage)
        reader->opts.on_damage(reader->opts.user, damage);
    if (!reader->opts.damage_as_gaps)
        return;
    if (state->gap_count == state->gap_room) {
        unsigned room = state->gap_room ? 2 * state->gap_room : 16;
        struct canp_gap *gaps = realloc(state->gaps, room * sizeof(*gaps));
        if (!gaps)
            return;
        state->gaps = gaps;
        state->gap_room = room;
    }
    state->gaps[state->gap_count++] = (struct canp_gap){.layer = CANP_LAYER_STORE,
                                                        .bytes = sizeof(struct canp_gap),
                                                        .lost = damage->frames,
                                                        .from_ns = from_ns == INT64_MAX ? 0 : from_ns,
                                                        .to_ns = to_ns == INT64_MAX ? 0 : to_ns};
}

static void set_damage_options(struct canp_log_reader *reader, struct canp_cursor_opts *opts)
{
    if (!reader->opts.on_damage && !reader->opts.damage_as_gaps)
        return;
    opts->on_damage = note_damage;
    opts->user = reader;
}

static int open_recording(struct canp_log_reader *reader, struct canp_why *why)
{
    struct reading *state = reader->state;
    struct canp_reader_opts how = CANP_READER_OPTS_INIT;
    how.stop = reader->opts.stop;
    int r = canp_reader_open_opts(reader->path, &how, &state->reader, why);
    if (r < 0)
        return r;
    struct canp_cursor_opts opts = CANP_CURSOR_OPTS_INIT;
    name_channels(reader);
    set_damage_options(reader, &opts);
    r = canp_cursor_open(state->reader, &opts, &state->cursor);
    return r < 0 ? canp_fail(why, r, "cannot read %s: %s", reader->path, canp_strerror(r)) : 0;
}

static void close_recording(struct canp_log_reader *reader)
{
    struct reading *state = reader->state;
    canp_cursor_close(state->cursor);
    canp_reader_close(state->reader);
    free(state->gaps);
}

struct canp_reader *canp_recording_of(const struct canp_log_reader *reader)
{
    return reader->format == &canp_format_canp ? ((const struct reading *)reader->state)->reader : NULL;
}

/* Is the record within a window of bus time? Definitions always are. */
static bool is_in_window(struct reading *state, const struct canp_record *record)
{
    int64_t bus_ns = canp_busclock_time(&state->clock, state->cursor, record);
    return record->kind == CANP_KIND_IFACE || (bus_ns >= state->from_ns && bus_ns <= state->to_ns);
}

/* The next gap of those that wait. */
static int lend_gap(struct reading *state, struct canp_record *out)
{
    const struct canp_gap *gap = &state->gaps[state->gaps_lent++];
    *out = (struct canp_record){.time_ns = gap->to_ns, .kind = CANP_KIND_GAP, .gap = gap};
    return 1;
}

/* What the cursor lends, of bus time within the window. */
static int next_of_cursor(struct canp_log_reader *reader, struct canp_record *out)
{
    struct reading *state = reader->state;
    int r;
    do
        r = canp_cursor_next(state->cursor, out);
    while (r == 1 && __builtin_expect(state->has_bus_window, 0) && !is_in_window(state, out));
    for (; __builtin_expect(state->damaged < state->cursor->damaged, 0); state->damaged++)
        canp_log_bad_object(reader, "damaged place", 0);
    return r;
}

/* Gaps of damage come before the record behind it, which is kept meanwhile: the cursor has lent it already.
 */
static int next(struct canp_log_reader *reader, struct canp_record *out)
{
    struct reading *state = reader->state;
    if (__builtin_expect(state->gap_count == 0, 1)) {
        int r = next_of_cursor(reader, out);
        if (__builtin_expect(state->gap_count == 0, 1))
            return r;
        state->kept = *out;
        state->kept_result = r;
    }
    if (state->gaps_lent < state->gap_count)
        return lend_gap(state, out);
    state->gap_count = state->gaps_lent = 0;
    *out = state->kept;
    return state->kept_result;
}

static int64_t behind(int64_t start_ns, int64_t distance_ns)
{
    int64_t sum;
    if (__builtin_add_overflow(start_ns, distance_ns, &sum))
        return distance_ns < 0 ? INT64_MIN : INT64_MAX;
    return sum;
}

/* Relative times are bus time. Where the clock was never set stamps will do, and what is not wanted is not
 * read. */
static int resolve_window(struct canp_log_reader *reader, struct canp_log_selection *s)
{
    struct reading *state = reader->state;
    struct canp_bus_span span = {0};
    struct canp_info info;
    int r = canp_reader_info_quick(state->reader, &info);
    if (r == 0)
        r = canp_busclock_span(state->reader, &info, &span);
    int64_t start_ns = span.first_ns; /* the first record of all names an interface, at any time */
    if (r == 0 && span.plain)
        r = canp_reader_start(state->reader, &start_ns);
    if (r < 0)
        return r;
    if (!span.plain && ((s->has_from && !s->from_is_relative) || (s->has_to && !s->to_is_relative)))
        return canp_log_error(
            reader, -EINVAL,
            "the clock of %s was set: both ends of the window are told from its beginning, or neither",
            reader->path);
    if (s->from_is_relative)
        s->from_ns = behind(start_ns, s->from_ns);
    if (s->to_is_relative)
        s->to_ns = behind(start_ns, s->to_ns);
    s->from_is_relative = s->to_is_relative = false;
    if (span.plain)
        return 0;
    state->has_bus_window = true;
    state->from_ns = s->from_ns;
    state->to_ns = s->to_ns;
    s->from_ns = INT64_MIN; /* stamps say nothing then */
    s->to_ns = INT64_MAX;
    return 0;
}

static int apply_selection(struct canp_log_reader *reader, struct canp_log_selection *selection)
{
    struct reading *state = reader->state;
    struct canp_cursor_opts opts = CANP_CURSOR_OPTS_INIT;
    struct canp_cursor *cursor;
    int r = selection->from_is_relative || selection->to_is_relative ? resolve_window(reader, selection) : 0;
    if (r < 0)
        return r;
    opts.from_ns = selection->from_ns;
    opts.to_ns = selection->to_ns;
    opts.filter = selection->filter;
    if (selection->kinds) /* definitions name channels, clock records make bus time */
        opts.kinds = selection->kinds | 1U << CANP_KIND_IFACE | 1U << CANP_KIND_CLOCK;
    opts.dirs = selection->dirs;
    set_damage_options(reader, &opts);
    r = canp_cursor_open(state->reader, &opts, &cursor);
    if (r < 0)
        return r;
    canp_cursor_close(state->cursor);
    state->cursor = cursor;
    return 0;
}

static int refresh(struct canp_log_reader *reader)
{
    return canp_reader_refresh(((struct reading *)reader->state)->reader);
}

static bool is_live(const struct canp_log_reader *reader)
{
    return canp_reader_may_grow(((const struct reading *)reader->state)->reader);
}

/* ---- writing --------------------------------------------------------------------------------------- */

struct writing {
    struct canp_writer *writer;
};

static int create(struct canp_log_writer *writer, struct canp_why *why)
{
    struct canp_writer_opts opts = CANP_WRITER_OPTS_INIT;
    opts.pack = (writer->style & CANP_LOG_PACK) != 0;
    return canp_writer_open(writer->path, &opts, &((struct writing *)writer->state)->writer, why);
}

static int write_record(struct canp_log_writer *writer, const struct canp_record *record)
{
    struct writing *state = writer->state;
    if (record->kind == CANP_KIND_IFACE)
        return canp_writer_add_iface(state->writer, record->channel, record->iface, record->time_ns);
    return canp_writer_put(state->writer, record);
}

static int flush(struct canp_log_writer *writer)
{
    return canp_writer_flush(((struct writing *)writer->state)->writer);
}

static int finish(struct canp_log_writer *writer)
{
    struct writing *state = writer->state;
    return canp_writer_finish(state->writer);
}

static void discard(struct canp_log_writer *writer)
{
    canp_writer_close(((struct writing *)writer->state)->writer);
}

#define KEEPS                                                                                                \
    (CANP_LOG_FD | CANP_LOG_XL | CANP_LOG_REMOTE | CANP_LOG_ERRORS | CANP_LOG_RAW_DLC | CANP_LOG_DIRECTION | \
     CANP_LOG_NANOS | CANP_LOG_EPOCH | CANP_LOG_HW_TIME | CANP_LOG_NAMES | CANP_LOG_IFACES | CANP_LOG_GAPS | \
     CANP_LOG_LINKS | CANP_LOG_MARKS | CANP_LOG_CLOCKS)

const struct canp_log_format canp_format_canp = {
    .info = {.name = "canp",
             .title = "a recording of canp",
             .suffixes = "canp",
             .reads = CANP_LOG_READ | CANP_LOG_SEEK | KEEPS,
             .writes = CANP_LOG_WRITE | KEEPS},
    .probe = probe,
    .by_path = true,
    .reader_bytes = sizeof(struct reading),
    .open = open_recording,
    .next = next,
    .close = close_recording,
    .select = apply_selection,
    .refresh = refresh,
    .is_live = is_live,
    .creates_path = true,
    .writer_bytes = sizeof(struct writing),
    .create = create,
    .write = write_record,
    .flush = flush,
    .finish = finish,
    .discard = discard,
};
