/*
 * canp convert: copies logs of any format into one log of any format. Inputs are copied one after the other
 *
 by canp_log_copy(). What cannot be read is named and counted; what the target cannot hold is counted and
 *
 reported at the end. Main thread.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <canp/log.h>

#include "lib/commands.h"
#include "lib/opts.h"
#include "lib/stop.h"
#include "logs/log_open.h"
#include "logs/log_progress.h"
#include "logs/log_report.h"
#include "logs/select.h"

struct convert {
    const char *command;
    const char *in, *out;
    const char *in_format;
    struct selection selection;
    struct canp_log_writer *writer;
    struct canp_log_reader *reader; /* the input that is copied */
    struct log_progress progress;
    uint64_t frames;   /* written */
    bool is_from_file; /* else from a pipe or terminal */
    bool is_write_error;
    bool has_bad; /* something could not be read */
};

/* What a signal ends: a file is left where it is; from a pipe all is read that its writer, who has mostly got
 * the same signal, still says before it falls silent. A second signal kills. */
static bool is_stopped(void *user)
{
    struct convert *c = user;
    log_progress_show(&c->progress, c->reader);
    return stop_is_requested() && c->is_from_file;
}

static const char *name_of(const struct convert *c)
{
    return strcmp(c->in, "-") == 0 ? "stdin" : c->in;
}

/* Why a copy ended early, and from where on things are missing. */
static int tell_end(struct convert *c, struct canp_log_reader *reader, int error, const struct canp_why *why)
{
    unsigned long long lines = canp_log_reader_stats(reader)->lines;
    if (error == -CANP_E_TOO_MANY)
        return opts_fail(c->command, CANP_EXIT_ENVIRONMENT,
                         "%s: more than 255 interfaces; what stands behind line %llu is left out", c->in,
                         lines - 1);
    if (is_stop_error(error))
        return opts_fail(c->command, CANP_EXIT_ENVIRONMENT,
                         "%s: interrupted; what stands behind line %llu is left out", c->in, lines);
    return opts_fail(c->command, CANP_EXIT_ENVIRONMENT, "cannot convert %s into %s: %s", c->in, c->out,
                     why->text);
}

static int copy_one(struct convert *c, struct canp_log_reader *reader)
{
    struct canp_log_copy_opts opts = {.size = sizeof(opts), .is_stopped = is_stopped, .user = c};
    struct canp_log_copy_result result;
    struct canp_why why;
    c->reader = reader;
    log_progress_begin(&c->progress, c->in);
    int r = canp_log_copy(reader, c->writer, &opts, &result, &why);
    log_progress_end(&c->progress);
    c->frames += result.frames;
    c->is_write_error = r < 0 && result.is_write_error && r != -CANP_E_TOO_MANY;
    if (c->is_write_error && r == -EPIPE) /* its reader has gone: no error worth a word */
        return CANP_EXIT_ENVIRONMENT;
    c->has_bad |= r < 0 || canp_log_reader_stats(reader)->bad > 0;
    if (r < 0)
        return tell_end(c, reader, r, &why);
    if (canp_log_reader_stats(reader)->records == 0 && canp_log_reader_stats(reader)->bad == 0)
        return opts_fail(c->command, CANP_EXIT_FINDING, "%s: no frame in it", name_of(c));
    return log_report_bad(c->command, name_of(c), reader);
}

static int convert_one(struct convert *c, struct canp_log_reader *reader)
{
    struct stat st;
    c->is_from_file = strcmp(c->in, "-") != 0 ? stat(c->in, &st) == 0 && !S_ISFIFO(st.st_mode)
                                              : fstat(STDIN_FILENO, &st) == 0 && S_ISREG(st.st_mode);
    int status = select_log(&c->selection, c->command, reader);
    return status ? status : copy_one(c, reader);
}

/* Nothing could be read: a retry, by another format perhaps, must not find the name taken. The segment is
 * ours: a directory with one in it would have been refused. */
static void leave_nothing(const struct convert *c)
{
    char path[PATH_MAX];
    canp_log_abandon(c->writer);
    if (snprintf(path, sizeof(path), "%s/00000001.canp", c->out) < (int)sizeof(path) && unlink(path) == 0)
        rmdir(c->out);
}

/* What has been read before an error is kept, unless it could not be written. */
static int finish(struct convert *c, const char *format, int status)
{
    struct canp_log_write_stats stats;
    struct canp_why why;
    bool is_silent = c->is_write_error;
    canp_log_writer_stats(c->writer, &stats);
    if (stats.records == 0 && c->has_bad && !is_silent) {
        leave_nothing(c);
        return status;
    }
    if (!is_silent)
        log_report_numbers(c->command, c->writer);
    int r = canp_log_finish(c->writer, &why);
    if (is_silent)
        return status;
    if (r == -EPIPE)
        return CANP_EXIT_DONE;
    if (r < 0)
        return opts_fail(c->command, CANP_EXIT_ENVIRONMENT, "%s", why.text);
    log_report_losses(c->command, c->out, format, &stats);
    return status;
}

static int open_input(struct convert *c, struct canp_log_reader **reader)
{
    struct canp_log_read_opts opts = {.size = sizeof(opts), .format = c->in_format, .drain = true};
    return log_open(c->command, c->in, &opts, reader);
}

