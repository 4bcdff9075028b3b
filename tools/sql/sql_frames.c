/* The table frames: one row for each frame, error frames among them. */
#include <errno.h>
#include <stdlib.h>

#include <canp/names.h>

#include "sql_table.h"

#ifndef SQLITE_CORE
SQLITE_EXTENSION_INIT3
#endif

#define KINDS_FRAMES (1U << CANP_KIND_CAN | 1U << CANP_KIND_FD | 1U << CANP_KIND_XL)

enum {
    KIND = SQL_COMMON_COLUMNS,
    DIR,
    ID,
    ID_HEX,
    EXTENDED,
    REMOTE,
    ERROR,
    BRS,
    ESI,
    LEN,
    DATA,
    RAW_DLC,
    HW_TIME_NS,
    VCID,
    SDT,
    AF
};
static const char *const columns[] = {
    SQL_COMMON, "kind",    "TEXT",    "dir",     "TEXT",  "id",      "INTEGER", "id_hex",     "TEXT",
    "extended", "INTEGER", "remote",  "INTEGER", "error", "INTEGER", "brs",     "INTEGER",    "esi",
    "INTEGER",  "len",     "INTEGER", "data",    "BLOB",  "raw_dlc", "INTEGER", "hw_time_ns", "INTEGER",
    "vcid",     "INTEGER", "sdt",     "INTEGER", "af",    "INTEGER", NULL};

static int begin(struct sql_cursor *c, const struct sql_table *t)
{
    struct canp_filter_set *filter = malloc(sizeof(*filter));
    if (!filter)
        return -ENOMEM;
    bool has_filter = sql_wanted_filter(&c->wanted, filter);
    c->wanted.kinds &= KINDS_FRAMES;
    c->wanted.nothing = c->wanted.nothing || c->wanted.kinds == 0;
    int r = sql_scan_begin(&c->scan, t->source, &c->wanted, has_filter ? filter : NULL);
    free(filter);
    return r;
}

static int next(struct sql_cursor *c)
{
    int r;
    do
        r = sql_scan_next(&c->scan, &c->record);
    while (r == 1 && !canp_kind_is_frame(c->record.kind)); /* logs lend definitions, too */
    return r;
}

static void value_xl(const struct canp_xl_frame *xl, sqlite3_context *out, int column)
{
    if (column == ID)
        sqlite3_result_int64(out, xl->prio & CANP_ID_SFF_MASK);
    else if (column == ID_HEX)
        sql_result_id(out, xl->prio & CANP_ID_SFF_MASK);
    else if (column == EXTENDED || column == REMOTE)
        sqlite3_result_int(out, 0);
    else if (column == LEN)
        sqlite3_result_int(out, xl->len);
    else if (column == DATA)
        sqlite3_result_blob(out, xl->data, xl->len, SQLITE_TRANSIENT);
    else if (column == VCID)
        sqlite3_result_int(out, (int)(xl->prio >> 16 & 0xFF));
    else if (column == SDT)
        sqlite3_result_int(out, xl->sdt);
    else if (column == AF)
        sqlite3_result_int64(out, xl->af);
}

/* An error frame has a class, and no id. */
static void value_id(const struct canp_frame *f, sqlite3_context *out, int column)
{
    bool is_error = (f->id & CANP_ID_ERR) != 0;
    uint32_t bits = is_error || (f->id & CANP_ID_EFF) ? CANP_ID_EFF_MASK : CANP_ID_SFF_MASK;
    if (column == ID_HEX)
        sql_result_id(out, f->id);
    else if (column == (is_error ? ERROR : ID))
        sqlite3_result_int64(out, f->id & bits);
    else if (column == EXTENDED && !is_error)
        sqlite3_result_int(out, (f->id & CANP_ID_EFF) != 0);
    else if (column == REMOTE && !is_error)
        sqlite3_result_int(out, (f->id & CANP_ID_RTR) != 0);
}

static void value_can(const struct canp_record *r, sqlite3_context *out, int column)
{
    const struct canp_frame *f = r->frame;
    bool is_remote = (f->id & CANP_ID_RTR) && !(f->id & CANP_ID_ERR);
    if (column <= ERROR)
        value_id(f, out, column);
    else if (column == BRS && r->kind == CANP_KIND_FD)
        sqlite3_result_int(out, (f->flags & CANP_FD_BRS) != 0);
    else if (column == ESI && r->kind == CANP_KIND_FD)
        sqlite3_result_int(out, (f->flags & CANP_FD_ESI) != 0);
    else if (column == LEN)
        sqlite3_result_int(out, f->len);
    else if (column == DATA && !is_remote)
        sqlite3_result_blob(out, f->data, f->len, SQLITE_TRANSIENT);
    else if (column == RAW_DLC && r->kind == CANP_KIND_CAN && f->len8_dlc)
        sqlite3_result_int(out, f->len8_dlc);
}

static void value(struct sql_cursor *c, sqlite3_context *out, int column)
{
    const struct canp_record *r = &c->record;
    if (column < SQL_COMMON_COLUMNS)
        sql_common_value(c, out, column, r->time_ns, sql_scan_iface(&c->scan, r->channel));
    else if (column == KIND)
        sql_result_text(out, canp_kind_name(r->kind));
    else if (column == DIR)
        sql_result_text(out, canp_dir_name(r->dir));
    else if (column == HW_TIME_NS && r->has_hw_time)
        sqlite3_result_int64(out, r->hw_time_ns);
    else if (r->kind == CANP_KIND_XL)
        value_xl(r->xl, out, column);
    else
        value_can(r, out, column);
}

const struct sql_shape sql_shape_frames = {"canp_frames", "frames", columns,         false, begin,
                                           next,          value,    sql_record_hash, NULL};
