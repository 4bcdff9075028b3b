/*
 * Unpacking, third part: finds the recorded order by the times.
 *
 * Invariant: whatever the times are, every wanted row gets a place of its own in the output, and the sorting
 * is bounded: a bucket sort or a radix sort by the highest bits, an insertion phase with a budget, then by
 * all bits. One thread per unpacker.
 */
#include "pack_decode.h"

#include <lz4.h>

#define TIME_BIAS  (UINT64_C(1) << 47)
#define DIGIT_BITS 11U
#define DIGITS     (1U << DIGIT_BITS)
#define UNEVEN     8U /* insertion takes a quarter of the mean square of the buckets' keys */

_Static_assert(3 * DIGITS <= CANP_UNPACK_BUCKETS_MAX, "digits are counted in the buckets");

/* ---- sorting ----------------------------------------------------------------------------------- */

/* Keys hold a time in the upper 48 bits and a row index in the lower 16. */

/* One round of a radix sort: by the digit that begins at bit `shift` of the distance from the lowest key. */
static inline void scatter(const uint64_t *from, uint64_t *to, uint32_t n, uint64_t low, unsigned shift,
                           uint16_t *next)
{
    uint16_t sum = 0;
    for (unsigned b = 0; b < DIGITS; b++) {
        uint16_t count = next[b];
        next[b] = sum;
        sum = (uint16_t)(sum + count);
    }
    for (uint32_t i = 0; i < n; i++)
        to[next[(from[i] - low) >> shift & (DIGITS - 1)]++] = from[i];
}

/* keys2[] -> keys[] by the three digits from bit `shift` on, which is at most 31. */
static void radix_sort(struct canp_unpacker *u, uint32_t n, uint64_t low, unsigned shift)
{
    uint16_t *a = u->buckets, *b = a + DIGITS, *c = b + DIGITS;
    const uint64_t *keys = u->keys2;
    memset(a, 0, 3 * DIGITS * sizeof(*a));
    for (uint32_t i = 0; i < n; i++) {
        uint64_t distance = (keys[i] - low) >> shift;
        a[distance & (DIGITS - 1)]++;
        b[distance >> DIGIT_BITS & (DIGITS - 1)]++;
        c[distance >> 2 * DIGIT_BITS & (DIGITS - 1)]++;
    }
    scatter(u->keys2, u->keys, n, low, shift, a);
    scatter(u->keys, u->keys2, n, low, shift + DIGIT_BITS, b);
    scatter(u->keys2, u->keys, n, low, shift + 2 * DIGIT_BITS, c);
}

/* By all 48 bits of the time, six digits being more than these. */
static void radix_sort_all(struct canp_unpacker *u, uint32_t n, uint64_t low)
{
    memcpy(u->keys2, u->keys, n * sizeof(*u->keys));
    radix_sort(u, n, low, 16);
    memcpy(u->keys2, u->keys, n * sizeof(*u->keys));
    radix_sort(u, n, low, 64 - 3 * DIGIT_BITS);
}

/* Spreads the keys by time into as many buckets as there are keys, about; keys2 -> keys in nearly sorted
 * order. False, and nothing done, where few buckets have most of the keys. */
static bool spread(struct canp_unpacker *u, uint32_t n, uint64_t low, uint64_t high)
{
    uint32_t count = 64;
    while (count < n && count < CANP_UNPACK_BUCKETS_MAX)
        count *= 2;
    unsigned shift = 16;
    while ((high - low) >> shift >= count)
        shift++;
    memset(u->buckets, 0, count * sizeof(*u->buckets));
    for (uint32_t i = 0; i < n; i++)
        u->buckets[(u->keys2[i] - low) >> shift]++;
    uint64_t squares = 0;
    uint16_t sum = 0;
    for (uint32_t b = 0; b < count; b++) {
        uint32_t in_bucket = u->buckets[b];
        u->buckets[b] = sum;
        sum = (uint16_t)(sum + in_bucket);
        squares += (uint64_t)in_bucket * in_bucket;
    }
    if (squares > UNEVEN * (uint64_t)n)
        return false;
    for (uint32_t i = 0; i < n; i++)
        u->keys[u->buckets[(u->keys2[i] - low) >> shift]++] = u->keys2[i];
    return true;
}

/* Puts nearly sorted keys in order; false when it would take too long. */
static bool insertion_sort(uint64_t *keys, uint32_t n)
{
    uint64_t budget = 8 * (uint64_t)n;
    for (uint32_t i = 1; i < n; i++) {
        uint64_t key = keys[i];
        if (keys[i - 1] <= key)
            continue;
        uint32_t at = i;
        for (; at > 0 && keys[at - 1] > key; at--)
            keys[at] = keys[at - 1];
        keys[at] = key;
        if (i - at > budget)
            return false;
        budget -= i - at;
    }
    return true;
}

/* Keys being listed: where the next goes, and their bounds. */
struct segment_list {
    uint64_t *end;
    uint64_t low;
    uint64_t high;
};

static inline void list_key(struct segment_list *list, uint64_t key)
{
    *list->end++ = key;
    list->low = key < list->low ? key : list->low;
    list->high = key > list->high ? key : list->high;
}

