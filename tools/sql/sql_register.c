/* Registers modules and functions with a connection, and makes all tables of a recording (sql.h). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sql_table.h"
#include "sql_time.h"

#ifndef SQLITE_CORE
SQLITE_EXTENSION_INIT3
#endif

#define TABLES_MAX  4096 /* messages' own; the values of further ones are among the signals */
#define NAMES_ALIKE 1000 /* of messages whose names differ in capitals alone */

void sql_context_release(void *user)
{
    struct sql_context *context = user;
    if (context && --context->owners == 0)
        free(context);
}

/* ---- tables of a recording ---------------------------------------------------------------------------- */

static int fail_by(sqlite3 *db, struct canp_why *why)
{
    return canp_fail(why, -EINVAL, "%s", sqlite3_errmsg(db));
}

/* The arguments of every table: 'drive', 'dbc=a.dbc'. NULL: no memory. */
static char *arguments_text(const struct sql_args *args)
{
    sqlite3_str *text = sqlite3_str_new(NULL);
    for (unsigned i = 0; i < args->count; i++)
        sqlite3_str_appendf(text, "%s%Q", i ? ", " : "", args->texts[i]);
    return sqlite3_str_finish(text);
}

static int run(sqlite3 *db, char *sql)
{
    int r = sql ? sqlite3_exec(db, sql, NULL, NULL, NULL) : SQLITE_NOMEM;
    sqlite3_free(sql);
    return r;
}

/* A message's table has its name, with a number if that is taken. What SQLite refuses is left out: its values
 * are among the signals. */
static void make_message_table(sqlite3 *db, const char *name, unsigned number, const char *arguments)
{
    const char *front = sqlite3_strnicmp(name, "sqlite_", 7) == 0 ? "m_" : "";
    for (unsigned again = 1; again < NAMES_ALIKE; again++) {
        char *table = again == 1 ? sqlite3_mprintf("%s%s", front, name)
                                 : sqlite3_mprintf("%s%s_%u", front, name, again);
        char *message = sqlite3_mprintf("message=%s", name);
        char *sql =
            sqlite3_mprintf("CREATE VIRTUAL TABLE temp.\"%w\" USING canp_message(%s, %Q, 'number=%u')", table,
                            arguments, message, number);
        int r = run(db, sql);
        sqlite3_free(table);
        sqlite3_free(message);
        if (r == SQLITE_OK || !strstr(sqlite3_errmsg(db), "already exists"))
            return;
    }
}

/* How many messages of this name come before. */
static unsigned number_of(const struct decode_choice *choice, uint32_t index)
{
    unsigned number = 1;
    for (uint32_t i = 0; i < index; i++)
        number +=
            strcmp(choice->messages[i].message->long_name, choice->messages[index].message->long_name) == 0;
    return number;
}

static int make_tables(sqlite3 *db, const struct sql_source *source, const char *arguments,
                       struct canp_why *why)
{
    for (unsigned i = 0; sql_shapes[i]; i++) {
        const struct sql_shape *shape = sql_shapes[i];
        if (!shape->table || (shape->needs_dbc && source->choice.base_count == 0))
            continue;
        if (run(db, sqlite3_mprintf("CREATE VIRTUAL TABLE temp.%s USING %s(%s)", shape->table, shape->module,
                                    arguments)) != SQLITE_OK)
            return fail_by(db, why);
    }
    for (uint32_t i = 0; i < source->choice.message_count && i < TABLES_MAX; i++) {
        const struct canp_dbc_message *m = source->choice.messages[i].message;
        if (m->signal_count)
            make_message_table(db, m->long_name, number_of(&source->choice, i), arguments);
    }
    return 0;
}

int sql_open_tables(sqlite3 *db, struct sql_context *context, const char *const *texts, unsigned count,
                    struct canp_why *why)
{
    struct sql_args args = {.number = 1};
    struct sql_source *source = NULL;
    int r = 0;
    for (unsigned i = 0; i < count && r == 0; i++)
        r = sql_args_add(&args, texts[i], why);
    if (r == 0)
        r = sql_source_open(context, &args, &source, why);
    char *arguments = r == 0 ? arguments_text(&args) : NULL;
    if (r == 0)
        r = arguments ? make_tables(db, source, arguments, why)
                      : canp_fail(why, -ENOMEM, "no memory for tables");
    sqlite3_free(arguments);
    sql_source_release(source);
    return r;
}

