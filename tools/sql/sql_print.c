/*
 * Results of statements (sql_print.h). Text is in columns as wide as the first rows need; wider cells in
 * later rows are not aligned. Main thread.
 */
#include "sql_print.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/number.h"
#include "lib/text.h"

#define ROWS_MEASURED 200
#define WIDTH_MAX     60
#define OUT_BYTES     32768

/* ---- cells -------------------------------------------------------------------------------------------- */

static bool is_number(sqlite3_stmt *s, int column)
{
    int type = sqlite3_column_type(s, column);
    return type == SQLITE_INTEGER || type == SQLITE_FLOAT;
}

/* Bytes as hex digits. Owned; NULL: no memory. */
static char *hex_text(sqlite3_stmt *s, int column)
{
    static const char digits[] = "0123456789ABCDEF";
    const uint8_t *data = sqlite3_column_blob(s, column);
    size_t bytes = (size_t)sqlite3_column_bytes(s, column);
    char *out = malloc(2 * bytes + 1);
    if (!out)
        return NULL;
    for (size_t i = 0; i < bytes; i++) {
        out[2 * i] = digits[data[i] >> 4];
        out[2 * i + 1] = digits[data[i] & 15];
    }
    out[2 * bytes] = '\0';
    return out;
}

/* Any cell as it may be shown. Owned; NULL: no memory. */
static char *cell_text(sqlite3_stmt *s, int column)
{
    char number[NUMBER_BYTES] = "";
    int type = sqlite3_column_type(s, column);
    if (type == SQLITE_BLOB)
        return hex_text(s, column);
    if (type != SQLITE_TEXT) {
        if (type == SQLITE_INTEGER)
            number_signed(number, sqlite3_column_int64(s, column));
        else if (type == SQLITE_FLOAT)
            snprintf(number, sizeof(number), "%.12g", sqlite3_column_double(s, column));
        return strdup(number);
    }
    const char *text = (const char *)sqlite3_column_text(s, column);
    size_t bytes = (size_t)sqlite3_column_bytes(s, column);
    size_t room = CANP_SAFE_EXPANSION * bytes + 1;
    char *out = text ? malloc(room) : NULL;
    if (out)
        canp_safe_text(out, room, text, bytes, 0);
    return out;
}

/* ---- text --------------------------------------------------------------------------------------------- */

struct sheet {
    FILE *to;
    int columns, rows; /* rows that are held */
    char **cells;      /* header and rows; spelled */
    bool *right;       /* of each cell */
    size_t *widths;
    bool is_measured;
};

/* Characters, not bytes. */
static size_t width_of(const char *text)
{
    size_t width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xC0) != 0x80;
    return width;
}

static void put_row(const struct sheet *h, char *const *cells, const bool *right)
{
    for (int i = 0; i < h->columns; i++) {
        size_t width = width_of(cells[i]);
        int pad = width < h->widths[i] ? (int)(h->widths[i] - width) : 0;
        bool is_last = i + 1 == h->columns;
        if (right[i])
            fprintf(h->to, "%*s", pad, "");
        fputs(cells[i], h->to); /* trusted: spelled by cell_text() */
        if (!is_last)
            fprintf(h->to, "%*s", (right[i] ? 0 : pad) + 2, "");
    }
    putc('\n', h->to);
}

static void put_held(struct sheet *h)
{
    for (int row = 0; row <= h->rows; row++) {
        for (int i = 0; i < h->columns; i++) {
            size_t width = width_of(h->cells[row * h->columns + i]);
            width = width < WIDTH_MAX ? width : WIDTH_MAX;
            h->widths[i] = width > h->widths[i] ? width : h->widths[i];
        }
    }
    for (int row = 0; row <= h->rows; row++)
        put_row(h, h->cells + row * h->columns, h->right + row * h->columns);
    h->is_measured = true;
}

static void free_cells(struct sheet *h, int from, int count)
{
    for (int i = 0; i < count * h->columns; i++) {
        free(h->cells[from * h->columns + i]);
        h->cells[from * h->columns + i] = NULL;
    }
}

/* False: no memory. */
static bool hold_row(struct sheet *h, sqlite3_stmt *s, int at)
{
    for (int i = 0; i < h->columns; i++) {
        char **cell = &h->cells[at * h->columns + i];
        *cell = cell_text(s, i);
        h->right[at * h->columns + i] = is_number(s, i);
        if (!*cell)
            return false;
    }
    return true;
}

