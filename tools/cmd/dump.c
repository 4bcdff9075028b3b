/*
 * canp dump: prints a log, once or as it grows. Main thread. A closed pipe ends the command without a
 *
 message. A growing recording is polled, which costs its writer nothing.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <canp/log.h>

#include "lib/commands.h"
#include "lib/opts.h"
#include "lib/stop.h"
#include "logs/log_open.h"
#include "logs/log_report.h"
#include "logs/select.h"
#include "signals/dump_messages.h"
#include "signals/dump_signals.h"

#define POLL_NS 20000000 /* --follow looks for more so often */

struct dump {
    const char *command;
    const char *path;
    bool follow;
    struct selection selection;
    struct canp_log_reader *reader;
    struct canp_log_writer *writer; /* NULL with --transport and --dbc */
    bool is_transport;
    struct dump_messages messages;
    struct opt_list databases;
    struct dump_signals signals;
    uint64_t printed; /* frames, or messages */
    bool is_closed;   /* the reader of our pipe has gone */
};

static bool is_stopped(void *user)
{
    (void)user;
    return stop_is_requested();
}

static int print_messages(struct dump *d)
{
    int status = dump_messages(&d->messages);
    d->printed = d->messages.printed;
    d->is_closed = status == -EPIPE;
    return d->is_closed ? 0 : status;
}

static int print_signals(struct dump *d)
{
    int status = dump_signals(&d->signals);
    d->printed = d->signals.printed;
    d->is_closed = status == -EPIPE;
    return d->is_closed ? 0 : status;
}

/* All there is now. 0 or an exit status. */
static int print_all(struct dump *d)
{
    if (d->is_transport)
        return print_messages(d);
    if (d->databases.count)
        return print_signals(d);
    struct canp_log_copy_opts opts = {.size = sizeof(opts), .is_stopped = is_stopped};
    struct canp_log_copy_result result;
    struct canp_why why;
    int r = canp_log_copy(d->reader, d->writer, &opts, &result, &why);
    d->printed += result.frames;
    int flushed = canp_log_flush(d->writer);
    if (r == 0 && flushed < 0)
        r = canp_fail(&why, flushed, "%s", canp_strerror(flushed));
    d->is_closed = r == -EPIPE;
    if (r == 0 || (is_stop_error(r) && stop_is_requested()) || d->is_closed)
        return 0;
    return opts_fail(d->command, CANP_EXIT_ENVIRONMENT, "%s", why.text);
}

static int follow(struct dump *d)
{
    const struct timespec pause = {.tv_nsec = POLL_NS};
    while (!stop_is_requested() && !d->is_closed) {
        bool live = canp_log_is_live(d->reader); /* before the last look, so that nothing is missed */
        int status = print_all(d);
        if (status || !live)
            return status;
        nanosleep(&pause, NULL);
        int r = canp_log_refresh(d->reader);
        if (r < 0 && !stop_is_requested())
            return opts_fail(d->command, CANP_EXIT_ENVIRONMENT, "%s", canp_strerror(r));
    }
    return 0;
}

static int print_log(struct dump *d)
{
    int status = d->follow ? follow(d) : print_all(d);
    if (status || d->is_closed)
        return status;
    if (d->is_transport)
        dump_messages_report(&d->messages);
    else if (d->databases.count)
        dump_signals_report(&d->signals);
    status = log_report_bad(d->command, strcmp(d->path, "-") == 0 ? "stdin" : d->path, d->reader);
    if (d->follow && !stop_is_requested() && log_report_abandoned(d->command, d->path, d->reader))
        status = CANP_EXIT_FINDING;
    if (status || stop_is_requested())
        return status;
    select_tell_unknown_in_log(&d->selection, d->command, d->reader);
    return d->printed || (!d->is_transport && !select_is_narrow(&d->selection)) ? CANP_EXIT_DONE
                                                                                : CANP_EXIT_FINDING;
}

/* What formats have behind their last record: statistics, for one. Text has nothing there, but what failed to
 * be read is not completed. */
static int end_output(struct dump *d, int status)
{
    struct canp_why why;
    struct canp_log_writer *writer = d->writer;
    d->writer = NULL;
    if (!writer || d->is_closed || status == CANP_EXIT_ENVIRONMENT) {
        canp_log_abandon(writer);
        return status;
    }
    if (canp_log_finish(writer, &why) < 0)
        return opts_fail(d->command, CANP_EXIT_ENVIRONMENT, "%s", why.text);
    return status;
}

static int open_and_print(struct dump *d, const char *format, const struct canp_log_write_opts *opts)
{
    struct canp_why why;
    int r = log_open(d->command, d->path, NULL, &d->reader);
    if (r)
        return r;
    r = select_log(&d->selection, d->command, d->reader);
    if (r == 0 && d->is_transport) {
        d->messages.reader = d->reader;
        r = dump_messages_open(&d->messages);
    } else if (r == 0 && d->databases.count) {
        d->signals.reader = d->reader;
        r = dump_signals_open(&d->signals);
    } else if (r == 0 && canp_log_writer_open("-", format, opts, &d->writer, &why) < 0) {
        r = opts_fail(d->command, CANP_EXIT_ENVIRONMENT, "%s", why.text);
    }
    if (r == 0)
        r = print_log(d);
    dump_messages_close(&d->messages);
    dump_signals_close(&d->signals);
    r = end_output(d, r);
    canp_log_close(d->reader);
    return r;
}

/* Their names here are older than those of the formats: `candump` is the screen. */
static const char *format_named(const char *name)
{
    if (strcmp(name, "log") == 0)
        return "candump";
    if (strcmp(name, "candump") == 0)
        return "screen";
    const struct canp_log_format_info *info = canp_log_format_named(name);
    return info && info->writes && strcmp(name, "canp") != 0 ? name : NULL;
}

