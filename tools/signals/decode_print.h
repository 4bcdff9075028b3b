/* How canp decode prints values: text, CSV and JSON, a line for each value or for each message. Main thread.
 */
#ifndef CANP_TOOLS_DECODE_PRINT_H
#define CANP_TOOLS_DECODE_PRINT_H

#include <stdio.h>

#include "decode_row.h"

enum decode_format {
    DECODE_TEXT,
    DECODE_CSV,
    DECODE_JSON,
    DECODE_PARQUET, /* decode_parquet.h */
    DECODE_MF4,     /* decode_mf4.h */
};

struct decode_printer {
    FILE *to;
    enum decode_format format;
    bool wide; /* a line for each message, else for each value */
    bool raw;
    bool beside; /* with wide, not for CSV: behind a frame's own text. No time, interface, ID nor end of line
                  */
};

void decode_print_header(const struct decode_printer *printer, const struct decode_choice *choice);
void decode_print_row(const struct decode_printer *printer, const struct decode_choice *choice,
                      const struct decode_row *row);
/* A line for each code, or for all with `wide`; CSV has no column for them then. */
void decode_print_codes(const struct decode_printer *printer, const struct decode_codes *codes);

#endif
