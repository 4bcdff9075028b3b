/*
 * canp convert: recordings from and to the formats of others.
 *
 * A table says which formats there are; each side of a conversion is a recording or one of them. Lines that
 * cannot be read are named and counted, never swallowed. Main thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <canp/candump.h>
#include <canp/private/cleanup.h>
#include <canp/reader.h>
#include <canp/writer.h>

#include "lib/commands.h"
#include "lib/opts.h"
#include "lib/outbuf.h"
#include "lib/select.h"
#include "lib/stop.h"

#define CHANNELS_MAX 255

struct convert {
    const char *command;
    const char *in, *out;
    unsigned style;
    uint64_t records;
    bool from_file; /* else from a pipe or terminal */
};

static int fail(const struct convert *c, int r)
{
    return opts_fail(c->command, CANP_EXIT_ENVIRONMENT, "%s", canp_strerror(r));
}

static bool is_stream(const char *path)
{
    return strcmp(path, "-") == 0;
}

/* ---- candump log -> recording ------------------------------------------------------------------ */

struct import {
    struct canp_writer *writer;
    unsigned channel_count;
    char names[CHANNELS_MAX][CANP_IFACE_NAME_BYTES];
};

/* The channel of that name, a new one if need be; or a negative error. */
static int channel_of(struct import *im, const struct canp_candump_line *line)
{
    for (unsigned i = 0; i < im->channel_count; i++) {
        if (memcmp(im->names[i], line->iface, CANP_IFACE_NAME_BYTES) == 0)
            return (int)i;
    }
    if (im->channel_count == CHANNELS_MAX)
        return -CANP_E_TOO_MANY;
    struct canp_iface iface = {.bytes = sizeof(iface)};
    memcpy(iface.name, line->iface, sizeof(iface.name));
    memcpy(im->names[im->channel_count], line->iface, CANP_IFACE_NAME_BYTES);
    int r = canp_writer_add_iface(im->writer, (uint8_t)im->channel_count, &iface, line->time_ns);
    return r < 0 ? r : (int)im->channel_count++;
}

/* What a signal ends: a file is left where it is; from a pipe all is read that its writer, who has mostly got
 * the same signal, still says. A second signal kills. */
static bool is_stopped(const struct convert *c)
{
    return stop_requested && c->from_file;
}

static int import_lines(struct convert *c, struct import *im, struct canp_candump_reader *reader)
{
    static struct canp_candump_line line;
    struct canp_record record;
    int r;
    while ((r = is_stopped(c) ? -EINTR : canp_candump_next(reader, &line)) == 1) {
        int channel = channel_of(im, &line);
        if (channel < 0)
            return channel;
        canp_candump_record(&line, (uint8_t)channel, &record);
        r = canp_writer_put(im->writer, &record);
        if (r < 0)
            return r;
        c->records++;
    }
    return r;
}

static int tell_bad_lines(const struct convert *c, const struct canp_candump_stats *s)
{
    const char *name = is_stream(c->in) ? "stdin" : c->in;
    for (uint64_t i = 0; i < s->bad && i < CANP_CANDUMP_BAD_MAX; i++)
        opts_fail(c->command, 0, "%s:%llu: cannot be read: %s", name, (unsigned long long)s->first[i].line,
                  s->first[i].text);
    if (s->bad)
        return opts_fail(c->command, CANP_EXIT_FINDING, "%s: %llu of %llu lines cannot be read", name,
                         (unsigned long long)s->bad, (unsigned long long)s->lines);
    if (s->records == 0)
        return opts_fail(c->command, CANP_EXIT_FINDING, "%s: no frame in it", name);
    return CANP_EXIT_DONE;
}

