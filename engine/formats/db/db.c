/*
 * python-can's SQLite log, read (python-can.readthedocs.io: SqliteWriter): one table, `messages`, with the
 * columns ts REAL, arbitration_id, extended, remote, error, dlc INTEGER and data BLOB. It has no place for
 * channels, directions and FD flags; more than 8 bytes are an FD frame. pages.c reads the file, so sqlite3 is
 * not needed and no SQL of the file is ever run. A file with a journal beside it is refused, because only
 * sqlite3 can finish or undo the change in it. One thread.
 *
 * libsqlite3 is not used for two reasons. libcanp is loaded into programs that have an SQLite of their own
 * (the sqlite3 shell, Python), and a process should not have two. And if only the command had the format,
 * the library and Python would lack it. The price is the 800 lines of this folder: they read one table and
 * write one, without SQL, indexes and journals.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "formats/db/db_parts.h"
#include "formats/db/pages.h"
#include "formats/text/text_in.h"

enum column { TS, ID, EXTENDED, REMOTE, ERROR, DLC, DATA, COLUMNS };

struct reading {
    struct canp_db_pages pages;
    uint8_t place[COLUMNS]; /* where a row has the column */
    unsigned row_values;    /* values that a row has at least */
};

/* ---- the table --------------------------------------------------------------------------------------- */

/* The first word of a column's definition, without quotes: which column is that? COLUMNS: none of ours. */
static enum column column_named(struct canp_text t)
{
    static const char *const names[COLUMNS] = {"ts",  "arbitration_id", "extended", "remote", "error", "dlc",
                                               "data"};
    while (t.at < t.end && (*t.at == ' ' || *t.at == '\n' || *t.at == '\r' || *t.at == '\t' || *t.at == '"' ||
                            *t.at == '`' || *t.at == '['))
        t.at++;
    struct canp_text word = {t.at, t.at};
    while (word.end < t.end && ((*word.end | 0x20) >= 'a' || *word.end == '_') && *word.end != '`')
        word.end++;
    for (enum column c = TS; c < COLUMNS; c++) {
        if (canp_text_is(&word, names[c]))
            return c;
    }
    return COLUMNS;
}

/* Finds the columns in `CREATE TABLE name (…)`: are all there? */
static bool take_columns(struct reading *state, const char *sql, size_t bytes)
{
    struct canp_text t = {sql, sql + bytes}, cell;
    unsigned found = 0, index = 0;
    const char *begin = memchr(sql, '(', bytes);
    if (!begin)
        return false;
    t.at = begin + 1;
    for (; index < CANP_DB_VALUES_MAX && canp_take_cell(&t, ',', &cell); index++) {
        enum column column = column_named(cell);
        if (column == COLUMNS || (found >> column & 1))
            continue;
        found |= 1U << column;
        state->place[column] = (uint8_t)index;
        state->row_values = index + 1;
    }
    return found == (1U << COLUMNS) - 1;
}

/* A name of a table behind those before, as far as there is room; what is no ASCII is shown as '.'. */
static void note_table(const struct canp_db_value *name, char *said, size_t room)
{
    size_t at = strlen(said);
    if (at + name->bytes + 3 > room)
        return;
    if (at) {
        memcpy(said + at, ", ", 2);
        at += 2;
    }
    for (size_t i = 0; i < name->bytes; i++)
        said[at++] = name->at[i] > ' ' && name->at[i] <= '~' ? (char)name->at[i] : '.';
    said[at] = '\0';
}

/* The root page of the table of messages: 1; 0, when there is none, and the names of those that are; or an
 * error. */
static int find_table(struct reading *state, int64_t *root, char *said, size_t room)
{
    struct canp_db_row row;
    struct canp_db_value v[5]; /* type, name, name of the table, root page, SQL */
    int r = canp_db_begin(&state->pages, 1);
    while (r == 0 && (r = canp_db_next(&state->pages, &row)) == 1) {
        r = 0;
        if (canp_db_values(&row, v, 5) < 5 || v[0].bytes != 5 || memcmp(v[0].at, "table", 5) != 0 ||
            !canp_db_is_text(&v[1]) || !canp_db_is_text(&v[4]) || !canp_db_integer(&v[3], root))
            continue;
        if (take_columns(state, (const char *)v[4].at, v[4].bytes))
            return 1;
        note_table(&v[1], said, room);
    }
    return r;
}