static bool hold_header(struct sheet *h, sqlite3_stmt *s)
{
    for (int i = 0; i < h->columns; i++) {
        h->cells[i] = strdup(SAFE(sqlite3_column_name(s, i)));
        if (!h->cells[i])
            return false;
    }
    return true;
}

static bool open_sheet(struct sheet *h, sqlite3_stmt *s)
{
    size_t cells = (size_t)(ROWS_MEASURED + 1) * (size_t)h->columns;
    h->cells = calloc(cells + 1, sizeof(*h->cells));
    h->right = calloc(cells + 1, sizeof(*h->right));
    h->widths = calloc((size_t)h->columns + 1, sizeof(*h->widths));
    return h->cells && h->right && h->widths && hold_header(h, s);
}

static int print_rows(struct sheet *h, sqlite3_stmt *s)
{
    int r;
    while ((r = sqlite3_step(s)) == SQLITE_ROW && !ferror(h->to)) {
        int at = h->is_measured ? 0 : ++h->rows;
        if (!hold_row(h, s, at))
            return SQLITE_NOMEM;
        if (h->is_measured) {
            put_row(h, h->cells, h->right);
            free_cells(h, 0, 1);
        } else if (h->rows == ROWS_MEASURED) {
            put_held(h);
            free_cells(h, 0, h->rows + 1);
        }
    }
    return r;
}

static int print_text(FILE *to, sqlite3_stmt *s)
{
    struct sheet h = {.to = to, .columns = sqlite3_column_count(s)};
    int r = open_sheet(&h, s) ? print_rows(&h, s) : SQLITE_NOMEM;
    if (r == SQLITE_DONE && !h.is_measured && h.columns)
        put_held(&h);
    if (h.cells)
        free_cells(&h, 0, ROWS_MEASURED + 1);
    free(h.cells);
    free(h.right);
    free(h.widths);
    return r;
}

/* ---- lines of CSV and JSON ---------------------------------------------------------------------------- */

/* What is gathered before it is written: a row of a long result costs no call of the C library. */
struct lines {
    FILE *to;
    bool at_once; /* each row as it comes, for a terminal */
    size_t used;
    char room[OUT_BYTES];
};

static void put_gathered(struct lines *l)
{
    fwrite(l->room, 1, l->used, l->to);
    l->used = 0;
}

/* Room for so many bytes, at most OUT_BYTES. */
static char *room_for(struct lines *l, size_t bytes)
{
    if (OUT_BYTES - l->used < bytes)
        put_gathered(l);
    return l->room + l->used;
}

static void put(struct lines *l, const char *text, size_t bytes)
{
    if (bytes > OUT_BYTES) {
        put_gathered(l);
        fwrite(text /* trusted: spelled by its caller */, 1, bytes, l->to);
        return;
    }
    memcpy(room_for(l, bytes), text, bytes);
    l->used += bytes;
}

static void put_char(struct lines *l, char c)
{
    *room_for(l, 1) = c;
    l->used++;
}

static void end_row(struct lines *l, const char *end)
{
    put(l, end, strlen(end));
    if (l->at_once) {
        put_gathered(l);
        fflush(l->to);
    }
}

static void put_number(struct lines *l, sqlite3_stmt *s, int column, int type)
{
    char *at = room_for(l, NUMBER_BYTES);
    l->used += type == SQLITE_INTEGER ? number_signed(at, sqlite3_column_int64(s, column))
                                      : number_real(at, sqlite3_column_double(s, column));
}

/* Bytes as hex digits. */
static void put_hex(struct lines *l, sqlite3_stmt *s, int column)
{
    static const char digits[] = "0123456789ABCDEF";
    const uint8_t *data = sqlite3_column_blob(s, column);
    size_t bytes = (size_t)sqlite3_column_bytes(s, column);
    while (bytes > 0) {
        size_t count = bytes < OUT_BYTES / 2 ? bytes : OUT_BYTES / 2;
        char *at = room_for(l, 2 * count);
        l->used += 2 * count;
        bytes -= count;
        for (; count > 0; count--, data++) {
            *at++ = digits[*data >> 4];
            *at++ = digits[*data & 15];
        }
    }
}

/* ---- CSV ---------------------------------------------------------------------------------------------- */

