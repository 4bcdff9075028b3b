/*
 * Where tables come from: the rows of a cursor or the records of a log, as they are or decoded. One thread
 * per canp_table_reader.
 */
#ifndef CANP_COLUMNS_TABLE_SOURCE_H
#define CANP_COLUMNS_TABLE_SOURCE_H

#include "table.h"

struct table_decode;

struct canp_table_reader {
    struct canp_reader *reader; /* a recording */
    struct canp_cursor *cursor;
    struct canp_log_reader *log; /* or a log */
    uint32_t fields;
    uint64_t rows_max, bytes_max;
    uint32_t kinds;
    int64_t from_ns, to_ns;
    bool ask; /* the cursor for each row besides */
    struct canp_batch batch;
    size_t at;                   /* of the next row in it */
    int error;                   /* to be told by the next call */
    struct table_decode *decode; /* NULL: records */
};

/* Does the row of a batch pass the options? */
static inline bool canp_table_wants(const struct canp_table_reader *t, const struct canp_record *record)
{
    return t->kinds >> record->kind & 1 && record->time_ns >= t->from_ns && record->time_ns <= t->to_ns &&
           (!t->ask || canp_cursor_wants(t->cursor, record));
}

/* The next rows of the cursor: 1, 0 at the end, or an error. */
int canp_table_next_batch(struct canp_table_reader *reader);

#endif
