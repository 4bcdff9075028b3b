/* Counts, reads and checks a block's counts by channel (block_counts.h). Pure functions; any thread. */
#include "block_counts.h"

#include <string.h>

_Static_assert(sizeof(struct block_count) == 8, "block_count");
PIN(block_count, lost, 4);

static unsigned bit_of(uint8_t channel)
{
    return channel < 63 ? channel : 63;
}

/* Rows that are all frames, of one size: no need to look at more than the channel. */
static void count_alike(const struct canp_rowbuf *rows, struct block_counts *out)
{
    uint32_t by_channel[256] = {0};
    for (size_t at = 0; at < rows->used_bytes; at += rows->stride)
        by_channel[rows->data[at]]++;
    for (unsigned i = 0; i < 256; i++)
        out->frames[bit_of((uint8_t)i)] += by_channel[i];
}

static void count_row(const uint8_t *row, struct block_counts *out)
{
    uint8_t kind = canp_row_kind(row);
    if (canp_kind_is_frame(kind))
        out->frames[bit_of(row[0])]++;
    else if (kind == CANP_KIND_GAP)
        out->lost[bit_of(row[0])] += canp_load_u64(row + 16); /* struct canp_gap: code, bytes, lost */
}

static void count_rows(const uint8_t *rows, size_t bytes, struct block_counts *out)
{
    for (size_t at = 0; at < bytes; at += canp_row_bytes(rows + at))
        count_row(rows + at, out);
}

static uint32_t at_most_u32(uint64_t n)
{
    return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

uint32_t canp_block_counts_write(const struct canp_rowbuf *rows, uint8_t out[BLOCK_COUNTS_BYTES_MAX])
{
    struct block_counts counts = {0};
    uint32_t bytes = 0;
    if (!block_counts_bytes(rows->channel_mask))
        return 0;
    if (rows->stride && rows->frames == rows->records)
        count_alike(rows, &counts);
    else
        count_rows(rows->data, rows->used_bytes, &counts);
    for (unsigned i = 0; i < BLOCK_CHANNELS_MAX; i++) {
        struct block_count c = {at_most_u32(counts.frames[i]), at_most_u32(counts.lost[i])};
        if (!(rows->channel_mask >> i & 1))
            continue;
        memcpy(out + bytes, &c, sizeof(c));
        bytes += sizeof(c);
    }
    return bytes;
}

void canp_block_counts_add(const struct block_header *h, const uint8_t *end, struct block_counts *sums)
{
    uint32_t bytes = block_counts_bytes(h->channel_mask);
    const uint8_t *at = end - bytes;
    for (uint64_t left = h->channel_mask; left; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctzll(left);
        struct block_count c = {h->frames, h->lost};
        if (bytes) {
            memcpy(&c, at, sizeof(c));
            at += sizeof(c);
        }
        sums->frames[i] += c.frames;
        sums->lost[i] += c.lost;
    }
}

bool canp_block_counts_read(const struct block_header *h, const uint8_t *payload, struct block_counts *out)
{
    uint32_t bytes = block_counts_bytes(h->channel_mask);
    if (h->tail_bytes < bytes || h->channel_mask >> 63 || h->lost == UINT32_MAX)
        return false;
    memset(out, 0, sizeof(*out));
    canp_block_counts_add(h, payload + h->stored_bytes, out);
    return true;
}

/* ---- checking -------------------------------------------------------------------------------------- */

/* What rows are, as a header says it. The first's time is taken as lowest and highest until others come. */
static void sum_up(const struct block_header *h, const uint8_t *rows, struct block_header *sum,
                   uint64_t *lost)
{
    for (size_t at = 0; at < h->rows_bytes;) {
        struct canp_record r;
        canp_row_read(rows + at, h->base_ns, &r);
        if (at == 0 || r.time_ns < sum->first_ns)
            sum->first_ns = r.time_ns;
        if (at == 0 || r.time_ns > sum->last_ns)
            sum->last_ns = r.time_ns;
        sum->channel_mask |= UINT64_C(1) << bit_of(r.channel);
        if (canp_kind_is_frame(r.kind)) {
            sum->frames++;
            sum->id_filter |= UINT64_C(1) << canp_id_hash(canp_record_id(&r));
        } else {
            sum->flags |= CANP_BLOCK_HAS_EVENTS;
            sum->flags |= r.kind == CANP_KIND_IFACE ? CANP_BLOCK_HAS_IFACES : 0;
            sum->flags |= r.kind == CANP_KIND_GAP ? CANP_BLOCK_HAS_GAPS : 0;
            *lost += r.kind == CANP_KIND_GAP ? r.gap->lost : 0;
        }
        at += r.row_bytes;
    }
}

static bool counts_are_true(const struct block_header *h, const uint8_t *payload, const uint8_t *rows)
{
    struct block_counts said, are = {0};
    if (!canp_block_counts_read(h, payload, &said))
        return true; /* it says nothing */
    count_rows(rows, h->rows_bytes, &are);
    return memcmp(&said, &are, sizeof(said)) == 0;
}

bool canp_block_summary_is_true(const struct block_header *h, const uint8_t *payload, bool has_counts,
                                const uint8_t *rows)
{
    struct block_header sum = {0};
    uint64_t lost = 0;
    sum_up(h, rows, &sum, &lost);
    const uint16_t kinds = CANP_BLOCK_HAS_EVENTS | CANP_BLOCK_HAS_IFACES | CANP_BLOCK_HAS_GAPS;
    bool is_true = sum.frames == h->frames && at_most_u32(lost) == h->lost && sum.first_ns == h->first_ns &&
                   sum.last_ns == h->last_ns && sum.channel_mask == h->channel_mask &&
                   sum.id_filter == h->id_filter && sum.flags == (h->flags & kinds);
    return is_true && (!has_counts || counts_are_true(h, payload, rows));
}
