/*
 * The rows of a block, checked: where they are plain, or unpacked into memory that is kept. One thread at a
 * time.
 */
#ifndef CANP_ENGINE_ROWS_STORE_H
#define CANP_ENGINE_ROWS_STORE_H

#include <canp/pack.h>

#include "segment/format.h"

/* Of a block that is sent as it is; a hostile one could ask for more memory. */
#define ROWS_BYTES_MAX (4U << 20)

/* Zero at first. */
struct rows_store {
    struct canp_unpacker *unpacker;
    uint8_t *memory;
    size_t bytes;
};

/* *rows: in `payload` or in the store, until its next use. 0, -ENOMEM, or -CANP_E_DAMAGED: they are not what
 * the header says. `payload` is 8-aligned. */
int canp_rows_load(struct rows_store *store, const struct block_header *h, const uint8_t *payload,
                   const uint8_t **rows);
void canp_rows_release(struct rows_store *store);

#endif
