/*
 * Packing, third part: a lane's times. Most lanes are periodic, so a time is coded as its distance from the
 * previous one minus the lane's period, in exponential Golomb codes whose order fits the lane's jitter, or as
 * its distance from a leader's time (pack_follow.c). Of a hardware stamp, the change of its distance from the
 * time is coded.
 *
 * Invariant: all arithmetic is modulo 2^64, so that all times are restored exactly. One thread per packer.
 */
#include "pack_encode.h"

#include "pack_bits.h"
#include "pack_follow.h"

#define SAMPLES        31U
#define UNIT_MAX       1000000000U
#define CLOSE_LOOK_MIN 64U /* values; for fewer it does not pay */

/* What all distances between times are multiples of: 1 where the clock tells nanoseconds. */
uint32_t canp_pack_unit(const struct canp_packer *p)
{
    uint64_t first = p->row_times[0], unit = UNIT_MAX;
    for (uint32_t i = 1; i < p->row_count; i++) {
        uint64_t a = canp_time_distance(p->row_times[i], first);
        if (a % 1000 != 0)
            return 1;
        while (a % unit != 0) {
            uint64_t rest = a % unit;
            a = unit;
            unit = rest;
        }
    }
    return p->row_count > 1 ? (uint32_t)unit : 1;
}

/* About the median of the n differences: the middle one of some of them. */
static int64_t typical(const uint64_t *steps, uint32_t n)
{
    int64_t sample[SAMPLES];
    uint32_t count = n < SAMPLES / 2 ? n : n < 4 * SAMPLES ? SAMPLES / 2 : SAMPLES;
    uint64_t stride = ((uint64_t)n << 16) / count; /* a fraction, 16 bits behind the point */
    for (uint32_t i = 0; i < count; i++) {
        int64_t v = (int64_t)steps[i * stride >> 16];
        uint32_t at = i;
        for (; at > 0 && sample[at - 1] > v; at--)
            sample[at] = sample[at - 1];
        sample[at] = v;
    }
    return sample[count / 2];
}

/* Bits that the values, or some of them, take with order k. */
static uint64_t bits_taken(const uint64_t *values, uint32_t n, uint32_t stride, unsigned k)
{
    uint64_t bits = 0;
    for (uint32_t i = 0; i < n; i += stride) {
        unsigned zeros = 63U - (unsigned)__builtin_clzll(values[i] + (UINT64_C(1) << k)) - k;
        bits += zeros < CANP_PACK_ESCAPE ? 2 * zeros + 1 + k : CANP_PACK_ESCAPE + 64;
    }
    return bits;
}

/*
 * The order k for these values. How many of them have b significant bits tells about what each k costs: a
 * value of up to k bits takes one bit more with k + 1 than with k, one of k + 1, or of more than k + 2, takes
 * one less, and those of k + 2 even out. What comes near to the least is then looked at closely.
 */
static uint8_t choose_k(const uint64_t *values, uint32_t n)
{
    uint32_t count[67] = {0}, stride = n / 64 + 1;
    unsigned fewest = 64, most = 0;
    int64_t sum = 0, seen = 0;
    for (uint32_t i = 0; i < n; i += stride, seen++) {
        unsigned bits = values[i] ? 64 - (unsigned)__builtin_clzll(values[i]) : 0;
        count[bits]++;
        sum += bits;
        fewest = bits < fewest ? bits : fewest;
        most = bits > most ? bits : most;
    }
    unsigned first = fewest > 0 ? fewest - 1 : 0, last = most < CANP_PACK_K_MAX ? most : CANP_PACK_K_MAX;
    if (first >= last)
        return (uint8_t)last;
    int64_t about[CANP_PACK_K_MAX + 1], below = 0, above = seen - count[first] - count[first + 1];
    int64_t least = about[first] = 2 * sum - seen * first;
    for (unsigned k = first; k < last; k++) {
        below += count[k];
        above -= count[k + 2]; /* values of more than k + 2 bits */
        about[k + 1] = about[k] + below - count[k + 1] - above;
        least = about[k + 1] < least ? about[k + 1] : least;
    }
    int64_t near = n < CLOSE_LOOK_MIN ? 0 : least / 16;
    uint64_t best_bits = UINT64_MAX;
    uint8_t best = 0;
    for (unsigned k = first; k <= last; k++) {
        if (about[k] > least + near)
            continue;
        if (near == 0)
            return (uint8_t)k;
        uint64_t bits = bits_taken(values, n, n / CLOSE_LOOK_MIN + 1, k);
        best = bits < best_bits ? (uint8_t)k : best;
        best_bits = bits < best_bits ? bits : best_bits;
    }
    return best;
}

