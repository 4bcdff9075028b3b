/* One column of the row group at hand (parquet.h). One thread. */
#ifndef CANP_TOOLS_PARQUET_COLUMN_H
#define CANP_TOOLS_PARQUET_COLUMN_H

#include "lib/bytes.h"
#include "parquet.h"

/* What a column wrote of one row group, for the footer. */
struct parquet_chunk {
    int64_t dictionary_offset; /* -1: no dictionary */
    int64_t data_offset;
    int64_t bytes, raw_bytes; /* with headers; compressed, and not */
    int64_t values;           /* rows */
    int32_t encoding;
    int64_t least, most; /* of PARQUET_TIME */
};

struct parquet_column {
    char *name;
    enum parquet_type type;
    struct bytes values;  /* int64_t, double or, of texts, uint32_t index */
    struct bytes rows;    /* uint32_t: those that have a value, rising */
    size_t count;         /* values */
    struct bytes entries; /* of the dictionary: each one's length (4 bytes) and bytes, as PLAIN has them */
    struct bytes places;  /* uint32_t: of each entry, where it is in `entries` */
    uint32_t *slots;      /* hash: entry + 1 */
    uint32_t slot_mask, entry_count;
};

void parquet_column_put(struct parquet_column *column, uint32_t row, const void *value, size_t bytes);
void parquet_column_put_text(struct parquet_column *column, uint32_t row, const char *text, size_t bytes);

/* Its pages, of so many rows, behind what is in `to`, which begins at `offset` of the file. 0 or -ENOMEM.
 * Afterwards the column is empty. */
int parquet_column_write(struct parquet_column *column, uint32_t rows, struct bytes *to, int64_t offset,
                         struct parquet_chunk *chunk);

size_t parquet_column_bytes(const struct parquet_column *column);
bool parquet_column_failed(const struct parquet_column *column);
void parquet_column_free(struct parquet_column *column);

#endif
