/*
 * The table of canp/table.h while it is filled. It has one owner and one thread then; once it is given out
 * nothing in it changes but the number of its owners.
 */
#ifndef CANP_COLUMNS_TABLE_H
#define CANP_COLUMNS_TABLE_H

#include <canp/table.h>
#include <stdatomic.h>

#define TABLE_IFACES 256

/* As canp_table_arrays, to write into. */
struct table_columns {
    int64_t *times_ns;
    uint8_t *channels;
    uint32_t *ids;
    uint8_t *kinds;
    uint8_t *dirs;
    uint8_t *flags;
    uint16_t *lengths;
    uint64_t *extras;
    int64_t *hw_times_ns;
    int64_t *starts; /* room for one more than the others */
    uint32_t *signals;
    double *values;
    uint64_t *raw;
    uint8_t *bytes; /* its own room */
};

struct canp_table {
    atomic_uint owners;
    uint32_t fields;
    size_t rows, room;
    size_t bytes, bytes_room;
    struct table_columns columns;
    unsigned iface_count;
    char ifaces[TABLE_IFACES][CANP_IFACE_NAME_BYTES + 1];
};

/* A table without rows, or NULL. */
struct canp_table *canp_table_make(uint32_t fields);

/* Makes room for `rows` rows in all and `bytes` bytes of data. 0 or -ENOMEM, with the table as it was. */
int canp_table_grow(struct canp_table *table, size_t rows, size_t bytes);

/* Gives back the room that is not used. */
void canp_table_trim(struct canp_table *table);

/* Names a channel; NULL or an empty name: "if3". */
void canp_table_name(struct canp_table *table, unsigned channel, const struct canp_iface *iface);

#endif
