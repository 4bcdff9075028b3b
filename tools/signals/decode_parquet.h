/*
 * canp decode -f parquet: the columns of its CSV, in a file of columns. Long: time, iface, id, message,
 * signal, value, unit, text, mark and maybe raw; wide: time, iface, id, message and one for each signal. Main
 * thread.
 */
#ifndef CANP_TOOLS_DECODE_PARQUET_H
#define CANP_TOOLS_DECODE_PARQUET_H

#include <stdio.h>

#include "decode_row.h"
#include "parquet/parquet.h"

struct decode_parquet {
    struct parquet *file;
    bool wide, raw;
};

/* 0 or -ENOMEM; decode_parquet_close() in any case. */
int decode_parquet_open(struct decode_parquet *parquet, FILE *to, const struct decode_choice *choice);
/* 0, -ENOMEM or a negative error of writing. */
int decode_parquet_row(struct decode_parquet *parquet, const struct decode_row *row);
int decode_parquet_codes(struct decode_parquet *parquet, const struct decode_codes *codes);
/* The footer; into a stream that is not flushed. The same. */
int decode_parquet_finish(struct decode_parquet *parquet);
void decode_parquet_close(struct decode_parquet *parquet);

#endif