/* False: no memory. */
static bool put_csv_text(struct lines *l, const char *text, size_t bytes)
{
    size_t room = CANP_SAFE_CSV_BYTES(bytes);
    if (text && room <= OUT_BYTES) {
        l->used += canp_safe_csv(room_for(l, room), room, text, bytes);
        return true;
    }
    char *cell = text ? malloc(room) : NULL;
    if (!cell)
        return false;
    put(l, cell, canp_safe_csv(cell, room, text, bytes));
    free(cell);
    return true;
}

static bool put_csv_cell(struct lines *l, sqlite3_stmt *s, int column)
{
    int type = sqlite3_column_type(s, column);
    if (type == SQLITE_TEXT) {
        const char *text = (const char *)sqlite3_column_text(s, column);
        return put_csv_text(l, text, (size_t)sqlite3_column_bytes(s, column));
    }
    if (type == SQLITE_BLOB)
        put_hex(l, s, column);
    else if (type != SQLITE_NULL)
        put_number(l, s, column, type);
    return true;
}

static int print_csv(struct lines *l, sqlite3_stmt *s)
{
    int r, columns = sqlite3_column_count(s);
    for (int i = 0; i < columns; i++) {
        const char *name = sqlite3_column_name(s, i);
        if (i)
            put_char(l, ',');
        if (!name || !put_csv_text(l, name, strlen(name)))
            return SQLITE_NOMEM;
    }
    if (columns)
        end_row(l, "\n");
    while ((r = sqlite3_step(s)) == SQLITE_ROW && !ferror(l->to)) {
        for (int i = 0; i < columns; i++) {
            if (i)
                put_char(l, ',');
            if (!put_csv_cell(l, s, i))
                return SQLITE_NOMEM;
        }
        end_row(l, "\n");
    }
    return r;
}

/* ---- JSON --------------------------------------------------------------------------------------------- */

static void put_json_text(struct lines *l, const char *text, size_t bytes)
{
    char piece[CANP_SAFE_JSON_BYTES];
    put_char(l, '"');
    for (size_t took; bytes > 0; bytes -= took, text += took) {
        took = text_plain_run(text, bytes);
        if (took) {
            put(l, text, took);
        } else {
            took = canp_safe_json_char(text, bytes, piece);
            put(l, piece, strlen(piece));
        }
    }
    put_char(l, '"');
}

/* False: no memory. */
static bool put_json_cell(struct lines *l, sqlite3_stmt *s, int column)
{
    int type = sqlite3_column_type(s, column);
    if (type == SQLITE_TEXT) {
        const char *text = (const char *)sqlite3_column_text(s, column);
        if (text)
            put_json_text(l, text, (size_t)sqlite3_column_bytes(s, column));
        return text != NULL;
    }
    if (type == SQLITE_BLOB) {
        put_char(l, '"');
        put_hex(l, s, column);
        put_char(l, '"');
    } else if (type == SQLITE_NULL || (type == SQLITE_FLOAT && !isfinite(sqlite3_column_double(s, column)))) {
        put(l, "null", 4);
    } else {
        put_number(l, s, column, type);
    }
    return true;
}

static int print_json(struct lines *l, sqlite3_stmt *s)
{
    int r, columns = sqlite3_column_count(s);
    while ((r = sqlite3_step(s)) == SQLITE_ROW && !ferror(l->to)) {
        for (int i = 0; i < columns; i++) {
            const char *name = sqlite3_column_name(s, i);
            if (!name)
                return SQLITE_NOMEM;
            put_char(l, i ? ',' : '{');
            put_json_text(l, name, strlen(name));
            put_char(l, ':');
            if (!put_json_cell(l, s, i))
                return SQLITE_NOMEM;
        }
        end_row(l, "}\n");
    }
    return r;
}

static int print_lines(FILE *to, enum sql_format format, sqlite3_stmt *statement)
{
    struct lines *l = calloc(1, sizeof(*l));
    if (!l)
        return SQLITE_NOMEM;
    l->to = to;
    l->at_once = isatty(fileno(to));
    int r = format == SQL_CSV ? print_csv(l, statement) : print_json(l, statement);
    put_gathered(l);
    free(l);
    return r;
}

int sql_print(FILE *to, enum sql_format format, sqlite3_stmt *statement)
{
    int r = format == SQL_TEXT ? print_text(to, statement) : print_lines(to, format, statement);
    return ferror(to) ? SQLITE_IOERR_WRITE : r;
}
