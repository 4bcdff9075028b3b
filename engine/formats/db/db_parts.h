/* Shared by db.c, which reads and defines the format, and db_write.c. */
#ifndef CANP_FORMATS_DB_PARTS_H
#define CANP_FORMATS_DB_PARTS_H

#include "formats/log_format.h"

#define CANP_DB_PAGE_BYTES   4096U
#define CANP_DB_CHILDREN_MAX 260U /* fit on a page whatever their row ids are */
#define CANP_DB_LEVELS       6U

struct canp_db_child {
    uint32_t page;
    uint64_t last; /* the largest row id below it */
};

struct canp_db_writing {
    uint64_t rows;
    uint8_t leaf[CANP_DB_PAGE_BYTES]; /* the page that is being filled, from its end */
    unsigned leaf_cells, leaf_low;
    struct {
        unsigned count;
        struct canp_db_child children[CANP_DB_CHILDREN_MAX];
    } levels[CANP_DB_LEVELS];
};

int canp_db_create(struct canp_log_writer *writer, struct canp_why *why);
int canp_db_write(struct canp_log_writer *writer, const struct canp_record *record);
int canp_db_finish(struct canp_log_writer *writer);

#endif
