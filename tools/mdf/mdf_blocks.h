/*
 * Blocks of MDF 4 (ASAM MDF 4.1, as the asammdf and mdflib projects publish it): head, links, data, in
 * multiples of 8 bytes. They are gathered in memory with the offsets that they will have in the file, so that
 * they can refer to each other, and written together. One thread.
 */
#ifndef CANP_TOOLS_MDF_BLOCKS_H
#define CANP_TOOLS_MDF_BLOCKS_H

#include "lib/bytes.h"

struct mdf_blocks {
    struct bytes bytes;
    uint64_t base; /* the first one's offset in the file */
};

/* Little-endian numbers of a block's data, one behind the other. */
static inline uint8_t *mdf_put_le(uint8_t *at, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++, value >>= 8)
        at[i] = (uint8_t)value;
    return at + bytes;
}

static inline uint8_t *mdf_put_double(uint8_t *at, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return mdf_put_le(at, bits, 8);
}

/* Appends a block with links to nothing; data NULL: zeros. Its offset in the file. Without memory nothing is
 * added, and blocks->bytes.failed says so. */
uint64_t mdf_add_block(struct mdf_blocks *blocks, const char type[2], unsigned links, const void *data,
                       size_t bytes);

/* A block that is still in memory. */
void mdf_set_link(struct mdf_blocks *blocks, uint64_t block, unsigned link, uint64_t to);

/* A TX block, or 0 without text. */
uint64_t mdf_add_text(struct mdf_blocks *blocks, const char *text);

#endif
