/*
 * A value over time in a bounded number of bins: when time goes beyond the last, two neighbours become one
 * and bins twice as long, so that a minute and a week take the same memory. One thread.
 */
#ifndef CANP_TOOLS_SERIES_H
#define CANP_TOOLS_SERIES_H

#include <stdint.h>

#define SERIES_BINS 1024U

struct series_bin {
    double sum, low, high;
    uint32_t count;
};

struct series {
    int64_t start_ns;
    int64_t bin_ns;
    unsigned used; /* bins up to the last one with a value */
    struct series_bin bins[SERIES_BINS];
};

/* bin_ns: the shortest; what lies before start_ns is counted in the first bin. */
void series_init(struct series *s, int64_t start_ns, int64_t bin_ns);
void series_add(struct series *s, int64_t time_ns, double value);

#endif
