/* Parquet's encodings of numbers (Encodings.md). No state; any thread. */
#ifndef CANP_TOOLS_PARQUET_ENCODE_H
#define CANP_TOOLS_PARQUET_ENCODE_H

#include "lib/bytes.h"

/* Bits that hold all numbers up to this one. */
unsigned encode_width(uint32_t most);

/* RLE and bit-packing in turn, for levels and indexes; width 0 to 32. */
void encode_hybrid(struct bytes *to, const uint32_t *values, size_t count, unsigned width);

/* DELTA_BINARY_PACKED of 64 bits: differences, in blocks of 128 with their least one, in miniblocks of 32 as
 * wide as they need. */
void encode_delta(struct bytes *to, const int64_t *values, size_t count);

#endif
