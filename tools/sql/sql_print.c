/*
 * Results of statements (sql_print.h). Text is in columns as wide as the first rows need; wider cells in
 * later rows are not aligned. Main thread.
 */
#include "sql_print.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/text.h"

#define ROWS_MEASURED 200
#define WIDTH_MAX     60
#define NUMBER_BYTES  40

/* ---- cells -------------------------------------------------------------------------------------------- */

/* The shortest text that reads back as the same double; 12 digits for people. */
static void real_text(char out[NUMBER_BYTES], double value, bool is_for_people)
{
    for (int digits = is_for_people ? 12 : 15; digits <= 17; digits++) {
        snprintf(out, NUMBER_BYTES, "%.*g", digits, value);
        double back = strtod(out, NULL);
        /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): the same bits are wanted */
        if (is_for_people || memcmp(&back, &value, sizeof(back)) == 0)
            break;
    }
}

static bool is_number(sqlite3_stmt *s, int column)
{
    int type = sqlite3_column_type(s, column);
    return type == SQLITE_INTEGER || type == SQLITE_FLOAT;
}

static void number_text(char out[NUMBER_BYTES], sqlite3_stmt *s, int column, bool is_for_people)
{
    if (sqlite3_column_type(s, column) == SQLITE_INTEGER)
        snprintf(out, NUMBER_BYTES, "%lld", (long long)sqlite3_column_int64(s, column));
    else
        real_text(out, sqlite3_column_double(s, column), is_for_people);
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
        if (type != SQLITE_NULL)
            number_text(number, s, column, true);
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

/* ---- CSV ---------------------------------------------------------------------------------------------- */

/* False: no memory. */
static bool put_csv_text(FILE *to, const char *text, size_t bytes)
{
    size_t room = CANP_SAFE_CSV_BYTES(bytes);
    char *cell = text ? malloc(room) : NULL;
    if (!cell)
        return false;
    canp_safe_csv(cell, room, text, bytes);
    fputs(cell, to);
    free(cell);
    return true;
}

static bool put_csv_cell(FILE *to, sqlite3_stmt *s, int column)
{
    char number[NUMBER_BYTES];
    int type = sqlite3_column_type(s, column);
    if (type == SQLITE_NULL)
        return true;
    if (type == SQLITE_TEXT)
        return put_csv_text(to, (const char *)sqlite3_column_text(s, column),
                            (size_t)sqlite3_column_bytes(s, column));
    if (type == SQLITE_BLOB) {
        char *hex = hex_text(s, column);
        if (hex)
            fputs(hex, to);
        free(hex);
        return hex != NULL;
    }
    number_text(number, s, column, false);
    fputs(number, to);
    return true;
}

static int print_csv(FILE *to, sqlite3_stmt *s)
{
    int r, columns = sqlite3_column_count(s);
    for (int i = 0; i < columns; i++) {
        const char *name = sqlite3_column_name(s, i);
        fputs(i ? "," : "", to);
        if (!name || !put_csv_text(to, name, strlen(name)))
            return SQLITE_NOMEM;
    }
    if (columns)
        putc('\n', to);
    while ((r = sqlite3_step(s)) == SQLITE_ROW && !ferror(to)) {
        for (int i = 0; i < columns; i++) {
            fputs(i ? "," : "", to);
            if (!put_csv_cell(to, s, i))
                return SQLITE_NOMEM;
        }
        putc('\n', to);
    }
    return r;
}

/* ---- JSON --------------------------------------------------------------------------------------------- */

static bool put_json_cell(FILE *to, sqlite3_stmt *s, int column)
{
    char number[NUMBER_BYTES];
    int type = sqlite3_column_type(s, column);
    if (type == SQLITE_NULL || (type == SQLITE_FLOAT && !isfinite(sqlite3_column_double(s, column)))) {
        fputs("null", to);
    } else if (type == SQLITE_TEXT) {
        const char *text = (const char *)sqlite3_column_text(s, column);
        if (!text)
            return false;
        text_json_bytes(to, text, (size_t)sqlite3_column_bytes(s, column));
    } else if (type == SQLITE_BLOB) {
        char *hex = hex_text(s, column);
        fprintf(to, "\"%s\"", hex ? hex : "");
        free(hex);
        return hex != NULL;
    } else {
        number_text(number, s, column, false);
        fputs(number, to);
    }
    return true;
}

static int print_json(FILE *to, sqlite3_stmt *s)
{
    int r, columns = sqlite3_column_count(s);
    while ((r = sqlite3_step(s)) == SQLITE_ROW && !ferror(to)) {
        for (int i = 0; i < columns; i++) {
            putc(i ? ',' : '{', to);
            text_json_string(to, sqlite3_column_name(s, i));
            putc(':', to);
            if (!put_json_cell(to, s, i))
                return SQLITE_NOMEM;
        }
        fputs("}\n", to);
    }
    return r;
}

int sql_print(FILE *to, enum sql_format format, sqlite3_stmt *statement)
{
    int r = format == SQL_TEXT  ? print_text(to, statement)
            : format == SQL_CSV ? print_csv(to, statement)
                                : print_json(to, statement);
    return ferror(to) ? SQLITE_IOERR_WRITE : r;
}
