/*
 * --every of canp decode: at most one value of each signal, interface and source per interval of time. Memory
 * grows with the number of signals met. Main thread.
 */
#ifndef CANP_TOOLS_DECODE_THIN_H
#define CANP_TOOLS_DECODE_THIN_H

#include <stdint.h>

struct decode_thin_slot {
    const void *signal; /* NULL: free */
    int64_t stretch;    /* that its last value was in */
    uint32_t from;
};

struct decode_thin {
    uint64_t every_ns; /* 0: all values pass */
    struct decode_thin_slot *slots;
    uint32_t mask, count;
};

/* Does this value pass? 1, 0 or -ENOMEM. `from` tells apart where the signal came from. */
int decode_thin_pass(struct decode_thin *thin, const void *signal, uint32_t from, int64_t time_ns);
void decode_thin_free(struct decode_thin *thin);

#endif