static void list_lane(const struct canp_unpacker *u, const struct canp_unpack_lane *lane,
                      struct segment_list *out)
{
    struct segment_list list = *out;
    const uint64_t *times = u->times;
    uint32_t i = lane->start, end = lane->start + lane->rows;
    for (; i < end && u->exception_count == 0; i++)
        list_key(&list, ((times[i] + TIME_BIAS) << 16) | i);
    for (; i < end; i++) {
        if (!((u->excepted[i / 64] >> (i & 63)) & 1))
            list_key(&list, ((times[i] + TIME_BIAS) << 16) | i);
    }
    *out = list;
}

/* Keys of the wanted lanes of [first, end) that are no exceptions, in order of (time, index); *n of them. */
static const uint64_t *sort_rows(struct canp_unpacker *u, uint32_t first, uint32_t end,
                                 const struct canp_unpack_choice *choice, uint32_t *n)
{
    struct segment_list list = {u->keys2, UINT64_MAX, 0};
    for (uint32_t l = first; l < end; l++) {
        if (!choice->chosen || choice->chosen[l])
            list_lane(u, &u->lanes[l], &list);
    }
    uint32_t count = *n = (uint32_t)(list.end - u->keys2);
    if (count == 0)
        return u->keys;
    unsigned bits = 64U - (unsigned)__builtin_clzll((list.high - list.low) | 1);
    if (!spread(u, count, list.low, list.high))
        radix_sort(u, count, list.low, bits > 16 + 3 * DIGIT_BITS ? bits - 3 * DIGIT_BITS : 16);
    if (!insertion_sort(u->keys, count))
        radix_sort_all(u, count, list.low);
    return u->keys;
}

/* The same as row indexes; how many. */
static uint32_t sort_indexes(struct canp_unpacker *u, uint32_t first, uint32_t end,
                             const struct canp_unpack_choice *choice, uint32_t *out)
{
    uint32_t n;
    const uint64_t *keys = sort_rows(u, first, end, choice, &n);
    for (uint32_t i = 0; i < n; i++)
        out[i] = keys[i] & 0xFFFF;
    return n;
}

/* ---- the order of all rows --------------------------------------------------------------------- */

static int decode_times(struct canp_unpacker *u, const struct canp_unpack_choice *choice)
{
    for (uint32_t l = choice->first; l < choice->end; l++) {
        if (!canp_unpack_wants(choice, l))
            continue;
        int r = canp_unpack_times(u, l);
        if (r < 0)
            return r;
    }
    return 0;
}

/* The order column, plain; NULL when it cannot be decompressed. */
static const uint8_t *plain_column(struct canp_unpacker *u)
{
    const struct canp_pack_header *h = &u->header;
    uint32_t bytes = canp_column_plain_bytes(h->row_count, h->column_bits);
    if (h->column_bytes == bytes)
        return u->column;
    int r = LZ4_decompress_safe((const char *)u->column, (char *)u->plain_column, (int)h->column_bytes,
                                (int)bytes);
    return r == (int)bytes ? u->plain_column : NULL;
}

static inline uint32_t column_get(const uint8_t *column, uint32_t row, uint8_t bits)
{
    size_t bit = (size_t)row * bits;
    if (bits == 16)
        return canp_load_u16(column + bit / 8);
    return ((uint32_t)column[bit / 8] >> (bit & 7)) & ((1U << bits) - 1);
}

/* Rows with explicit places come between the others, which are taken by turns of the column. */
static int take_turns(struct canp_unpacker *u, const uint8_t *column, uint32_t classes)
{
    const struct canp_unpack_exception *e = u->exceptions, *last = e + u->exception_count;
    for (uint32_t i = 0; i < u->header.row_count; i++) {
        if (e < last && e->position == i) {
            u->sequence[i] = (e++)->index;
            continue;
        }
        uint32_t turn = column ? column_get(column, i, u->header.column_bits) : 0;
        if (turn >= classes || u->next[2 * turn] == u->next[2 * turn + 1])
            return -CANP_E_DAMAGED;
        u->sequence[i] = u->sorted[u->next[2 * turn]++];
    }
    return 0;
}

/* Fills sorted[] channel by channel, next[] with where each channel's rows begin and end. */
static uint32_t sort_channels(struct canp_unpacker *u, const struct canp_unpack_choice *all)
{
    uint32_t classes = 0, filled = 0;
    for (uint32_t first = 0; first < u->header.lane_count;) {
        uint32_t end = first + 1;
        while (end < u->header.lane_count && (u->header.order == CANP_ORDER_TIME ||
                                              (uint8_t)u->lanes[end].tag == (uint8_t)u->lanes[first].tag))
            end++;
        u->next[2 * classes] = filled;
        filled += sort_indexes(u, first, end, all, u->sorted + filled);
        u->next[2 * classes++ + 1] = filled;
        first = end;
    }
    return classes;
}

