/* The two halves of candump's terminal output as a format: screen_read.c reads, screen.c writes. One thread.
 */
#ifndef CANP_CANDUMP_SCREEN_PARTS_H
#define CANP_CANDUMP_SCREEN_PARTS_H

#include <canp/candump.h>

#include "formats/log_format.h"

struct canp_screen_reading {
    bool is_delta;                     /* short stamps count from the frame before, else from the first */
    bool says_more;                    /* the frame before was an error frame: lines that explain it follow */
    int64_t last_ns;                   /* of the record before */
    char iface[CANP_IFACE_NAME_BYTES]; /* of the line "interface = can0, …", zero-padded */
    struct canp_candump_line comment;
};

enum canp_log_verdict canp_screen_probe(const struct canp_log_head *head, struct canp_why *what);
int canp_screen_open(struct canp_log_reader *reader, struct canp_why *why);
int canp_screen_next(struct canp_log_reader *reader, struct canp_record *out);

#endif
