/*
 * Frames and their signals (dump_signals.h). The frame's text comes from its format's writer, so that it is
 * the same as without a database: each record's text is taken from the writer's memory. A message of several
 * frames is printed after its last frame. Main thread.
 */
#include "dump_signals.h"

#include <stdio.h>
#include <string.h>

#include "decode_open.h"
#include "lib/commands.h"
#include "logs/log_print.h"

/* ---- values, behind the frame's text ------------------------------------------------------------------ */

/* What stands in front of a message's values. */
static void put_separator(struct dump_signals *d)
{
    if (d->printer.format == DECODE_JSON)
        fputs(d->decoded ? "," : ",\"decoded\":[", stdout);
    else
        fputs(d->decoded ? "; " : "  ", stdout);
    d->decoded++;
}

static int take_row(void *user, const struct decode_row *row)
{
    struct dump_signals *d = user;
    put_separator(d);
    decode_print_row(&d->printer, &d->choice, row);
    return 0;
}

static int take_codes(void *user, const struct decode_codes *codes)
{
    struct dump_signals *d = user;
    put_separator(d);
    decode_print_codes(&d->printer, codes);
    return 0;
}

/* ---- records ------------------------------------------------------------------------------------------ */

static int print(void *user, const struct canp_record *record)
{
    struct dump_signals *d = user;
    const char *end = d->printer.format == DECODE_JSON ? "}\n" : "\n";
    const char *text = "";
    size_t bytes = 0, end_bytes = strlen(end);
    int r = canp_log_write(d->writer, record);
    if (r == 0)
        r = canp_log_take(d->writer, &text, &bytes);
    if (r < 0)
        return r;
    bool is_line = canp_kind_is_frame(record->kind) && bytes >= end_bytes;
    if (bytes > 0) /* before the first one there is no line yet */
        fwrite(text /* trusted: the format spells */, 1, bytes - (is_line ? end_bytes : 0), stdout);
    d->decoded = 0;
    r = decode_bus_record(&d->bus, record);
    if (d->decoded && d->printer.format == DECODE_JSON)
        putchar(']');
    if (is_line)
        fputs(end, stdout);
    d->printed += canp_kind_is_frame(record->kind);
    return r;
}

int dump_signals(struct dump_signals *d)
{
    return log_print(d->command, d->reader, stdout, NULL, print, d);
}

/* ---- beginning and end -------------------------------------------------------------------------------- */

static int open_bus(struct dump_signals *d)
{
    d->transport = (struct canp_transport_opts)CANP_TRANSPORT_OPTS_INIT;
    d->transport.isotp = d->isotp.ids;
    d->transport.isotp_count = d->isotp.count;
    d->bus.choice = &d->choice;
    d->bus.take = take_row;
    d->bus.take_codes = take_codes;
    d->bus.user = d;
    d->bus.transport = &d->transport;
    d->printer.to = stdout;
    d->printer.format = strcmp(d->format, "json") == 0 ? DECODE_JSON : DECODE_TEXT;
    d->printer.wide = d->printer.beside = true;
    if (decode_bus_open(&d->bus) < 0)
        return opts_fail(d->command, CANP_EXIT_ENVIRONMENT, "no memory for values");
    return 0;
}

int dump_signals_open(struct dump_signals *d)
{
    struct canp_why why;
    int status = decode_open(&d->choice, d->command, d->files, NULL, 0);
    if (status == 0)
        status = open_bus(d);
    if (status)
        return status;
    if (canp_log_writer_open_fd(-1, "stdout", d->format, &d->writing, &d->writer, &why) < 0)
        return opts_fail(d->command, CANP_EXIT_ENVIRONMENT, "%s", why.text);
    return 0;
}

void dump_signals_close(struct dump_signals *d)
{
    canp_log_abandon(d->writer);
    decode_bus_close(&d->bus);
    decode_choice_close(&d->choice);
}

void dump_signals_report(const struct dump_signals *d)
{
    decode_report(&d->bus, d->command);
}
