/*
 * The packed payload's fixed parts and its integer code, shared by packer and unpacker; engine/FORMAT.md is
 * the specification. Any thread; no state.
 */
#ifndef CANP_PACK_FORMAT_H
#define CANP_PACK_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <canp/rows.h>

#define CANP_PACK_VERSION     1 /* without leaders and units */
#define CANP_PACK_VERSION_MAX 2

/* How the recorded order is stored. */
enum canp_pack_order {
    CANP_ORDER_TIME = 0,    /* all rows by time */
    CANP_ORDER_CHANNEL = 1, /* rows of each channel by time, and a column that interleaves the channels */
    CANP_ORDER_LANE = 2,    /* a column that interleaves the lanes */
};

/* A packed payload begins with this. */
struct canp_pack_header {
    uint32_t rows_bytes;      /* of the restored rows */
    uint32_t row_count;       /* 1..CANP_PACK_ROWS_MAX */
    uint32_t lane_count;      /* 1..row_count */
    uint8_t version;          /* 1..CANP_PACK_VERSION_MAX */
    uint8_t order;            /* enum canp_pack_order */
    uint8_t column_bits;      /* per row in the order column: 0, 1, 2, 4, 8 or 16 */
    uint8_t zero;             /* 0 */
    uint32_t directory_bytes; /* lanes and groups */
    uint32_t exception_bytes; /* rows out of time order */
    uint32_t column_bytes;    /* as stored; plain when of the plain size, else an LZ4 block */
    uint32_t times_bytes;     /* all lanes' bit streams */
    uint32_t group_count;     /* LZ4 blocks of payload */
    uint32_t unit;            /* of time differences, ns; version 1: 0, meant is 1 */
};
_Static_assert(sizeof(struct canp_pack_header) == 40, "packed header");
_Static_assert(offsetof(struct canp_pack_header, version) == 12, "packed header");
_Static_assert(offsetof(struct canp_pack_header, directory_bytes) == 16, "packed header");
_Static_assert(offsetof(struct canp_pack_header, group_count) == 32, "packed header");

#define CANP_PACK_TRAILER_BYTES                                                                              \
    8U /* zeros behind the padded rest: 8 bytes can be loaded anywhere in the times */

/* A lane's entry in the directory starts with a form byte. */
#define CANP_FORM_TAG       0x01U /* a tag follows, else the lane before's */
#define CANP_FORM_HEAD      0x02U /* bytes 4..7 of the head follow, else the lane before's */
#define CANP_FORM_PLANES    0x04U /* plane masks follow, else none of its payload bytes ever changes */
#define CANP_FORM_K_SHIFT   3
#define CANP_FORM_FOLLOWS   31U /* in place of k: a leader, and k in a byte of its own; version 2 */
#define CANP_PACK_K_MAX     24U /* so that a code fits one 64 bit load, see canp_bits_get() */
#define CANP_PACK_ESCAPE    16U /* so many zero bits announce a plain 64 bit value */
#define CANP_PACK_WORDS_MAX (CANP_ROW_BYTES_MAX / 8)

/* Widest column of `classes` numbers. */
static inline uint8_t canp_column_bits(uint32_t classes)
{
    if (classes <= 1)
        return 0;
    return classes <= 2 ? 1 : classes <= 4 ? 2 : classes <= 16 ? 4 : classes <= 256 ? 8 : 16;
}

static inline uint32_t canp_column_plain_bytes(uint32_t rows, uint8_t bits)
{
    return (uint32_t)(((uint64_t)rows * bits + 7) / 8);
}

static inline uint64_t canp_zigzag(int64_t v)
{
    return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

static inline int64_t canp_unzigzag(uint64_t v)
{
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

static inline void canp_store_u64(void *p, uint64_t v)
{
    memcpy(p, &v, sizeof(v));
}

#define CANP_VARINT_BYTES_MAX 10

/* LEB128: seven bits a byte, low ones first, top bit set on all but the last. Returns the end. */
static inline uint8_t *canp_varint_put(uint8_t *p, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        *p++ = (uint8_t)(v | 0x80);
    *p++ = (uint8_t)v;
    return p;
}

/* Bytes being read; `ok` turns false when they end too early, and stays so. */
struct canp_input {
    const uint8_t *at;
    const uint8_t *end;
    bool ok;
};

static inline uint64_t canp_varint_get(struct canp_input *in)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (in->at == in->end)
            break;
        uint8_t byte = *in->at++;
        v |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80)
            return v;
    }
    in->ok = false;
    return 0;
}

/* The next `bytes` bytes, NULL when there are not so many. */
static inline const uint8_t *canp_input_take(struct canp_input *in, size_t bytes)
{
    if (!in->ok || (size_t)(in->end - in->at) < bytes) {
        in->ok = false;
        return NULL;
    }
    const uint8_t *p = in->at;
    in->at += bytes;
    return p;
}

#endif
