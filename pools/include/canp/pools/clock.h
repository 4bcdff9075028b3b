/*
 * Clocks in nanoseconds: one vDSO call, no error. Threads: any.
 */
#ifndef CANP_POOLS_CLOCK_H
#define CANP_POOLS_CLOCK_H

#include <canp/export.h>
#include <stdint.h>
#include <time.h>

CANP_BEGIN_DECLS

#define CANP_NS_PER_S INT64_C(1000000000)

/* CLOCK_MONOTONIC: time since the machine started, without the time it was suspended. Nobody can set it. */
CANP_API uint64_t canp_monotonic_ns(void);

/* CLOCK_BOOTTIME: CLOCK_MONOTONIC plus the time that the machine was suspended. */
CANP_API int64_t canp_boottime_ns(void);

/* CLOCK_REALTIME: time since 1970-01-01, UTC. It may step, forwards and backwards. */
CANP_API int64_t canp_realtime_ns(void);

/* For a time or a duration of 0 or more. */
static inline struct timespec canp_timespec_of_ns(int64_t ns)
{
    struct timespec t;
    t.tv_sec = (time_t)(ns / CANP_NS_PER_S);
    t.tv_nsec = (long)(ns % CANP_NS_PER_S);
    return t;
}

CANP_END_DECLS

#endif