/* What has been read before an error is kept. */
static int import_all(struct convert *c, struct import *im, struct canp_candump_reader *reader)
{
    int r = import_lines(c, im, reader);
    int finished = canp_writer_finish(im->writer);
    if (r == -CANP_E_TOO_MANY)
        return opts_fail(c->command, CANP_EXIT_ENVIRONMENT,
                         "%s: more than %d interfaces; what stands behind line %llu is left out", c->in,
                         CHANNELS_MAX, (unsigned long long)canp_candump_stats(reader)->lines - 1);
    if (r == -EINTR && finished == 0)
        return opts_fail(c->command, CANP_EXIT_ENVIRONMENT,
                         "%s: interrupted; what stands behind line %llu is left out", c->in,
                         (unsigned long long)canp_candump_stats(reader)->lines);
    if (r < 0 || finished < 0)
        return opts_fail(c->command, CANP_EXIT_ENVIRONMENT, "cannot convert %s into %s: %s", c->in, c->out,
                         canp_strerror(r < 0 ? r : finished));
    return tell_bad_lines(c, canp_candump_stats(reader));
}

static int import_candump(struct convert *c)
{
    static struct import im;
    struct canp_candump_reader *reader;
    struct canp_why why;
    CANP_CLEANUP(canp_fd_close)
    int fd = is_stream(c->in) ? dup(STDIN_FILENO) : open(c->in, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return opts_fail(c->command, CANP_EXIT_ENVIRONMENT, "cannot open %s: %s", c->in,
                         canp_strerror(errno));
    struct stat st;
    c->from_file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    stop_catch_signals();
    int r = canp_candump_open(fd, &reader);
    if (r < 0)
        return fail(c, r);
    r = canp_writer_open(c->out, NULL, &im.writer, &why);
    if (r < 0) {
        canp_candump_close(reader);
        return opts_fail(c->command, CANP_EXIT_ENVIRONMENT, "%s", why.text);
    }
    int status = import_all(c, &im, reader);
    canp_writer_close(im.writer);
    canp_candump_close(reader);
    return status;
}

/* ---- recording -> candump log ------------------------------------------------------------------ */

static int export_records(struct convert *c, struct canp_reader *reader, struct canp_cursor *cursor,
                          struct outbuf *out)
{
    struct canp_record record;
    int r;
    while ((r = canp_cursor_next(cursor, &record)) == 1 && !out->error) {
        if (record.kind == CANP_KIND_IFACE || record.kind == CANP_KIND_CLOCK)
            continue;
        out->used += canp_candump_format(&record, select_iface_name(reader, record.channel), c->style,
                                         outbuf_room(out, CANP_CANDUMP_LINE_BYTES));
        c->records++;
    }
    return r < 0 ? r : outbuf_flush(out);
}

static int export_to(struct convert *c, struct canp_reader *reader, int fd)
{
    struct canp_cursor *cursor;
    struct outbuf out;
    int r = canp_cursor_open(reader, NULL, &cursor);
    if (r < 0)
        return fail(c, r);
    r = outbuf_init(&out, fd);
    if (r == 0)
        r = export_records(c, reader, cursor, &out);
    uint32_t damaged = canp_cursor_damaged(cursor);
    canp_cursor_close(cursor);
    outbuf_free(&out);
    if (outbuf_is_closed(&out))
        return CANP_EXIT_DONE;
    if (r < 0)
        return opts_fail(c->command, CANP_EXIT_ENVIRONMENT, "%s: %s", c->out, canp_strerror(r));
    if (damaged)
        return opts_fail(c->command, CANP_EXIT_FINDING, "%s: %u damaged places left out", c->in, damaged);
    return CANP_EXIT_DONE;
}

/* A file must be new; a pipe or a device is written to. */
static int open_output(const char *path)
{
    struct stat st;
    if (is_stream(path))
        return dup(STDOUT_FILENO);
    bool is_special = stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
    return open(path, O_WRONLY | O_CLOEXEC | (is_special ? 0 : O_CREAT | O_EXCL), 0666);
}

static int export_candump(struct convert *c)
{
    struct canp_reader *reader;
    struct canp_why why;
    int r = canp_reader_open(c->in, &reader, &why);
    if (r < 0)
        return opts_fail(c->command, CANP_EXIT_ENVIRONMENT, "%s", why.text);
    CANP_CLEANUP(canp_fd_close)
    int fd = open_output(c->out);
    if (fd < 0)
        r = opts_fail(c->command, CANP_EXIT_ENVIRONMENT, "cannot write %s: %s%s", c->out,
                      canp_strerror(errno), errno == EEXIST ? "; choose another name or move it away" : "");
    else
        r = export_to(c, reader, fd);
    canp_reader_close(reader);
    return r;
}

/* ---- which ------------------------------------------------------------------------------------- */

static const struct convert_format {
    const char *name;
    const char *suffixes; /* of file names, with blanks around */
    int (*read)(struct convert *c);
    int (*write)(struct convert *c);
} formats[] = {
    {"candump", " log txt candump ", import_candump, export_candump},
};
#define FORMAT_COUNT (sizeof(formats) / sizeof(formats[0]))

static const struct convert_format *format_named(const char *name)
{
    for (unsigned i = 0; i < FORMAT_COUNT; i++) {
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    }
    return NULL;
}

/* By the name's end; streams are candump logs unless -f says otherwise. */
static const struct convert_format *format_of(const char *path)
{
    char suffix[24];
    const char *dot = strrchr(path, '.');
    if (is_stream(path))
        return &formats[0];
    if (!dot || strchr(dot, '/') || strlen(dot + 1) > sizeof(suffix) - 3)
        return NULL;
    snprintf(suffix, sizeof(suffix), " %s ", dot + 1);
    for (unsigned i = 0; i < FORMAT_COUNT; i++) {
        if (strcasestr(formats[i].suffixes, suffix))
            return &formats[i];
    }
    return NULL;
}

/* A directory, or a segment file. */
static bool is_recording(const char *path)
{
    struct stat st;
    const char *dot = strrchr(path, '.');
    if (is_stream(path))
        return false;
    return (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) || (dot && strcmp(dot, ".canp") == 0);
}

int canp_cmd_convert(int argc, char **argv)
{
    struct convert c = {.command = argv[0]};
    const char *name = NULL;
    bool micros = false, direction = false;
    const struct opt options[] = {
        {'f', "format", OPT_TEXT, &name, "FORMAT",
         "the foreign format: candump (default: by the file's name)"},
        {'x', "direction", OPT_FLAG, &direction, NULL, "candump: write the direction of each frame"},
        {0, "micros", OPT_FLAG, &micros, NULL,
         "candump: write 6 digits, for Wireshark and can-utils before 2022"},
        {0},
    };
    const struct opt_spec spec = {
        argv[0], "IN OUT", "Converts a foreign log into a recording, or a recording into one.", options,
        "`-` is stdin or stdout. IN is a recording if it is a directory or ends in .canp.\n"
        "Exit status 1: something could not be read; it was named and left out.\n"};
    int arguments = opts_parse(&spec, argc, argv);
    if (arguments < 0)
        return OPTS_EXIT(arguments);
    if (arguments != 2)
        return opts_fail(c.command, CANP_EXIT_USAGE, "needs IN and OUT; `canp convert --help` says more");
    c.in = argv[1];
    c.out = argv[2];
    c.style = (micros ? CANP_CANDUMP_MICROS : 0) | (direction ? CANP_CANDUMP_DIRECTION : 0);
    bool exports = is_recording(c.in);
    const char *foreign = exports ? c.out : c.in;
    const struct convert_format *format = name ? format_named(name) : format_of(foreign);
    if (!format)
        return opts_fail(c.command, CANP_EXIT_USAGE,
                         name ? "no format '%s': candump" : "%s: which format? -f candump",
                         name ? name : foreign);
    if (!exports && is_stream(c.out))
        return opts_fail(c.command, CANP_EXIT_USAGE, "a recording cannot be written to stdout");
    return exports ? format->write(&c) : format->read(&c);
}
