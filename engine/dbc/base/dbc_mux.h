/* The place of a signal's bits, and the largest depth of multiplexing. Any thread. */
#ifndef CANP_DBC_MUX_H
#define CANP_DBC_MUX_H

#include <canp/dbc.h>

/* Muxers above one signal; deeper chains count as without a muxer. */
#define DBC_MUX_DEPTH_MAX 16

/*
 * Bits counted along the message in the signal's own order: little-endian as the file does, big-endian from
 * the most significant bit of byte 0. A signal's bits are first .. first + bits - 1 then, and bit n lies in
 * byte n / 8.
 */
static inline uint32_t canp_dbc_first_bit(const struct canp_dbc_signal *s)
{
    return s->big_endian ? (s->start_bit & ~7U) + (7 - (s->start_bit & 7U)) : s->start_bit;
}

static inline uint32_t canp_dbc_last_bit(const struct canp_dbc_signal *s)
{
    return canp_dbc_first_bit(s) + s->bits - 1U;
}

#endif
