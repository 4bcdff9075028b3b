/* The clocks of all rooms (canp/pools/clock.h). No state; any thread. */
#include <canp/pools/clock.h>

static int64_t read_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * CANP_NS_PER_S + now.tv_nsec;
}

uint64_t canp_monotonic_ns(void)
{
    return (uint64_t)read_ns(CLOCK_MONOTONIC);
}

int64_t canp_boottime_ns(void)
{
    return read_ns(CLOCK_BOOTTIME);
}

int64_t canp_realtime_ns(void)
{
    return read_ns(CLOCK_REALTIME);
}