/* ---- open --------------------------------------------------------------------------------------------- */

/* Does a file of that name hold what sqlite3 has yet to undo or apply? */
static bool is_pending(const char *path, const char *suffix)
{
    static const uint8_t journal_magic[4] = {0xD9, 0xD5, 0x05, 0xF9};
    char name[4096];
    uint8_t head[4];
    int n = snprintf(name, sizeof(name), "%s%s", path, suffix);
    int fd = n > 0 && (size_t)n < sizeof(name) ? open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    if (fd < 0)
        return false;
    bool has_head = read(fd, head, sizeof(head)) == (ssize_t)sizeof(head);
    close(fd);
    return has_head && (strcmp(suffix, "-wal") == 0 || memcmp(head, journal_magic, 4) == 0);
}

static int tell(const struct canp_log_reader *reader, int r, struct canp_why *why)
{
    const struct reading *state = reader->state;
    const char *name = reader->path ? reader->path : "the SQLite file";
    if (r == -CANP_E_DAMAGED && state->pages.problem)
        return canp_fail(why, r, "%s: the SQLite file %s (at byte %llu)", name, state->pages.problem,
                         (unsigned long long)state->pages.bad_offset);
    return canp_fail(why, r, "cannot read %s: %s", name, canp_strerror(r));
}

static int open_db(struct canp_log_reader *reader, struct canp_why *why)
{
    struct reading *state = reader->state;
    const char *name = reader->path ? reader->path : "the log";
    char said[128] = "";
    int64_t root = 0;
    if (!reader->source.is_seekable)
        return canp_fail(why, -ESPIPE,
                         "%s: an SQLite log is read from a plain file, neither from a pipe nor compressed: "
                         "save or unpack it first",
                         name);
    if (reader->path && (is_pending(reader->path, "-journal") || is_pending(reader->path, "-wal")))
        return canp_fail(why, -CANP_E_DAMAGED,
                         "%s: another program writes it or was killed while it did (a journal lies beside "
                         "it): when it has ended, open and close the file with sqlite3",
                         name);
    int r = canp_db_open(&state->pages, &reader->source);
    if (r == 0)
        r = find_table(state, &root, said, sizeof(said));
    if (r < 0)
        return tell(reader, r, why);
    if (r == 0)
        return canp_fail(why, -CANP_E_FORMAT,
                         "%s is an SQLite database without python-can's table of messages (it has %s%s)",
                         name, said[0] ? "the tables: " : "no tables", said);
    r = canp_db_begin(&state->pages, root > 0 && root <= UINT32_MAX ? (uint32_t)root : 0);
    if (r == 0)
        r = canp_log_channel_numbered(reader, 1);
    return r < 0 ? tell(reader, r, why) : 0;
}

static void close_db(struct canp_log_reader *reader)
{
    canp_db_close(&((struct reading *)reader->state)->pages);
}

/* ---- rows --------------------------------------------------------------------------------------------- */

/* A double holds microseconds of today's dates, and nanoseconds of a small number of seconds. */
static bool take_time(const struct canp_db_value *value, int64_t *time_ns)
{
    double ts;
    if (!canp_db_real(value, &ts) || !(ts > -9e9 && ts < 9e9))
        return false;
    bool is_small = ts > -4e6 && ts < 4e6;
    double units = ts * (is_small ? 1e9 : 1e6);
    *time_ns = (int64_t)(units + (units < 0 ? -0.5 : 0.5)) * (is_small ? 1 : 1000);
    return true;
}