static uint32_t list_lanes(struct canp_unpacker *u)
{
    for (uint32_t l = 0; l < u->header.lane_count; l++) {
        u->next[2 * l] = u->lanes[l].start;
        u->next[2 * l + 1] = u->lanes[l].start + u->lanes[l].rows;
    }
    for (uint32_t i = 0; i < u->header.row_count; i++)
        u->sorted[i] = i;
    return u->header.lane_count;
}

/* Fills sequence[] for the whole block. */
static int order_all(struct canp_unpacker *u)
{
    struct canp_unpack_choice all = {0, u->header.lane_count, NULL};
    int r = decode_times(u, &all);
    if (r < 0)
        return r;
    const uint8_t *column = NULL;
    if (u->header.column_bits && !(column = plain_column(u)))
        return -CANP_E_DAMAGED;
    uint32_t classes = u->header.order == CANP_ORDER_LANE ? list_lanes(u) : sort_channels(u, &all);
    return take_turns(u, column, classes);
}

/* ---- places ------------------------------------------------------------------------------------ */

static void place_uniform(struct canp_unpacker *u)
{
    for (uint32_t i = 0; i < u->header.row_count; i++)
        u->place[u->sequence[i]] = i * u->uniform_bytes;
}

/* The usual block: rows of one size, in order of time. */
static int place_by_time(struct canp_unpacker *u, const struct canp_unpack_choice *all)
{
    int r = decode_times(u, all);
    if (r < 0)
        return r;
    uint32_t n, bytes = u->uniform_bytes, at = 0, position = 0;
    const uint64_t *keys = sort_rows(u, 0, u->header.lane_count, all, &n), *end = keys + n;
    const struct canp_unpack_exception *e = u->exceptions, *last = e + u->exception_count;
    for (; e < last; e++) {
        for (; position < e->position && keys < end; position++, at += bytes)
            u->place[*keys++ & 0xFFFF] = at;
        u->place[e->index] = at;
        position++;
        at += bytes;
    }
    for (; keys < end; at += bytes)
        u->place[*keys++ & 0xFFFF] = at;
    return 0;
}

/* Places of the wanted rows, and their positions, from the sequence of the first `count` rows in it. */
static void place_chosen(struct canp_unpacker *u, const struct canp_unpack_choice *choice, uint32_t count,
                         uint32_t *positions)
{
    for (uint32_t l = 0; l < u->header.lane_count; l++) {
        for (uint32_t i = 0; i < u->lanes[l].rows; i++)
            u->lane_of[u->lanes[l].start + i] = (uint16_t)l;
    }
    uint32_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t index = u->sequence[i], lane = u->lane_of[index];
        if (!canp_unpack_wants(choice, lane))
            continue;
        u->place[index] = at;
        at += u->lanes[lane].row_bytes;
        if (positions)
            *positions++ = i;
    }
}

/* A lane's rows follow each other in the order they have. */
static int place_lane(struct canp_unpacker *u, uint32_t l)
{
    const struct canp_unpack_lane *lane = &u->lanes[l];
    for (uint32_t i = 0; i < lane->rows; i++)
        u->place[lane->start + i] = i * lane->row_bytes;
    return canp_unpack_times(u, l);
}

/* The lane that a row belongs to. */
static uint32_t lane_of_index(const struct canp_unpacker *u, uint32_t index)
{
    uint32_t low = 0, high = u->header.lane_count; /* in [low, high) */
    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;
        if (u->lanes[middle].start <= index)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Can the order be told from the times of the chosen lanes alone? They are in one class and no exceptions. */
static bool times_suffice(const struct canp_unpacker *u, const struct canp_unpack_choice *choice)
{
    uint32_t first = choice->first, last = choice->end - 1;
    while (first < last && !canp_unpack_wants(choice, first))
        first++;
    while (last > first && !canp_unpack_wants(choice, last))
        last--;
    if (u->header.order == CANP_ORDER_LANE || (u->header.order == CANP_ORDER_CHANNEL &&
                                               (uint8_t)u->lanes[first].tag != (uint8_t)u->lanes[last].tag))
        return false;
    for (uint32_t e = 0; e < u->exception_count; e++) {
        if (canp_unpack_wants(choice, lane_of_index(u, u->exceptions[e].index)))
            return false;
    }
    return true;
}

int canp_unpack_place(struct canp_unpacker *u, const struct canp_unpack_choice *choice, uint32_t *positions)
{
    if (!positions && choice->end - choice->first == 1)
        return place_lane(u, choice->first);
    if (!positions && choice->chosen && times_suffice(u, choice)) {
        int r = decode_times(u, choice);
        if (r < 0)
            return r;
        uint32_t count = sort_indexes(u, choice->first, choice->end, choice, u->sequence);
        place_chosen(u, choice, count, NULL);
        return 0;
    }
    bool whole = !choice->chosen && choice->end - choice->first == u->header.lane_count;
    bool uniform = whole && u->uniform_bytes && !positions;
    if (uniform && u->header.order == CANP_ORDER_TIME)
        return place_by_time(u, choice);
    int r = order_all(u);
    if (r < 0)
        return r;
    if (uniform)
        place_uniform(u);
    else
        place_chosen(u, choice, u->header.row_count, positions);
    return 0;
}
