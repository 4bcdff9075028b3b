/* An interface that is to be brought up (up_orders.h): a plain struct. */
#ifndef CANP_CAPTURE_UP_ORDER_H
#define CANP_CAPTURE_UP_ORDER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* One per channel: written by capture while it is not placed, read by flush while it is. */
struct up_order {
    _Atomic bool placed;
    int ifindex;
    uint32_t ctrlmode; /* what it had before, as far as it can be asked for */
    uint32_t restart_ms;
};

#endif