static bool take_payload(const struct canp_db_value *data, int64_t dlc, struct canp_frame *frame)
{
    bool is_error = frame->id & CANP_ID_ERR;
    size_t bytes = canp_db_is_blob(data) || canp_db_is_text(data) ? data->bytes : 0;
    if (frame->id & CANP_ID_RTR)
        bytes = 0;
    else if (!is_error && (int64_t)bytes != dlc)
        return false;
    if (dlc < 0 || dlc > (is_error || frame->id & CANP_ID_RTR ? 8 : 64) || bytes > (is_error ? 8 : 64))
        return false;
    memcpy(frame->data, data->at, bytes);
    frame->len = is_error ? 8 : (uint8_t)dlc;
    frame->flags = frame->len > 8 ? CANP_FD_FDF : 0;
    return true;
}

/* NULL: a frame; else why it is none. */
static const char *take_row(const struct reading *state, const struct canp_db_row *row,
                            struct canp_frame *frame, int64_t *time_ns)
{
    struct canp_db_value v[CANP_DB_VALUES_MAX];
    int64_t id, extended, remote, error, dlc;
    int count = canp_db_values(row, v, state->row_values);
    if (row->is_cut || count < (int)state->row_values)
        return "a row that is too long or too short";
    const uint8_t *at = state->place;
    if (!take_time(&v[at[TS]], time_ns))
        return "a row whose ts is no time";
    if (!canp_db_integer(&v[at[ID]], &id) || !canp_db_integer(&v[at[EXTENDED]], &extended) ||
        !canp_db_integer(&v[at[REMOTE]], &remote) || !canp_db_integer(&v[at[ERROR]], &error) ||
        !canp_db_integer(&v[at[DLC]], &dlc))
        return "a row with a value that is no number";
    if (id < 0 || id > (extended || error ? CANP_ID_EFF_MASK : CANP_ID_SFF_MASK))
        return "a row with an id that no frame has";
    memset(frame, 0, sizeof(union canp_frame_store));
    frame->id = (uint32_t)id | (error ? CANP_ID_ERR : extended ? CANP_ID_EFF : 0);
    frame->id |= remote && !error ? CANP_ID_RTR : 0;
    return take_payload(&v[at[DATA]], dlc, frame) ? NULL : "a row whose data is not as long as its dlc";
}

static int next(struct canp_log_reader *reader, struct canp_record *out)
{
    struct reading *state = reader->state;
    struct canp_db_row row;
    int r;
    while ((r = canp_db_next(&state->pages, &row)) == 1) {
        int64_t time_ns;
        const char *problem = take_row(state, &row, &reader->store.frame, &time_ns);
        if (!problem)
            return canp_log_lend(reader, out, time_ns,
                                 reader->store.frame.len > 8 ? CANP_KIND_FD : CANP_KIND_CAN, 0, CANP_DIR_RX);
        canp_log_bad_object(reader, problem, row.offset);
    }
    if (r < 0)
        return tell(reader, r, &reader->why);
    canp_source_seek(&reader->source, canp_source_size(&reader->source)); /* all of it was read */
    return 0;
}

static enum canp_log_verdict probe(const struct canp_log_head *head, struct canp_why *what)
{
    (void)what;
    if (head->length < 16 && !head->at_end)
        return memcmp(head->bytes, CANP_DB_MAGIC, head->length) == 0 ? CANP_LOG_UNSURE : CANP_LOG_NOT_MINE;
    return head->length >= 16 && memcmp(head->bytes, CANP_DB_MAGIC, 16) == 0 ? CANP_LOG_MINE
                                                                             : CANP_LOG_NOT_MINE;
}

const struct canp_log_format canp_format_db = {
    .info = {.name = "db",
             .title = "python-can's SQLite log",
             .suffixes = "db",
             .reads = CANP_LOG_READ | CANP_LOG_FD | CANP_LOG_REMOTE | CANP_LOG_ERRORS | CANP_LOG_EPOCH,
             .writes = CANP_LOG_WRITE | CANP_LOG_FD | CANP_LOG_REMOTE | CANP_LOG_ERRORS | CANP_LOG_EPOCH},
    .probe = probe,
    .reader_bytes = sizeof(struct reading),
    .open = open_db,
    .next = next,
    .close = close_db,
    .writer_bytes = sizeof(struct canp_db_writing),
    .create = canp_db_create,
    .write = canp_db_write,
    .finish = canp_db_finish,
};
