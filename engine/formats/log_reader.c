/*
 * Reads any log: recognises its format, loops over its records, applies the selection, and defines channels.
 *
 * Invariant: a channel's IFACE record is lent before its first other record, and again when it changes;
 * after an error or the end of the selection nothing is lent. One thread at a time.
 */
#include <canp/private/opts.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "formats/foreign.h"
#include "formats/log_format.h"
#include "formats/recording.h"

/* ---- recognition --------------------------------------------------------------------------------- */

/* Asks each format in turn; UNSURE brings more bytes and all are asked again. */
static int recognise(struct canp_log_reader *reader, const char *name, struct canp_why *why)
{
    struct canp_source *source = &reader->source;
    for (size_t bytes = canp_source_there(source);;) {
        struct canp_log_head head = {source->at, canp_source_there(source), source->at_end, reader->path};
        struct canp_why what = {{0}};
        bool is_unsure = false;
        for (unsigned i = 0; canp_log_format_get(i); i++) {
            const struct canp_log_format *format = canp_log_format_get(i);
            enum canp_log_verdict verdict =
                format->probe && format->next ? format->probe(&head, &what) : CANP_LOG_NOT_MINE;
            if (verdict == CANP_LOG_MINE) {
                reader->format = format;
                return 0;
            }
            if (verdict == CANP_LOG_REFUSED)
                return canp_fail(why, -CANP_E_DAMAGED, "%s: %s", name, what.text);
            is_unsure |= verdict == CANP_LOG_UNSURE;
        }
        if (!is_unsure || source->at_end || bytes >= CANP_SOURCE_HEAD_MAX)
            return canp_log_tell_foreign(&head, name, why);
        int64_t n = canp_source_fill(source, canp_source_there(source) + 1);
        if (n < 0)
            return canp_fail(why, (int)n, "cannot read %s: %s", name, canp_strerror((int)n));
        bytes = (size_t)n;
    }
}

static int choose_format(struct canp_log_reader *reader, const char *name, const char *forced,
                         struct canp_why *why)
{
    if (!forced)
        return recognise(reader, name, why);
    reader->format = canp_log_format_find(forced);
    if (!reader->format)
        return canp_fail(why, -CANP_E_FORMAT, "no format is named '%s'", forced);
    if (!reader->format->next)
        return canp_fail(why, -CANP_E_FORMAT, "%s cannot be read, only written", reader->format->info.title);
    return 0;
}

/* ---- open and close ------------------------------------------------------------------------------ */

static int start_format(struct canp_log_reader *reader, struct canp_why *why)
{
    if (reader->format->by_path)
        canp_source_close(&reader->source);
    if (reader->format->reader_bytes) {
        reader->state = calloc(1, reader->format->reader_bytes);
        if (!reader->state)
            return canp_fail(why, -ENOMEM, "no memory to read %s", reader->path ? reader->path : "the log");
    }
    return reader->format->open ? reader->format->open(reader, why) : 0;
}

static struct canp_log_reader *new_reader(const char *path, const struct canp_log_read_opts *opts)
{
    struct canp_log_reader *reader = calloc(1, sizeof(*reader));
    if (!reader)
        return NULL;
    reader->opts = *opts;
    reader->owned_fd = -1;
    reader->source.fd = -1;
    reader->path = path ? strdup(path) : NULL;
    if (path && !reader->path) {
        free(reader);
        return NULL;
    }
    return reader;
}

struct canp_log_reader *canp_log_reader_make(const struct canp_log_format *format)
{
    struct canp_log_read_opts opts = CANP_LOG_READ_OPTS_INIT;
    struct canp_log_reader *reader = new_reader(NULL, &opts);
    if (!reader)
        return NULL;
    reader->state = calloc(1, format->reader_bytes);
    if (!reader->state) {
        free(reader);
        return NULL;
    }
    reader->format = format;
    return reader;
}

/* By a path that the format opens itself: a recording's directory. */
static int open_directory(struct canp_log_reader *reader, const char *forced, struct canp_why *why)
{
    reader->format = canp_log_format_find(forced ? forced : "canp");
    if (!reader->format || !reader->format->by_path)
        return canp_fail(why, -CANP_E_FORMAT, "%s is a directory, and no '%s'", reader->path, forced);
    return start_format(reader, why);
}

