/*
 * canp decode: decodes the frames of a log, or of interfaces as they come, by signal databases. Messages that
 * span several frames have the time of their last frame. Frames that give no value are counted and reported
 * at the end. Main thread; a closed pipe ends the command without a message.
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
#include "logs/log_print.h"
#include "logs/log_report.h"
#include "logs/select.h"
#include "signals/decode_bus.h"
#ifdef CANP_WITH_CAPTURE
#include "signals/decode_live.h"
#endif
#include "signals/decode_mf4.h"
#include "signals/decode_open.h"
#include "signals/decode_parquet.h"
#include "signals/decode_print.h"
#include "signals/isotp_pairs.h"

#define POLL_NS   20000000 /* --follow looks for more so often */
#define OUT_BYTES 65536

struct decode {
    const char *command;
    const char *in, *out;
    bool follow;
    struct selection selection;
    struct opt_list files;
    struct decode_choice choice;
    struct decode_printer printer;
    struct decode_parquet parquet;
    struct decode_mf4 mf4;
    struct decode_bus bus;
    struct isotp_pairs isotp;
    struct canp_transport_opts transport;
    struct canp_log_reader *reader; /* NULL: an interface */
};

static const char *name_of(const struct decode *d)
{
    return strcmp(d->in, "-") == 0 ? "stdin" : d->in;
}

/* ---- reading ------------------------------------------------------------------------------------------ */

static int take(void *user, const struct canp_record *record)
{
    struct decode *d = user;
    return decode_bus_record(&d->bus, record);
}

/* 0, -EPIPE, or an exit status after saying so. */
static int flush(void *user)
{
    const struct decode *d = user;
    return log_print_flush(d->command, d->printer.to, d->out);
}

/* All there is now. 0, -EPIPE, or an exit status. */
static int decode_now(struct decode *d)
{
    return log_print(d->command, d->reader, d->printer.to, d->out, take, d);
}

static int decode_all(struct decode *d)
{
    const struct timespec pause = {.tv_nsec = POLL_NS};
    for (;;) {
        bool live = d->follow && canp_log_is_live(d->reader); /* before the last look: nothing is missed */
        int r = decode_now(d);
        if (r || !live || stop_is_requested())
            return r;
        nanosleep(&pause, NULL);
        r = canp_log_refresh(d->reader);
        if (r < 0 && !stop_is_requested())
            return opts_fail(d->command, CANP_EXIT_ENVIRONMENT, "%s", canp_strerror(r));
    }
}

/* ---- the end ------------------------------------------------------------------------------------------ */

#ifdef CANP_WITH_CAPTURE
static bool is_iface(const char *argument)
{
    return decode_live_is_iface(argument);
}

/* 0, -EPIPE, or an exit status. */
static int decode_iface(struct decode *d)
{
    struct canp_why why;
    int r = decode_live(d->in, &d->bus, flush, d, &why);
    if (decode_live_lost())
        opts_fail(d->command, 0, "%s: %llu frames came and were not seen: this program was too slow for them",
                  d->in, (unsigned long long)decode_live_lost());
    return r < 0 && r != -EPIPE ? opts_fail(d->command, CANP_EXIT_ENVIRONMENT, "%s", why.text) : r;
}
#else
static bool is_iface(const char *argument)
{
    (void)argument;
    return false;
}

static int decode_iface(struct decode *d)
{
    (void)d;
    return 0; /* not called */
}
#endif

static int report(struct decode *d)
{
    const struct canp_decode_counts *c = &d->bus.counts;
    decode_report(&d->bus, d->command);
    int status = d->reader ? log_report_bad(d->command, name_of(d), d->reader) : 0;
    if (d->reader && d->follow && !stop_is_requested() &&
        log_report_abandoned(d->command, name_of(d), d->reader))
        status = CANP_EXIT_FINDING;
    if (status || stop_is_requested() || d->bus.given)
        return status;
    return opts_fail(d->command, CANP_EXIT_FINDING,
                     "no value: %llu frames of messages that were asked for, %llu that no database knows",
                     (unsigned long long)c->frames, (unsigned long long)c->frames_unknown);
}

static int print_row(void *user, const struct decode_row *row)
{
    struct decode *d = user;
    decode_print_row(&d->printer, &d->choice, row);
    return 0;
}

static int print_codes(void *user, const struct decode_codes *codes)
{
    const struct decode *d = user;
    decode_print_codes(&d->printer, codes);
    return 0;
}

static int take_parquet_row(void *user, const struct decode_row *row)
{
    struct decode *d = user;
    return decode_parquet_row(&d->parquet, row);
}

static int take_parquet_codes(void *user, const struct decode_codes *codes)
{
    struct decode *d = user;
    return decode_parquet_codes(&d->parquet, codes);
}

static int take_mf4_row(void *user, const struct decode_row *row)
{
    struct decode *d = user;
    return decode_mf4_row(&d->mf4, row);
}

static int take_mf4_codes(void *user, const struct decode_codes *codes)
{
    struct decode *d = user;
    return decode_mf4_codes(&d->mf4, codes);
}

