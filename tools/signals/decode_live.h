/*
 * canp decode on interfaces: decodes frames as they come until a signal ends it. It reads the interfaces
 * every 20 ms, one after the other, so lines are in order within an interface only. Main thread.
 */
#ifndef CANP_TOOLS_DECODE_LIVE_H
#define CANP_TOOLS_DECODE_LIVE_H

#include "decode_bus.h"

/* Is it no file, and the name of an interface, maybe with filters behind a comma, or `any`? */
bool decode_live_is_iface(const char *argument);

/* Decodes into the bus, and calls `flush` after each look that brought frames. 0, what flush returned, or a
 * negative error, told by `why`. */
int decode_live(const char *iface, struct decode_bus *bus, int (*flush)(void *user), void *user,
                struct canp_why *why);

/* Frames that came and were not seen, of all interfaces together. */
uint64_t decode_live_lost(void);

#endif
