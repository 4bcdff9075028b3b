/*
 * Exponential Golomb codes of order k in a bit stream, low bits first, in which a lane's times are stored.
 * Let v + 2^k have n + 1 significant bits, n >= k: the code of v is n - k zero bits, a one bit, and the low n
 * bits of v + 2^k. When n - k is CANP_PACK_ESCAPE or more, it is CANP_PACK_ESCAPE zero bits and v in 64 plain
 * bits.
 *
 * Invariant: the reader loads only from stream bytes and the 8 bytes behind them, whatever they hold.
 */
#ifndef CANP_PACK_BITS_H
#define CANP_PACK_BITS_H

#include "pack_format.h"

/* Writing. The memory behind `at` takes a whole 8 byte store at any time. */
struct canp_bits_out {
    uint8_t *at;
    uint64_t acc;
    unsigned fill; /* bits in acc, below 8 between calls */
};

/* bits <= 56 */
static inline void canp_bits_push(struct canp_bits_out *b, uint64_t v, unsigned bits)
{
    b->acc |= v << b->fill;
    b->fill += bits;
    canp_store_u64(b->at, b->acc);
    b->at += b->fill >> 3;
    b->acc >>= b->fill & ~7U; /* fill < 64: 7 + 56 at most */
    b->fill &= 7;
}

static inline void canp_bits_put(struct canp_bits_out *b, uint64_t v, unsigned k)
{
    uint64_t sum = v + (UINT64_C(1) << k);
    if (__builtin_expect(sum >> (k + CANP_PACK_ESCAPE) || sum < v, 0)) {
        canp_bits_push(b, 0, CANP_PACK_ESCAPE);
        canp_bits_push(b, (uint32_t)v, 32);
        canp_bits_push(b, v >> 32, 32);
        return;
    }
    unsigned n = 63U - (unsigned)__builtin_clzll(sum);
    uint64_t low = sum ^ (UINT64_C(1) << n);
    canp_bits_push(b, ((low << 1) | 1) << (n - k), 2 * n - k + 1); /* at most 2 (k + 15) - k + 1 = 55 */
}

static inline uint8_t *canp_bits_finish(struct canp_bits_out *b)
{
    if (b->fill)
        *b->at++ = (uint8_t)b->acc;
    b->acc = 0;
    b->fill = 0;
    return b->at;
}

/* Reading. `bytes` stream bytes and 8 more are readable. */
struct canp_bits_in {
    const uint8_t *base;
    size_t at;  /* next bit */
    size_t end; /* bits in the stream; at > end afterwards: it was cut short */
};

/* At least 57 bits from the present place on. */
static inline uint64_t canp_bits_peek(const struct canp_bits_in *b)
{
    return canp_load_u64(b->base + (b->at >> 3)) >> (b->at & 7);
}

/* A plain 64 bit value; the stream has been bounded by the caller to hold `at`. */
static inline uint64_t canp_bits_escaped(struct canp_bits_in *b)
{
    if (b->end - b->at < CANP_PACK_ESCAPE + 64) {
        b->at = b->end + 1;
        return 0;
    }
    b->at += CANP_PACK_ESCAPE;
    uint64_t low = canp_bits_peek(b) & 0xFFFFFFFFU;
    b->at += 32;
    uint64_t high = canp_bits_peek(b) & 0xFFFFFFFFU;
    b->at += 32;
    return low | (high << 32);
}

/* The next value. A stream that is cut short gives 0 and leaves at > end, now and from now on. */
static inline uint64_t canp_bits_get(struct canp_bits_in *b, unsigned k)
{
    if (__builtin_expect(b->at >= b->end, 0)) {
        b->at = b->end + 1;
        return 0;
    }
    uint64_t w = canp_bits_peek(b);
    unsigned zeros = (unsigned)__builtin_ctzll(w | (UINT64_C(1) << CANP_PACK_ESCAPE));
    if (__builtin_expect(zeros == CANP_PACK_ESCAPE, 0))
        return canp_bits_escaped(b);
    unsigned n = zeros + k;
    b->at += zeros + 1 + n;
    return ((w >> (zeros + 1)) & ((UINT64_C(1) << n) - 1)) + (UINT64_C(1) << n) - (UINT64_C(1) << k);
}

#endif
