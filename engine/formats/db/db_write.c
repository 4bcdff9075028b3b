/*
 * Writes python-can's SQLite log without sqlite3: the pages of one table from the leaves up, by
 * sqlite.org/fileformat2.html. Pages are written once and in order, except the first (the schema) and the
 * second (the table's root), which are written again at the end.
 *
 * Invariant: each page of a level except the last holds CHILDREN_MAX - 1 children, and no page above the
 * leaves has fewer than two. One thread.
 */
#include "formats/db/db_parts.h"

#include <errno.h>

#define PAGE      CANP_DB_PAGE_BYTES
#define ROOT      2U
#define LOCK_PAGE (0x40000000U / PAGE + 1) /* where sqlite3 locks: no page may lie there */
#define CELL_MAX  104U

static const char schema[] = "CREATE TABLE messages\n(\n  ts REAL,\n  arbitration_id INTEGER,\n"
                             "  extended INTEGER,\n  remote INTEGER,\n  error INTEGER,\n  dlc INTEGER,\n"
                             "  data BLOB\n)";

static uint8_t *put_u16(uint8_t *out, uint32_t value)
{
    out[0] = (uint8_t)(value >> 8);
    out[1] = (uint8_t)value;
    return out + 2;
}

static uint8_t *put_u32(uint8_t *out, uint32_t value)
{
    return put_u16(put_u16(out, value >> 16), value);
}

/* Up to 8 bytes: row ids and sizes stay below 2^56. */
static uint8_t *put_varint(uint8_t *out, uint64_t value)
{
    unsigned bytes = 1;
    while (bytes < 8 && value >> (7 * bytes))
        bytes++;
    for (unsigned i = bytes; i-- > 0;)
        *out++ = (uint8_t)((value >> (7 * i) & 0x7F) | (i ? 0x80 : 0));
    return out;
}

/* ---- pages ------------------------------------------------------------------------------------------ */

/* The next page of the file: its number. */
static uint32_t put_page(struct canp_log_writer *writer, const uint8_t page[PAGE])
{
    static const uint8_t nothing[PAGE];
    if (canp_sink_offset(&writer->sink) / PAGE + 1 == LOCK_PAGE)
        canp_sink_put(&writer->sink, nothing, PAGE);
    uint32_t number = (uint32_t)(canp_sink_offset(&writer->sink) / PAGE + 1);
    canp_sink_put(&writer->sink, page, PAGE);
    return number;
}

static void begin_leaf(struct canp_db_writing *state)
{
    memset(state->leaf, 0, PAGE);
    state->leaf_cells = 0;
    state->leaf_low = PAGE;
}

static void end_leaf(struct canp_db_writing *state)
{
    state->leaf[0] = 13;
    put_u16(state->leaf + 3, state->leaf_cells);
    put_u16(state->leaf + 5, state->leaf_low);
}

/* A page above the leaves. */
static void make_interior(uint8_t page[PAGE], const struct canp_db_child *children, unsigned count)
{
    uint32_t low = PAGE;
    memset(page, 0, PAGE);
    for (unsigned i = 0; i + 1 < count; i++) {
        uint8_t cell[16];
        uint32_t bytes = (uint32_t)(put_varint(put_u32(cell, children[i].page), children[i].last) - cell);
        low -= bytes;
        memcpy(page + low, cell, bytes);
        put_u16(page + 12 + (size_t)2 * i, low);
    }
    page[0] = 5;
    put_u16(page + 3, count - 1);
    put_u16(page + 5, low);
    put_u32(page + 8, children[count - 1].page);
}

/* A child more on level k, the leaves' parents being 0; a full page goes, as a child of the level above. */
static int add_child(struct canp_log_writer *writer, unsigned k, struct canp_db_child child)
{
    struct canp_db_writing *state = writer->state;
    for (; k < CANP_DB_LEVELS; k++) {
        unsigned count = state->levels[k].count;
        struct canp_db_child *of = state->levels[k].children;
        if (count < CANP_DB_CHILDREN_MAX) {
            of[state->levels[k].count++] = child;
            return 0;
        }
        /* All but the last go: the page that begins now has two. */
        uint8_t page[PAGE];
        make_interior(page, of, count - 1);
        struct canp_db_child full = {put_page(writer, page), of[count - 2].last};
        of[0] = of[count - 1];
        of[1] = child;
        state->levels[k].count = 2;
        child = full;
    }
    return -EFBIG;
}

/* ---- rows ------------------------------------------------------------------------------------------- */

/* A row and its size: types, then values. */
static unsigned make_cell(uint8_t *cell, uint64_t id, const struct canp_record *r)
{
    const struct canp_frame *f = r->frame;
    bool is_error = f->id & CANP_ID_ERR, is_extended = !is_error && (f->id & CANP_ID_EFF);
    bool is_remote = !is_error && (f->id & CANP_ID_RTR);
    unsigned data_bytes = is_remote ? 0 : f->len;
    uint8_t payload[CELL_MAX], *at = payload + 1;
    *at++ = 7; /* a double */
    *at++ = 4; /* four bytes */
    *at++ = is_extended ? 9 : 8;
    *at++ = is_remote ? 9 : 8; /* 1 and 0 have no value */
    *at++ = is_error ? 9 : 8;
    *at++ = 1; /* a byte */
    at = put_varint(at, 12 + 2U * data_bytes);
    payload[0] = (uint8_t)(at - payload);
    int64_t us = r->time_ns / 1000 - (r->time_ns % 1000 < 0);
    double ts = (double)us / 1e6;
    uint64_t bits;
    memcpy(&bits, &ts, sizeof(bits));
    at = put_u32(put_u32(at, (uint32_t)(bits >> 32)), (uint32_t)bits);
    at = put_u32(at, f->id & (is_error || is_extended ? CANP_ID_EFF_MASK : CANP_ID_SFF_MASK));
    *at++ = f->len;
    memcpy(at, f->data, data_bytes);
    unsigned bytes = (unsigned)(at - payload) + data_bytes;
    at = put_varint(put_varint(cell, bytes), id);
    memcpy(at, payload, bytes);
    return (unsigned)(at - cell) + bytes;
}

