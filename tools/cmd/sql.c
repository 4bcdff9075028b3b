/*
 * canp sql: queries recordings and logs in SQL. The database is in memory and has only the virtual tables;
 *
 statements can neither write nor attach files. Main thread; a signal interrupts the current statement, and
 *
 at a prompt the command continues.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/commands.h"
#include "lib/opts.h"
#include "lib/text.h"
#include "sql/sql.h"
#include "sql/sql_print.h"

#define TEXTS_MAX 160

struct sql {
    const char *command;
    enum sql_format format;
    sqlite3 *db;
    struct sql_context *context;
    bool is_prompt; /* a person types: errors do not end it */
    bool is_over;   /* .quit, or nobody reads what we print */
};

/* For the signal handler. */
static struct canp_stop stop;
static sqlite3 *running;

static void on_signal(int number)
{
    (void)number;
    canp_stop_set(&stop);
    if (running)
        sqlite3_interrupt(running); /* sets a flag */
}

static void catch_signals(bool is_prompt)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = is_prompt ? 0 : (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of write(2) */
}

/* ---- statements --------------------------------------------------------------------------------------- */

static int fail(const struct sql *s)
{
    int code = sqlite3_errcode(s->db);
    if (code == SQLITE_INTERRUPT)
        return opts_fail(s->command, CANP_EXIT_ENVIRONMENT, "interrupted: the result is not whole");
    bool is_ours = code == SQLITE_IOERR || code == SQLITE_NOMEM;
    return opts_fail(s->command, is_ours ? CANP_EXIT_ENVIRONMENT : CANP_EXIT_USAGE, "%s",
                     sqlite3_errmsg(s->db));
}

static int run_statement(struct sql *s, sqlite3_stmt *statement)
{
    int r = sql_print(stdout, s->format, statement);
    if (r == SQLITE_DONE && fflush(stdout) == 0)
        return 0;
    if (r == SQLITE_DONE || r == SQLITE_IOERR_WRITE) {
        s->is_over = true;
        if (errno != EPIPE)
            return opts_fail(s->command, CANP_EXIT_ENVIRONMENT, "cannot write the output: %s",
                             canp_strerror(errno));
        clearerr(stdout); /* its reader has seen enough: no error at the program's end either */
        return 0;
    }
    fflush(stdout);
    return fail(s);
}

/* One statement after the other. 0 or an exit status. */
static int run_sql(struct sql *s, const char *text)
{
    int status = 0;
    while (*text && status == 0 && !s->is_over) {
        sqlite3_stmt *statement = NULL;
        if (sqlite3_prepare_v2(s->db, text, -1, &statement, &text) != SQLITE_OK)
            return fail(s);
        if (statement)
            status = run_statement(s, statement);
        sqlite3_finalize(statement);
    }
    return status;
}

static int run_query(struct sql *s, const char *sql, const char *name)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(s->db, sql, -1, &statement, NULL) != SQLITE_OK)
        return fail(s);
    sqlite3_bind_text(statement, 1, name, -1, SQLITE_TRANSIENT);
    while (sqlite3_step(statement) == SQLITE_ROW) {
        text_put_safe(stdout, (const char *)sqlite3_column_text(statement, 0));
        putchar('\n');
    }
    sqlite3_finalize(statement);
    return 0;
}

/* The columns of a table, or of all, as a statement that would make it. */
static int print_schema(struct sql *s, const char *name)
{
    return run_query(
        s,
        "SELECT 'CREATE TABLE \"' || replace(t.name, '\"', '\"\"') || '\"(' || (SELECT group_concat('\"' || "
        "replace(c.name, '\"', '\"\"') || '\" ' || c.type, ', ') FROM pragma_table_info(t.name) AS c) || ');'"
        " FROM sqlite_temp_master AS t WHERE t.type = 'table' AND (?1 = '' OR t.name = ?1 COLLATE NOCASE)",
        name);
}

