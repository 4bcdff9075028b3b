/* Passes constraints to the reader (sql_wanted.h). */
#include "sql_wanted.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <canp/names.h>

#include "sql_time.h"

#ifndef SQLITE_CORE
SQLITE_EXTENSION_INIT3
#endif

#define TEXT_ROOM 32 /* bytes of the longest part of a plan */

static const char *const push_names[] = {"",
#define SQL_PUSHED_NAME(name) #name,
                                         SQL_PUSHED(SQL_PUSHED_NAME)
#undef SQL_PUSHED_NAME
};

void sql_wanted_init(struct sql_wanted *w)
{
    *w = (struct sql_wanted){.from_ns = INT64_MIN, .to_ns = INT64_MAX, .id_to = SQL_ID_MAX, .formats = 3};
    w->kinds = UINT32_MAX;
    w->dirs = UINT8_MAX;
}

enum sql_push sql_push_of(const char *column)
{
    for (int i = 1; i < SQL_PUSH_COUNT; i++) {
        if (strcmp(column, push_names[i]) == 0)
            return (enum sql_push)i;
    }
    return SQL_PUSH_NONE;
}

static bool has_order(enum sql_push push)
{
    return push == SQL_PUSH_time_ns || push == SQL_PUSH_time || push == SQL_PUSH_id;
}

/* ---- the plan ----------------------------------------------------------------------------------------- */

static const char *op_text(unsigned char op)
{
    switch (op) {
    case SQLITE_INDEX_CONSTRAINT_EQ:
        return "=";
    case SQLITE_INDEX_CONSTRAINT_GT:
        return ">";
    case SQLITE_INDEX_CONSTRAINT_GE:
        return ">=";
    case SQLITE_INDEX_CONSTRAINT_LT:
        return "<";
    case SQLITE_INDEX_CONSTRAINT_LE:
        return "<=";
    default:
        return NULL;
    }
}

/* What part of the rows is likely to be left. */
static double share_left(enum sql_push push, bool is_equal)
{
    if (push == SQL_PUSH_time_ns || push == SQL_PUSH_time)
        return is_equal ? 1e-6 : 0.1;
    if (push == SQL_PUSH_id || push == SQL_PUSH_message || push == SQL_PUSH_signal)
        return is_equal ? 0.01 : 0.3;
    return 0.5;
}

int sql_wanted_plan(sqlite3_index_info *info, const enum sql_push *pushes, int columns)
{
    sqlite3_str *plan = sqlite3_str_new(NULL);
    int used = 0;
    double rows = 1e7;
    for (int i = 0; i < info->nConstraint; i++) {
        const struct sqlite3_index_constraint *c = &info->aConstraint[i];
        const char *op = op_text(c->op);
        enum sql_push push = c->iColumn >= 0 && c->iColumn < columns ? pushes[c->iColumn] : SQL_PUSH_NONE;
        if (!c->usable || !op || push == SQL_PUSH_NONE || (!has_order(push) && op[0] != '='))
            continue;
        if (strcmp(sqlite3_vtab_collation(info, i), "BINARY") != 0)
            continue;
        sqlite3_str_appendf(plan, "%s%s%s?", used ? " " : "", push_names[push], op);
        info->aConstraintUsage[i].argvIndex = ++used;
        rows *= share_left(push, op[0] == '=');
    }
    info->estimatedRows = rows < 1 ? 1 : (sqlite3_int64)rows;
    info->estimatedCost = rows + 1000; /* to begin costs, too: a plan of nested passes is the worse one */
    int error = sqlite3_str_errcode(plan);
    info->idxStr = sqlite3_str_finish(plan);
    info->needToFreeIdxStr = info->idxStr != NULL;
    return error;
}

/* ---- the values --------------------------------------------------------------------------------------- */

/* Narrows [from, to] by `op value`. */
static void narrow(int64_t *from, int64_t *to, const char *op, int64_t value)
{
    int64_t least = value, most = value;
    if (op[0] == '>' && op[1] != '=')
        least = value == INT64_MAX ? value : value + 1;
    if (op[0] == '<' && op[1] != '=')
        most = value == INT64_MIN ? value : value - 1;
    if (op[0] != '<' && least > *from)
        *from = least;
    if (op[0] != '>' && most < *to)
        *to = most;
}

/* The same for a real: its whole numbers below and above. */
static void narrow_real(int64_t *from, int64_t *to, const char *op, double value)
{
    const double limit = 9223372036854775808.0;
    double least = floor(value), most = ceil(value);
    if (op[0] != '<' && least > -limit)
        narrow(from, to, ">=", least >= limit ? INT64_MAX : (int64_t)least);
    if (op[0] != '>' && most < limit)
        narrow(from, to, "<=", most <= -limit ? INT64_MIN : (int64_t)most);
}

static void take_number(int64_t *from, int64_t *to, const char *op, sqlite3_value *value)
{
    if (sqlite3_value_type(value) == SQLITE_INTEGER)
        narrow(from, to, op, sqlite3_value_int64(value));
    else if (sqlite3_value_type(value) == SQLITE_FLOAT)
        narrow_real(from, to, op, sqlite3_value_double(value));
}

static void take_time(struct sql_wanted *w, const char *op, const char *text)
{
    int64_t ns;
    if (sql_time_parse(text, false, &ns))
        narrow(&w->from_ns, &w->to_ns, op[0] == '>' ? ">=" : op[0] == '<' ? "<=" : "=", ns);
}

