/* Records of a source in one pass (sql_scan.h). */
#include "sql_scan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <canp/log.h>

#include "lib/text.h"

#ifndef SQLITE_CORE
SQLITE_EXTENSION_INIT3
#endif

#define CHANNELS 256U

static int copy_name(char **to, const char *name)
{
    free(*to);
    *to = name ? strdup(name) : NULL;
    return name && !*to ? -ENOMEM : 0;
}

static void close_recording(struct sql_scan *s)
{
    canp_cursor_close(s->cursor);
    canp_log_close(s->log);
    s->cursor = NULL;
    s->log = NULL;
}

void sql_scan_end(struct sql_scan *s)
{
    close_recording(s);
    free(s->recording);
    free(s->iface);
    s->recording = s->iface = NULL;
    s->source = NULL;
}

int sql_scan_begin(struct sql_scan *s, struct sql_source *source, const struct sql_wanted *w,
                   const struct canp_filter_set *filter)
{
    close_recording(s);
    s->source = source;
    s->at = w->nothing ? source->recording_count : 0;
    s->from_ns = w->from_ns;
    s->to_ns = w->to_ns;
    s->kinds = w->kinds;
    s->dirs = w->dirs == UINT8_MAX ? 0 : w->dirs;
    s->has_filter = filter != NULL;
    if (filter)
        s->filter = *filter;
    int r = copy_name(&s->recording, w->recording);
    return r == 0 ? copy_name(&s->iface, w->iface) : r;
}

/* ---- opening one -------------------------------------------------------------------------------------- */

static const char *name_in(struct sql_scan *s, const struct canp_iface *iface, uint8_t channel)
{
    return text_iface(s->unnamed, iface ? iface->name : NULL, channel);
}

/* The channels of the wanted interface, if one is wanted. False: this recording has none of it. */
static bool choose_channels(struct sql_scan *s, struct canp_reader *reader, struct canp_cursor_opts *opts)
{
    bool any = false;
    for (unsigned c = 0; c < CHANNELS && s->iface; c++) {
        if (strcmp(name_in(s, canp_reader_iface(reader, (uint8_t)c), (uint8_t)c), s->iface) == 0) {
            canp_cursor_opts_add_channel(opts, (uint8_t)c);
            any = true;
        }
    }
    return any || !s->iface;
}

/* 1: it is open; 0: nothing of it is wanted. */
static int open_cursor(struct sql_scan *s, struct canp_reader *reader)
{
    struct canp_cursor_opts opts = CANP_CURSOR_OPTS_INIT;
    int r = canp_reader_is_live(reader) ? canp_reader_refresh(reader) : 0;
    if (r < 0)
        return r;
    if (!choose_channels(s, reader, &opts))
        return 0;
    /* 0 means no bound: a nanosecond more is read, and left out by SQLite */
    opts.from_ns = s->from_ns == INT64_MIN ? 0 : s->from_ns == 0 ? -1 : s->from_ns;
    opts.to_ns = s->to_ns == INT64_MAX ? 0 : s->to_ns == 0 ? 1 : s->to_ns;
    opts.filter = s->has_filter ? &s->filter : NULL;
    opts.kinds = s->kinds == UINT32_MAX ? 0 : s->kinds;
    opts.dirs = s->dirs;
    s->cursor_damaged = 0;
    r = canp_cursor_open(reader, &opts, &s->cursor);
    return r < 0 ? r : 1;
}

static int open_log(struct sql_scan *s, const char *path)
{
    struct canp_log_selection wanted = {.size = sizeof(wanted), .dirs = s->dirs};
    struct canp_why why;
    int r = canp_log_open(path, NULL, &s->log, &why);
    if (r < 0) {
        snprintf(s->why, sizeof(s->why), "%s", why.text); /* an error of the statement */
        return r;
    }
    wanted.kinds =
        s->kinds == UINT32_MAX ? 0 : s->kinds | 1U << CANP_KIND_IFACE; /* definitions name channels */
    wanted.filter = s->has_filter ? &s->filter : NULL;
    wanted.ifaces = (const char *const *)&s->iface;
    wanted.iface_count = s->iface != NULL;
    wanted.has_from = s->from_ns != INT64_MIN;
    wanted.has_to = s->to_ns != INT64_MAX;
    wanted.from_ns = s->from_ns;
    wanted.to_ns = s->to_ns;
    r = canp_log_select(s->log, &wanted);
    return r < 0 ? r : 1;
}

static int open_next(struct sql_scan *s)
{
    const struct sql_recording *recording = &s->source->recordings[s->at];
    if (s->recording && strcmp(s->recording, recording->path) != 0)
        return 0;
    return recording->reader ? open_cursor(s, recording->reader) : open_log(s, recording->path);
}

/* ---- reading ------------------------------------------------------------------------------------------ */

static int read_next(struct sql_scan *s, struct canp_record *out)
{
    struct sql_context *context = s->source->context;
    int r = s->cursor ? canp_cursor_next(s->cursor, out) : canp_log_next(s->log, out);
    if (s->cursor && canp_cursor_damaged(s->cursor) != s->cursor_damaged) {
        context->damaged += canp_cursor_damaged(s->cursor) - s->cursor_damaged;
        s->cursor_damaged = canp_cursor_damaged(s->cursor);
    }
    if (r == 0 && s->log)
        context->damaged += canp_log_reader_stats(s->log)->bad;
    if (r < 0 && s->log)
        snprintf(s->why, sizeof(s->why), "%s", canp_log_why(s->log)); /* an error of the statement */
    context->records += r == 1;
    return r;
}

int sql_scan_next(struct sql_scan *s, struct canp_record *out)
{
    int r = 0;
    while (s->at < s->source->recording_count) {
        if (!s->cursor && !s->log) {
            s->why[0] = '\0';
            r = open_next(s);
            if (r < 0)
                return r;
        }
        r = s->cursor || s->log ? read_next(s, out) : 0;
        if (r)
            return r;
        close_recording(s);
        s->at++;
    }
    return 0;
}

const char *sql_scan_recording(const struct sql_scan *s)
{
    return s->source->recordings[s->at].path;
}

const char *sql_scan_iface(struct sql_scan *s, uint8_t channel)
{
    return name_in(s,
                   s->cursor ? canp_reader_iface(s->source->recordings[s->at].reader, channel)
                             : canp_log_iface(s->log, channel),
                   channel);
}
