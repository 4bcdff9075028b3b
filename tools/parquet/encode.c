/* Encodings of numbers (encode.h). */
#include "encode.h"

#define GROUP           8U  /* values that are bit-packed together */
#define GROUPS_MAX      63U /* of one header byte */
#define BLOCK           128U
#define MINIBLOCK       32U
#define MINIBLOCK_COUNT (BLOCK / MINIBLOCK)

static unsigned width_of(uint64_t most)
{
    return most ? 64U - (unsigned)__builtin_clzll(most) : 0;
}

unsigned encode_width(uint32_t most)
{
    return width_of(most);
}

/* ---- RLE and bit-packing ------------------------------------------------------------------------------ */

static size_t run_at(const uint32_t *values, size_t count)
{
    size_t n = 1;
    while (n < count && values[n] == values[0])
        n++;
    return n;
}

static void put_run(struct bytes *to, uint32_t value, size_t count, unsigned width)
{
    bytes_put_varint(to, (uint64_t)count << 1);
    for (unsigned bits = 0; bits < width; bits += 8)
        bytes_put_byte(to, (uint8_t)(value >> bits));
}

struct bits {
    struct bytes *to;
    unsigned byte, used;
};

/* The least significant bits first. */
static void put_bits(struct bits *b, uint64_t value, unsigned width)
{
    while (width) {
        unsigned n = 8 - b->used < width ? 8 - b->used : width;
        b->byte |= (unsigned)(value & ((1U << n) - 1)) << b->used;
        b->used += n;
        value >>= n;
        width -= n;
        if (b->used == 8) {
            bytes_put_byte(b->to, (uint8_t)b->byte);
            b->byte = b->used = 0;
        }
    }
}

/* What is missing of the last group is 0. */
static void put_packed(struct bytes *to, const uint32_t *values, size_t count, size_t groups, unsigned width)
{
    struct bits bits = {.to = to};
    bytes_put_varint(to, (uint64_t)groups << 1 | 1);
    for (size_t i = 0; i < groups * GROUP; i++)
        put_bits(&bits, i < count ? values[i] : 0, width);
}

void encode_hybrid(struct bytes *to, const uint32_t *values, size_t count, unsigned width)
{
    for (size_t i = 0; i < count;) {
        size_t run = run_at(values + i, count - i), groups = 0;
        if (run >= GROUP) {
            put_run(to, values[i], run, width);
            i += run;
            continue;
        }
        size_t end = i;
        while (end < count && groups < GROUPS_MAX &&
               (groups == 0 || run_at(values + end, count - end) < GROUP)) {
            end += GROUP;
            groups++;
        }
        put_packed(to, values + i, count - i, groups, width);
        i = end;
    }
}

/* ---- differences -------------------------------------------------------------------------------------- */

static void put_miniblock(struct bytes *to, const uint64_t *values, unsigned width)
{
    struct bits bits = {.to = to};
    for (unsigned i = 0; i < MINIBLOCK; i++)
        put_bits(&bits, values[i], width);
}

/* `deltas`: BLOCK of them, 0 behind the last. */
static void put_block(struct bytes *to, uint64_t *deltas, size_t count)
{
    uint8_t widths[MINIBLOCK_COUNT] = {0};
    int64_t least = (int64_t)deltas[0];
    for (size_t i = 1; i < count; i++)
        least = (int64_t)deltas[i] < least ? (int64_t)deltas[i] : least;
    for (size_t i = 0; i < count; i++) {
        uint8_t *width = &widths[i / MINIBLOCK];
        deltas[i] -= (uint64_t)least;
        *width = (uint8_t)(width_of(deltas[i]) > *width ? width_of(deltas[i]) : *width);
    }
    bytes_put_zigzag(to, least);
    bytes_put(to, widths, sizeof(widths));
    for (size_t i = 0; i < MINIBLOCK_COUNT && i * MINIBLOCK < count; i++)
        put_miniblock(to, deltas + i * MINIBLOCK, widths[i]);
}

void encode_delta(struct bytes *to, const int64_t *values, size_t count)
{
    bytes_put_varint(to, BLOCK);
    bytes_put_varint(to, MINIBLOCK_COUNT);
    bytes_put_varint(to, count);
    bytes_put_zigzag(to, count ? values[0] : 0);
    for (size_t i = 1; i < count; i += BLOCK) {
        uint64_t deltas[BLOCK] = {0};
        size_t n = count - i < BLOCK ? count - i : BLOCK;
        for (size_t k = 0; k < n; k++) /* differences wrap, and so do the sums of who reads them */
            deltas[k] = (uint64_t)values[i + k] - (uint64_t)values[i + k - 1];
        put_block(to, deltas, n);
    }
}
