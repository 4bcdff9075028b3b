/*
 * Packing, first part: finds a block's lanes and the rows that belong to each.
 *
 * Invariant: after canp_pack_gather() returned 0, every row belongs to exactly one lane, source[] lists the
 * rows lane after lane in recorded order within the lane, and all rows are well-formed. One thread per
 * packer.
 */
#include "pack_encode.h"

#define PROBES_MAX 64U /* a block whose ids collide more often than that stays raw */

static uint64_t lane_sort_key(uint16_t tag, uint64_t head)
{
    return ((uint64_t)(tag & 0xFF) << 56) | ((uint64_t)(tag >> 8) << 48) | ((head & 0xFFFFFFFFU) << 16);
}

/* What a row's tag and head say is true for all rows of its lane: check it once. */
static bool head_is_valid(const uint8_t *row, uint32_t row_bytes, size_t bytes_left)
{
    return row_bytes <= CANP_ROW_BYTES_MAX && row_bytes <= bytes_left && canp_rows_check(row, row_bytes) == 1;
}

/* Adds the lane of the row; -CANP_E_DAMAGED when the row is malformed. */
static int lane_add(struct canp_packer *p, const uint8_t *row, size_t bytes_left)
{
    uint32_t row_bytes = canp_row_bytes(row);
    if (!head_is_valid(row, row_bytes, bytes_left))
        return -CANP_E_DAMAGED;
    uint16_t tag = canp_load_u16(row);
    uint64_t head = canp_load_u64(row + 8);
    p->lanes[p->lane_count++] = (struct canp_pack_lane){
        .head = head,
        .sort = lane_sort_key(tag, head),
        .tag = tag,
        .row_bytes = (uint16_t)row_bytes,
        .words = (uint16_t)((row_bytes - 16 - ((tag & CANP_TAG_HW_TIME) ? 8 : 0)) / 8),
    };
    return 0;
}

/* The table, with all that stays the same from row to row at hand. */
struct table {
    uint32_t *entries;
    struct canp_pack_lane *lanes;
    uint32_t epoch;
    uint32_t mask;
    unsigned shift;
};

static inline uint32_t lane_hash(const struct table *t, uint16_t tag, uint64_t head)
{
    uint64_t h = (head ^ ((uint64_t)tag << 40)) * UINT64_C(0x9E3779B97F4A7C15);
    return (uint32_t)((h ^ (h >> 32)) * UINT64_C(0xD6E8FEB86659FD93) >> t->shift);
}

/* The lane of a row, new ones included; 1 after too many probes, or -CANP_E_DAMAGED. */
static inline int lane_find(struct canp_packer *p, const struct table *t, const uint8_t *row,
                            size_t bytes_left, uint32_t *out)
{
    uint16_t tag = canp_load_u16(row);
    uint64_t head = canp_load_u64(row + 8);
    uint32_t slot = lane_hash(t, tag, head);
    for (unsigned probe = 0; probe < PROBES_MAX; probe++, slot = (slot + 1) & t->mask) {
        uint32_t entry = t->entries[slot];
        if (entry >> 16 != t->epoch) {
            *out = p->lane_count;
            t->entries[slot] = (t->epoch << 16) | p->lane_count;
            return lane_add(p, row, bytes_left);
        }
        const struct canp_pack_lane *lane = &t->lanes[entry & 0xFFFF];
        if (lane->head == head && lane->tag == tag) {
            *out = entry & 0xFFFF;
            return lane->row_bytes <= bytes_left ? 0 : -CANP_E_DAMAGED;
        }
    }
    return 1;
}

/* Entries of earlier blocks are told by their epoch, so that the table need not be cleared for each block. */
static void next_epoch(struct canp_packer *p)
{
    if (++p->epoch == 0) {
        memset(p->table, 0, sizeof(*p->table) << p->table_bits);
        p->epoch = 1;
    }
}

