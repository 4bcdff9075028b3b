/*
 * Measures how long frames of a quiet bus take from the kernel's stamp to the slab: a histogram with four
 * buckets per power of two, so that a quantile is at most 19 % too high. The capture thread writes it, any
 * thread may read it; nothing is allocated.
 */
#ifndef CANP_CAPTURE_LAG_H
#define CANP_CAPTURE_LAG_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct intake;

#define LAG_STEPS   4U
#define LAG_BUCKETS (40U * LAG_STEPS) /* up to 18 minutes; what takes longer counts there */

struct lag {
    _Atomic uint64_t counts[LAG_BUCKETS];
    _Atomic uint64_t max_ns;
};

void canp_lag_note(struct lag *lag, uint64_t ns);

uint64_t canp_lag_count(const struct lag *lag);

/* Where rows stood before a harvest. A slab is known by its generation, the number of slabs committed before
 * it: the ring may give the same memory again. */
struct lag_place {
    uint64_t committed;
    size_t end;
};

struct lag_place canp_lag_place(const struct intake *in);

/* Notes the oldest frame of the harvest since then: the first row behind `before`. When that slab was handed
 * over meanwhile, the row is none of a frame, or the clock was set back, nothing is noted. Capture thread. */
void canp_lag_note_harvest(struct lag *lag, const struct intake *in, const struct lag_place *before);

/* The upper end of the step in which this share (permille) of all is reached; 0 = nothing was noted. */
uint64_t canp_lag_quantile_ns(const struct lag *lag, unsigned permille);

#endif
