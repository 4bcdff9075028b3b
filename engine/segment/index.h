/*
 * The index at the end of a sealed segment: which IDs it holds, how often, and for each block its offset,
 * time span and IDs (FORMAT.md, "Index"). It is a cache: a reader that finds none, or a wrong one, reads the
 * blocks.
 *
 * The thread that seals or packs feeds the builder block by block. The builder's memory grows by mremap, so
 * that it never waits for malloc's locks. At most INDEX_IDS_MAX IDs: a segment with more gets no index.
 */
#ifndef CANP_ENGINE_INDEX_H
#define CANP_ENGINE_INDEX_H

#include "format.h"

#define INDEX_MAGIC     0x58444943U /* "CIDX" */
#define INDEX_IDS_MAX   16384U
#define INDEX_SLOT_BITS 15U
#define INDEX_SLOTS     (1U << INDEX_SLOT_BITS) /* twice as many: half of them stay free */

struct index_header {
    uint32_t magic;
    uint32_t crc; /* over the salt and bytes 8.. of the index */
    uint32_t blocks;
    uint32_t ids;
    uint32_t bitmap_words; /* u64 per block: bit i stands for id i */
    uint32_t zero;
    int64_t first_frame_ns; /* lowest time of any frame, 0 without frames */
    int64_t last_frame_ns;
    uint8_t zero2[24];
};

/* kind < CANP_KIND_GAP: frames of this id. CANP_KIND_GAP: id is the layer, count the frames lost. */
struct index_id {
    uint32_t id;
    uint8_t channel;
    uint8_t kind;
    uint16_t zero;
    uint64_t count;
};

struct index_block {
    uint64_t offset;
    int64_t first_ns;
    int64_t last_ns;
    uint32_t frames;
    uint32_t flags; /* CANP_BLOCK_* */
};

/* ---- building ---- */

struct index_builder {
    uint8_t *arena; /* struct index_block, u32 words, u32 zero, words * u64; one behind the other */
    size_t arena_bytes;
    size_t used;
    uint32_t blocks;
    uint32_t ids;
    bool overflow;  /* too many IDs, or no memory: no index */
    bool any_frame; /* else the two times mean nothing; 0 is a time, too */
    int64_t first_frame_ns;
    int64_t last_frame_ns;
    struct index_id id[INDEX_IDS_MAX];
    uint16_t slot[INDEX_SLOTS]; /* 1 + place in id[], 0 = free */
};

void canp_index_begin(struct index_builder *b);
void canp_index_add_block(struct index_builder *b, uint64_t offset, const struct block_header *h,
                          const uint8_t *rows);
void canp_index_release(struct index_builder *b);

/* How large it will be. */
uint64_t canp_index_bytes(const struct index_builder *b);

/* Writes the index at `offset` of the file; *bytes is its size, 0 when there is none. 0 or a write error. */
int canp_index_write(const struct index_builder *b, int fd, uint64_t offset, uint64_t salt, uint64_t *bytes);

/* ---- reading ---- */

struct index_view {
    struct index_header header; /* a copy: its counts bound all access, and a file may be overwritten */
    const struct index_id *ids;
    const uint8_t *blocks; /* entries of block_bytes each */
    size_t block_bytes;
};

/* Checks everything that a reader relies on. */
bool canp_index_is_valid(const uint8_t *data, uint64_t bytes, uint64_t salt, struct index_view *out);

/* Its bitmap follows it. 8-aligned. */
static inline const struct index_block *index_block_at(const struct index_view *index, uint32_t block)
{
    return (const struct index_block *)(index->blocks + block * index->block_bytes);
}

#endif
