/*
 * Writes any log: decides what a format cannot hold, and counts it.
 *
 * Invariant: a format's write() gets only records of kinds that its info.writes names and of channels that
 * are defined, and none after an error. One thread at a time.
 */
#include <canp/private/opts.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "formats/log_format.h"

/* ---- create -------------------------------------------------------------------------------------- */

static int start_format(struct canp_log_writer *writer, struct canp_why *why)
{
    writer->lacks = ~writer->format->info.writes;
    if (writer->style & CANP_LOG_MICROS)
        writer->lacks |= CANP_LOG_NANOS;
    if (writer->format->writer_bytes) {
        writer->state = calloc(1, writer->format->writer_bytes);
        if (!writer->state)
            return canp_fail(why, -ENOMEM, "no memory to write a log");
    }
    return writer->format->create ? writer->format->create(writer, why) : 0;
}

static int choose_format(struct canp_log_writer *writer, const char *path, const char *name,
                         struct canp_why *why)
{
    const struct canp_log_format_info *by_suffix = path ? canp_log_format_by_suffix(path) : NULL;
    const char *chosen = name ? name : by_suffix ? by_suffix->name : "canp";
    writer->format = canp_log_format_find(chosen);
    if (!writer->format)
        return canp_fail(why, -CANP_E_FORMAT, "no format is named '%s'", chosen);
    if (!writer->format->write)
        return canp_fail(why, -CANP_E_FORMAT, "%s cannot be written, only read", writer->format->info.title);
    return 0;
}

static struct canp_log_writer *new_writer(const char *path, const struct canp_log_write_opts *opts)
{
    struct canp_log_writer *writer = calloc(1, sizeof(*writer));
    if (!writer)
        return NULL;
    writer->sink.fd = -1;
    writer->path = path ? strdup(path) : NULL;
    writer->map = opts->map ? strdup(opts->map) : NULL;
    writer->style = opts->style;
    if ((path && !writer->path) || (opts->map && !writer->map)) {
        canp_log_abandon(writer);
        return NULL;
    }
    return writer;
}

static int hand_out(int r, struct canp_log_writer *writer, struct canp_log_writer **out)
{
    if (r < 0)
        canp_log_abandon(writer);
    else
        *out = writer;
    return r;
}

static int take_opts(const struct canp_log_write_opts *opts, struct canp_log_write_opts *taken,
                     struct canp_why *why)
{
    int r = canp_opts_take(taken, sizeof(*taken), sizeof(*taken), opts);
    return r < 0 ? canp_fail(why, r, "log: options that this release of libcanp does not know") : 0;
}

/* A writer whose bytes need no path. */
static int open_pathless(const char *name, const char *format, const struct canp_log_write_opts *opts,
                         struct canp_log_writer **out, struct canp_why *why)
{
    struct canp_log_write_opts taken;
    int r = take_opts(opts, &taken, why);
    if (r < 0)
        return r;
    *out = new_writer(NULL, &taken);
    if (!*out)
        return canp_fail(why, -ENOMEM, "no memory to write %s", name);
    r = choose_format(*out, NULL, format, why);
    if (r == 0 && (*out)->format->creates_path)
        r = canp_fail(why, -ESPIPE, "%s cannot be written to %s: it needs a name of its own",
                      (*out)->format->info.title, name);
    if (r < 0)
        canp_log_abandon(*out);
    return r;
}

int canp_log_writer_open_fd(int fd, const char *name, const char *format,
                            const struct canp_log_write_opts *opts, struct canp_log_writer **out,
                            struct canp_why *why)
{
    struct canp_log_writer *writer;
    int r = open_pathless(name, format, opts, &writer, why);
    if (r < 0)
        return r;
    r = canp_sink_open_fd(&writer->sink, fd);
    if (r == 0)
        r = start_format(writer, why);
    return hand_out(r, writer, out);
}

int canp_log_writer_open_to(canp_log_receiver *take, void *user, const char *name, const char *format,
                            const struct canp_log_write_opts *opts, struct canp_log_writer **out,
                            struct canp_why *why)
{
    struct canp_log_writer *writer;
    int r = open_pathless(name, format, opts, &writer, why);
    if (r < 0)
        return r;
    r = canp_sink_open_to(&writer->sink, take, user);
    if (r == 0)
        r = start_format(writer, why);
    return hand_out(r, writer, out);
}

