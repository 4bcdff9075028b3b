/*
 * How long a frame occupies the bus: for computing bus loads, and for sending at a given load.
 *
 * Bits are counted by the frame formats of ISO 11898-1, intermission included. Stuff bits are estimated as
 * one per 20 bits that can be stuffed (random data has about one in 31, zeros one in 5). The length of one
 * frame is off by less than 20 %, that of ordinary traffic by a few percent. Any thread; no state.
 */
#ifndef CANP_BUSTIME_H
#define CANP_BUSTIME_H

#include <canp/frame.h>

CANP_BEGIN_DECLS

struct canp_bits {
    uint32_t nominal; /* sent at the nominal bit rate */
    uint32_t data;    /* sent at the data bit rate: 0 for a classic frame, or FD without BRS */
};

/* A classic, remote, error (counted as 20 bits) or FD frame. */
CANP_API struct canp_bits canp_frame_bits(uint8_t kind, const struct canp_frame *frame);

/* The same for any record; 0 bits when it is no frame. */
CANP_API struct canp_bits canp_record_bits(const struct canp_record *record);

/* Nanoseconds on a bus; 0 when bitrate is 0. dbitrate 0 = the nominal rate. */
CANP_API uint64_t canp_bits_ns(struct canp_bits bits, uint32_t bitrate, uint32_t dbitrate);

CANP_END_DECLS

#endif
