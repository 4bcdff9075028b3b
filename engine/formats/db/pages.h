/*
 * Rows of a table in an SQLite file, in the order of their row ids, as sqlite.org/fileformat2.html lays them
 * out. It reads only what a log needs: tables without indexes, and no payload longer than a page.
 *
 * A file is hostile: every page number, offset and length is bounded by the file, no page is visited twice
 * (more visits than pages end the walk), and the depth is bounded. Memory: CANP_DB_WINDOW and a page for each
 * level. One thread at a time.
 */
#ifndef CANP_FORMATS_DB_PAGES_H
#define CANP_FORMATS_DB_PAGES_H

#include "formats/bytes/source.h"

#define CANP_DB_MAGIC      "SQLite format 3" /* with its zero: 16 bytes */
#define CANP_DB_HEAD_BYTES 100
#define CANP_DB_WINDOW     (256U * 1024)
#define CANP_DB_DEPTH_MAX  20
#define CANP_DB_VALUES_MAX 32

enum canp_db_page_type { CANP_DB_INTERIOR = 5, CANP_DB_LEAF = 13 };

struct canp_db_level {
    uint8_t *page; /* a copy; owned */
    uint32_t number;
    unsigned at, cells;
};

struct canp_db_pages {
    struct canp_source *source; /* borrowed; seekable */
    uint32_t page_bytes, usable, page_count;
    uint8_t *window; /* owned */
    uint64_t window_offset;
    size_t window_bytes;
    /* Where the walk is. */
    struct canp_db_level levels[CANP_DB_DEPTH_MAX];
    unsigned depth;
    uint32_t visits;
    int64_t last_id; /* ids ascend: no row is lent twice */
    bool has_last;
    const uint8_t *leaf; /* in the window; NULL: no walk */
    uint32_t leaf_number;
    unsigned leaf_at, leaf_cells, leaf_head;
    /* Of what could not be read. */
    uint64_t bad_offset;
    const char *problem; /* static */
};

/* A row, lent until the next call. */
struct canp_db_row {
    const uint8_t *at;
    size_t bytes;
    bool is_cut; /* its rest lies on other pages and is not read */
    uint64_t offset;
};

struct canp_db_value {
    uint64_t serial; /* the format's code of type and size */
    const uint8_t *at;
    size_t bytes;
};

/* Reads the file's header. 0; -CANP_E_DAMAGED with pages->problem; or an error of reading. */
int canp_db_open(struct canp_db_pages *pages, struct canp_source *source);
void canp_db_close(struct canp_db_pages *pages);

/* Goes in front of the first row of the table whose first page that is. */
int canp_db_begin(struct canp_db_pages *pages, uint32_t root);
/* The next row: 1, 0 behind the last, or an error with pages->problem and bad_offset. */
int canp_db_next(struct canp_db_pages *pages, struct canp_db_row *row);

/* The values of a row, at most `max`: how many, or -CANP_E_DAMAGED. What was cut off has no values. */
int canp_db_values(const struct canp_db_row *row, struct canp_db_value *values, unsigned max);
/* false: it is not of that type. NULL is neither. */
bool canp_db_integer(const struct canp_db_value *value, int64_t *out);
bool canp_db_real(const struct canp_db_value *value, double *out); /* integers, too */
static inline bool canp_db_is_blob(const struct canp_db_value *value)
{
    return value->serial >= 12 && value->serial % 2 == 0;
}
static inline bool canp_db_is_text(const struct canp_db_value *value)
{
    return value->serial >= 13 && value->serial % 2 == 1;
}

#endif
