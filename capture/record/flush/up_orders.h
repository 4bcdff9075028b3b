/*
 * Orders to bring interfaces up with the bit rates of the recording's options. The capture thread notices an
 * interface that appeared, or came back, and is down, and orders it; the flush thread, which may wait for a
 * driver, does it.
 */
#ifndef CANP_CAPTURE_UP_ORDERS_H
#define CANP_CAPTURE_UP_ORDERS_H

#include <stdbool.h>

struct canp_recorder;
struct canp_link;
struct chan;

/* Capture. True: it will be brought up. False: nobody asked for that, or it has no controller. */
bool canp_up_orders_place(struct canp_recorder *rec, const struct chan *ch, const struct canp_link *link);

/* Flush. Says what came of it. */
void canp_up_orders_fulfil(struct canp_recorder *rec);

#endif
