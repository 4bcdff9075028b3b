/* Changes of the interfaces that are recorded (link_events.c). Capture thread only. */
#ifndef CANP_CAPTURE_LINK_EVENTS_H
#define CANP_CAPTURE_LINK_EVENTS_H

#include "record/state/recorder_priv.h"

/* Reads what the netlink socket has, notes changes, binds again what came back. */
void canp_link_events_read(struct canp_recorder *rec);

/* The messages of one datagram, which canp_link_events_read() received: 4-aligned. */
void canp_link_events_take(struct canp_recorder *rec, const void *datagram, size_t bytes);

/* Asks for the interfaces' statistics; canp_link_events_read() takes the answers. Does not wait. */
void canp_link_events_ask(struct canp_recorder *rec);

/* The last statistics, at the end: waits for them, shortly. */
void canp_link_events_finish(struct canp_recorder *rec);

#endif
