/* Tables as SQLite sees them (sql_table.h). They are read only: there is no xUpdate. */
#include "sql_table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "signals/decode_row.h"
#include "sql_time.h"

#ifndef SQLITE_CORE
SQLITE_EXTENSION_INIT3
#endif

#define COLUMNS_MAX 1900 /* SQLite's own bound is 2000 */

const struct sql_shape *const sql_shapes[] = {&sql_shape_frames,
                                              &sql_shape_gaps,
                                              &sql_shape_events,
                                              &sql_shape_ids,
                                              &sql_shape_signals,
                                              &sql_shape_message,
                                              NULL};

/* ---- making one --------------------------------------------------------------------------------------- */

/* Arguments come as they were typed: 'drive', dbc='a.dbc', dbc=a.dbc. In place. */
static void unquote(char *text)
{
    char quote = text[0];
    if (quote != '\'' && quote != '"') {
        char *value = strchr(text, '=');
        if (value)
            unquote(value + 1);
        return;
    }
    char *to = text, *from = text + 1;
    while (*from && (*from != quote || from[1] == quote)) {
        from += *from == quote;
        *to++ = *from++;
    }
    *to = '\0';
}

/* Name and type of a column to the declaration; two of the same name would be an error. */
static void declare(sqlite3_str *sql, struct sql_table *t, const char *name, const char *type, unsigned again)
{
    char number[16] = "";
    if (again)
        snprintf(number, sizeof(number), "_%u", again + 1);
    sqlite3_str_appendf(sql, "%s\"%w%s\" %s", t->columns ? ", " : "CREATE TABLE x(", name, number, type);
    t->columns++;
}

static const char *type_of(const struct canp_dbc_signal *s)
{
    if (s->bits > 64)
        return "TEXT";
    return decode_is_integer(s) ? "INTEGER" : "REAL";
}

/* How many columns before this one have its name, capitals aside. */
static unsigned same_before(const struct sql_shape *shape, const struct canp_dbc_message *m, uint32_t index)
{
    const char *name = m->signals[index].long_name;
    unsigned same = 0;
    for (int i = 0; shape->columns[i]; i += 2)
        same += sqlite3_stricmp(shape->columns[i], name) == 0;
    for (uint32_t i = 0; i < index; i++)
        same += sqlite3_stricmp(m->signals[i].long_name, name) == 0;
    return same;
}

static char *declaration(struct sql_table *t)
{
    const struct canp_dbc_message *m = t->message ? t->message->message : NULL;
    sqlite3_str *sql = sqlite3_str_new(NULL);
    for (int i = 0; t->shape->columns[i]; i += 2) {
        t->pushes[t->columns] = sql_push_of(t->shape->columns[i]);
        declare(sql, t, t->shape->columns[i], t->shape->columns[i + 1], 0);
    }
    for (uint32_t i = 0; m && i < m->signal_count && t->columns < COLUMNS_MAX; i++)
        declare(sql, t, m->signals[i].long_name, type_of(&m->signals[i]), same_before(t->shape, m, i));
    sqlite3_str_appendall(sql, ")");
    return sqlite3_str_finish(sql);
}

static void destroy(struct sql_table *t)
{
    sql_source_release(t->source);
    free(t->pushes);
    free(t);
}

static int open_source(struct sql_table *t, struct sql_context *context, const struct sql_args *args,
                       struct canp_why *why)
{
    int r = sql_source_open(context, args, &t->source, why);
    if (r < 0)
        return r;
    if (t->shape->needs_dbc && t->source->choice.base_count == 0)
        return canp_fail(why, -EINVAL, "a table of signals needs a database: dbc=FILE");
    if (t->shape->table)
        return 0;
    if (!args->message)
        return canp_fail(why, -EINVAL, "which message? Give message=NAME");
    t->message = sql_source_message(t->source, args->message, args->number);
    return t->message ? 0 : canp_fail(why, -ENOENT, "no message '%s' in the databases", args->message);
}

