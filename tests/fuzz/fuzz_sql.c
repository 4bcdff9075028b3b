/*
 * Any constraints in SQL: what goes down to the recording leaves out nothing that matches. The input is read
 * as decisions, one byte each: a table, up to three comparisons of its columns with values of many kinds, AND
 * or OR. The virtual table and a plain copy of it must say the same, row by row. The tables are of a packed
 * recording, which is made once and removed at the end.
 */
#include <ftw.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <canp/repack.h>
#include <canp/writer.h>

#include "sql/sql.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FRAMES     400U
#define QUERY_ROOM 1024

static char dir[] = "/tmp/canp_fuzz_sql_XXXXXX";
static sqlite3 *db;

static const char database[] = "BU_: A\nBO_ 256 Engine: 8 A\n SG_ Speed : 0|16@1+ (0.25,0) [0|0] \"rpm\" A\n"
                               " SG_ Mode : 24|4@1+ (1,0) [0|0] \"\" A\nBO_ 2566844926 Truck: 8 A\n"
                               " SG_ Load : 8|8@1+ (1,0) [0|0] \"%\" A\nVAL_ 256 Mode 0 \"off\" 1 \"on\" ;\n";

/* ---- the recording and its tables ---------------------------------------------------------------------- */

static void must(bool is_good, const char *what)
{
    if (is_good)
        return;
    fprintf(stderr, "fuzz_sql: %s: %s\n", what, db ? sqlite3_errmsg(db) : "");
    abort();
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

static void remove_all(void)
{
    nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void put_frames(struct canp_writer *w)
{
    static const uint32_t ids[] = {0x100, 0x123, 0x7FF, CANP_ID_EFF | 0x18FEF1FE, CANP_ID_EFF | 0x100, 0};
    for (uint32_t i = 0; i < FRAMES; i++) {
        union canp_frame_store store;
        memset(&store, 0, sizeof(store));
        store.frame.id = ids[i * 7 % 6];
        store.frame.len = (uint8_t)(i % 9);
        for (unsigned k = 0; k < 8; k++)
            store.frame.data[k] = (uint8_t)(i * (k + 3));
        struct canp_record r = {.time_ns = INT64_C(1700000000000000000) + i * INT64_C(12345678),
                                .channel = (uint8_t)(i % 3),
                                .kind = CANP_KIND_CAN,
                                .dir = (uint8_t)(i % 2),
                                .frame = &store.frame};
        must(canp_writer_put(w, &r) == 0, "put");
    }
}

static void make_recording(const char *path)
{
    const struct canp_repack_opts pack = CANP_REPACK_OPTS_INIT;
    struct canp_repack_stats stats;
    struct canp_writer *w;
    must(canp_writer_open(path, NULL, &w, NULL) == 0, "a writer");
    for (uint8_t c = 0; c < 3; c++) {
        struct canp_iface iface = {.mtu = 16};
        snprintf(iface.name, sizeof(iface.name), "can%u", c);
        must(canp_writer_add_iface(w, c, &iface, INT64_C(1700000000000000000)) == 0, "an interface");
    }
    put_frames(w);
    must(canp_writer_finish(w) == 0, "the end");
    canp_writer_close(w);
    must(canp_repack(path, &pack, &stats, NULL) == 0, "packing");
}

static void run_sql(const char *sql)
{
    must(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, sql);
}

static const char *const tables[] = {"frames", "signals", "ids", "events", "Engine"};
#define TABLES (sizeof(tables) / sizeof(tables[0]))

static void set_up(void)
{
    char recording[64], file[64], argument[80], sql[128];
    const char *const arguments[] = {recording, argument};
    struct sql_context *context = NULL;
    must(mkdtemp(dir) != NULL, "a directory");
    atexit(remove_all);
    snprintf(recording, sizeof(recording), "%s/rec", dir);
    snprintf(file, sizeof(file), "%s/a.dbc", dir);
    snprintf(argument, sizeof(argument), "dbc=%s", file);
    FILE *out = fopen(file, "we");
    must(out && fputs(database, out) >= 0 && fclose(out) == 0, "a database");
    make_recording(recording);
    must(sqlite3_open(":memory:", &db) == SQLITE_OK && sql_register(db, NULL, &context) == SQLITE_OK, "SQL");
    must(sql_open_tables(db, context, arguments, 2, NULL) == 0, "tables");
    for (size_t i = 0; i < TABLES; i++) { /* with the types of its columns, by which values are compared */
        snprintf(sql, sizeof(sql), "CREATE TABLE main.%s_copy AS SELECT * FROM %s", tables[i], tables[i]);
        run_sql(sql);
    }
}

/* ---- questions ----------------------------------------------------------------------------------------- */

struct input {
    const uint8_t *data;
    size_t left;
};

static unsigned decide(struct input *in, unsigned count)
{
    if (in->left == 0)
        return 0;
    in->left--;
    return *in->data++ % count;
}

/* A literal: one that may match, or anything. Numbers and texts are made of further bytes, too. */
static void put_value(struct input *in, char *out, size_t room)
{
    static const char *const literals[] = {"256",
                                           "291",
                                           "2047",
                                           "0x18FEF1FE",
                                           "0",
                                           "1",
                                           "-1",
                                           "NULL",
                                           "'can0'",
                                           "'can1'",
                                           "'CAN0'",
                                           "'can'",
                                           "'can'",
                                           "'fd'",
                                           "'rx'",
                                           "'tx'",
                                           "'Engine'",
                                           "'Speed'",
                                           "'engine'",
                                           "'Mode'",
                                           "1700000000000000000",
                                           "1700000001000000000",
                                           "1700000001000000000.5",
                                           "9223372036854775807",
                                           "-9223372036854775808",
                                           "1e300",
                                           "-1e300",
                                           "0.5",
                                           "256.0",
                                           "'256'",
                                           "'0x100'",
                                           "''",
                                           "x'00FF'",
                                           "x'63616E30'",
                                           "'2023-11-14'",
                                           "'2023-11-14 22:13:20'",
                                           "'2023-11-14 22:13:21.5'",
                                           "'2023-11-14T22:13:20'",
                                           "'1970-01-01'",
                                           "'9999-12-31'",
                                           "'iface'",
                                           "0x1FFFFFFF",
                                           "0x20000000",
                                           "0x7FF"};
    unsigned which = decide(in, 64);
    if (which < sizeof(literals) / sizeof(literals[0]))
        snprintf(out, room, "%s", literals[which]);
    else if (which % 2)
        snprintf(out, room, "%lld",
                 1700000000000000000LL + (long long)(decide(in, 256) * 256 + decide(in, 256)) * 61728394LL);
    else
        snprintf(out, room, "char(%u,%u,%u)", decide(in, 256), decide(in, 256), decide(in, 256));
}

static void put_comparison(struct input *in, unsigned table, char *out, size_t room)
{
    static const char *const columns[TABLES][8] = {
        {"recording", "time_ns", "time", "iface", "kind", "dir", "id", "extended"},
        {"recording", "time_ns", "time", "iface", "id", "message", "signal", "value"},
        {"recording", "iface", "kind", "id", "extended", "frames", "id_hex", "error"},
        {"recording", "time_ns", "time", "iface", "kind", "kind", "iface", "time"},
        {"recording", "time_ns", "time", "iface", "id", "Speed", "Mode", "id_hex"}};
    static const char *const operators[] = {"=",  "<",  "<=",      ">",      ">=",   "IS",
                                            "<>", "IN", "BETWEEN", "IS NOT", "LIKE", "="};
    static const char *const collations[] = {"", "", "", "", "", " COLLATE NOCASE", " COLLATE RTRIM", ""};
    char values[3][64];
    const char *column = columns[table][decide(in, 8)], *operator= operators[decide(in, 12)];
    for (unsigned i = 0; i < 3; i++)
        put_value(in, values[i], sizeof(values[i]));
    const char *collation = collations[decide(in, 8)];
    if (strcmp(operator, "IN") == 0)
        snprintf(out, room, "%s%s IN (%s, %s, %s)", column, collation, values[0], values[1], values[2]);
    else if (strcmp(operator, "BETWEEN") == 0)
        snprintf(out, room, "%s%s BETWEEN %s AND %s", column, collation, values[0], values[1]);
    else
        snprintf(out, room, "%s %s %s%s", column, operator, values[0], collation);
}

/* The number of rows, and sums that depend on what is in them. */
static void ask(const char *table, const char *end, const char *where, sqlite3_int64 out[3])
{
    char sql[QUERY_ROOM + 256];
    sqlite3_stmt *statement = NULL;
    const char *mixed = strcmp(table, "ids") == 0 ? "first_ns" : "time_ns";
    snprintf(sql, sizeof(sql),
             "SELECT count(*), coalesce(sum(%s / 1000 %% 1000003), 0), coalesce(sum(length(iface)), 0) FROM "
             "%s%s WHERE %s",
             mixed, table, end, where);
    must(sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK, sql);
    must(sqlite3_step(statement) == SQLITE_ROW, sql);
    for (int i = 0; i < 3; i++)
        out[i] = sqlite3_column_int64(statement, i);
    sqlite3_finalize(statement);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    char where[QUERY_ROOM] = "", part[320];
    sqlite3_int64 got[3], wanted[3];
    if (!db)
        set_up();
    unsigned table = decide(&in, TABLES), parts = 1 + decide(&in, 3);
    const char *glue = decide(&in, 4) ? " AND " : " OR ";
    for (unsigned i = 0; i < parts; i++) {
        put_comparison(&in, table, part, sizeof(part));
        size_t used = strlen(where);
        snprintf(where + used, sizeof(where) - used, "%s%s", i ? glue : "", part);
    }
    ask(tables[table], "", where, got);
    ask(tables[table], "_copy", where, wanted);
    if (memcmp(got, wanted, sizeof(got)) != 0) {
        fprintf(stderr, "%s WHERE %s: %lld rows (%lld, %lld), of a copy %lld (%lld, %lld)\n", tables[table],
                where, got[0], got[1], got[2], wanted[0], wanted[1], wanted[2]);
        abort();
    }
    return 0;
}