static int open_stream(struct canp_log_reader *reader, int fd, const char *name, const char *format,
                       struct canp_why *why)
{
    int r = canp_source_open(&reader->source, fd, name, reader->opts.stop, reader->opts.drain, why);
    if (r == 0)
        r = choose_format(reader, name, format, why);
    if (r == 0 && reader->format->by_path && (!reader->path || !reader->source.is_seekable))
        r = canp_fail(why, -ESPIPE, "%s: %s is read from a file by its name, not from a pipe", name,
                      reader->format->info.title);
    return r < 0 ? r : start_format(reader, why);
}

/* What stands there now, by its path.
 * O_NONBLOCK: opening a pipe without a writer must not wait for one here; reading does, and heeds the stop.
 */
static int open_path(struct canp_log_reader *reader, const char *format, struct canp_why *why)
{
    struct stat st;
    int fd = open(reader->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) < 0) {
        int error = -errno;
        if (fd >= 0)
            close(fd);
        return canp_fail(why, error, "cannot open %s: %s", reader->path, canp_strerror(error));
    }
    reader->owned_fd = fd;
    reader->can_rewind = S_ISREG(st.st_mode) || S_ISDIR(st.st_mode);
    if (S_ISDIR(st.st_mode))
        return open_directory(reader, format, why);
    return open_stream(reader, fd, reader->path, format, why);
}

static int hand_out(int r, struct canp_log_reader *reader, struct canp_log_reader **out)
{
    if (r < 0)
        canp_log_close(reader);
    else
        *out = reader;
    return r;
}

static int take_opts(const struct canp_log_read_opts *opts, struct canp_log_read_opts *taken,
                     struct canp_why *why)
{
    int r = canp_opts_take(taken, sizeof(*taken), sizeof(*taken), opts);
    return r < 0 ? canp_fail(why, r, "log: options that this release of libcanp does not know") : 0;
}

int canp_log_open_fd(int fd, const char *name, const struct canp_log_read_opts *opts,
                     struct canp_log_reader **out, struct canp_why *why)
{
    struct canp_log_read_opts taken;
    int r = take_opts(opts, &taken, why);
    if (r < 0)
        return r;
    struct canp_log_reader *reader = new_reader(NULL, &taken);
    if (!reader)
        return canp_fail(why, -ENOMEM, "no memory to read %s", name);
    return hand_out(open_stream(reader, fd, name, taken.format, why), reader, out);
}

int canp_log_open(const char *path, const struct canp_log_read_opts *opts, struct canp_log_reader **out,
                  struct canp_why *why)
{
    if (strcmp(path, "-") == 0)
        return canp_log_open_fd(STDIN_FILENO, "standard input", opts, out, why);
    struct canp_log_read_opts taken;
    int r = take_opts(opts, &taken, why);
    if (r < 0)
        return r;
    struct canp_log_reader *reader = new_reader(path, &taken);
    if (!reader)
        return canp_fail(why, -ENOMEM, "no memory to read %s", path);
    return hand_out(open_path(reader, taken.format, why), reader, out);
}

/* All that open_path() makes. */
static void close_file(struct canp_log_reader *reader)
{
    if (reader->format && reader->format->close && (reader->state || !reader->format->reader_bytes))
        reader->format->close(reader);
    canp_source_close(&reader->source);
    if (reader->owned_fd >= 0)
        close(reader->owned_fd);
    reader->owned_fd = -1;
    free(reader->state);
    reader->state = NULL;
}

void canp_log_close(struct canp_log_reader *reader)
{
    if (!reader)
        return;
    close_file(reader);
    free(reader->path);
    free(reader);
}

bool canp_log_can_rewind(const struct canp_log_reader *reader)
{
    return reader->can_rewind;
}

/* ---- selection ----------------------------------------------------------------------------------- */

static int64_t add_clamped(int64_t a, int64_t b)
{
    int64_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return b < 0 ? INT64_MIN : INT64_MAX;
    return sum;
}

/* Is the channel's interface among those asked for, by name or number? */
static bool is_wanted(const struct canp_log_reader *reader, uint8_t channel)
{
    const struct canp_channel *c = &reader->channels.of[channel];
    char number[16] = "";
    if (c->number != CANP_NO_NUMBER)
        snprintf(number, sizeof(number), "%u", c->number);
    for (unsigned i = 0; i < reader->selection.iface_count; i++) {
        if (strcmp(reader->selection.ifaces[i], c->iface.name) == 0 ||
            (number[0] && strcmp(reader->selection.ifaces[i], number) == 0))
            return true;
    }
    return false;
}

