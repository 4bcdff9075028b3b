/* The reader of JSON lines (json_read.c), for json.c, which defines the format. */
#ifndef CANP_FORMATS_JSON_PARTS_H
#define CANP_FORMATS_JSON_PARTS_H

#include "formats/log_format.h"

enum canp_log_verdict canp_json_probe(const struct canp_log_head *head, struct canp_why *what);
int canp_json_next(struct canp_log_reader *reader, struct canp_record *out);

#endif
