/* The tables gaps and events: the records that are no frames. */
#include <string.h>

#include <canp/names.h>

#include "sql_table.h"

#ifndef SQLITE_CORE
SQLITE_EXTENSION_INIT3
#endif

/* ---- gaps --------------------------------------------------------------------------------------------- */

enum { LAYER = SQL_COMMON_COLUMNS, LOST, FROM_NS, TO_NS };
static const char *const gap_columns[] = {SQL_COMMON, "layer",   "TEXT",  "lost",    "INTEGER",
                                          "from_ns",  "INTEGER", "to_ns", "INTEGER", NULL};

static int begin(struct sql_cursor *c, const struct sql_table *t, uint32_t kinds)
{
    c->wanted.kinds &= kinds;
    c->wanted.dirs = UINT8_MAX; /* no column of these */
    c->wanted.nothing = c->wanted.nothing || c->wanted.kinds == 0;
    return sql_scan_begin(&c->scan, t->source, &c->wanted, NULL);
}

static int next(struct sql_cursor *c, uint32_t kinds)
{
    int r;
    do
        r = sql_scan_next(&c->scan, &c->record);
    while (r == 1 && !(kinds >> c->record.kind & 1));
    return r;
}

static int begin_gaps(struct sql_cursor *c, const struct sql_table *t)
{
    return begin(c, t, 1U << CANP_KIND_GAP);
}

static int next_gap(struct sql_cursor *c)
{
    return next(c, 1U << CANP_KIND_GAP);
}

static void gap_value(struct sql_cursor *c, sqlite3_context *out, int column)
{
    const struct canp_gap *gap = c->record.gap;
    if (column < SQL_COMMON_COLUMNS)
        sql_common_value(c, out, column, c->record.time_ns, sql_scan_iface(&c->scan, c->record.channel));
    else if (column == LAYER)
        sql_result_text(out, canp_layer_name(gap->layer));
    else if (column == LOST)
        sqlite3_result_int64(out, gap->lost > INT64_MAX ? INT64_MAX : (int64_t)gap->lost);
    else if (column == FROM_NS)
        sqlite3_result_int64(out, gap->from_ns);
    else if (column == TO_NS)
        sqlite3_result_int64(out, gap->to_ns);
}

const struct sql_shape sql_shape_gaps = {"canp_gaps", "gaps",    gap_columns,     false, begin_gaps,
                                         next_gap,    gap_value, sql_record_hash, NULL};

/* ---- events ------------------------------------------------------------------------------------------- */

#define KINDS_EVENTS (~0U << CANP_KIND_GAP)

enum {
    KIND = SQL_COMMON_COLUMNS,
    CODE,
    TEXT,
    LINK_STATE,
    TX_ERRORS,
    RX_ERRORS,
    BITRATE,
    DBITRATE,
    MONOTONIC_NS,
    SUSPENDED_NS
};
static const char *const event_columns[] = {
    SQL_COMMON, "kind",         "TEXT",    "code",         "TEXT",    "text",    "TEXT",    "state",
    "TEXT",     "tx_errors",    "INTEGER", "rx_errors",    "INTEGER", "bitrate", "INTEGER", "dbitrate",
    "INTEGER",  "monotonic_ns", "INTEGER", "suspended_ns", "INTEGER", NULL};

static int begin_events(struct sql_cursor *c, const struct sql_table *t)
{
    return begin(c, t, KINDS_EVENTS);
}

static int next_event(struct sql_cursor *c)
{
    return next(c, KINDS_EVENTS);
}

static const char *code_name(const struct canp_record *r)
{
    static const char *const marks[] = {"text", "note", "window_begin", "window_end", "outside"};
    switch (r->kind) {
    case CANP_KIND_GAP:
        return canp_layer_name(r->gap->layer);
    case CANP_KIND_LINK:
        return canp_link_code_name(r->event->code);
    case CANP_KIND_MARK:
        return r->event->code < sizeof(marks) / sizeof(marks[0]) ? marks[r->event->code] : NULL;
    case CANP_KIND_CLOCK:
        return r->event->code == CANP_CLOCK_SUSPEND ? "suspend" : "anchor";
    default:
        return NULL;
    }
}

static void event_text(const struct canp_record *r, sqlite3_context *out)
{
    const char *text = r->kind == CANP_KIND_MARK    ? (const char *)r->event->payload
                       : r->kind == CANP_KIND_IFACE ? r->iface->name
                       : r->kind == CANP_KIND_LINK  ? r->link->name
                                                    : NULL;
    size_t bytes = r->kind == CANP_KIND_MARK ? r->event->bytes - sizeof(*r->event) : CANP_IFACE_NAME_BYTES;
    if (text)
        sqlite3_result_text(out, text, (int)strnlen(text, bytes), SQLITE_TRANSIENT);
}

static void link_value(const struct canp_link_event *link, sqlite3_context *out, int column)
{
    if (column == LINK_STATE)
        sql_result_text(out, canp_controller_state_name(link->state));
    else if (column == TX_ERRORS)
        sqlite3_result_int(out, link->tx_errors);
    else if (column == RX_ERRORS)
        sqlite3_result_int(out, link->rx_errors);
}

static void clock_value(const struct canp_clock *clock, sqlite3_context *out, int column)
{
    if (column == MONOTONIC_NS)
        sqlite3_result_int64(out, clock->monotonic_ns);
    else if (column == SUSPENDED_NS && canp_clock_has_boottime(clock) && clock->code == CANP_CLOCK_SUSPEND)
        sqlite3_result_int64(out, clock->suspended_ns);
}

static void event_value(struct sql_cursor *c, sqlite3_context *out, int column)
{
    const struct canp_record *r = &c->record;
    if (column < SQL_COMMON_COLUMNS)
        sql_common_value(c, out, column, r->time_ns, sql_scan_iface(&c->scan, r->channel));
    else if (column == KIND)
        sql_result_text(out, canp_kind_name(r->kind));
    else if (column == CODE)
        sql_result_text(out, code_name(r));
    else if (column == TEXT)
        event_text(r, out);
    else if (r->kind == CANP_KIND_LINK)
        link_value(r->link, out, column);
    else if (r->kind == CANP_KIND_CLOCK)
        clock_value(r->clock, out, column);
    else if (r->kind == CANP_KIND_IFACE && column == BITRATE)
        sqlite3_result_int64(out, r->iface->bitrate);
    else if (r->kind == CANP_KIND_IFACE && column == DBITRATE)
        sqlite3_result_int64(out, r->iface->dbitrate);
}

const struct sql_shape sql_shape_events = {"canp_events", "events",    event_columns,   false, begin_events,
                                           next_event,    event_value, sql_record_hash, NULL};
