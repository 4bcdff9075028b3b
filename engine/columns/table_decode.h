/* Tables of values, for the reader of tables. One thread per canp_table_reader. */
#ifndef CANP_COLUMNS_TABLE_DECODE_H
#define CANP_COLUMNS_TABLE_DECODE_H

#include "table_source.h"

/* Decodes records into the table until it is full (1), at the end (0), or an error. */
int canp_table_take_values(struct canp_table_reader *reader, struct canp_table *table);
void canp_table_decode_close(struct canp_table_reader *reader);

#endif