static void put_values(struct canp_bits_out *bits, const uint64_t *values, uint32_t n, uint8_t k)
{
    for (uint32_t i = 0; i < n; i++)
        canp_bits_put(bits, values[i], k);
}

/* The lane's own numbers, in steps[]. */
static void own_steps(struct canp_packer *p, struct canp_pack_lane *lane, uint32_t n,
                      struct canp_pack_times *out)
{
    const uint64_t *times = p->row_times + lane->start;
    uint64_t *steps = p->steps;
    for (uint32_t i = 0; i < n; i++)
        steps[i] = times[i + 1] - times[i];
    if (p->unit > 1) {
        for (uint32_t i = 0; i < n; i++)
            steps[i] = (uint64_t)((int64_t)steps[i] / (int64_t)p->unit);
    }
    out->first_ns = (int64_t)times[0];
    out->period = typical(steps, n);
    for (uint32_t i = 0; i < n; i++)
        steps[i] = canp_zigzag((int64_t)(steps[i] - (uint64_t)out->period));
    lane->pace = (uint64_t)out->period;
}

static void put_times(struct canp_packer *p, uint32_t l, struct canp_bits_out *bits,
                      struct canp_pack_times *out)
{
    struct canp_pack_lane *lane = &p->sorted[l];
    out->follows = false;
    out->period = 0;
    out->k = 0;
    lane->depth = 0;
    lane->pace = 0;
    uint32_t n = lane->rows - 1;
    if (n == 0) {
        out->first_ns = (int64_t)p->row_times[lane->start];
        return;
    }
    own_steps(p, lane, n, out);
    out->follows = canp_pack_follow(p, l, &out->follow);
    p->follows |= out->follows;
    const uint64_t *numbers = out->follows ? p->follow_steps : p->steps;
    n += out->follows; /* a follower's first time is a number, too */
    out->k = choose_k(numbers, n);
    put_values(bits, numbers, n, out->k);
}

/* Hardware stamp of the lane's i-th row minus its time. */
static uint64_t hw_distance(const struct canp_packer *p, const uint8_t *rows,
                            const struct canp_pack_lane *lane, uint32_t i)
{
    const uint8_t *row = rows + p->source[lane->start + i];
    return canp_load_u64(row + lane->row_bytes - 8) - p->row_times[lane->start + i];
}

static void put_hw_times(struct canp_packer *p, const uint8_t *rows, const struct canp_pack_lane *lane,
                         struct canp_bits_out *bits, struct canp_pack_times *out)
{
    uint64_t before = hw_distance(p, rows, lane, 0);
    uint32_t n = lane->rows - 1;
    out->hw_first = before;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t distance = hw_distance(p, rows, lane, i + 1);
        p->steps[i] = canp_zigzag((int64_t)(distance - before));
        before = distance;
    }
    out->hw_k = choose_k(p->steps, n);
    put_values(bits, p->steps, n, out->hw_k);
}

void canp_pack_lane_times(struct canp_packer *p, const uint8_t *rows, uint32_t l, uint8_t *stream,
                          struct canp_pack_times *out)
{
    const struct canp_pack_lane *lane = &p->sorted[l];
    struct canp_bits_out bits = {.at = stream};
    put_times(p, l, &bits, out);
    if (lane->tag & CANP_TAG_HW_TIME)
        put_hw_times(p, rows, lane, &bits, out);
    out->stream_bytes = (uint32_t)(canp_bits_finish(&bits) - stream);
}