/* Counts it, and whether its first byte counts on (pack_split.c). Of a row without data it is the head's. */
static inline void note_row(struct canp_pack_lane *lane, const uint8_t *row)
{
    uint8_t first = row[lane->row_bytes > 16 ? 16 : 8];
    lane->turns += (uint8_t)(first - lane->last) == 1;
    lane->last = first;
    lane->rows++;
}

static int find_lanes(struct canp_packer *p, const uint8_t *rows, size_t rows_bytes)
{
    const struct table table = {p->table, p->lanes, p->epoch, (1U << p->table_bits) - 1, 64 - p->table_bits};
    uint16_t *lane_of_row = p->lane_of_row;
    uint32_t count = 0;
    for (size_t at = 0; at < rows_bytes; count++) {
        if (count == CANP_PACK_ROWS_MAX)
            return 1;
        if (rows_bytes - at < 16)
            return -CANP_E_DAMAGED;
        uint32_t lane;
        int r = lane_find(p, &table, rows + at, rows_bytes - at, &lane);
        if (r != 0)
            return r;
        lane_of_row[count] = (uint16_t)lane;
        note_row(&table.lanes[lane], rows + at);
        at += canp_row_bytes(rows + at); /* the lane's row_bytes, but without waiting for the look-up */
    }
    p->row_count = count;
    return 0;
}

static inline bool lane_before(const struct canp_pack_lane *x, const struct canp_pack_lane *y)
{
    return x->sort != y->sort ? x->sort < y->sort : x->head < y->head;
}

/* Merges two sorted runs of lane numbers. */
static void merge_runs(const struct canp_pack_lane *lanes, const uint16_t *from, size_t middle, size_t end,
                       uint16_t *to)
{
    size_t a = 0, b = middle;
    while (a < middle && b < end)
        *to++ = lane_before(&lanes[from[b]], &lanes[from[a]]) ? from[b++] : from[a++];
    memcpy(to, from + a, (middle - a) * sizeof(*to));
    memcpy(to + (middle - a), from + b, (end - b) * sizeof(*to));
}

/* Lane numbers in directory order. Merge sort: qsort() of the C library may allocate. */
static const uint16_t *sort_numbers(struct canp_packer *p)
{
    uint16_t *from = p->rank, *to = p->rank2;
    size_t n = p->lane_count;
    for (size_t i = 0; i < n; i++)
        from[i] = (uint16_t)i;
    for (size_t run = 1; run < n; run *= 2) {
        for (size_t i = 0; i < n; i += 2 * run) {
            size_t left = n - i;
            merge_runs(p->lanes, from + i, run < left ? run : left, 2 * run < left ? 2 * run : left, to + i);
        }
        uint16_t *swap = from;
        from = to;
        to = swap;
    }
    return from;
}

/* Puts the lanes in directory order and gives each its place among the rows. */
static void sort_lanes(struct canp_packer *p)
{
    const uint16_t *numbers = sort_numbers(p);
    for (uint32_t i = 0; i < p->lane_count; i++) {
        p->sorted[i] = p->lanes[numbers[i]];
        p->lanes[numbers[i]].next = i;
    }
    uint32_t start = 0;
    for (uint32_t i = 0; i < p->lane_count; i++) {
        struct canp_pack_lane *lane = &p->sorted[i];
        p->rank[i] = (uint16_t)p->lanes[i].next;
        lane->start = start;
        lane->next = start;
        start += lane->rows;
        bool same_channel = i > 0 && (uint8_t)lane->tag == (uint8_t)lane[-1].tag;
        lane->channel_class = i == 0 ? 0 : (uint16_t)(lane[-1].channel_class + !same_channel);
    }
}

int canp_pack_gather(struct canp_packer *p, const uint8_t *rows, size_t rows_bytes)
{
    p->lane_count = 0;
    p->row_count = 0;
    next_epoch(p);
    int r = find_lanes(p, rows, rows_bytes);
    if (r != 0)
        return r;
    canp_pack_split_lanes(p, rows);
    sort_lanes(p);
    return 0;
}