int canp_log_select(struct canp_log_reader *reader, const struct canp_log_selection *selection)
{
    struct canp_log_selection *s = &reader->selection;
    if (reader->has_begun)
        return -EBUSY;
    int r = canp_opts_take(s, sizeof(*s), sizeof(*s), selection);
    if (r < 0)
        return r;
    if (!s->has_from)
        s->from_ns = INT64_MIN;
    if (!s->has_to)
        s->to_ns = INT64_MAX;
    reader->has_selection = true;
    s->from_is_relative = s->from_is_relative && s->has_from;
    s->to_is_relative = s->to_is_relative && s->has_to;
    reader->asked = *s;
    return reader->format->select ? reader->format->select(reader, s) : 0;
}

static int start_again(struct canp_log_reader *reader, struct canp_why *why)
{
    int r = open_path(reader, reader->format->info.name, why);
    reader->selection = reader->asked;
    if (r == 0 && reader->has_selection && reader->format->select) {
        r = reader->format->select(reader, &reader->selection);
        if (r < 0)
            canp_fail(why, r, "cannot read %s: %s", reader->path, canp_strerror(r));
    }
    return r;
}

/* The channels stay as they are: a second pass meets the same ones. */
int canp_log_rewind(struct canp_log_reader *reader, struct canp_why *why)
{
    if (!reader->can_rewind)
        return canp_fail(why, -ESPIPE, "%s cannot be read twice: only a file can",
                         reader->path ? reader->path : "a pipe");
    close_file(reader);
    reader->stats = (struct canp_log_stats){0};
    reader->why = (struct canp_why){{0}};
    reader->clock = (struct canp_busclock)CANP_BUSCLOCK_INIT;
    reader->has_begun = reader->has_origin = reader->has_held = false;
    int r = start_again(reader, why);
    return reader->error = r < 0 ? r : 0;
}

/* Relative times count from the first frame, in bus time: that somebody set the clock does not matter. */
static bool is_in_relative_window(struct canp_log_reader *reader, const struct canp_record *record)
{
    struct canp_log_selection *s = &reader->selection;
    int64_t bus_ns = canp_busclock_time(&reader->clock, NULL, record);
    if (!reader->has_origin && !canp_kind_is_frame(record->kind))
        return !s->from_is_relative || s->from_ns <= 0;
    if (!reader->has_origin && s->from_is_relative)
        s->from_ns = add_clamped(bus_ns, s->from_ns);
    if (!reader->has_origin && s->to_is_relative)
        s->to_ns = add_clamped(bus_ns, s->to_ns);
    reader->has_origin = true;
    return (s->from_is_relative ? bus_ns : record->time_ns) >= s->from_ns &&
           (s->to_is_relative ? bus_ns : record->time_ns) <= s->to_ns;
}

static bool is_in_window(struct canp_log_reader *reader, const struct canp_record *record)
{
    const struct canp_log_selection *s = &reader->selection;
    if (s->from_is_relative || s->to_is_relative)
        return is_in_relative_window(reader, record);
    return record->time_ns >= s->from_ns && record->time_ns <= s->to_ns;
}

static bool is_selected(struct canp_log_reader *reader, const struct canp_record *record)
{
    const struct canp_log_selection *s = &reader->selection;
    if (record->kind == CANP_KIND_IFACE)
        return !s->kinds || (s->kinds >> record->kind & 1);
    if (!is_in_window(reader, record))
        return false;
    if (s->kinds && !(s->kinds >> record->kind & 1))
        return false;
    if (s->iface_count && !reader->wanted[record->channel])
        return false;
    if (!canp_kind_is_frame(record->kind))
        return true;
    return (!s->dirs || (s->dirs >> record->dir & 1)) && (!s->filter || canp_filter_match(s->filter, record));
}

/* ---- the one loop -------------------------------------------------------------------------------- */

