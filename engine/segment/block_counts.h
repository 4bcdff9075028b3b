/*
 * A block's counts by channel, at the end of its payload (FORMAT.md, "Counts by channel"), and the check that
 * a block's header describes its rows. With the counts a reader can sum up a segment without an index and
 * without reading rows. Pure functions; any thread.
 */
#ifndef CANP_ENGINE_BLOCK_COUNTS_H
#define CANP_ENGINE_BLOCK_COUNTS_H

#include "format.h"

#define BLOCK_CHANNELS_MAX     64U /* bits of a channel mask; the last one stands for all channels from 63 on */
#define BLOCK_COUNTS_BYTES_MAX (BLOCK_CHANNELS_MAX * sizeof(struct block_count))

struct block_count {
    uint32_t frames;
    uint32_t lost; /* 0xFFFFFFFF = that many or more */
};

/* By bit of the channel mask. */
struct block_counts {
    uint64_t frames[BLOCK_CHANNELS_MAX];
    uint64_t lost[BLOCK_CHANNELS_MAX];
};

/* What they take in a block of this channel mask: nothing with one channel, of which the header tells. */
static inline uint32_t block_counts_bytes(uint64_t channel_mask)
{
    uint32_t channels = (uint32_t)__builtin_popcountll(channel_mask);
    return channels > 1 ? channels * (uint32_t)sizeof(struct block_count) : 0;
}

/* Counts these rows, and writes what a block of them ends with. Returns its bytes. */
uint32_t canp_block_counts_write(const struct canp_rowbuf *rows, uint8_t out[BLOCK_COUNTS_BYTES_MAX]);

/*
 * What the block of a segment with SEG_COMPAT_COUNTS says of its channels. False when it does not: a channel
 * from 63 on, more lost than it can say, or no such counts. Then its rows have to be looked at.
 */
bool canp_block_counts_read(const struct block_header *h, const uint8_t *payload, struct block_counts *out);

/* Adds what such a block says to the sums, also of channels from 63 on and where it says "or more"; `end` is
 * where its payload ends. */
void canp_block_counts_add(const struct block_header *h, const uint8_t *end, struct block_counts *sums);

/* Do the header (and, with them, the counts) say what these, its rows, are? For verify: a reader needs none
 * of it to be safe. */
bool canp_block_summary_is_true(const struct block_header *h, const uint8_t *payload, bool has_counts,
                                const uint8_t *rows);

#endif
