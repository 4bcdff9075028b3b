/*
 * What a recorder does not know of itself: room on its disk, whether the clock is kept right, how loaded the
 * buses are. The load is that of the second before what can be read by now, from the recording itself. One
 * thread at a time for each struct.
 */
#ifndef CANP_TOOLS_HEALTH_H
#define CANP_TOOLS_HEALTH_H

#include "control.h"

struct health {
    bool has_disk;
    uint64_t disk_bytes, disk_free_bytes; /* of the recording's file system; free for who is not root */
    bool has_clock;
    bool clock_synchronised; /* by the kernel's word: NTP or PTP keeps it right */
    double clock_error_s;    /* at most, as estimated by whoever keeps it */
    bool has_load;           /* else the recording cannot be read, or stores only what triggers ask for */
    double
        loads[CANP_RECORDER_IFACES_MAX]; /* share of the bus, 0 to 1; negative: its bit rate is not known */
};

void health_take(const struct control_status *status, struct health *out);

#endif
