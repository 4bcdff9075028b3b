/*
 * The room's clock: CLOCK_MONOTONIC in nanoseconds, one vDSO call. Any thread.
 */
#ifndef CANP_POOLS_CLOCK_H
#define CANP_POOLS_CLOCK_H

#include <stdint.h>
#include <time.h>

#define CANP_NS_PER_S 1000000000LL

static inline uint64_t canp_clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * CANP_NS_PER_S + (uint64_t)now.tv_nsec;
}

static inline struct timespec canp_timespec_of_ns(int64_t ns)
{
    return (struct timespec){.tv_sec = ns / CANP_NS_PER_S, .tv_nsec = ns % CANP_NS_PER_S};
}

#endif
