/*
 * The rows that tables are made of, block by block (canp/table.h). One thread per canp_table_reader.
 */
#include "table_source.h"

int canp_table_next_batch(struct canp_table_reader *t)
{
    int r = canp_cursor_next_batch(t->cursor, &t->batch);
    t->at = 0;
    if (r <= 0)
        t->batch.bytes = 0;
    return r;
}