/* A line that begins with a dot. */
static int run_dot(struct sql *s, char *line)
{
    char *state = NULL;
    const char *word = strtok_r(line, " \t\r\n;", &state);
    const char *name = strtok_r(NULL, " \t\r\n;", &state);
    if (strcmp(word, ".quit") == 0 || strcmp(word, ".exit") == 0) {
        s->is_over = true;
        return 0;
    }
    if (strcmp(word, ".tables") == 0)
        return run_query(s, "SELECT name FROM sqlite_temp_master WHERE type = 'table'", "");
    if (strcmp(word, ".schema") == 0)
        return print_schema(s, name ? name : "");
    if (strcmp(word, ".help") != 0)
        return opts_fail(s->command, CANP_EXIT_USAGE, "no command '%s'; .help lists them", word);
    puts(".tables         the tables\n.schema [TABLE] their columns\n.quit           ends (as Ctrl-D does)\n"
         "Anything else is SQL, up to a semicolon. Ctrl-C interrupts it.");
    return 0;
}

/* ---- the prompt --------------------------------------------------------------------------------------- */

static ssize_t read_line(struct sql *s, char **line, size_t *room, bool is_first)
{
    if (s->is_prompt) {
        fputs(is_first ? "canp> " : "   -> ", stdout);
        fflush(stdout);
    }
    errno = 0;
    ssize_t n = getline(line, room, stdin);
    if (n < 0 && errno == EINTR && s->is_prompt) { /* Ctrl-C: the statement is given up */
        clearerr(stdin);
        putchar('\n');
        return 0;
    }
    return n;
}

/* Runs what is whole. 0 or an exit status. */
static int take_line(struct sql *s, char *line, char **statement)
{
    if (!*statement && line[strspn(line, " \t")] == '.')
        return run_dot(s, line);
    char *longer = sqlite3_mprintf("%s%s", *statement ? *statement : "", line);
    sqlite3_free(*statement);
    *statement = longer;
    if (!longer)
        return opts_fail(s->command, CANP_EXIT_ENVIRONMENT, "no memory for a statement");
    if (!sqlite3_complete(longer) && longer[strspn(longer, " \t\r\n")] != '\0')
        return 0;
    canp_stop_clear(&stop);
    int status = run_sql(s, longer);
    sqlite3_free(longer);
    *statement = NULL;
    return status;
}

/* Statements from stdin. Those of a file end at the first error. */
static int run_stdin(struct sql *s)
{
    char *line = NULL, *statement = NULL;
    size_t room = 0;
    int status = 0;
    ssize_t n;
    if (s->is_prompt)
        puts("SQL over recordings: .help says more, .tables lists the tables.");
    while (!s->is_over && (status == 0 || s->is_prompt) &&
           (n = read_line(s, &line, &room, !statement)) >= 0) {
        if (n > 0) {
            status = take_line(s, line, &statement);
            continue;
        }
        sqlite3_free(statement);
        statement = NULL;
    }
    if (statement && status == 0 && !s->is_over) /* the last one, without a semicolon */
        status = run_sql(s, statement);
    sqlite3_free(statement);
    free(line);
    return s->is_prompt ? 0 : status;
}

/* ---- the command line --------------------------------------------------------------------------------- */

/* The last argument is a question if it looks like one, and there is no such file. */
static bool is_query(const char *text)
{
    return access(text, F_OK) != 0 && (strpbrk(text, " \t\n;") || (text[0] == '.' && !strchr(text, '/')));
}

static int open_database(struct sql *s, const char *const *texts, unsigned count)
{
    struct canp_why why;
    sqlite3_config(SQLITE_CONFIG_SINGLETHREAD); /* else every cell and every allocation locked a mutex */
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    if (sqlite3_open(":memory:", &s->db) != SQLITE_OK || sql_register(s->db, &stop, &s->context) != SQLITE_OK)
        return opts_fail(s->command, CANP_EXIT_ENVIRONMENT, "SQLite cannot be set up: %s",
                         sqlite3_errmsg(s->db));
    if (sql_open_tables(s->db, s->context, texts, count, &why) < 0)
        return opts_fail(s->command, CANP_EXIT_ENVIRONMENT, "%s", why.text);
    sqlite3_limit(s->db, SQLITE_LIMIT_ATTACHED, 0); /* no file is opened, none written */
    sqlite3_exec(s->db, "PRAGMA query_only = 1", NULL, NULL, NULL);
    return 0;
}

