/*
 * Fills tables from a recording's rows or a log's records (canp/table.h): each field into its array, in one
 * pass over the blocks that a cursor lends. What a row's length is, is read once, since others may change a
 * mapped file meanwhile.
 *
 * Invariant: a row is written only where the table has room for it and for the most data that a row can have.
 * One thread per canp_table_reader.
 */
#include <canp/rows.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <canp/private/opts.h>

#include "table.h"
#include "table_decode.h"

#define ROOM_FIRST 4096
#define RECORD_ARRAYS                                                                                        \
    (CANP_TABLE_TIME | CANP_TABLE_IFACE | CANP_TABLE_ID | CANP_TABLE_KIND | CANP_TABLE_DIR |                 \
     CANP_TABLE_FLAGS | CANP_TABLE_LENGTH | CANP_TABLE_EXTRA | CANP_TABLE_HW_TIME | CANP_TABLE_DATA)

/* ---- opening ------------------------------------------------------------------------------------------ */

static int make(const struct canp_table_opts *opts, struct canp_table_reader **out)
{
    struct canp_table_opts taken;
    int r = canp_opts_take(&taken, sizeof(taken), sizeof(taken), opts);
    if (r < 0)
        return r;
    struct canp_table_reader *t = calloc(1, sizeof(*t));
    if (!t)
        return -ENOMEM;
    t->fields = taken.fields ? taken.fields & RECORD_ARRAYS : RECORD_ARRAYS;
    t->rows_max = taken.rows_max ? taken.rows_max : UINT64_MAX;
    t->bytes_max = taken.bytes_max ? taken.bytes_max : UINT64_MAX;
    t->kinds = taken.frames_only ? (1U << CANP_KIND_GAP) - 1 : UINT32_MAX;
    t->from_ns = INT64_MIN;
    t->to_ns = INT64_MAX;
    *out = t;
    return 0;
}

/* What the options leave out of single rows: kinds and times are looked at here, the rest is asked of the
 * cursor. */
static void take_what(struct canp_table_reader *t, const struct canp_cursor_opts *o)
{
    if (!o)
        return;
    t->kinds &=
        (o->kinds ? o->kinds : UINT32_MAX) & (o->frames_only ? (1U << CANP_KIND_GAP) - 1 : UINT32_MAX);
    t->from_ns = o->from_ns ? o->from_ns : INT64_MIN;
    t->to_ns = o->to_ns ? o->to_ns : INT64_MAX;
    t->ask = o->filter || o->dirs || o->channels[0] || o->channels[1] || o->channels[2] || o->channels[3];
}

int canp_table_reader_open(struct canp_reader *reader, const struct canp_cursor_opts *what,
                           const struct canp_table_opts *opts, struct canp_table_reader **out)
{
    struct canp_table_reader *t;
    int r = make(opts, &t);
    if (r < 0)
        return r;
    r = canp_cursor_open(reader, what, &t->cursor);
    if (r < 0) {
        free(t);
        return r;
    }
    t->reader = reader;
    take_what(t, what);
    *out = t;
    return 0;
}

int canp_table_reader_open_log(struct canp_log_reader *log, const struct canp_table_opts *opts,
                               struct canp_table_reader **out)
{
    struct canp_table_reader *t;
    int r = make(opts, &t);
    if (r < 0)
        return r;
    t->log = log;
    *out = t;
    return 0;
}

void canp_table_reader_close(struct canp_table_reader *t)
{
    if (!t)
        return;
    canp_cursor_close(t->cursor);
    canp_table_decode_close(t);
    free(t);
}

uint64_t canp_table_reader_damaged(struct canp_table_reader *t)
{
    return t->cursor ? canp_cursor_damaged(t->cursor) : canp_log_reader_stats(t->log)->bad;
}

/* ---- one record --------------------------------------------------------------------------------------- */

/* What a row becomes. */
struct fields {
    const uint8_t *data;
    uint32_t bytes;
    uint32_t id;
    uint16_t length;
    uint8_t flags;
    uint64_t extra;
};

