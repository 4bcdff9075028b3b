/*
 * Packing, third part: a lane's times. Most lanes are periodic, so a time is coded as its distance from the
 * one before less the lane's period, in exponential Golomb codes whose order fits the lane's jitter. A
 * hardware stamp is coded as the change of its distance from the time.
 *
 * Invariant: all arithmetic is modulo 2^64, so that any times come back exactly. One thread per packer.
 */
#include "pack_encode.h"

#include "pack_bits.h"

#define SAMPLES 15U

/* About the median of the n differences: the middle one of some of them. */
static int64_t typical(const uint64_t *steps, uint32_t n)
{
    int64_t sample[SAMPLES];
    uint32_t count = n < SAMPLES ? n : SAMPLES;
    for (uint32_t i = 0; i < count; i++) {
        int64_t v = (int64_t)steps[(uint64_t)i * n / count];
        uint32_t at = i;
        for (; at > 0 && sample[at - 1] > v; at--)
            sample[at] = sample[at - 1];
        sample[at] = v;
    }
    return sample[count / 2];
}

/*
 * The order k for these values. A value below 2^k costs one bit more when k grows, one of 2^(k+1) or more
 * costs one less: the best k is where there are as many of the one as of the other.
 */
static uint8_t choose_k(const uint64_t *values, uint32_t n)
{
    uint32_t count[66] = {0}, stride = n / 256 + 1, seen = 0;
    for (uint32_t i = 0; i < n; i += stride, seen++)
        count[values[i] ? 64 - __builtin_clzll(values[i]) : 0]++;
    uint32_t below = 0; /* values below 2^k */
    for (uint8_t k = 0; k < CANP_PACK_K_MAX; k++) {
        below += count[k];
        if (below >= seen - below - count[k + 1])
            return k;
    }
    return CANP_PACK_K_MAX;
}

static void put_values(struct canp_bits_out *bits, const uint64_t *values, uint32_t n, uint8_t k)
{
    for (uint32_t i = 0; i < n; i++)
        canp_bits_put(bits, values[i], k);
}

static uint64_t row_time(const uint8_t *row)
{
    return (uint64_t)((int64_t)canp_load_u64(row) >> CANP_ROW_TIME_SHIFT);
}

static void put_times(struct canp_packer *p, const uint8_t *rows, const struct canp_pack_lane *lane,
                      struct canp_bits_out *bits, struct canp_pack_times *out)
{
    const uint32_t *source = p->source + lane->start;
    uint64_t *steps = p->steps, before = row_time(rows + source[0]);
    uint32_t n = lane->rows - 1;
    out->first_ns = (int64_t)before;
    out->period_ns = 0;
    out->k = 0;
    if (n == 0)
        return;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t time = row_time(rows + source[i + 1]);
        steps[i] = time - before;
        before = time;
    }
    out->period_ns = typical(steps, n);
    for (uint32_t i = 0; i < n; i++)
        steps[i] = canp_zigzag((int64_t)(steps[i] - (uint64_t)out->period_ns));
    out->k = choose_k(steps, n);
    put_values(bits, steps, n, out->k);
}

/* Hardware stamp of a row minus its time. */
static uint64_t hw_distance(const uint8_t *row, const struct canp_pack_lane *lane)
{
    return canp_load_u64(row + lane->row_bytes - 8) - row_time(row);
}

static void put_hw_times(struct canp_packer *p, const uint8_t *rows, const struct canp_pack_lane *lane,
                         struct canp_bits_out *bits, struct canp_pack_times *out)
{
    const uint32_t *source = p->source + lane->start;
    uint64_t before = hw_distance(rows + source[0], lane);
    uint32_t n = lane->rows - 1;
    out->hw_first = before;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t distance = hw_distance(rows + source[i + 1], lane);
        p->steps[i] = canp_zigzag((int64_t)(distance - before));
        before = distance;
    }
    out->hw_k = choose_k(p->steps, n);
    put_values(bits, p->steps, n, out->hw_k);
}

void canp_pack_lane_times(struct canp_packer *p, const uint8_t *rows, const struct canp_pack_lane *lane,
                          uint8_t *stream, struct canp_pack_times *out)
{
    struct canp_bits_out bits = {.at = stream};
    put_times(p, rows, lane, &bits, out);
    if (lane->tag & CANP_TAG_HW_TIME)
        put_hw_times(p, rows, lane, &bits, out);
    out->stream_bytes = (uint32_t)(canp_bits_finish(&bits) - stream);
}
