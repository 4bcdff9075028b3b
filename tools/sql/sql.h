/*
 * Recordings and logs as SQLite tables. The same code serves `canp sql` and the loadable extension
 * (canp_sql.so), so nothing here prints: errors become errors of the SQL statement.
 *
 * A connection has one context: what tables share (recordings, databases) and a few counters. It belongs to
 * the connection's thread, as SQLite's mutex has it.
 */
#ifndef CANP_TOOLS_SQL_H
#define CANP_TOOLS_SQL_H

#include <stdint.h>

#ifdef SQLITE_CORE
#include <sqlite3.h>
#else
#include <sqlite3ext.h>
#endif

#include <canp/error.h>
#include <canp/stop.h>

struct sql_source;

struct sql_context {
    unsigned owners;              /* modules and functions of the connection, and who else says so */
    struct sql_source *sources;   /* of the tables that there are */
    const struct canp_stop *stop; /* ends long walks; NULL: only between rows, by sqlite3_interrupt() */
    uint64_t rows;                /* that tables have handed to SQLite */
    uint64_t records; /* that were read for them; what index and lanes passed over is not among them */
    uint64_t damaged; /* places that were skipped, lines that cannot be read */
};

/* Adds the modules and functions to a connection. SQLITE_OK and *out, which lives as long as the connection.
 */
int sql_register(sqlite3 *db, const struct canp_stop *stop, struct sql_context **out);

/* Makes tables frames, gaps, events, ids, and with databases signals and one for each message, in the temp
 * schema. `texts` as canp_open() takes them: recordings, `dbc=[IFACE=]FILE`, `j1939`. 0 or a negative error.
 */
int sql_open_tables(sqlite3 *db, struct sql_context *context, const char *const *texts, unsigned count,
                    struct canp_why *why);

/* One owner less; the last one frees it. */
void sql_context_release(void *context);

#endif