/* The arguments behind the module, schema and name. */
static int read_args(struct sql_args *args, char *room, int argc, const char *const *argv,
                     struct canp_why *why)
{
    int r = 0;
    for (int i = 3; i < argc && r == 0; i++) {
        size_t bytes = strlen(argv[i]) + 1;
        memcpy(room, argv[i], bytes);
        unquote(room);
        r = sql_args_add(args, room, why);
        room += bytes;
    }
    return r;
}

static int make(const struct sql_module_data *data, int argc, const char *const *argv, struct sql_table *t,
                struct canp_why *why)
{
    struct sql_args args = {.number = 1};
    size_t bytes = 1;
    for (int i = 3; i < argc; i++)
        bytes += strlen(argv[i]) + 1;
    char *room = malloc(bytes);
    if (!room)
        return canp_fail(why, -ENOMEM, "no memory for a table");
    int r = read_args(&args, room, argc, argv, why);
    if (r == 0)
        r = open_source(t, data->context, &args, why);
    free(room);
    return r;
}

static int connect_table(sqlite3 *db, void *aux, int argc, const char *const *argv, sqlite3_vtab **out,
                         char **error)
{
    const struct sql_module_data *data = aux;
    struct sql_table *t = calloc(1, sizeof(*t));
    struct canp_why why;
    if (!t)
        return SQLITE_NOMEM;
    t->shape = data->shape;
    t->pushes = calloc(COLUMNS_MAX, sizeof(*t->pushes));
    int r = t->pushes ? make(data, argc, argv, t, &why) : -ENOMEM;
    if (r < 0) {
        *error = t->pushes ? sqlite3_mprintf("%s", why.text) : NULL;
        destroy(t);
        return SQLITE_ERROR;
    }
    char *sql = declaration(t);
    r = sql ? sqlite3_declare_vtab(db, sql) : SQLITE_NOMEM;
    sqlite3_free(sql);
    if (r != SQLITE_OK) {
        destroy(t);
        return r;
    }
    *out = &t->base;
    return SQLITE_OK;
}

/* Another function than xConnect: else the modules were tables without arguments, too. */
static int create_table(sqlite3 *db, void *aux, int argc, const char *const *argv, sqlite3_vtab **out,
                        char **error)
{
    return connect_table(db, aux, argc, argv, out, error);
}

static int disconnect_table(sqlite3_vtab *base)
{
    destroy((struct sql_table *)base);
    return SQLITE_OK;
}

/* ---- reading ------------------------------------------------------------------------------------------ */

static int best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
    const struct sql_table *t = (const struct sql_table *)base;
    return sql_wanted_plan(info, t->pushes, t->columns);
}

static int open_cursor(sqlite3_vtab *base, sqlite3_vtab_cursor **out)
{
    struct sql_cursor *c = calloc(1, sizeof(*c));
    (void)base;
    if (!c)
        return SQLITE_NOMEM;
    c->is_end = true;
    *out = &c->base;
    return SQLITE_OK;
}

static void end_pass(struct sql_cursor *c)
{
    const struct sql_table *t = (const struct sql_table *)c->base.pVtab;
    if (t->shape->end)
        t->shape->end(c);
    c->state = NULL;
    sql_rowids_free(&c->rowids);
    sql_scan_end(&c->scan);
    c->is_end = true;
}

static int close_cursor(sqlite3_vtab_cursor *base)
{
    struct sql_cursor *c = (struct sql_cursor *)base;
    end_pass(c);
    free(c);
    return SQLITE_OK;
}

static int fail(struct sql_cursor *c, int error)
{
    sqlite3_vtab *t = c->base.pVtab;
    if (error == -ENOMEM)
        return SQLITE_NOMEM;
    if (error == -ECANCELED)
        return SQLITE_INTERRUPT;
    sqlite3_free(t->zErrMsg);
    t->zErrMsg = sqlite3_mprintf("%s", c->scan.why[0] ? c->scan.why : canp_strerror(error));
    return SQLITE_IOERR;
}

