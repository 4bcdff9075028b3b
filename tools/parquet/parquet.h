/*
 * Writes a Parquet file: flat columns of numbers and texts, in row groups, without a library. Numbers of 64
 * bits are differences, texts and doubles that repeat are dictionaries, levels and indexes RLE; pages are
 * compressed by zstd where it was built in (else not at all, which every reader takes, too).
 *
 * The file is written from its beginning to its end: a pipe is fine. One thread.
 */
#ifndef CANP_TOOLS_PARQUET_H
#define CANP_TOOLS_PARQUET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct parquet;

enum parquet_type {
    PARQUET_TIME, /* nanoseconds since 1970, UTC; never missing */
    PARQUET_TEXT, /* UTF-8 */
    PARQUET_INT64,
    PARQUET_DOUBLE,
};

/* Into a stream that stays its owner's. 0 and *out, which is the caller's: parquet_close(); -ENOMEM. */
int parquet_open(FILE *to, struct parquet **out);

/* Before the first row. The name is copied; one that is there already gets a number. The column's number or
 * -ENOMEM. */
int parquet_add_column(struct parquet *file, const char *name, enum parquet_type type);

/* Values of the row at hand, each column at most once; without one it has none. */
void parquet_put_int64(struct parquet *file, unsigned column, int64_t value);
void parquet_put_double(struct parquet *file, unsigned column, double value);
void parquet_put_text(struct parquet *file, unsigned column, const char *text, size_t bytes);

/* Ends the row. 0, -ENOMEM or a negative error of writing, which all further rows return, too. */
int parquet_end_row(struct parquet *file);

/* Writes what is gathered and the footer. 0 or a negative error. The stream is not flushed. */
int parquet_finish(struct parquet *file);

/* Are pages compressed in this build? */
bool parquet_is_compressed(void);

void parquet_close(struct parquet *file); /* NULL is fine */

#endif