int canp_log_writer_open(const char *path, const char *format, const struct canp_log_write_opts *opts,
                         struct canp_log_writer **out, struct canp_why *why)
{
    if (strcmp(path, "-") == 0)
        return canp_log_writer_open_fd(STDOUT_FILENO, "standard output", format, opts, out, why);
    struct canp_log_write_opts taken;
    int r = take_opts(opts, &taken, why);
    if (r < 0)
        return r;
    struct canp_log_writer *writer = new_writer(path, &taken);
    if (!writer)
        return canp_fail(why, -ENOMEM, "no memory to write %s", path);
    r = choose_format(writer, path, format, why);
    if (r == 0 && !writer->format->creates_path)
        r = canp_sink_open(&writer->sink, path, why);
    if (r == 0)
        r = start_format(writer, why);
    return hand_out(r, writer, out);
}

/* ---- write --------------------------------------------------------------------------------------- */

/* Every format that is written has it. */
static inline bool is_data_frame(const struct canp_record *record)
{
    return record->kind == CANP_KIND_CAN && !(record->frame->id & (CANP_ID_ERR | CANP_ID_RTR));
}

/* Left out as a whole, and counted? Of what is no classic data frame. */
static __attribute__((noinline)) bool is_lost(struct canp_log_writer *writer,
                                              const struct canp_record *record)
{
    static const struct {
        uint32_t capability;
        enum canp_log_loss loss;
    } of_kind[16] = {
        [CANP_KIND_FD] = {CANP_LOG_FD, CANP_LOG_LOSS_FD},
        [CANP_KIND_XL] = {CANP_LOG_XL, CANP_LOG_LOSS_XL},
        [CANP_KIND_GAP] = {CANP_LOG_GAPS, CANP_LOG_LOSS_GAPS},
        [CANP_KIND_LINK] = {CANP_LOG_LINKS, CANP_LOG_LOSS_LINKS},
        [CANP_KIND_MARK] = {CANP_LOG_MARKS, CANP_LOG_LOSS_MARKS},
        [CANP_KIND_CLOCK] = {CANP_LOG_CLOCKS, CANP_LOG_LOSS_CLOCKS},
    };
    uint32_t capability = record->kind < 16 ? of_kind[record->kind].capability : 0;
    enum canp_log_loss loss = record->kind < 16 ? of_kind[record->kind].loss : CANP_LOG_LOSS_OTHER;
    if (record->kind == CANP_KIND_CAN) {
        bool is_error = (record->frame->id & CANP_ID_ERR) != 0;
        capability = is_error ? CANP_LOG_ERRORS : CANP_LOG_REMOTE;
        loss = is_error ? CANP_LOG_LOSS_ERRORS : CANP_LOG_LOSS_REMOTE;
    } else if (!capability) {
        loss = CANP_LOG_LOSS_OTHER;
    }
    if (capability && !(writer->lacks & capability))
        return false;
    canp_log_lose(writer, loss);
    return true;
}

/* Fields that the format has no place for. */
static void count_lost_fields(struct canp_log_writer *writer, const struct canp_record *record)
{
    uint32_t lacks = writer->lacks;
    if (record->has_hw_time && (lacks & CANP_LOG_HW_TIME))
        canp_log_lose(writer, CANP_LOG_LOSS_HW_TIME);
    if (!(lacks & (CANP_LOG_DIRECTION | CANP_LOG_NANOS | CANP_LOG_RAW_DLC)))
        return;
    if ((lacks & CANP_LOG_DIRECTION) && record->dir != CANP_DIR_RX)
        canp_log_lose(writer, CANP_LOG_LOSS_DIRECTION);
    if ((lacks & CANP_LOG_NANOS) && record->time_ns % 1000)
        canp_log_lose(writer, CANP_LOG_LOSS_NANOS);
    if ((lacks & CANP_LOG_RAW_DLC) && record->kind == CANP_KIND_CAN && record->frame->len == 8 &&
        record->frame->len8_dlc > 8)
        canp_log_lose(writer, CANP_LOG_LOSS_RAW_DLC);
}

