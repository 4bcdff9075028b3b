/* Byte planes: plane j of a column of 8 byte words is the j-th byte of each word. */
#ifndef CANP_PACK_PLANES_H
#define CANP_PACK_PLANES_H

#include <stddef.h>
#include <stdint.h>

/* Words are handled 16 at a time: a column of words has room for so many more than it holds. */
#define CANP_PLANES_SLACK 16

/*
 * Replaces each of n + 1 words by its bytewise difference from the word before (words[0] stays), moved one
 * place to the front: n differences. Returns which bytes are not zero in all of them, bit j for byte j.
 */
uint8_t canp_planes_difference(uint64_t *words, size_t n);

/* Writes the planes j with bit j in mask, each of n bytes, one behind the other; returns the end. */
uint8_t *canp_planes_split(const uint64_t *words, size_t n, uint8_t mask, uint8_t *planes);

/* The reverse: planes that are not in mask are zero. Returns the end of what it read. */
const uint8_t *canp_planes_join(const uint8_t *planes, size_t n, uint8_t mask, uint64_t *words);

/* Bytewise sum of two words. */
static inline uint64_t canp_bytes_add(uint64_t a, uint64_t b)
{
    const uint64_t high = UINT64_C(0x8080808080808080);
    return ((a & ~high) + (b & ~high)) ^ ((a ^ b) & high);
}

#endif