static struct fields fields_of_xl(const struct canp_record *r, uint32_t bytes_max)
{
    const uint8_t *head = (const uint8_t *)r->xl;
    uint64_t words[2];
    memcpy(words, head, 12);
    uint16_t length = (uint16_t)(words[0] >> 48);
    uint32_t af;
    memcpy(&af, head + 8, sizeof(af));
    return (struct fields){.data = head + 12,
                           .bytes = length < bytes_max - 12 ? length : bytes_max - 12,
                           .id = (uint32_t)words[0],
                           .length = length,
                           .flags = (uint8_t)(words[0] >> 32),
                           .extra = (words[0] >> 40 & 0xFF) << 32 | af};
}

/* bytes_max: of the record behind its stamp; at least 8, of an XL frame 12. */
static inline struct fields fields_of(const struct canp_record *r, uint32_t bytes_max)
{
    uint64_t head = canp_load_u64(r->frame);
    struct fields f = {.data = (const uint8_t *)r->frame + 8, .id = (uint32_t)head};
    uint32_t bytes;
    if (r->kind <= CANP_KIND_FD) {
        bytes = head >> 32 & 0xFF;
        f.length = (uint16_t)bytes;
        if (r->kind == CANP_KIND_CAN) {
            f.extra = head >> 56;
            bytes = f.id & CANP_ID_RTR ? 0 : bytes;
        } else {
            f.flags = (uint8_t)(head >> 40);
        }
    } else if (r->kind == CANP_KIND_XL) {
        return fields_of_xl(r, bytes_max);
    } else {
        uint32_t whole = head >> 32 & 0xFFFF;
        bytes = whole < 8 ? 0 : whole - 8;
        f.length = (uint16_t)bytes;
    }
    f.bytes = bytes < bytes_max - 8 ? bytes : bytes_max - 8;
    return f;
}

static inline void put(const struct table_columns *c, size_t at, size_t bytes_at, const struct canp_record *r,
                       const struct fields *f)
{
    if (c->times_ns)
        c->times_ns[at] = r->time_ns;
    if (c->channels)
        c->channels[at] = r->channel;
    if (c->ids)
        c->ids[at] = f->id;
    if (c->kinds)
        c->kinds[at] = r->kind;
    if (c->dirs)
        c->dirs[at] = r->dir;
    if (c->flags)
        c->flags[at] = f->flags;
    if (c->lengths)
        c->lengths[at] = f->length;
    if (c->extras)
        c->extras[at] = f->extra;
    if (c->hw_times_ns)
        c->hw_times_ns[at] = r->has_hw_time ? r->hw_time_ns : INT64_MIN;
    if (c->starts) {
        c->starts[at + 1] = (int64_t)(bytes_at + f->bytes);
        if (f->bytes == 8)
            memcpy(c->bytes + bytes_at, f->data, 8);
        else
            memcpy(c->bytes + bytes_at, f->data, f->bytes);
    }
}

/* ---- many --------------------------------------------------------------------------------------------- */

/* Room for one more row; doubles. */
static int make_room(struct canp_table *table)
{
    size_t rows = table->rows < table->room ? table->room : 2 * table->room + ROOM_FIRST;
    size_t bytes = table->bytes_room - table->bytes >= CANP_ROW_BYTES_MAX
                       ? table->bytes_room
                       : 2 * table->bytes_room + 8 * (size_t)ROOM_FIRST;
    return canp_table_grow(table, rows, bytes);
}

static inline bool has_room(const struct canp_table *table)
{
    return table->rows < table->room &&
           (!(table->fields & CANP_TABLE_DATA) || table->bytes_room - table->bytes >= CANP_ROW_BYTES_MAX);
}

static inline bool is_full(const struct canp_table_reader *t, const struct canp_table *table)
{
    return table->rows >= t->rows_max || table->bytes >= t->bytes_max;
}

/* The batch's rows until it ends or the table has no room. */
static void take_rows(struct canp_table_reader *t, struct canp_table *table)
{
    const struct canp_batch batch = t->batch;
    const struct table_columns columns = table->columns;
    size_t at = t->at;
    while (at < batch.bytes && has_room(table) && !is_full(t, table)) {
        const uint8_t *row = batch.rows + at;
        size_t left = batch.bytes - at;
        uint32_t row_bytes = left < 16 ? 0 : batch.stride ? batch.stride : canp_row_bytes(row);
        struct canp_record record;
        if (row_bytes < 16 || row_bytes > left) { /* the file broke: the cursor says so next */
            at = batch.bytes;
            break;
        }
        canp_row_read_sized(row, row_bytes, batch.base_ns, &record);
        at += row_bytes;
        if (record.kind == CANP_KIND_XL && row_bytes < 24)
            continue;
        if (!canp_table_wants(t, &record))
            continue;
        struct fields f = fields_of(&record, row_bytes - 8);
        put(&columns, table->rows, table->bytes, &record, &f);
        table->rows++;
        table->bytes += f.bytes;
    }
    t->at = at;
}