/* What takes rows and begins and ends a file, by format. */
static const struct {
    int (*take)(void *user, const struct decode_row *row);
    int (*take_codes)(void *user, const struct decode_codes *codes);
} takers[] = {
    [DECODE_TEXT] = {print_row, print_codes},      [DECODE_CSV] = {print_row, print_codes},
    [DECODE_JSON] = {print_row, print_codes},      [DECODE_PARQUET] = {take_parquet_row, take_parquet_codes},
    [DECODE_MF4] = {take_mf4_row, take_mf4_codes},
};

static int begin_file(struct decode *d)
{
    if (d->printer.format == DECODE_MF4) {
        d->mf4.raw = d->printer.raw;
        return decode_mf4_open(&d->mf4, d->printer.to, &d->choice);
    }
    if (d->printer.format == DECODE_PARQUET) {
        d->parquet.wide = d->printer.wide;
        d->parquet.raw = d->printer.raw;
        return decode_parquet_open(&d->parquet, d->printer.to, &d->choice);
    }
    decode_print_header(&d->printer, &d->choice);
    return 0;
}

/* 0 or an exit status. */
static int begin(struct decode *d)
{
    d->bus.take = takers[d->printer.format].take;
    d->bus.take_codes = takers[d->printer.format].take_codes;
    int r = begin_file(d);
    if (r == -ENOMEM)
        return opts_fail(d->command, CANP_EXIT_ENVIRONMENT, "no memory for columns");
    return r < 0 ? opts_fail(d->command, CANP_EXIT_ENVIRONMENT, "cannot begin a file: %s", canp_strerror(r))
                 : 0;
}

static int finish_file(struct decode *d)
{
    return d->printer.format == DECODE_PARQUET ? decode_parquet_finish(&d->parquet)
           : d->printer.format == DECODE_MF4   ? decode_mf4_finish(&d->mf4)
                                               : 0;
}

/* What a file needs at its end, whatever ended it. 0, -EPIPE, or an exit status. */
static int finish(struct decode *d)
{
    int r = finish_file(d);
    if (r < 0 && r != -EPIPE)
        return opts_fail(d->command, CANP_EXIT_ENVIRONMENT, "cannot write %s: %s",
                         d->out ? d->out : "the output", canp_strerror(r));
    return r < 0 ? r : flush(d);
}

static int run(struct decode *d)
{
    d->bus.choice = &d->choice;
    d->transport = (struct canp_transport_opts)CANP_TRANSPORT_OPTS_INIT;
    d->transport.isotp = d->isotp.ids;
    d->transport.isotp_count = d->isotp.count;
    d->bus.transport = &d->transport;
    d->bus.user = d;
    if (decode_bus_open(&d->bus) < 0)
        return opts_fail(d->command, CANP_EXIT_ENVIRONMENT, "no memory for values");
    int r = begin(d);
    if (r)
        return r;
    r = d->reader ? decode_all(d) : decode_iface(d);
    if (r == 0)
        r = finish(d);
    if (r == -EPIPE) {
        clearerr(d->printer.to); /* its reader has seen enough: no error at the program's end either */
        return CANP_EXIT_DONE;
    }
    return r ? r : report(d);
}

/* What exists is never replaced. */
static int run_into(struct decode *d)
{
    d->printer.to = d->out && strcmp(d->out, "-") != 0 ? fopen(d->out, "wxe") : stdout;
    if (!d->printer.to)
        return opts_fail(d->command, CANP_EXIT_ENVIRONMENT, "cannot make %s: %s", d->out,
                         canp_strerror(errno));
    setvbuf(d->printer.to, NULL, _IOFBF, OUT_BYTES);
    int status = run(d);
    if (d->printer.to != stdout && fclose(d->printer.to) != 0 && status == 0)
        status =
            opts_fail(d->command, CANP_EXIT_ENVIRONMENT, "cannot write %s: %s", d->out, canp_strerror(errno));
    return status;
}

/* ---- the command line --------------------------------------------------------------------------------- */

/* By -f, or the suffix of OUT. Negative: no such format. */
static int format_of(const char *asked, const char *out)
{
    static const char *const names[] = {"text", "csv", "json", "parquet", "mf4"};
    const char *suffix = out ? strrchr(out, '.') : NULL;
    for (int i = 0; i < (int)(sizeof(names) / sizeof(names[0])); i++) {
        if (strcmp(asked ? asked : suffix ? suffix + 1 : "", names[i]) == 0)
            return i;
    }
    return asked ? -1 : DECODE_TEXT;
}