static __attribute__((noinline)) int define(struct canp_log_writer *writer, const struct canp_record *record)
{
    uint32_t writes = writer->format->info.writes;
    bool is_new = !writer->channels.of[record->channel].is_there;
    canp_channels_define(&writer->channels, record->channel, record->iface);
    if (is_new && (writes & CANP_LOG_NUMBERED))
        canp_channels_give_number(&writer->channels, record->channel, writer->map);
    if (is_new && !(writes & CANP_LOG_NAMES))
        canp_log_lose(writer, CANP_LOG_LOSS_NAMES);
    if (writes & CANP_LOG_IFACES)
        return writer->format->write(writer, record);
    if (record->iface->bitrate || record->iface->dbitrate)
        canp_log_lose(writer, CANP_LOG_LOSS_IFACES);
    return 0;
}

static int write_one(struct canp_log_writer *writer, const struct canp_record *record)
{
    if (__builtin_expect(record->kind == CANP_KIND_IFACE, 0))
        return define(writer, record);
    if (__builtin_expect(!writer->channels.of[record->channel].is_there, 0))
        return -EINVAL;
    if (__builtin_expect(!is_data_frame(record), 0) && is_lost(writer, record))
        return 0;
    count_lost_fields(writer, record);
    int r = writer->format->write(writer, record);
    writer->stats.records += r == 0;
    writer->stats.frames += r == 0 && canp_kind_is_frame(record->kind);
    return r;
}

int canp_log_write(struct canp_log_writer *writer, const struct canp_record *record)
{
    if (__builtin_expect(writer->error < 0, 0))
        return writer->error;
    int r = write_one(writer, record);
    if (__builtin_expect(r == 0, 1))
        r = writer->sink.error;
    if (__builtin_expect(r < 0, 0) && r != -EINVAL)
        writer->error = r;
    return r;
}

int canp_log_take(struct canp_log_writer *writer, const char **text, size_t *bytes)
{
    if (!writer->error && writer->format->flush)
        writer->error = writer->format->flush(writer);
    if (writer->error)
        return writer->error;
    *text = (const char *)writer->sink.buffer;
    *bytes = canp_sink_drop(&writer->sink);
    return 0;
}

int canp_log_flush(struct canp_log_writer *writer)
{
    int r = writer->error;
    if (r == 0 && writer->format->flush)
        r = writer->format->flush(writer);
    if (r == 0 && !writer->format->creates_path)
        r = canp_sink_flush(&writer->sink);
    return writer->error = r;
}

/* ---- the end ------------------------------------------------------------------------------------- */

int canp_log_finish(struct canp_log_writer *writer, struct canp_why *why)
{
    int r = writer->error ? writer->error : writer->sink.error;
    if (writer->format->finish && (r == 0 || writer->format->creates_path)) {
        int finished = writer->format->finish(writer);
        r = r < 0 ? r : finished;
    }
    if (r < 0)
        canp_fail(why, r, "cannot write %s: %s", writer->path ? writer->path : "the output",
                  canp_strerror(r));
    else if (!writer->format->creates_path)
        r = canp_sink_commit(&writer->sink, why);
    canp_log_abandon(writer);
    return r;
}

void canp_log_abandon(struct canp_log_writer *writer)
{
    if (!writer)
        return;
    if (writer->format && writer->format->discard && (writer->state || !writer->format->writer_bytes))
        writer->format->discard(writer);
    canp_sink_close(&writer->sink);
    free(writer->state);
    free(writer->path);
    free(writer->map);
    free(writer);
}

void canp_log_writer_stats(const struct canp_log_writer *writer, struct canp_log_write_stats *out)
{
    *out = writer->stats;
    if (!writer->format->creates_path)
        out->bytes = canp_sink_offset(&writer->sink);
}

const struct canp_iface *canp_log_writer_iface(const struct canp_log_writer *writer, uint8_t channel)
{
    return writer->channels.of[channel].is_there ? &writer->channels.of[channel].iface : NULL;
}

uint32_t canp_log_writer_number(const struct canp_log_writer *writer, uint8_t channel)
{
    return canp_log_writer_iface(writer, channel) ? writer->channels.of[channel].number : CANP_NO_NUMBER;
}
