/* Shared by the candump files: events as comment lines. Any thread. */
#ifndef CANP_FORMATS_CANDUMP_TEXT_H
#define CANP_FORMATS_CANDUMP_TEXT_H

#include <canp/candump.h>

#include "formats/text/text_in.h"
#include "formats/text/text_out.h"

/* As candump prints it: seconds of at least 10 digits. */
static inline char *canp_put_candump_time(char *out, int64_t time_ns, unsigned style)
{
    return canp_put_seconds(out, time_ns, 10, style & CANP_CANDUMP_MICROS ? 6 : 9);
}

/* A frame's line, as canp_candump_format() makes it. Returns the place behind it. */
char *canp_candump_put_line(char *out, struct canp_seconds_text *kept, const struct canp_record *record,
                            const struct canp_word *word, unsigned style);

/* What is no frame, as a comment line. */
char *canp_put_event(char *out, const struct canp_record *record, const char *iface);

/* A comment (1 = a gap, else 0) or a DROPCOUNT line. */
int canp_parse_comment(struct canp_text *t, struct canp_candump_line *out);
int canp_parse_dropcount(struct canp_text *t, struct canp_candump_line *out);

#endif
