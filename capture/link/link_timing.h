/* Sets a CAN controller's bit rates: one rtnetlink request. Any thread; no state. */
#ifndef CANP_CAPTURE_LINK_TIMING_H
#define CANP_CAPTURE_LINK_TIMING_H

#include <stddef.h>
#include <stdint.h>

#define LINK_TIMING_SAID_BYTES 96

struct canp_why;

struct link_timing {
    uint32_t bitrate;
    uint32_t dbitrate; /* 0: not touched; else CAN FD is switched on as well */
    uint32_t ctrlmode; /* CAN_CTRLMODE_* to be switched on (listen-only and the like); FD goes by dbitrate */
    uint32_t restart_ms; /* 0: not touched */
};

/* The interface must be down. 0 or the kernel's negative errno; then `said` holds the kernel's own sentence,
 * or nothing. */
int canp_link_timing_set(int ifindex, const struct link_timing *timing, char said[LINK_TIMING_SAID_BYTES]);

/* canp_link_up() with all of these (link.c). */
int canp_link_up_with(const char *iface, const struct link_timing *timing, struct canp_why *why);

#endif
