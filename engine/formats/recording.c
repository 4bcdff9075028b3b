/*
 * canp's own recordings as a format of canp/log.h, so that every program that reads logs reads them, and
 * writes them.
 *
 * Records are lent from the mapping; the selection goes to the cursor, which passes over what cannot match.
 */
#include <errno.h>
#include <stdio.h>

#include <canp/reader.h>
#include <canp/writer.h>

#include "formats/log_format.h"
#include "segment/format.h"

struct reading {
    struct canp_reader *reader;
    struct canp_cursor *cursor;
    uint32_t damaged; /* places told */
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

static int open_recording(struct canp_log_reader *reader, struct canp_why *why)
{
    struct reading *state = reader->state;
    int r = canp_reader_open(reader->path, &state->reader, why);
    if (r < 0)
        return r;
    name_channels(reader);
    r = canp_cursor_open(state->reader, NULL, &state->cursor);
    return r < 0 ? canp_fail(why, r, "cannot read %s: %s", reader->path, canp_strerror(r)) : 0;
}

static void close_recording(struct canp_log_reader *reader)
{
    struct reading *state = reader->state;
    canp_cursor_close(state->cursor);
    canp_reader_close(state->reader);
}

static int next(struct canp_log_reader *reader, struct canp_record *out)
{
    struct reading *state = reader->state;
    int r = canp_cursor_next(state->cursor, out);
    uint32_t damaged = canp_cursor_damaged(state->cursor);
    for (; __builtin_expect(state->damaged < damaged, 0); state->damaged++)
        canp_log_bad_object(reader, "damaged place", 0);
    return r;
}

static int apply_selection(struct canp_log_reader *reader, const struct canp_log_selection *selection)
{
    struct reading *state = reader->state;
    struct canp_cursor_opts opts = CANP_CURSOR_OPTS_INIT;
    struct canp_cursor *cursor;
    opts.from_ns = selection->from_ns;
    opts.to_ns = selection->to_ns;
    opts.filter = selection->filter;
    opts.kinds = selection->kinds ? selection->kinds | 1U << CANP_KIND_IFACE : 0;
    opts.dirs = selection->dirs;
    int r = canp_cursor_open(state->reader, &opts, &cursor);
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
    return canp_reader_is_live(((const struct reading *)reader->state)->reader);
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
