/*
 * The segment file, version 1, as structs (FORMAT.md is the specification). Everything is little-endian; the
 * build refuses big-endian machines. Pure functions, any thread.
 *
 *   0     struct seg_header (the rest of its 512 bytes is zero)
 *   512   struct seg_seal, all zero until the segment is sealed
 *   4096  blocks (from 640 on where the header says so), one after the other, each 8-aligned: struct
 * block_header + payload
 *   ...   index (struct index_header + entries), when sealed
 */
#ifndef CANP_ENGINE_FORMAT_H
#define CANP_ENGINE_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <canp/rows.h>

#include "frame/pin.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "segment files are little-endian");

#define SEG_MAGIC                                                                                            \
    "\x89"                                                                                                   \
    "CANP\r\n\x1a"
#define SEG_VERSION      1
#define SEG_HEADER_BYTES 4096U
#define SEG_SEAL_OFFSET  512U
#define SEG_BYTES_MIN    (64U << 10)
#define SEG_BYTES_MAX    (UINT64_C(1) << 40)
/* Feature bits that an older reader may ignore. */
#define SEG_COMPAT_COUNTS 1U /* blocks of several channels end with counts by channel (block_counts.h) */
/* Feature bits that a reader must know to read the file at all. */
#define SEG_INCOMPAT_SHORT  1U /* blocks begin where the header says, before SEG_HEADER_BYTES */
#define SEG_INCOMPAT_FOLLOW 2U /* packed payloads of version 2 */
#define SEG_INCOMPAT_KNOWN  3U
#define SEG_BLOCKS_MIN      640U        /* the earliest place for blocks: behind the seal */
#define SEAL_MAGIC          0x4C414553U /* "SEAL" */
#define BLOCK_MAGIC         0x4B4C4243U /* "CBLK" */
#define BLOCK_BYTES_MAX     (64U << 20)
#define BLOCK_FLAGS_KNOWN   0x001FU

struct seg_header {
    uint8_t magic[8];
    uint32_t crc; /* of bytes 12..511 */
    uint16_t version;
    uint16_t header_bytes; /* where the blocks begin: SEG_HEADER_BYTES, or less */
    uint32_t compat;       /* features that an older reader may ignore */
    uint32_t incompat;     /* features that it must not */
    uint64_t salt;         /* random; every block's checksum begins with it */
    uint64_t number;       /* of the segment, from 1; the file's name */
    uint8_t recording[16]; /* random, the same in all segments of a recording */
    int64_t created_realtime_ns;
    int64_t created_monotonic_ns;
    uint8_t boot_id[16]; /* /proc/sys/kernel/random/boot_id */
    uint8_t writer[32];  /* text, zero-terminated */
    uint8_t zero[392];
};

/* Written once, when the segment is complete. */
struct seg_seal {
    uint32_t magic;
    uint32_t crc;        /* over the salt and bytes 8..127 */
    uint64_t blocks_end; /* offset behind the last block */
    uint64_t index_offset;
    uint64_t index_bytes; /* 0 = no index */
    uint64_t blocks;
    uint64_t records;
    uint64_t frames;
    uint64_t lost;
    int64_t first_ns;
    int64_t last_ns;
    uint64_t packed_bytes; /* of packed blocks, headers included */
    uint64_t channel_mask;
    uint64_t id_filter;
    uint8_t zero[24];
};

struct block_header {
    uint32_t magic;
    uint32_t crc;          /* over the salt, bytes 8..79 and the payload */
    uint32_t seq;          /* from 0, by one */
    uint16_t flags;        /* CANP_BLOCK_* */
    uint16_t stride;       /* size of every row when they are all alike, else 0 */
    uint32_t stored_bytes; /* payload, padding included: the next block begins there; a multiple of 8 */
    uint32_t rows_bytes;   /* of the rows, unpacked */
    uint32_t records;
    uint32_t frames;
    int64_t base_ns;
    int64_t first_ns;
    int64_t last_ns;
    uint64_t channel_mask;
    uint64_t id_filter;
    uint32_t lost;       /* frames, 0xFFFFFFFF = that many or more */
    uint32_t tail_bytes; /* at the payload's end, neither rows nor packed form: padding, counts by channel */
};

/* What a block header says can be relied upon: sizes in bounds, no unknown flags. Not the checksum. */
bool canp_block_header_is_sane(const struct block_header *h, uint64_t bytes_left);

/* Of a block of these rows, but for its checksum and the sizes of what is stored. */
void canp_block_header_fill(struct block_header *h, const struct canp_rowbuf *rows, uint32_t seq);

/* Are these (unpacked) rows well-formed, as many as the header says, and of its stride? */
bool canp_block_rows_are_sound(const struct block_header *h, const uint8_t *rows);

/* The checksum of a header (its own crc field left out) and its payload. */
uint32_t canp_block_crc(const struct block_header *h, const void *payload, uint64_t salt);

/* The same of a payload in two parts: so many bytes, and the rest. */
uint32_t canp_block_crc_parts(const struct block_header *h, const void *payload, uint32_t payload_bytes,
                              const void *rest, uint64_t salt);

uint32_t canp_seg_header_crc(const struct seg_header *h);
uint32_t canp_seg_seal_crc(const struct seg_seal *s, uint64_t salt);

/* 0, -CANP_E_FORMAT (foreign), -CANP_E_DAMAGED or -CANP_E_VERSION. */
int canp_seg_header_check(const struct seg_header *h);

/* One wrong bit of a header is the one without which its checksum is right: puts it right; false, and nothing
 * changed, when there is none such. CRC-32C tells any other damage of up to four bits from this (it has
 * distance 6 over 500 bytes: Koopman, 32-bit CRCs for Internet applications, 2002). Takes a quarter of a
 * millisecond. */
bool canp_seg_header_mend(struct seg_header *h);
bool canp_seg_seal_is_valid(const struct seg_seal *s, uint64_t salt);

/* "00000001.canp" <-> 1; from 100,000,000 on as many digits as it takes, up to 19. 0 for any other name. */
#define SEG_NAME_BYTES 32
void canp_seg_name(char out[SEG_NAME_BYTES], uint64_t number);
uint64_t canp_seg_number(const char *name);

#endif