/* The first input is opened before the output is made: a name that is wrong leaves nothing. */
static int convert_all(struct convert *c, char **inputs, int count, const char *format,
                       const struct canp_log_write_opts *opts)
{
    struct canp_log_reader *reader;
    struct canp_why why;
    c->in = inputs[0];
    int status = open_input(c, &reader);
    if (status)
        return status;
    if (canp_log_writer_open(c->out, format, opts, &c->writer, &why) < 0) {
        canp_log_close(reader);
        return opts_fail(c->command, CANP_EXIT_ENVIRONMENT, "%s", why.text);
    }
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of write(2) */
    status = convert_one(c, reader);
    canp_log_close(reader);
    for (int i = 1; i < count && !c->is_write_error && !stop_is_requested(); i++) {
        c->in = inputs[i];
        int one = open_input(c, &reader);
        if (one == 0) {
            one = convert_one(c, reader);
            canp_log_close(reader);
        }
        status = one > status ? one : status;
    }
    return finish(c, format, status);
}

/* By -f, the name's end, or for a stream a candump log. NULL: a usage error, which was told. */
static const struct canp_log_format_info *output_format(const struct convert *c, const char *asked)
{
    const struct canp_log_format_info *by_suffix = canp_log_format_by_suffix(c->out);
    const char *name = asked                      ? asked
                       : strcmp(c->out, "-") == 0 ? "candump"
                       : by_suffix                ? by_suffix->name
                                                  : "canp";
    const struct canp_log_format_info *format = canp_log_format_named(name);
    if (format && format->writes)
        return format;
    opts_fail(c->command, CANP_EXIT_USAGE, format ? "%s can only be read" : "no format '%s'", name);
    return NULL;
}

/* The formats, as the help names them. */
static const char *format_names(void)
{
    static char text[1024];
    size_t used = 0;
    const struct canp_log_format_info *f;
    used += (size_t)snprintf(text, sizeof(text), "Formats:");
    for (unsigned i = 0; (f = canp_log_format_at(i)) != NULL && used < sizeof(text) - 1; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, " %s%s", f->name,
                                 !f->writes  ? " (reading)"
                                 : !f->reads ? " (writing)"
                                             : "");
    snprintf(text + used, sizeof(text) - used,
             "\n`-` is stdin or stdout. Inputs are recognised by content, gzip included; OUT by its suffix.\n"
             "FILTER as in canp dump. Several inputs go one behind the other.\n"
             "Exit status 1: something could not be read; it was named and left out.\n");
    return text;
}

int canp_cmd_convert(int argc, char **argv)
{
    static struct convert c; /* large: the filters */
    const char *asked = NULL, *map = NULL;
    bool micros = false, nanos = false, direction = false, events = false, pack = false;
    c.command = argv[0];
    const struct opt options[] = {
        {'f', "format", OPT_TEXT, &asked, "FORMAT", "of OUT (default: by its suffix; none: a recording)"},
        {0, "in-format", OPT_TEXT, &c.in_format, "FORMAT", "of the inputs (default: by their content)"},
        {0, "map", OPT_TEXT, &map, "IFACE=N,...",
         "numbers for interfaces, where the format numbers channels"},
        {0, "from", OPT_TEXT, &c.selection.from, "T",
         "from this point in time on: @1700000000.5, RFC 3339 or +12.5s"},
        {0, "to", OPT_TEXT, &c.selection.to, "T", "up to this point in time"},
        {0, "events", OPT_FLAG, &events, NULL,
         "candump: gaps, notes and so on as comments; other programs may not take them. csv: all records"},
        {'x', "direction", OPT_FLAG, &direction, NULL, "candump: write the direction of each frame"},
        {0, "nanos", OPT_FLAG, &nanos, NULL,
         "candump: 9 digits of a second, which Wireshark and can-utils before 2022 misread; so with "
         "--events"},
        {0, "micros", OPT_FLAG, &micros, NULL, "6 digits of a second, with --events, too"},
        {0, "pack", OPT_FLAG, &pack, NULL, "canp: pack the recording"},
        {0},
    };
    const struct opt_spec spec = {argv[0], "IN... OUT [FILTER]...",
                                  "Converts logs of any format into another.", options, format_names()};
    int arguments = opts_parse(&spec, argc, argv);
    if (arguments < 0)
        return OPTS_EXIT(arguments);
    int paths = arguments < 2 ? arguments : 2;
    while (paths >= 2 && paths < arguments && !select_is_filter(argv[paths + 1]))
        paths++;
    if (paths < 2)
        return opts_fail(c.command, CANP_EXIT_USAGE, "needs IN and OUT; `canp convert --help` says more");
    for (int i = paths + 1; i <= arguments; i++) {
        int r = select_add(&c.selection, c.command, argv[i]);
        if (r)
            return r;
    }
    c.out = argv[paths];
    const struct canp_log_format_info *format = output_format(&c, asked);
    if (!format)
        return CANP_EXIT_USAGE;
    if (strcmp(c.out, "-") == 0 && strcmp(format->name, "canp") == 0)
        return opts_fail(c.command, CANP_EXIT_USAGE, "a recording cannot be written to stdout");
    if (strcmp(format->name, "candump") == 0 && !nanos && !events)
        micros = true; /* what every program reads */
    struct canp_log_write_opts opts = {.size = sizeof(opts), .map = map};
    opts.style = (micros ? CANP_LOG_MICROS : 0) | (direction ? CANP_LOG_DIRECTION : 0) |
                 (events ? CANP_LOG_EVENTS : 0) | (pack ? CANP_LOG_PACK : 0);
    return convert_all(&c, argv + 1, paths - 1, format->name, &opts);
}
