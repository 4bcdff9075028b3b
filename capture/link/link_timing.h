/* Sets a CAN controller's bit rates: one rtnetlink request. Any thread; no state. */
#ifndef CANP_CAPTURE_LINK_TIMING_H
#define CANP_CAPTURE_LINK_TIMING_H

#include <stddef.h>
#include <stdint.h>

#define LINK_TIMING_SAID_BYTES 96

/*
 * The interface must be down. dbitrate 0: not touched; else CAN FD is switched on as well. 0 or the kernel's
 * negative errno; then `said` holds the kernel's own sentence, or nothing.
 */
int canp_link_timing_set(int ifindex, uint32_t bitrate, uint32_t dbitrate, char said[LINK_TIMING_SAID_BYTES]);

#endif
