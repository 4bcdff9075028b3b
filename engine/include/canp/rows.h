/*
 * Rows: the byte layout of records inside a block, and the builder that fills them.
 *
 * A row is a u64 stamp followed by the frame (or event), padded to a multiple of 8: 24 bytes for a classic
 * frame with 1..8 data bytes. The stamp holds, from the top, 48 bits of signed nanoseconds relative to the
 * block's base time (+-39 hours; a record farther away starts a new block) and a 16 bit tag:
 *   bits 0..7 channel, 8..11 kind, 12..13 direction, 14 a hardware stamp (i64 ns) follows the frame, 15 zero.
 * The frame bytes are those of the kernel, unchanged, so they can be sent or decoded where they lie.
 *
 * A canp_rowbuf belongs to one thread at a time. These functions neither allocate nor lock.
 */
#ifndef CANP_ROWS_H
#define CANP_ROWS_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <canp/frame.h>

CANP_BEGIN_DECLS

#define CANP_TAG_KIND_SHIFT 8
#define CANP_TAG_DIR_SHIFT  12
#define CANP_TAG_HW_TIME    0x4000U
#define CANP_TAG_ZERO       0x8000U
#define CANP_ROW_TIME_SHIFT 16
#define CANP_ROW_OFFSET_MAX ((INT64_C(1) << 47) - 1)
#define CANP_ROW_OFFSET_MIN (-(INT64_C(1) << 47))
#define CANP_GAP_ROW_BYTES  (8U + sizeof(struct canp_gap)) /* stamp and event */
#define CANP_ROW_BYTES_MAX  2096U /* CAN XL with 2048 bytes and a hardware stamp; also bounds events */

static inline uint32_t canp_align8(uint32_t n)
{
    return (n + 7U) & ~7U;
}

static inline uint16_t canp_tag(uint8_t channel, uint8_t kind, uint8_t dir)
{
    return (uint16_t)(channel | (kind << CANP_TAG_KIND_SHIFT) | (dir << CANP_TAG_DIR_SHIFT));
}

/* Loads that need no alignment: rows are 8-aligned, but those of a hostile file may not be. */
static inline uint64_t canp_load_u64(const void *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}

static inline uint16_t canp_load_u16(const void *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}

static inline int64_t canp_row_time_ns(int64_t base_ns, const uint8_t *row)
{
    int64_t distance_ns = (int64_t)canp_load_u64(row) >> CANP_ROW_TIME_SHIFT;
    return (
        int64_t)((uint64_t)base_ns +
                 (uint64_t)distance_ns); /* wraps around: a hostile base must not be undefined behaviour */
}

static inline uint8_t canp_row_kind(const uint8_t *row)
{
    return row[1] & 0x0F;
}

/* Size of the row by its first 16 bytes, padding and hardware stamp included. The result is not checked
 * against any bound. */
static inline uint32_t canp_row_bytes(const uint8_t *row)
{
    const uint8_t hw_time = CANP_TAG_HW_TIME >> 8;
    if (__builtin_expect((row[1] & (0x0E | hw_time)) == 0, 1)) /* CANP_KIND_CAN or CANP_KIND_FD */
        return 16 + canp_align8(row[12]);
    uint32_t hw_bytes = (row[1] & hw_time) ? 8 : 0;
    uint8_t kind = canp_row_kind(row);
    if (kind <= CANP_KIND_FD)
        return 16 + canp_align8(row[12]) + hw_bytes;
    if (kind == CANP_KIND_XL)
        return canp_align8(20U + canp_load_u16(row + 14)) + hw_bytes;
    return 8 + canp_align8(canp_load_u16(row + 12)) + hw_bytes;
}

/* Fills *out from a row of row_bytes bytes, which canp_rows_check() or a checksum must have found to be
 * sound. */
static inline void canp_row_read_sized(const uint8_t *row, uint32_t row_bytes, int64_t base_ns,
                                       struct canp_record *out)
{
    uint16_t tag = canp_load_u16(row);
    out->time_ns = canp_row_time_ns(base_ns, row);
    out->channel = (uint8_t)tag;
    out->kind = (tag >> CANP_TAG_KIND_SHIFT) & 0x0F;
    out->dir = (tag >> CANP_TAG_DIR_SHIFT) & 0x03;
    out->has_hw_time = (tag & CANP_TAG_HW_TIME) != 0;
    out->row_bytes = row_bytes;
    out->event = (const struct canp_event *)(row + 8);
    out->hw_time_ns = out->has_hw_time ? (int64_t)canp_load_u64(row + row_bytes - 8) : 0;
}

