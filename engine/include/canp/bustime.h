/*
 * How long a frame occupies the bus: for bus loads and for pacing by load.
 *
 * Bits are counted from the frame formats (ISO 11898-1), intermission included; stuff bits are an average:
 * one per 20 bits that are stuffed (random data has about one in 31, zeros one in 5). The error against the
 * exact length of one frame is under 20 %, of ordinary traffic a few percent. Any thread; no state.
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

/* The same for any record; no bits for what is no frame. */
CANP_API struct canp_bits canp_record_bits(const struct canp_record *record);

/* Nanoseconds on a bus; 0 when bitrate is 0. dbitrate 0 = the nominal rate. */
CANP_API uint64_t canp_bits_ns(struct canp_bits bits, uint32_t bitrate, uint32_t dbitrate);

CANP_END_DECLS

#endif
