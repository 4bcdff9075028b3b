/*
 * Byte planes, SSE2 and plain (canp/pack.h, engine/FORMAT.md). SSE2 is part of every x86-64; elsewhere the
 * plain loops do the same.
 *
 * Invariant: it touches only whole words of the given columns (with CANP_PLANES_SLACK behind them) and
 * exactly the bytes of the planes. Any thread; no state.
 */
#include "pack_planes.h"

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define LOT 16U /* words handled at once */

typedef uint8_t bytes16 __attribute__((vector_size(16)));
typedef uint64_t words2 __attribute__((vector_size(16)));

uint8_t canp_planes_difference(uint64_t *words, size_t n)
{
    words2 any = {0, 0};
    size_t i = 0;
    for (; i + 2 <= n; i += 2) {
        bytes16 now, before;
        memcpy(&now, words + i + 1, sizeof(now));
        memcpy(&before, words + i, sizeof(before));
        now -= before;
        any |= (words2)now;
        memcpy(words + i, &now, sizeof(now));
    }
    if (i < n) {
        bytes16 now = (bytes16)(words2){words[i + 1], 0} - (bytes16)(words2){words[i], 0};
        any |= (words2)now;
        words[i] = ((words2)now)[0];
    }
    uint64_t all = any[0] | any[1];
    uint8_t mask = 0;
    for (unsigned j = 0; j < 8; j++)
        mask |= (uint8_t)((((all >> (8 * j)) & 0xFF) != 0) << j);
    return mask;
}

#ifdef __SSE2__
static inline __m128i load(const void *p)
{
    return _mm_loadu_si128((const __m128i *)p);
}

/* 16 words -> 8 planes of 16 bytes. */
static inline void transpose(const uint64_t *words, uint8_t planes[8][LOT])
{
    __m128i a[8], b[8];
    for (unsigned i = 0; i < 8; i++)
        a[i] = load(words + 2 * i);
    /* A round interleaves the bytes of the lower and the upper half: the index of a byte, word number (4
     * bits) before byte number (3 bits), is rotated by one bit. After four rounds the byte number comes
     * first. */
    for (unsigned i = 0; i < 4; i++) {
        b[2 * i] = _mm_unpacklo_epi8(a[i], a[i + 4]);
        b[2 * i + 1] = _mm_unpackhi_epi8(a[i], a[i + 4]);
    }
    for (unsigned i = 0; i < 4; i++) {
        a[2 * i] = _mm_unpacklo_epi8(b[i], b[i + 4]);
        a[2 * i + 1] = _mm_unpackhi_epi8(b[i], b[i + 4]);
    }
    for (unsigned i = 0; i < 4; i++) {
        b[2 * i] = _mm_unpacklo_epi8(a[i], a[i + 4]);
        b[2 * i + 1] = _mm_unpackhi_epi8(a[i], a[i + 4]);
    }
    for (unsigned i = 0; i < 4; i++) {
        a[2 * i] = _mm_unpacklo_epi8(b[i], b[i + 4]);
        a[2 * i + 1] = _mm_unpackhi_epi8(b[i], b[i + 4]);
    }
    for (unsigned j = 0; j < 8; j++)
        _mm_storeu_si128((__m128i *)planes[j], a[j]);
}

/* 8 planes of 16 bytes -> 16 words. */
static inline void untranspose(const uint8_t *const planes[8], uint64_t *words)
{
    __m128i p[8], q[8];
    for (unsigned j = 0; j < 8; j++)
        p[j] = load(planes[j]);
    for (unsigned j = 0; j < 4; j++) {
        q[j] = _mm_unpacklo_epi8(p[2 * j], p[2 * j + 1]);     /* words 0..7, bytes 2j, 2j + 1 */
        q[j + 4] = _mm_unpackhi_epi8(p[2 * j], p[2 * j + 1]); /* words 8..15 */
    }
    for (unsigned h = 0; h < 2; h++) {
        __m128i *r = q + 4 * h;
        __m128i a = _mm_unpacklo_epi16(r[0], r[1]), b = _mm_unpackhi_epi16(r[0], r[1]);
        __m128i c = _mm_unpacklo_epi16(r[2], r[3]), d = _mm_unpackhi_epi16(r[2], r[3]);
        __m128i *out = (__m128i *)(words + 8 * h);
        _mm_storeu_si128(out + 0, _mm_unpacklo_epi32(a, c));
        _mm_storeu_si128(out + 1, _mm_unpackhi_epi32(a, c));
        _mm_storeu_si128(out + 2, _mm_unpacklo_epi32(b, d));
        _mm_storeu_si128(out + 3, _mm_unpackhi_epi32(b, d));
    }
}
#else
static inline void transpose(const uint64_t *words, uint8_t planes[8][LOT])
{
    for (unsigned i = 0; i < LOT; i++) {
        for (unsigned j = 0; j < 8; j++)
            planes[j][i] = ((const uint8_t *)(words + i))[j];
    }
}

static inline void untranspose(const uint8_t *const planes[8], uint64_t *words)
{
    for (unsigned i = 0; i < LOT; i++) {
        for (unsigned j = 0; j < 8; j++)
            ((uint8_t *)(words + i))[j] = planes[j][i];
    }
}
#endif

uint8_t *canp_planes_split(const uint64_t *words, size_t n, uint8_t mask, uint8_t *planes)
{
    uint8_t lot[8][LOT];
    for (size_t i = 0; i < n; i += LOT) {
        transpose(words + i, lot);
        size_t take = n - i < LOT ? n - i : LOT;
        uint8_t *out = planes + i;
        for (unsigned left = mask; left; left &= left - 1, out += n) {
            unsigned j = (unsigned)__builtin_ctz(left);
            if (take == LOT)
                memcpy(out, lot[j], LOT);
            else
                memcpy(out, lot[j], take);
        }
    }
    return planes + n * (size_t)__builtin_popcount(mask);
}

/* Fewer than 16 words are left: their bytes go through a zeroed copy. */
static void join_tail(const uint8_t *planes, size_t n, size_t i, uint8_t mask, uint64_t *words)
{
    uint8_t lot[8][LOT];
    const uint8_t *from[8];
    memset(lot, 0, sizeof(lot));
    for (unsigned j = 0; j < 8; j++)
        from[j] = lot[j];
    for (unsigned left = mask; left; left &= left - 1, planes += n)
        memcpy(lot[__builtin_ctz(left)], planes + i, n - i);
    untranspose(from, words + i);
}

const uint8_t *canp_planes_join(const uint8_t *planes, size_t n, uint8_t mask, uint64_t *words)
{
    static const uint8_t zero[LOT];
    size_t i = 0;
    for (; i + LOT <= n; i += LOT) {
        const uint8_t *from[8], *at = planes + i;
        for (unsigned j = 0; j < 8; j++) {
            from[j] = (mask >> j) & 1 ? at : zero;
            at += (mask >> j) & 1 ? n : 0;
        }
        untranspose(from, words + i);
    }
    if (i < n)
        join_tail(planes, n, i, mask, words);
    return planes + n * (size_t)__builtin_popcount(mask);
}
