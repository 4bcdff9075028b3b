/* Numbers as text, as printf writes them and much faster: for lines by the million. Any thread. */
#ifndef CANP_TOOLS_NUMBER_H
#define CANP_TOOLS_NUMBER_H

#include <stddef.h>
#include <stdint.h>

#define NUMBER_BYTES 40

/* Each writes a terminated text and returns its length. */
size_t number_unsigned(char out[NUMBER_BYTES], uint64_t value);
size_t number_signed(char out[NUMBER_BYTES], int64_t value);

/* The first of %.15g, %.16g and %.17g that reads back as the same double. */
size_t number_real(char out[NUMBER_BYTES], double value);

/* Exactly so many digits, leading zeros included; not terminated. */
static inline void number_digits(char *out, uint32_t value, unsigned digits)
{
    while (digits-- > 0) {
        out[digits] = (char)('0' + value % 10);
        value /= 10;
    }
}

#endif
