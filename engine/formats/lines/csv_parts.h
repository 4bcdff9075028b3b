/* The reading of canp's own CSV (csv_read.c), for csv.c, which writes it and names the format. */
#ifndef CANP_FORMATS_CSV_PARTS_H
#define CANP_FORMATS_CSV_PARTS_H

#include "formats/log_format.h"

enum canp_log_verdict canp_csv_probe(const struct canp_log_head *head, struct canp_why *what);
int canp_csv_next(struct canp_log_reader *reader, struct canp_record *out);

#endif