static int run(struct sql *s, char *query, const char *const *texts, unsigned count)
{
    int status = open_database(s, texts, count);
    running = s->db;
    s->is_prompt = status == 0 && !query && isatty(STDIN_FILENO);
    catch_signals(s->is_prompt);
    if (status == 0 && query)
        status = query[0] == '.' ? run_dot(s, query) : run_sql(s, query);
    else if (status == 0)
        status = run_stdin(s);
    uint64_t damaged = s->context ? s->context->damaged : 0;
    running = NULL;
    sqlite3_close(s->db);
    if (status == 0 && damaged)
        return opts_fail(s->command, CANP_EXIT_FINDING,
                         "%llu damaged places or lines were skipped; `canp verify` and `canp info` name them",
                         (unsigned long long)damaged);
    return status;
}

/* -f. Negative: no such format. */
static int format_of(const char *name)
{
    static const char *const names[] = {"text", "csv", "json"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(name, names[i]) == 0)
            return i;
    }
    return -1;
}

/* Databases and recordings as canp_open() takes them. Those of databases are allocated. 0 or an exit status.
 */
static int gather(const struct sql *s, const struct opt_list *dbcs, bool j1939, char **argv, int recordings,
                  const char **texts, unsigned *count)
{
    if ((size_t)recordings + dbcs->count + 1 > TEXTS_MAX)
        return opts_fail(s->command, CANP_EXIT_USAGE, "too many recordings");
    for (unsigned i = 0; i < dbcs->count; i++)
        texts[(*count)++] = sqlite3_mprintf("dbc=%s", dbcs->texts[i]);
    if (j1939)
        texts[(*count)++] = "j1939";
    for (int i = 1; i <= recordings; i++)
        texts[(*count)++] = argv[i];
    return 0;
}

static const char epilogue[] =
    "RECORDING: a recording, or a log in any format that canp convert reads. Tables: frames, gaps, events, "
    "ids;\n"
    "with --dbc signals (a row for each value) and one for each message (a column for each signal).\n"
    "Bounds on time_ns, time, recording, iface, kind, dir, id, extended, message and signal go down to the\n"
    "recording: what cannot match is not read. EXPLAIN QUERY PLAN shows which ones do.\n"
    "canp_time('2026-01-31T12:00:00Z') is a number to compare time_ns with. Blobs are printed as hex "
    "digits.\n"
    "Without a question: a prompt, or statements from stdin. Nothing can be written.\n"
    "Exit status 1: damaged places were skipped; 2: the statement is wrong.\n";

int canp_cmd_sql(int argc, char **argv)
{
    struct sql s = {.command = argv[0]};
    struct opt_list dbcs = {.count = 0};
    const char *format = "text", *texts[TEXTS_MAX] = {NULL};
    bool j1939 = false;
    unsigned count = 0;
    const struct opt options[] = {
        {0, "dbc", OPT_LIST, &dbcs, "[IFACE=]FILE", "a signal database; several are allowed"},
        {0, "j1939", OPT_FLAG, &j1939, NULL,
         "all 29 bit messages are J1939's, where a database does not say so"},
        {'f', "format", OPT_TEXT, &format, "FORMAT", "text (default), csv or json"},
        {0},
    };
    const struct opt_spec spec = {argv[0], "RECORDING... ['SELECT ...']",
                                  "Asks recordings and logs in SQL (SQLite's).", options, epilogue};
    int arguments = opts_parse(&spec, argc, argv);
    if (arguments < 0)
        return OPTS_EXIT(arguments);
    char *query = arguments > 0 && is_query(argv[arguments]) ? argv[arguments] : NULL;
    int recordings = arguments - (query != NULL);
    if (recordings < 1)
        return opts_fail(s.command, CANP_EXIT_USAGE, "which RECORDING? `canp sql --help` says more");
    if (format_of(format) < 0)
        return opts_fail(s.command, CANP_EXIT_USAGE, "no format '%s': text, csv or json", format);
    s.format = (enum sql_format)format_of(format);
    int status = gather(&s, &dbcs, j1939, argv, recordings, texts, &count);
    if (status == 0)
        status = run(&s, query, texts, count);
    for (unsigned i = 0; i < dbcs.count && i < count; i++)
        sqlite3_free((void *)(uintptr_t)texts[i]);
    return status;
}