int canp_db_write(struct canp_log_writer *writer, const struct canp_record *record)
{
    struct canp_db_writing *state = writer->state;
    uint8_t cell[CELL_MAX + 16];
    unsigned bytes = make_cell(cell, state->rows + 1, record);
    if (record->kind == CANP_KIND_FD &&
        (record->frame->len <= 8 || record->frame->flags & (CANP_FD_BRS | CANP_FD_ESI)))
        canp_log_lose(writer, CANP_LOG_LOSS_FD_FLAGS);
    if (8 + 2 * (state->leaf_cells + 1) + bytes > state->leaf_low) {
        end_leaf(state);
        int r = add_child(writer, 0, (struct canp_db_child){put_page(writer, state->leaf), state->rows});
        if (r < 0)
            return r;
        begin_leaf(state);
    }
    state->leaf_low -= bytes;
    memcpy(state->leaf + state->leaf_low, cell, bytes);
    put_u16(state->leaf + 8 + (size_t)2 * state->leaf_cells++, state->leaf_low);
    state->rows++;
    return 0;
}

/* ---- the beginning and the end ---------------------------------------------------------------------- */

int canp_db_create(struct canp_log_writer *writer, struct canp_why *why)
{
    static const uint8_t nothing[2 * PAGE];
    if (!writer->sink.is_seekable)
        return canp_fail(why, -ESPIPE,
                         "an SQLite log cannot be written to a pipe: give it the name of a file");
    begin_leaf(writer->state);
    canp_sink_put(&writer->sink, nothing, sizeof(nothing)); /* until the end */
    return 0;
}

/* The table's top page, into `page`. */
static int make_root(struct canp_log_writer *writer, uint8_t page[PAGE])
{
    struct canp_db_writing *state = writer->state;
    end_leaf(state);
    if (state->levels[0].count == 0) {
        memcpy(page, state->leaf, PAGE);
        return 0;
    }
    int r = add_child(writer, 0, (struct canp_db_child){put_page(writer, state->leaf), state->rows});
    for (unsigned k = 0; r == 0; k++) {
        make_interior(page, state->levels[k].children, state->levels[k].count);
        if (k + 1 == CANP_DB_LEVELS || state->levels[k + 1].count == 0)
            return 0;
        r = add_child(writer, k + 1, (struct canp_db_child){put_page(writer, page), state->rows});
    }
    return r;
}

/* The header, and the one row of the table of tables. */
static void make_first_page(uint8_t page[PAGE], uint32_t pages)
{
    uint8_t row[sizeof(schema) + 64], *at = row;
    memset(page, 0, PAGE);
    memcpy(page, "SQLite format 3", 16);
    put_u16(page + 16, PAGE);
    page[18] = page[19] = 1; /* no write-ahead log */
    page[21] = 64;
    page[22] = page[23] = 32;
    put_u32(page + 24, 1);
    put_u32(page + 28, pages);
    put_u32(page + 40, 1);
    put_u32(page + 44, 4);
    put_u32(page + 56, 1); /* UTF-8 */
    put_u32(page + 92, 1);
    put_u32(page + 96, 3040001); /* the release of sqlite3 whose files these are like */

    *at++ = 7;          /* bytes of the types: */
    *at++ = 13 + 2 * 5; /* type */
    *at++ = 13 + 2 * 8; /* name */
    *at++ = 13 + 2 * 8; /* its table's */
    *at++ = 1;          /* root page */
    at = put_varint(at, 13 + 2 * (sizeof(schema) - 1));
    memcpy(at, "tablemessagesmessages", 21);
    at[21] = ROOT;
    memcpy(at + 22, schema, sizeof(schema) - 1);
    unsigned bytes = (unsigned)(at - row) + 22 + (unsigned)sizeof(schema) - 1;

    uint8_t cell[16];
    unsigned head_bytes = (unsigned)(put_varint(put_varint(cell, bytes), 1) - cell);
    uint32_t low = PAGE - bytes - head_bytes;
    memcpy(page + low, cell, head_bytes);
    memcpy(page + low + head_bytes, row, bytes);
    page[100] = 13;
    put_u16(page + 103, 1);
    put_u16(page + 105, low);
    put_u16(page + 108, low);
}

int canp_db_finish(struct canp_log_writer *writer)
{
    uint8_t first[PAGE], root[PAGE];
    int r = make_root(writer, root);
    if (r < 0)
        return r;
    make_first_page(first, (uint32_t)(canp_sink_offset(&writer->sink) / PAGE));
    r = canp_sink_patch(&writer->sink, 0, first, PAGE);
    return r < 0 ? r : canp_sink_patch(&writer->sink, (uint64_t)(ROOT - 1) * PAGE, root, PAGE);
}
