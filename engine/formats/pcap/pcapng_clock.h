/*
 * Stamps of a pcapng interface: ticks of any resolution as nanoseconds since 1970. Times out of range become
 * the nearest time in range. No state; any thread.
 */
#ifndef CANP_FORMATS_PCAPNG_CLOCK_H
#define CANP_FORMATS_PCAPNG_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* A stamp is ticks * multiply / divide nanoseconds; divide 0: ticks of 2^-shift seconds. */
struct canp_pcapng_clock {
    int64_t multiply;
    uint64_t divide;
    uint8_t shift;
    int64_t offset_ns;
};

/* What holds where an interface says nothing. */
#define CANP_PCAPNG_MICROSECONDS                                                                             \
    {                                                                                                        \
        .multiply = 1000, .divide = 1                                                                        \
    }

/* if_tsresol: 10^-code seconds, with the highest bit 2^-code. */
void canp_pcapng_set_resolution(struct canp_pcapng_clock *clock, uint8_t code);
/* if_tsoffset. */
void canp_pcapng_set_offset(struct canp_pcapng_clock *clock, int64_t seconds);

/* Any clock but the usual one, of nanoseconds. */
int64_t canp_pcapng_odd_time(const struct canp_pcapng_clock *clock, uint64_t ticks);

static inline int64_t canp_pcapng_time(const struct canp_pcapng_clock *clock, uint64_t ticks)
{
    bool is_plain = clock->multiply == 1 && clock->divide == 1 && clock->offset_ns == 0;
    return __builtin_expect(is_plain, 1) ? (int64_t)ticks : canp_pcapng_odd_time(clock, ticks);
}

#endif