static int take_recording(struct canp_table_reader *t, struct canp_table *table)
{
    while (!is_full(t, table)) {
        int r = t->at < t->batch.bytes ? 1 : canp_table_next_batch(t);
        if (r <= 0)
            return r;
        r = make_room(table);
        if (r < 0)
            return r;
        take_rows(t, table);
    }
    return 1;
}

static int take_log(struct canp_table_reader *t, struct canp_table *table)
{
    struct canp_record record;
    while (!is_full(t, table)) {
        int r = canp_log_next(t->log, &record);
        if (r <= 0)
            return r;
        if (!(t->kinds >> record.kind & 1))
            continue;
        r = make_room(table);
        if (r < 0)
            return r;
        struct fields f = fields_of(&record, CANP_ROW_BYTES_MAX - 8);
        put(&table->columns, table->rows++, table->bytes, &record, &f);
        table->bytes += f.bytes;
    }
    return 1;
}

/* Channels that rows of the table have. */
static void name_ifaces(struct canp_table_reader *t, struct canp_table *table)
{
    unsigned count = t->log ? canp_log_iface_count(t->log) : canp_reader_iface_count(t->reader);
    for (size_t i = 0; table->columns.channels && i < table->rows; i++)
        count = table->columns.channels[i] >= count ? table->columns.channels[i] + 1U : count;
    for (unsigned i = 0; i < count && i < TABLE_IFACES; i++)
        canp_table_name(
            table, i, t->log ? canp_log_iface(t->log, (uint8_t)i) : canp_reader_iface(t->reader, (uint8_t)i));
}

/* Room for all that the recording has, where all is wanted: so nothing moves while the table grows. Where
 * this cannot be known, or there is no memory for it, the table grows row by row. */
static void make_room_for_all(struct canp_table_reader *t, struct canp_table *table)
{
    struct canp_info info;
    if (t->ask || t->from_ns != INT64_MIN || t->to_ns != INT64_MAX || !t->reader || t->decode ||
        t->rows_max != UINT64_MAX || canp_reader_info_quick(t->reader, &info) < 0 ||
        info.records > SIZE_MAX / 128)
        return;
    size_t rows = (size_t)(t->kinds >> CANP_KIND_GAP ? info.records : info.frames);
    canp_table_grow(table, rows + 1, 8 * rows + CANP_ROW_BYTES_MAX);
}

/* What there is until the table is full. Rows that were read before an error are given, the error next time.
 */
static int read_table(struct canp_table_reader *t, struct canp_table **out)
{
    int r = t->error;
    t->error = 0;
    if (r < 0)
        return r;
    struct canp_table *table = canp_table_make(t->fields);
    r = -ENOMEM;
    if (table)
        make_room_for_all(t, table);
    if (table)
        r = t->decode ? canp_table_take_values(t, table)
            : t->log  ? take_log(t, table)
                      : take_recording(t, table);
    if (r < 0 && table && table->rows > 0) {
        t->error = r;
        r = 0;
    }
    if (r < 0) {
        canp_table_release(table);
        return r;
    }
    name_ifaces(t, table);
    canp_table_trim(table);
    *out = table;
    return 0;
}

int canp_table_reader_next(struct canp_table_reader *t, struct canp_table **out)
{
    struct canp_table *table;
    int r = read_table(t, &table);
    if (r < 0)
        return r;
    if (table->rows == 0) {
        canp_table_release(table);
        return 0;
    }
    *out = table;
    return 1;
}

int canp_table_reader_rest(struct canp_table_reader *t, struct canp_table **out)
{
    uint64_t rows_max = t->rows_max, bytes_max = t->bytes_max;
    t->rows_max = t->bytes_max = UINT64_MAX;
    int r = read_table(t, out);
    t->rows_max = rows_max;
    t->bytes_max = bytes_max;
    return r;
}
