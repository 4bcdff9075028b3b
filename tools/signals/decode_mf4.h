/*
 * canp decode -f mf4: a measurement file with a group of channels for each message of each interface. Signals
 * have their raw values with the database's scale, unit, texts and comment; with `raw` they have no scale.
 * Values that are missing, or that J1939 marks as not available or as an error, are marked invalid. Main
 * thread.
 */
#ifndef CANP_TOOLS_DECODE_MF4_H
#define CANP_TOOLS_DECODE_MF4_H

#include <stdio.h>

#include "decode_row.h"
#include "mdf/mdf.h"

struct decode_mf4_group;

struct decode_mf4 {
    struct mdf *file;
    bool raw;
    const struct decode_choice *choice;
    struct decode_mf4_group **groups; /* of each message, one for each interface; the last: trouble codes */
};

/* 0 or a negative errno; decode_mf4_close() in any case. */
int decode_mf4_open(struct decode_mf4 *mf4, FILE *to, const struct decode_choice *choice);
/* 0, -ENOMEM or a negative error of writing. */
int decode_mf4_row(struct decode_mf4 *mf4, const struct decode_row *row);
int decode_mf4_codes(struct decode_mf4 *mf4, const struct decode_codes *codes);
/* The header; into a stream that is not flushed. The same. */
int decode_mf4_finish(struct decode_mf4 *mf4);
void decode_mf4_close(struct decode_mf4 *mf4);

#endif
