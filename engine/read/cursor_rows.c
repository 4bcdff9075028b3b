/*
 * The rows of a cursor's current block: in the mapping, or unpacked, either all of them or only the lanes
 * that match (cursor_priv.h). One thread.
 */
#include "cursor_priv.h"

#include <canp/pools/buf.h>
#include <errno.h>
#include <stdlib.h>

#include "segment/block_counts.h"

/* Room for a packed block's rows; a buffer that somebody shares is left to them. */
static int ensure_buffer(struct canp_cursor *c, size_t rows_bytes)
{
    if (rows_bytes <= c->unpacked.capacity_bytes && canp_mbuf_refs(&c->unpacked) == 1)
        return 0;
    canp_mbuf_release(&c->unpacked);
    return canp_decompress_buffer(c->reader->buffers, rows_bytes, &c->unpacked);
}

/* The rows of a packed block are some, and bounded by CANP_PACK_BYTES_MAX. */
static int ensure_unpacker(struct canp_cursor *c, size_t rows_bytes)
{
    if (rows_bytes == 0 || rows_bytes > CANP_PACK_BYTES_MAX)
        return -CANP_E_DAMAGED;
    size_t capacity =
        rows_bytes < UNPACKED_BYTES_MIN ? UNPACKED_BYTES_MIN : (rows_bytes + 4095) & ~(size_t)4095;
    if (rows_bytes > c->unpacker_bytes) {
        canp_unpacker_close(c->unpacker);
        c->unpacker = NULL;
        c->unpacker_bytes = 0;
        if (canp_unpacker_open(capacity, &c->unpacker) < 0)
            return -ENOMEM;
        c->unpacker_bytes = capacity;
    }
    return ensure_buffer(c, capacity);
}

/* The size of all rows so far and of this lane's, 0 once they differ. */
static uint32_t common_stride(const struct canp_cursor *c, const struct canp_lane *lane)
{
    return c->partial_records == 0 || c->head.stride == lane->row_bytes ? lane->row_bytes : 0;
}

/* Which lanes: how many are wanted, and the last of them. */
static int64_t choose_lanes(struct canp_cursor *c, const struct canp_lane *lanes, int64_t count, size_t *last)
{
    int64_t wanted = 0;
    c->partial_records = c->partial_frames = 0;
    for (int64_t l = 0; l < count; l++) {
        c->chosen[l] = canp_query_lane(&c->query, &lanes[l]);
        if (!c->chosen[l])
            continue;
        *last = (size_t)l;
        wanted++;
        c->head.stride = common_stride(c, &lanes[l]);
        c->partial_records += lanes[l].rows;
        c->partial_frames += canp_kind_is_frame(lanes[l].kind) ? lanes[l].rows : 0;
    }
    return wanted;
}

/* Unpacks what is wanted; the rows' bytes, or an error. */
static int64_t unpack_wanted(struct canp_cursor *c, const struct segment_block *b)
{
    const struct canp_lane *lanes;
    size_t last = 0;
    if (!c->chosen && !(c->chosen = malloc(CANP_PACK_ROWS_MAX)))
        return -ENOMEM;
    int64_t count =
        canp_packed_lanes(c->unpacker, b->payload, b->header.stored_bytes - b->header.tail_bytes, &lanes);
    if (count < 0)
        return count;
    int64_t wanted = choose_lanes(c, lanes, count, &last);
    c->partial = wanted < count;
    if (wanted == 1)
        return canp_unpack_lane(c->unpacker, last, c->unpacked.data, c->unpacked.capacity_bytes, NULL);
    return canp_unpack_lanes(c->unpacker, c->partial ? c->chosen : NULL, c->unpacked.data,
                             c->unpacked.capacity_bytes, NULL);
}

static int unpack_rows(struct canp_cursor *c, const struct segment_block *b)
{
    const struct block_header *h = &b->header;
    int r = ensure_unpacker(c, h->rows_bytes);
    if (r < 0)
        return r;
    /* Interfaces are learned whatever is wanted. */
    bool all = c->query.everything || (h->flags & CANP_BLOCK_HAS_IFACES);
    int64_t bytes = all ? canp_unpack(c->unpacker, b->payload, h->stored_bytes - h->tail_bytes,
                                      c->unpacked.data, c->unpacked.capacity_bytes)
                        : unpack_wanted(c, b);
    if (bytes == -ENOMEM)
        return -ENOMEM;
    if (bytes < 0 || (!c->partial && bytes != h->rows_bytes))
        return -CANP_E_DAMAGED;
    c->head.rows = c->unpacked.data;
    c->rows_bytes = (size_t)bytes;
    return 0;
}

static int check_rows(struct canp_cursor *c, const struct segment_block *b)
{
    const struct block_header *h = &b->header;
    if (!b->checked && !canp_block_rows_are_sound(h, c->head.rows))
        return -CANP_E_DAMAGED;
    bool has_counts = c->segment.header.compat & SEG_COMPAT_COUNTS;
    if (c->opts.thorough && !canp_block_summary_is_true(h, b->payload, has_counts, c->head.rows))
        return -CANP_E_DAMAGED;
    if (!b->checked)
        canp_segment_reader_note_checked(&c->segment, b);
    return 0;
}

int canp_cursor_load_rows(struct canp_cursor *c, const struct segment_block *b)
{
    const struct block_header *h = &b->header;
    c->head.rows = b->payload;
    c->rows_bytes = h->rows_bytes;
    c->head.ready_bytes = 0;
    c->partial = false;
    c->back.rows_known = false;
    int r = h->flags & CANP_BLOCK_PACKED ? unpack_rows(c, b) : 0;
    if (r == 0 && !c->partial) {
        c->head.stride = h->stride;
        r = check_rows(c, b);
    }
    if (r == 0) {
        c->head.ready_bytes = query_is_part(&c->query) ? 0 : c->rows_bytes;
        return 0;
    }
    c->rows_bytes = 0;
    return r == -CANP_E_DAMAGED && segment_reader_status(&c->segment) < 0 ? -CANP_E_LOST : r;
}