/* ---- functions ---------------------------------------------------------------------------------------- */

/* canp_open(RECORDING, ...): makes the tables. */
static void open_function(sqlite3_context *out, int argc, sqlite3_value **argv)
{
    const char *texts[SQL_TEXTS_MAX] = {NULL};
    struct canp_why why;
    unsigned count = 0;
    for (int i = 0; i < argc && count < SQL_TEXTS_MAX; i++) {
        texts[count] = (const char *)sqlite3_value_text(argv[i]);
        count += texts[count] != NULL;
    }
    if (sql_open_tables(sqlite3_context_db_handle(out), sqlite3_user_data(out), texts, count, &why) < 0)
        sqlite3_result_error(out, why.text, -1);
}

/* canp_time(TEXT): nanoseconds since 1970, for comparing time_ns with. */
static void time_function(sqlite3_context *out, int argc, sqlite3_value **argv)
{
    const char *text = (const char *)sqlite3_value_text(argv[0]);
    int64_t ns;
    (void)argc;
    if (text && sql_time_parse(text, true, &ns))
        sqlite3_result_int64(out, ns);
    else if (text)
        sqlite3_result_error(
            out, "canp_time(): no point in time: 2026-01-31T12:00:00.5Z or @SECONDS since 1970, UTC", -1);
}

static void rows_function(sqlite3_context *out, int argc, sqlite3_value **argv)
{
    (void)argc, (void)argv;
    sqlite3_result_int64(out, (int64_t)((const struct sql_context *)sqlite3_user_data(out))->rows);
}

static void records_function(sqlite3_context *out, int argc, sqlite3_value **argv)
{
    (void)argc, (void)argv;
    sqlite3_result_int64(out, (int64_t)((const struct sql_context *)sqlite3_user_data(out))->records);
}

static void damaged_function(sqlite3_context *out, int argc, sqlite3_value **argv)
{
    (void)argc, (void)argv;
    sqlite3_result_int64(out, (int64_t)((const struct sql_context *)sqlite3_user_data(out))->damaged);
}

static const struct function {
    const char *name;
    int arguments; /* -1: any number */
    int flags;
    void (*call)(sqlite3_context *, int, sqlite3_value **);
} functions[] = {
    {"canp_open", -1, SQLITE_DIRECTONLY, open_function},
    {"canp_time", 1, SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, time_function},
    {"canp_rows_read", 0, 0, rows_function},
    {"canp_records_read", 0, 0, records_function},
    {"canp_damaged", 0, 0, damaged_function},
};

static int add_functions(sqlite3 *db, struct sql_context *context)
{
    int r = SQLITE_OK;
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]) && r == SQLITE_OK; i++) {
        const struct function *f = &functions[i];
        context->owners++;
        r = sqlite3_create_function_v2(db, f->name, f->arguments, SQLITE_UTF8 | f->flags, context, f->call,
                                       NULL, NULL, sql_context_release);
    }
    return r;
}

static void free_module_data(void *user)
{
    struct sql_module_data *data = user;
    sql_context_release(data->context);
    free(data);
}

static int add_modules(sqlite3 *db, struct sql_context *context)
{
    int r = SQLITE_OK;
    for (unsigned i = 0; sql_shapes[i] && r == SQLITE_OK; i++) {
        struct sql_module_data *data = malloc(sizeof(*data));
        if (!data)
            return SQLITE_NOMEM;
        *data = (struct sql_module_data){context, sql_shapes[i]};
        context->owners++;
        r = sqlite3_create_module_v2(db, sql_shapes[i]->module, &sql_module, data, free_module_data);
    }
    return r;
}

int sql_register(sqlite3 *db, const struct canp_stop *stop, struct sql_context **out)
{
    struct sql_context *context = calloc(1, sizeof(*context));
    if (!context)
        return SQLITE_NOMEM;
    context->stop = stop;
    context->owners = 1; /* ours, until all is in place */
    int r = add_modules(db, context);
    if (r == SQLITE_OK)
        r = add_functions(db, context);
    if (r == SQLITE_OK)
        *out = context;
    sql_context_release(context);
    return r;
}
