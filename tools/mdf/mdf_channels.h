/* The channels of a group: where in a record each one lies, and the blocks that say so. One thread. */
#ifndef CANP_TOOLS_MDF_CHANNELS_H
#define CANP_TOOLS_MDF_CHANNELS_H

#include "mdf.h"
#include "mdf_blocks.h"

#define MDF_TIME_BYTES 8U /* each record begins with it: nanoseconds since the file's start */

/* A channel's place: its invalidation bit is its number. */
struct mdf_place {
    uint32_t at, bytes;
};

/* Adds the blocks of the time and of all channels, and sets their places. The first one's offset. */
uint64_t mdf_add_channels(struct mdf_blocks *blocks, const struct mdf_channel *channels, unsigned count,
                          struct mdf_place *places);

#endif
