/* Checksums of a changed segment put right, so that what they stand before is fuzzed, too. No state. */
#ifndef CANP_TESTS_PUT_RIGHT_H
#define CANP_TESTS_PUT_RIGHT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "segment/format.h"

/* The header, which may have been changed since, at the beginning of `data`. */
static inline void put_header_right(uint8_t *data, struct seg_header *header)
{
    memcpy(header->magic, SEG_MAGIC, sizeof(header->magic));
    header->crc = canp_seg_header_crc(header);
    memcpy(data, header, sizeof(*header));
}

/* The seal: at least SEG_BLOCKS_MIN bytes. */
static inline void put_seal_right(uint8_t *data, uint64_t salt)
{
    struct seg_seal seal;
    memcpy(&seal, data + SEG_SEAL_OFFSET, sizeof(seal));
    seal.crc = canp_seg_seal_crc(&seal, salt);
    memcpy(data + SEG_SEAL_OFFSET, &seal, sizeof(seal));
}

/* Each block, as far as lengths lead on. */
static inline void put_blocks_right(uint8_t *data, size_t bytes, const struct seg_header *header)
{
    struct block_header block;
    for (size_t at = header->header_bytes; at + sizeof(block) <= bytes;
         at += sizeof(block) + block.stored_bytes) {
        memcpy(&block, data + at, sizeof(block));
        if (block.stored_bytes > bytes - at - sizeof(block))
            break;
        block.crc = canp_block_crc(&block, data + at + sizeof(block), header->salt);
        memcpy(data + at, &block, sizeof(block));
    }
}

#endif