/* Messages, or frames with signals: do the options go together? 0 or an exit status. */
static int choose_kind(struct dump *d, const char *format, const struct canp_log_write_opts *opts,
                       const struct opt_list *isotp)
{
    bool is_json = strcmp(format, "json") == 0, is_log = strcmp(format, "candump") == 0;
    struct isotp_pairs pairs = {0};
    int bad = isotp_pairs_add(&pairs, d->command, isotp);
    if (bad)
        return bad;
    if (d->is_transport && d->databases.count)
        return opts_fail(d->command, CANP_EXIT_USAGE,
                         "--dbc and --transport exclude each other; `canp decode` decodes both");
    if (d->is_transport && ((!is_json && !is_log) || (opts->style & ~CANP_LOG_EVENTS)))
        return opts_fail(d->command, CANP_EXIT_USAGE,
                         "--transport goes with the formats log and json, without -x and --micros");
    if (d->databases.count && !is_json && !is_log && strcmp(format, "screen") != 0)
        return opts_fail(d->command, CANP_EXIT_USAGE,
                         "--dbc goes with log, candump and json: `canp decode` knows more formats");
    if (isotp->count && !d->is_transport && !d->databases.count)
        return opts_fail(d->command, CANP_EXIT_USAGE, "--isotp goes with --transport or --dbc");
    if (d->signals.choice.j1939 && !d->databases.count)
        return opts_fail(d->command, CANP_EXIT_USAGE, "--j1939 goes with --dbc");
    d->messages.json = is_json;
    d->messages.isotp = d->signals.isotp = pairs;
    d->signals.command = d->command;
    d->signals.format = format;
    d->signals.writing = *opts;
    d->signals.files = &d->databases;
    return 0;
}

int canp_cmd_dump(int argc, char **argv)
{
    static struct dump d; /* large: the filters */
    const char *format = "log";
    bool micros = false, direction = false;
    struct opt_list isotp = {0};
    d.command = d.messages.command = argv[0];
    const struct opt options[] = {
        {0, "from", OPT_TEXT, &d.selection.from, "T",
         "from this point in time on: @1700000000.5, RFC 3339 or +12.5s"},
        {0, "to", OPT_TEXT, &d.selection.to, "T", "up to this point in time"},
        {'f', "format", OPT_TEXT, &format, "FORMAT",
         "log (default), candump, json, csv, or any other that canp convert writes: pcapng, asc ..."},
        {0, "follow", OPT_FLAG, &d.follow, NULL, "go on as the recording grows, until its recorder ends"},
        {'x', "direction", OPT_FLAG, &direction, NULL, "log, candump: show the direction, as candump -x"},
        {0, "micros", OPT_FLAG, &micros, NULL,
         "log, candump: 6 digits, for Wireshark and can-utils before 2022"},
        {0, "dbc", OPT_LIST, &d.databases, "[IFACE=]FILE",
         "log, candump, json: signals beside each frame, by this database; several are allowed"},
        {0, "j1939", OPT_FLAG, &d.signals.choice.j1939, NULL,
         "--dbc: all 29 bit messages are J1939's, where a database does not say so"},
        {0, "transport", OPT_FLAG, &d.is_transport, NULL,
         "messages of several frames in place of frames: J1939, fast packets, ISO-TP; log or json"},
        {0, "isotp", OPT_LIST, &isotp, ISOTP_PAIRS_HELP,
         "--transport, --dbc: ISO-TP on these IDs, too, beside those of OBD"},
        {0},
    };
    const struct opt_spec spec = {
        argv[0], "RECORDING [FILTER|IFACE]...",
        "Prints the frames of a recording or log file, and what was lost between them.", options,
        "RECORDING: a recording, or a log in any format that canp convert reads; `-` is stdin.\n"
        "FILTER: 7DF, 18FEF100 (exactly that ID), 123:7FF, 123~7FF (inverse), 12345678:DFFFFFFF (8 digits =\n"
        "extended), pgn:FEF1 (a J1939 group), #FFFFFFFF (error frames, too), error (those alone), j (all "
        "filters\n"
        "must match), rx, tx. IFACE: only this interface; @IFACE where its\n"
        "name looks like something else: @j, @can#1.\n"
        "Exit status 1: nothing matched, or damaged places were skipped.\n"};
    int arguments = opts_parse(&spec, argc, argv);
    if (arguments < 0)
        return OPTS_EXIT(arguments);
    if (arguments < 1)
        return opts_fail(d.command, CANP_EXIT_USAGE, "which RECORDING? `canp dump --help` says more");
    const char *chosen = format_named(format);
    if (!chosen)
        return opts_fail(
            d.command, CANP_EXIT_USAGE,
            "no format '%s': log, candump, json, csv, pcapng and so on, as canp convert writes them", format);
    if (isatty(STDOUT_FILENO) && !(canp_log_format_named(chosen)->writes & CANP_LOG_TEXT))
        return opts_fail(d.command, CANP_EXIT_USAGE,
                         "%s is no text, and standard output a terminal: give it to a program or a file",
                         format);
    for (int i = 2; i <= arguments; i++) {
        int r = select_add(&d.selection, d.command, argv[i]);
        if (r)
            return r;
    }
    struct canp_log_write_opts opts = {.size = sizeof(opts)};
    opts.style = (micros ? CANP_LOG_MICROS : 0) | (direction ? CANP_LOG_DIRECTION : 0) |
                 (strcmp(chosen, "candump") == 0 ? CANP_LOG_EVENTS : 0);
    int bad = choose_kind(&d, chosen, &opts, &isotp);
    if (bad)
        return bad;
    d.path = argv[1];
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of write(2) */
    return open_and_print(&d, chosen, &opts);
}