/* The definition of the first channel, up to the one given, that was not lent yet. */
static bool define(struct canp_log_reader *reader, int64_t time_ns, struct canp_record *out)
{
    for (; reader->told < reader->channels.count; reader->told++) {
        struct canp_channel *c = &reader->channels.of[reader->told];
        if (!c->is_there || !c->is_changed)
            continue;
        c->is_changed = false;
        uint8_t channel = (uint8_t)reader->told;
        reader->wanted[channel] = reader->selection.iface_count && is_wanted(reader, channel);
        if (reader->selection.iface_count && !reader->wanted[channel])
            continue;
        *out = (struct canp_record){.time_ns = time_ns, .kind = CANP_KIND_IFACE, .channel = channel};
        out->iface = &c->iface;
        reader->told++;
        return true;
    }
    return false;
}

/* The next record of the format's, counted; one of an interface becomes a definition in the table. */
static int next_raw(struct canp_log_reader *reader, struct canp_record *out)
{
    int r = reader->format->next(reader, out);
    if (__builtin_expect(r != 1, 0)) {
        reader->error = r;
        if (r < 0 && !reader->why.text[0])
            canp_log_error(reader, r, "%s: %s", reader->path ? reader->path : "the log", canp_strerror(r));
        return r;
    }
    reader->stats.records++;
    reader->stats.frames += canp_kind_is_frame(out->kind);
    reader->has_begun = true;
    return r;
}

int canp_log_next(struct canp_log_reader *reader, struct canp_record *out)
{
    if (__builtin_expect(reader->has_held, 0)) {
        if (define(reader, reader->held.time_ns, out))
            return 1;
        *out = reader->held;
        reader->has_held = false;
        return 1;
    }
    for (;;) {
        if (__builtin_expect(reader->error < 0, 0))
            return reader->error;
        int r = next_raw(reader, out);
        if (__builtin_expect(r != 1, 0))
            return r;
        if (__builtin_expect(out->kind == CANP_KIND_IFACE, 0)) {
            canp_channels_define(&reader->channels, out->channel, out->iface);
            reader->told = out->channel < reader->told ? out->channel : reader->told;
            if (define(reader, out->time_ns, out))
                return 1;
            continue;
        }
        if (__builtin_expect(reader->told < reader->channels.count, 0)) {
            reader->held = *out;
            bool is_defined = define(reader, reader->held.time_ns, out);
            if (reader->has_selection && !is_selected(reader, &reader->held)) {
                if (is_defined)
                    return 1;
                continue;
            }
            reader->has_held = is_defined;
            if (!is_defined)
                *out = reader->held;
            return 1;
        }
        if (__builtin_expect(!reader->has_selection, 1) || is_selected(reader, out))
            return 1;
    }
}

int canp_log_refresh(struct canp_log_reader *reader)
{
    if (reader->error < 0)
        return reader->error;
    return reader->format->refresh ? reader->format->refresh(reader) : canp_source_refresh(&reader->source);
}

bool canp_log_is_live(const struct canp_log_reader *reader)
{
    if (reader->format->is_live)
        return reader->format->is_live(reader);
    return (reader->format->info.reads & CANP_LOG_TEXT) && reader->source.is_seekable;
}

bool canp_log_is_abandoned(const struct canp_log_reader *reader)
{
    const struct canp_reader *recording = canp_recording_of(reader);
    return recording && canp_reader_is_abandoned(recording);
}

/* ---- what is known -------------------------------------------------------------------------------- */

const struct canp_log_format_info *canp_log_reader_format(const struct canp_log_reader *reader)
{
    return &reader->format->info;
}

const char *canp_log_why(const struct canp_log_reader *reader)
{
    return reader->why.text;
}

unsigned canp_log_iface_count(const struct canp_log_reader *reader)
{
    return reader->channels.count;
}

const struct canp_iface *canp_log_iface(const struct canp_log_reader *reader, uint8_t channel)
{
    bool is_there = channel < reader->channels.count && reader->channels.of[channel].is_there;
    return is_there ? &reader->channels.of[channel].iface : NULL;
}

uint32_t canp_log_iface_number(const struct canp_log_reader *reader, uint8_t channel)
{
    return canp_log_iface(reader, channel) ? reader->channels.of[channel].number : CANP_NO_NUMBER;
}

const struct canp_log_stats *canp_log_reader_stats(struct canp_log_reader *reader)
{
    if (!reader->format->by_path) {
        reader->stats.lines = reader->source.line;
        reader->stats.bytes = canp_source_offset(&reader->source);
    }
    return &reader->stats;
}