static int open_and_run(struct decode *d, char *const *patterns, int pattern_count)
{
    int status = decode_open(&d->choice, d->command, &d->files, patterns, pattern_count);
    if (status == 0 && !is_iface(d->in)) {
        status = log_open(d->command, d->in, NULL, &d->reader);
        if (status == 0)
            status = select_log(&d->selection, d->command, d->reader);
    } else if (status == 0 && (d->selection.from || d->selection.to)) {
        status = opts_fail(d->command, CANP_EXIT_USAGE,
                           "--from and --to are for recordings: %s is an interface", d->in);
    }
    if (status == 0)
        status = run_into(d);
    decode_bus_close(&d->bus);
    decode_parquet_close(&d->parquet);
    decode_mf4_close(&d->mf4);
    canp_log_close(d->reader);
    decode_choice_close(&d->choice);
    return status;
}

static const char epilogue[] =
    "RECORDING: a recording, or a log in any format that canp convert reads; `-` is stdin. IFACE: what\n"
    "comes there, until the program is stopped; `any`, and candump's filters behind a comma, as in record.\n"
    "@IFACE: all of it is a name (@any, @a,b). In --dbc can0=FILE == stands for a = of the name.\n"
    "MESSAGE.SIGNAL, or the name of either, with * ? [] as in a shell; without any: all signals.\n"
    "--dbc can0=FILE is for that interface alone, and goes before those for all.\n"
    "Messages of several frames (J1939 TP, NMEA 2000 fast packets, ISO-TP of OBD) are put together. A value\n"
    "that J1939 marks as not available or as an error has no number. --every leaves of each signal the "
    "first\n"
    "value of each stretch of TIME. J1939's trouble codes are DM1 and DM2 among the names: SPN and FMI, and\n"
    "how often they occurred. --wide: csv and parquet have a column for each signal. mf4 has a group of\n"
    "channels for each message, --raw: without scale.\n"
    "Exit status 1: no value, or damaged places were skipped.\n";

int canp_cmd_decode(int argc, char **argv)
{
    static struct decode d; /* large: filters, channels */
    const char *asked = NULL;
    bool is_long = false;
    struct opt_list isotp = {0};
    d.command = argv[0];
    const struct opt options[] = {
        {0, "dbc", OPT_LIST, &d.files, "[IFACE=]FILE", "a signal database; several are allowed"},
        {'f', "format", OPT_TEXT, &asked, "FORMAT",
         "text, csv, json, parquet or mf4 (default: by OUT's suffix, else text)"},
        {'o', "output", OPT_TEXT, &d.out, "OUT", "into this new file instead of stdout"},
        {0, "wide", OPT_FLAG, &d.printer.wide, NULL, "one line for each message"},
        {0, "long", OPT_FLAG, &is_long, NULL, "one line for each value (default)"},
        {0, "every", OPT_DURATION, &d.bus.thin.every_ns, "TIME", "at most one value of a signal in TIME"},
        {0, "raw", OPT_FLAG, &d.printer.raw, NULL, "raw values, too; with --wide in csv and json instead"},
        {0, "j1939", OPT_FLAG, &d.choice.j1939, NULL,
         "all 29 bit messages are J1939's, where a database does not say so"},
        {0, "isotp", OPT_LIST, &isotp, ISOTP_PAIRS_HELP, "ISO-TP on these IDs, too, beside those of OBD"},
        {0, "follow", OPT_FLAG, &d.follow, NULL, "go on as the log grows, until its recorder ends"},
        {0, "from", OPT_TEXT, &d.selection.from, "T",
         "from this point in time on: @1700000000.5, RFC 3339 or +12.5s"},
        {0, "to", OPT_TEXT, &d.selection.to, "T", "up to this point in time"},
        {0},
    };
    const struct opt_spec spec = {argv[0], "--dbc [IFACE=]FILE RECORDING|IFACE [MESSAGE.SIGNAL|GLOB]...",
                                  "Decodes a log, or what comes, into signals with units, by DBC files.",
                                  options, epilogue};
    int arguments = opts_parse(&spec, argc, argv);
    if (arguments < 0)
        return OPTS_EXIT(arguments);
    int format = format_of(asked, d.out);
    if (arguments < 1)
        return opts_fail(d.command, CANP_EXIT_USAGE,
                         "which RECORDING or interface? `canp decode --help` says more");
    if (d.files.count == 0)
        return opts_fail(d.command, CANP_EXIT_USAGE, "which database? Give it with --dbc FILE");
    if (is_long && d.printer.wide)
        return opts_fail(d.command, CANP_EXIT_USAGE, "--wide and --long exclude each other");
    if (format < 0)
        return opts_fail(d.command, CANP_EXIT_USAGE, "no format '%s': text, csv, json, parquet or mf4",
                         asked);
    int bad = isotp_pairs_add(&d.isotp, d.command, &isotp);
    if (bad)
        return bad;
    d.in = argv[1];
    d.printer.format = (enum decode_format)format;
    if (format >= DECODE_PARQUET && (!d.out || strcmp(d.out, "-") == 0) && isatty(STDOUT_FILENO))
        return opts_fail(d.command, CANP_EXIT_USAGE, "a file of columns is nothing for a terminal: -o OUT.%s",
                         format == DECODE_MF4 ? "mf4" : "parquet");
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of write(2) */
    stop_catch_signals();
    return open_and_run(&d, argv + 2, arguments - 1);
}