/* The same for a row whose size is not known yet. */
static inline void canp_row_read(const uint8_t *row, int64_t base_ns, struct canp_record *out)
{
    canp_row_read_sized(row, canp_row_bytes(row), base_ns, out);
}

/*
 * Checks that `bytes` bytes are whole, well-formed rows (sizes in bounds, known field values).
 * Returns the number of rows, or -CANP_E_DAMAGED.
 */
CANP_API int64_t canp_rows_check(const uint8_t *rows, size_t bytes);

/* ---- building ------------------------------------------------------------------------------------ */

/* A block that is being filled. Call canp_rowbuf_init() first. */
struct canp_rowbuf {
    uint8_t *data; /* borrowed from the caller, 8-aligned */
    size_t capacity_bytes;
    size_t used_bytes;
    int64_t base_ns;       /* time of the first row */
    int64_t first_ns;      /* lowest time of any row */
    int64_t last_ns;       /* highest time of any row */
    uint32_t records;      /* rows, frames and events */
    uint32_t frames;       /* rows that are frames */
    uint64_t lost;         /* frames accounted as lost by the gap rows in it */
    uint64_t channel_mask; /* bit min(channel, 63) */
    uint64_t id_filter; /* bit canp_id_hash(id) of each frame: a reader may skip blocks that cannot match */
    uint16_t stride;    /* common size of all rows, 0 once they differ */
    uint16_t flags;     /* CANP_BLOCK_* */
};

#define CANP_BLOCK_HAS_EVENTS 0x0001U /* rows that are no frames */
#define CANP_BLOCK_HAS_IFACES 0x0002U /* rows of CANP_KIND_IFACE: a reader needs them to name channels */
#define CANP_BLOCK_HAS_GAPS   0x0004U
#define CANP_BLOCK_PACKED     0x0008U /* payload is packed, not rows */
#define CANP_BLOCK_BACKWARDS  0x0010U /* times within the block are not in order */

static inline void canp_rowbuf_init(struct canp_rowbuf *rb, void *data, size_t capacity_bytes)
{
    memset(rb, 0, sizeof(*rb));
    rb->data = (uint8_t *)data;
    rb->capacity_bytes = capacity_bytes;
}

/* The number, 0 to 63, of the bit that stands for an id; the EFF flag counts, the RTR and ERR flags do not.
 */
static inline unsigned canp_id_hash(uint32_t id)
{
    return ((id & ~(CANP_ID_RTR | CANP_ID_ERR)) * 0x9E3779B1U) >> 26;
}

/*
 * Appends a row for `body_bytes` of frame or event, without padding, and returns the place where the caller
 * writes them; the padding is zero already. NULL when the row does not fit the buffer, or its time is too far
 * from the block's base: commit the block, start the next one, and call again.
 */
CANP_API uint8_t *canp_rowbuf_put(struct canp_rowbuf *rb, int64_t time_ns, uint16_t tag, uint32_t body_bytes);

/*
 * Appends a frame in the kernel's layout: kind CANP_KIND_CAN or CANP_KIND_FD, len bytes of data behind the 8
 * byte header. 0; -ENOSPC when canp_rowbuf_put() would return NULL; -EINVAL for a bad length.
 */
CANP_API int canp_rowbuf_put_frame(struct canp_rowbuf *rb, int64_t time_ns, uint16_t tag,
                                   const struct canp_frame *frame);

/* Appends a gap. The row's time is to_ns. 0 or -ENOSPC. */
CANP_API int canp_rowbuf_put_gap(struct canp_rowbuf *rb, uint8_t channel, enum canp_layer layer,
                                 uint64_t lost, int64_t from_ns, int64_t to_ns);

/* Appends an event whose struct is complete (bytes filled in). 0, -ENOSPC or -EINVAL. */
CANP_API int canp_rowbuf_put_event(struct canp_rowbuf *rb, int64_t time_ns, uint8_t channel, uint8_t kind,
                                   const void *event);

/* Appends a copy of any record, as lent by a reader. 0, -ENOSPC or -EINVAL. */
CANP_API int canp_rowbuf_put_record(struct canp_rowbuf *rb, const struct canp_record *record);

CANP_END_DECLS

#endif
