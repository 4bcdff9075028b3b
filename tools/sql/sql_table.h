/*
 * A virtual table. SQLite's callbacks are the same for all tables (sql_table.c); a `shape` defines a table's
 * rows and columns (sql_frames.c and so on). The connection's thread.
 */
#ifndef CANP_TOOLS_SQL_TABLE_H
#define CANP_TOOLS_SQL_TABLE_H

#include "sql_rowid.h"
#include "sql_scan.h"

struct sql_cursor;

struct sql_table {
    sqlite3_vtab base; /* first: SQLite's */
    const struct sql_shape *shape;
    struct sql_source *source;
    const struct decode_message *message; /* of one message's table */
    enum sql_push *pushes;                /* of each column */
    int columns;
};

struct sql_cursor {
    sqlite3_vtab_cursor base; /* first: SQLite's */
    struct sql_scan scan;
    struct sql_wanted wanted; /* its names are valid while a pass begins */
    struct canp_record record;
    struct sql_rowids rowids;
    int64_t rowid; /* of the row, when has_rowid */
    bool has_rowid;
    bool is_end;
    void *state; /* the shape's own */
};

struct sql_shape {
    const char *module; /* canp_frames */
    const char *table;  /* frames; NULL: named by its message */
    const char *const
        *columns; /* name and type in turn; NULL behind the last. Further ones: a message's signals */
    bool needs_dbc;
    int (*begin)(struct sql_cursor *cursor, const struct sql_table *table); /* 0 or a negative error */
    int (*next)(struct sql_cursor *cursor); /* 1, 0 at the end, or a negative error */
    void (*value)(struct sql_cursor *cursor, sqlite3_context *out, int column);
    uint64_t (*hash)(struct sql_cursor *cursor); /* of all that the row holds */
    void (*end)(struct sql_cursor *cursor);      /* frees the state; NULL: there is none */
};

extern const struct sql_shape sql_shape_frames, sql_shape_gaps, sql_shape_events, sql_shape_ids,
    sql_shape_signals, sql_shape_message;
extern const struct sql_shape *const sql_shapes[]; /* all; NULL behind the last */

extern const sqlite3_module sql_module; /* of every shape */

/* The module's client data. Owned by the module. */
struct sql_module_data {
    struct sql_context *context;
    const struct sql_shape *shape;
};

/* The columns that most tables begin with. */
enum { SQL_RECORDING, SQL_TIME_NS, SQL_TIME, SQL_IFACE, SQL_COMMON_COLUMNS };
#define SQL_COMMON "recording", "TEXT", "time_ns", "INTEGER", "time", "TEXT", "iface", "TEXT"
void sql_common_value(struct sql_cursor *cursor, sqlite3_context *out, int column, int64_t time_ns,
                      const char *iface);

/* The hash of a shape whose rows are records. */
uint64_t sql_record_hash(struct sql_cursor *cursor);

/* Results; texts are copied, NULL gives NULL. */
void sql_result_text(sqlite3_context *out, const char *text);
void sql_result_time(sqlite3_context *out, int64_t ns);
void sql_result_id(sqlite3_context *out, uint32_t id); /* as candump writes it */

#endif
