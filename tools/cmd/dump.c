/*
 * canp dump: prints a recording, once or as it grows.
 *
 * Main thread. A closed pipe ends it quietly; a recording that grows is polled, which costs its writer
 * nothing.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <canp/busclock.h>

#include "lib/commands.h"
#include "lib/dump_formats.h"
#include "lib/opts.h"
#include "lib/outbuf.h"
#include "lib/select.h"
#include "lib/stop.h"

#define POLL_NS 20000000 /* --follow looks for more so often */

struct dump {
    const char *command;
    const struct dump_format *format;
    unsigned style;
    bool follow;
    bool all; /* every record passes */
    struct selection selection;
    struct canp_reader *reader;
    struct canp_busclock clock; /* when the selection is of bus time */
    struct outbuf out;
    uint64_t printed;
};

/* What an event says about an interface is shown with it; filters by id are about frames. */
static void print_record(struct dump *d, const struct canp_record *record)
{
    const char *iface = select_iface_name(d->reader, record->channel);
    if (!d->all && !select_match(&d->selection, record, iface))
        return;
    size_t bytes = d->format->write(record, iface, d->style, outbuf_room(&d->out, DUMP_LINE_BYTES));
    d->out.used += bytes;
    d->printed += bytes && canp_kind_is_frame(record->kind);
}

/* The cursor knows of stamps alone. */
static bool is_in_window(struct dump *d, struct canp_cursor *cursor, const struct canp_record *record)
{
    if (!d->selection.bus_window)
        return true;
    int64_t bus_ns = canp_busclock_time(&d->clock, cursor, record);
    return bus_ns >= d->selection.from_ns && bus_ns <= d->selection.to_ns;
}

/* All there is now. 0 or a negative error, of the recording or of the output. */
static int print_all(struct dump *d, struct canp_cursor *cursor)
{
    struct canp_record record;
    int r;
    while (!stop_requested && (r = canp_cursor_next(cursor, &record)) == 1) {
        if (is_in_window(d, cursor, &record))
            print_record(d, &record);
        if (d->out.error)
            return d->out.error;
    }
    return stop_requested ? 0 : r;
}

static int follow(struct dump *d, struct canp_cursor *cursor)
{
    const struct timespec pause = {.tv_nsec = POLL_NS};
    while (!stop_requested) {
        bool live = canp_reader_is_live(d->reader); /* before the last look, so that nothing is missed */
        int r = print_all(d, cursor);
        if (r == 0)
            r = outbuf_flush(&d->out);
        if (r < 0)
            return r;
        if (!live)
            return 0;
        nanosleep(&pause, NULL);
        r = canp_reader_refresh(d->reader);
        if (r < 0)
            return r;
    }
    return 0;
}

static int print_recording(struct dump *d)
{
    struct canp_cursor_opts where = CANP_CURSOR_OPTS_INIT;
    struct canp_cursor *cursor;
    if (!d->selection.bus_window) {
        where.from_ns = d->selection.from_ns;
        where.to_ns = d->selection.to_ns;
    }
    where.filter = d->selection.has_filters ? &d->selection.filters : NULL;
    int r = canp_cursor_open(d->reader, &where, &cursor);
    if (r < 0)
        return opts_fail(d->command, CANP_EXIT_ENVIRONMENT, "%s", canp_strerror(r));
    r = d->follow ? follow(d, cursor) : print_all(d, cursor);
    uint32_t damaged = canp_cursor_damaged(cursor);
    canp_cursor_close(cursor);
    if (r == 0)
        r = outbuf_flush(&d->out);
    if (outbuf_is_closed(&d->out))
        return CANP_EXIT_DONE;
    if (r < 0)
        return opts_fail(d->command, CANP_EXIT_ENVIRONMENT, "%s", canp_strerror(r));
    if (damaged)
        return opts_fail(d->command, CANP_EXIT_FINDING,
                         "%u damaged place%s skipped; `canp verify` names them", damaged,
                         damaged == 1 ? "" : "s");
    if (stop_requested)
        return CANP_EXIT_DONE;
    select_tell_unknown(&d->selection, d->command, d->reader);
    return d->printed || !select_is_narrow(&d->selection) ? CANP_EXIT_DONE : CANP_EXIT_FINDING;
}

static int open_and_print(struct dump *d, const char *path)
{
    struct canp_why why;
    int r = canp_reader_open(path, &d->reader, &why);
    if (r < 0)
        return opts_fail(d->command, CANP_EXIT_ENVIRONMENT, "%s", why.text);
    r = select_window(&d->selection, d->command, d->reader);
    if (r == 0 && d->format->header) {
        size_t bytes = strlen(d->format->header);
        memcpy(outbuf_room(&d->out, bytes), d->format->header, bytes);
        d->out.used += bytes;
    }
    if (r == 0)
        r = print_recording(d);
    canp_reader_close(d->reader);
    return r;
}

int canp_cmd_dump(int argc, char **argv)
{
    static struct dump d; /* large: the filters */
    const char *format = "log";
    bool micros = false, direction = false;
    d.command = argv[0];
    const struct opt options[] = {
        {0, "from", OPT_TEXT, &d.selection.from, "T",
         "from this point in time on: @1700000000.5, RFC 3339 or +12.5s"},
        {0, "to", OPT_TEXT, &d.selection.to, "T", "up to this point in time"},
        {'f', "format", OPT_TEXT, &format, "FORMAT", "log (default), candump, json or csv"},
        {0, "follow", OPT_FLAG, &d.follow, NULL, "go on as the recording grows, until it is closed"},
        {'x', "direction", OPT_FLAG, &direction, NULL, "log, candump: show the direction, as candump -x"},
        {0, "micros", OPT_FLAG, &micros, NULL, "log, candump: 6 digits, for Wireshark and can-utils before 2022"},
        {0},
    };
    const struct opt_spec spec = {
        argv[0], "RECORDING [FILTER|IFACE]...",
        "Prints the frames of a recording, and what was lost between them.", options,
        "FILTER is candump's: 123:7FF, 123~7FF (inverse), 12345678:DFFFFFFF (8 digits = extended),\n"
        "#FFFFFFFF (error frames, too), error (error frames alone), j (all filters must match).\n"
        "IFACE: only this interface.\n"
        "Exit status 1: nothing matched, or damaged places were skipped.\n"};
    int arguments = opts_parse(&spec, argc, argv);
    if (arguments < 0)
        return OPTS_EXIT(arguments);
    if (arguments < 1)
        return opts_fail(d.command, CANP_EXIT_USAGE, "which RECORDING? `canp dump --help` says more");
    d.format = dump_format_find(format);
    if (!d.format)
        return opts_fail(d.command, CANP_EXIT_USAGE, "no format '%s': log, candump, json or csv", format);
    for (int i = 2; i <= arguments; i++) {
        int r = select_add(&d.selection, d.command, argv[i]);
        if (r)
            return r;
    }
    d.style = (micros ? CANP_CANDUMP_MICROS : 0) | (direction ? CANP_CANDUMP_DIRECTION : 0);
    d.all = !d.selection.has_filters && !d.selection.iface_count;
    if (outbuf_init(&d.out, STDOUT_FILENO) < 0)
        return opts_fail(d.command, CANP_EXIT_ENVIRONMENT, "out of memory");
    stop_catch_signals();
    int r = open_and_print(&d, argv[1]);
    outbuf_free(&d.out);
    return r;
}