static uint32_t kinds_named(const char *name)
{
    for (unsigned kind = 0; kind < 32; kind++) {
        const char *text = canp_kind_name((uint8_t)kind);
        if (text && strcmp(text, name) == 0)
            return 1U << kind;
    }
    return 0;
}

static uint8_t dirs_named(const char *name)
{
    for (unsigned dir = 0; dir < 4; dir++) {
        const char *text = canp_dir_name((uint8_t)dir);
        if (text && strcmp(text, name) == 0)
            return (uint8_t)(1U << dir);
    }
    return 0;
}

/* Two different texts cannot both be. */
static void take_name(struct sql_wanted *w, const char **name, const char *text)
{
    w->nothing = w->nothing || (*name && strcmp(*name, text) != 0);
    *name = text;
}

static void take_text(struct sql_wanted *w, enum sql_push push, const char *op, const char *text)
{
    if (push == SQL_PUSH_time)
        take_time(w, op, text);
    else if (push == SQL_PUSH_kind)
        w->kinds &= kinds_named(text);
    else if (push == SQL_PUSH_dir)
        w->dirs &= dirs_named(text);
    else if (push == SQL_PUSH_recording)
        take_name(w, &w->recording, text);
    else if (push == SQL_PUSH_iface)
        take_name(w, &w->iface, text);
    else if (push == SQL_PUSH_message)
        take_name(w, &w->message, text);
    else if (push == SQL_PUSH_signal)
        take_name(w, &w->signal, text);
}

static void take_formats(struct sql_wanted *w, sqlite3_value *value)
{
    if (sqlite3_value_type(value) != SQLITE_INTEGER)
        return;
    int64_t n = sqlite3_value_int64(value);
    w->formats &= n == 0 ? 1U : n == 1 ? 2U : 0U;
    w->nothing = w->nothing || w->formats == 0;
}

/* One part of the plan, `COLUMN OP ?` without blanks. */
static void take(struct sql_wanted *w, const char *part, sqlite3_value *value)
{
    char column[TEXT_ROOM];
    size_t length = strcspn(part, "=<>");
    int type = sqlite3_value_type(value);
    if (length >= sizeof(column))
        return;
    memcpy(column, part, length);
    column[length] = '\0';
    enum sql_push push = sql_push_of(column);
    const char *op = part + length;
    if (type == SQLITE_NULL) { /* nothing compares with NULL */
        w->nothing = true;
    } else if (push == SQL_PUSH_time_ns) {
        take_number(&w->from_ns, &w->to_ns, op, value);
    } else if (push == SQL_PUSH_id) {
        w->has_id = true; /* an id that is NULL compares with nothing, whatever the value's type */
        take_number(&w->id_from, &w->id_to, op, value);
    } else if (push == SQL_PUSH_extended) {
        take_formats(w, value);
    } else if (type == SQLITE_TEXT) {
        const char *text = (const char *)sqlite3_value_text(value);
        if (text && strlen(text) == (size_t)sqlite3_value_bytes(value))
            take_text(w, push, op, text);
    }
}

void sql_wanted_take(struct sql_wanted *w, const char *plan, int count, sqlite3_value **values)
{
    for (int i = 0; i < count && plan; i++) {
        take(w, plan, values[i]);
        plan = strchr(plan, ' ');
        plan = plan ? plan + 1 : NULL;
    }
    w->nothing =
        w->nothing || w->from_ns > w->to_ns || w->id_from > w->id_to || w->kinds == 0 || w->dirs == 0;
}

/* ---- ids ---------------------------------------------------------------------------------------------- */

/* [from, to] as pieces of powers of two. False: too many. */
static bool add_range(struct canp_filter_set *set, int64_t from, int64_t to, uint32_t bits, uint32_t flag)
{
    while (from <= to) {
        int64_t size = 1;
        while (!(from & (2 * size - 1)) && from + 2 * size - 1 <= to)
            size *= 2;
        if (set->count == CANP_FILTERS_MAX)
            return false;
        uint32_t mask = (bits & ~(uint32_t)(size - 1)) | CANP_ID_EFF;
        set->filters[set->count++] = (struct canp_filter){(uint32_t)from | flag, mask};
        from += size;
    }
    return true;
}

bool sql_wanted_filter(const struct sql_wanted *w, struct canp_filter_set *out)
{
    int64_t from = w->id_from < 0 ? 0 : w->id_from;
    int64_t to = w->id_to > SQL_ID_MAX ? SQL_ID_MAX : w->id_to;
    int64_t short_to = to > CANP_ID_SFF_MASK ? CANP_ID_SFF_MASK : to;
    out->count = 0;
    out->join = false;
    out->error_mask = 0;
    if (!w->has_id)
        return false;
    if ((w->formats & 1) && !add_range(out, from, short_to, CANP_ID_SFF_MASK, 0))
        return false;
    if ((w->formats & 2) && !add_range(out, from, to, CANP_ID_EFF_MASK, CANP_ID_EFF))
        return false;
    if (out->count == 0) /* no filter at all would mean every frame: this one matches none */
        out->filters[out->count++] = (struct canp_filter){CANP_FILTER_INVERSE, 0};
    return true;
}
