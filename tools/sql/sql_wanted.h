/*
 * The part of a recording that is left to be read by a statement's constraints. sql_wanted_plan() tells
 * SQLite's planner which constraints the reader can apply; its plan is a text that a person can read,
 * `time_ns>=? id=?`, from which sql_wanted_take() makes bounds and names when the values are known.
 *
 * Invariant: only rows that cannot match are left out. SQLite checks every row again, so a constraint with a
 * value of an unexpected type may be ignored. Any thread; no state but the structs.
 */
#ifndef CANP_TOOLS_SQL_WANTED_H
#define CANP_TOOLS_SQL_WANTED_H

#include <stdbool.h>

#include <canp/filter.h>

#include "sql.h"

#define SQL_ID_MAX 0x1FFFFFFF

/* X(name): columns whose constraints go down, by their names in all tables. */
#define SQL_PUSHED(X)                                                                                        \
    X(recording) X(time_ns) X(time) X(iface) X(kind) X(dir) X(id) X(extended) X(message) X(signal)

#define SQL_PUSHED_ENUM(name) SQL_PUSH_##name,
enum sql_push { SQL_PUSH_NONE, SQL_PUSHED(SQL_PUSHED_ENUM) SQL_PUSH_COUNT };
#undef SQL_PUSHED_ENUM

struct sql_wanted {
    bool nothing;                  /* no row can match */
    int64_t from_ns, to_ns;        /* both included; INT64_MIN and INT64_MAX: open */
    int64_t id_from, id_to;        /* both included; 0 and SQL_ID_MAX: any, and frames without an id */
    bool has_id;                   /* a bound of ids was given: error frames, whose id is NULL, are out */
    uint32_t formats;              /* bit 0: 11 bit ids, bit 1: 29 bit ids */
    uint32_t kinds;                /* bit per kind */
    uint8_t dirs;                  /* bit per direction */
    const char *recording, *iface; /* borrowed from the values; NULL: any */
    const char *message, *signal;  /* likewise */
};

void sql_wanted_init(struct sql_wanted *wanted);

/* The column's number among those that go down, by its name. */
enum sql_push sql_push_of(const char *column);

/* xBestIndex: `pushes` says of each column how it goes down. SQLITE_OK or SQLITE_NOMEM. */
int sql_wanted_plan(sqlite3_index_info *info, const enum sql_push *pushes, int columns);

/* xFilter: the plan's text and the values. */
void sql_wanted_take(struct sql_wanted *wanted, const char *plan, int count, sqlite3_value **values);

/* The filters for the ids; false: ids narrow nothing, or into too many pieces. */
bool sql_wanted_filter(const struct sql_wanted *wanted, struct canp_filter_set *out);

#endif