static int next_row(sqlite3_vtab_cursor *base)
{
    struct sql_cursor *c = (struct sql_cursor *)base;
    const struct sql_table *t = (const struct sql_table *)c->base.pVtab;
    int r = t->shape->next(c);
    if (r < 0)
        return fail(c, r);
    c->has_rowid = false;
    c->is_end = r == 0;
    t->source->context->rows += r == 1;
    return SQLITE_OK;
}

static int filter(sqlite3_vtab_cursor *base, int number, const char *plan, int argc, sqlite3_value **argv)
{
    struct sql_cursor *c = (struct sql_cursor *)base;
    const struct sql_table *t = (const struct sql_table *)c->base.pVtab;
    (void)number;
    end_pass(c);
    sql_wanted_init(&c->wanted);
    sql_wanted_take(&c->wanted, plan, argc, argv);
    int r = t->shape->begin(c, t);
    c->wanted.recording = c->wanted.iface = c->wanted.message = c->wanted.signal = NULL;
    return r < 0 ? fail(c, r) : next_row(base);
}

static int is_end(sqlite3_vtab_cursor *base)
{
    return ((struct sql_cursor *)base)->is_end;
}

static int column_value(sqlite3_vtab_cursor *base, sqlite3_context *out, int column)
{
    struct sql_cursor *c = (struct sql_cursor *)base;
    ((const struct sql_table *)base->pVtab)->shape->value(c, out, column);
    return SQLITE_OK;
}

static int rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out)
{
    struct sql_cursor *c = (struct sql_cursor *)base;
    int64_t id = c->rowid;
    if (!c->has_rowid) {
        uint64_t hash = ((const struct sql_table *)base->pVtab)->shape->hash(c);
        if (sql_rowids_next(&c->rowids, hash, &id) < 0)
            return SQLITE_NOMEM;
    }
    c->rowid = id;
    c->has_rowid = true;
    *out = id;
    return SQLITE_OK;
}

const sqlite3_module sql_module = {
    .iVersion = 0,
    .xCreate = create_table,
    .xConnect = connect_table,
    .xBestIndex = best_index,
    .xDisconnect = disconnect_table,
    .xDestroy = disconnect_table,
    .xOpen = open_cursor,
    .xClose = close_cursor,
    .xFilter = filter,
    .xNext = next_row,
    .xEof = is_end,
    .xColumn = column_value,
    .xRowid = rowid,
};

/* ---- values ------------------------------------------------------------------------------------------- */

uint64_t sql_record_hash(struct sql_cursor *c)
{
    return sql_hash_record(c->scan.at, &c->record);
}

void sql_result_text(sqlite3_context *out, const char *text)
{
    if (text)
        sqlite3_result_text(out, text, -1, SQLITE_TRANSIENT);
}

void sql_result_time(sqlite3_context *out, int64_t ns)
{
    char text[SQL_TIME_BYTES];
    sql_result_text(out, sql_time_text(text, ns));
}

void sql_result_id(sqlite3_context *out, uint32_t id)
{
    static const char digits[] = "0123456789ABCDEF";
    bool is_long = (id & (CANP_ID_EFF | CANP_ID_ERR)) != 0;
    char text[9] = ""; /* terminated: else SQLite copied it once more */
    id &= is_long ? CANP_ID_ERR | CANP_ID_EFF_MASK : CANP_ID_SFF_MASK;
    int length = is_long ? 8 : 3;
    for (int i = length; i-- > 0; id >>= 4)
        text[i] = digits[id & 15];
    sql_result_text(out, text);
}

void sql_common_value(struct sql_cursor *c, sqlite3_context *out, int column, int64_t time_ns,
                      const char *iface)
{
    if (column == SQL_RECORDING)
        sql_result_text(out, sql_scan_recording(&c->scan));
    else if (column == SQL_TIME_NS)
        sqlite3_result_int64(out, time_ns);
    else if (column == SQL_TIME)
        sql_result_time(out, time_ns);
    else
        sql_result_text(out, iface);
}
