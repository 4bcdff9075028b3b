/* Stamps of a pcapng interface (pcapng_clock.h). No state. */
#include "formats/pcap/pcapng_clock.h"

/* Both saturate. */
static int64_t times(int64_t a, int64_t b)
{
    int64_t product;
    if (!__builtin_mul_overflow(a, b, &product))
        return product;
    return (a < 0) == (b < 0) ? INT64_MAX : INT64_MIN;
}

static int64_t plus(int64_t a, int64_t b)
{
    int64_t sum;
    if (!__builtin_add_overflow(a, b, &sum))
        return sum;
    return a < 0 ? INT64_MIN : INT64_MAX;
}

/* (ticks * 10^9) >> shift, at most INT64_MAX, in two halves of 64 bits. */
static int64_t seconds_by_shift(uint64_t ticks, unsigned shift)
{
    uint64_t low = (ticks & UINT32_MAX) * 1000000000U, high = (ticks >> 32) * 1000000000U;
    uint64_t sum = low + (high << 32), top = (high >> 32) + (sum < low);
    if (shift >= 64)
        sum = shift - 64 < 64 ? top >> (shift - 64) : 0;
    else if (shift > 0)
        sum = top >> shift ? UINT64_MAX : sum >> shift | top << (64 - shift);
    else
        sum = top ? UINT64_MAX : sum;
    return sum > INT64_MAX ? INT64_MAX : (int64_t)sum;
}

void canp_pcapng_set_resolution(struct canp_pcapng_clock *clock, uint8_t code)
{
    unsigned power = code & 0x7F;
    clock->multiply = 1;
    clock->divide = 1;
    if (code & 0x80) {
        clock->divide = 0;
        clock->shift = (uint8_t)power;
        return;
    }
    for (; power < 9; power++)
        clock->multiply *= 10;
    for (; power > 9; power--)
        clock->divide = clock->divide > UINT64_MAX / 10 ? UINT64_MAX : clock->divide * 10;
}

void canp_pcapng_set_offset(struct canp_pcapng_clock *clock, int64_t seconds)
{
    clock->offset_ns = times(seconds, 1000000000);
}

int64_t canp_pcapng_odd_time(const struct canp_pcapng_clock *clock, uint64_t ticks)
{
    if (clock->divide == 1)
        return plus(times((int64_t)ticks, clock->multiply), clock->offset_ns);
    if (clock->divide) /* finer than ns: multiply is 1 */
        return plus(clock->divide > INT64_MAX ? 0 : (int64_t)ticks / (int64_t)clock->divide,
                    clock->offset_ns);
    return plus(seconds_by_shift(ticks, clock->shift), clock->offset_ns);
}
