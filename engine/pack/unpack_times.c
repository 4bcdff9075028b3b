/*
 * Unpacking, second part: decodes a lane's times, from its own period or from its leader's times.
 *
 * Invariant: whatever the numbers are, the work is bounded by the rows, and times that are accepted fit the
 * 48 bits of a row's stamp. One thread per unpacker.
 */
#include "pack_decode.h"

#include "pack_bits.h"
#include "pack_follow.h"

#define TIME_BIAS (UINT64_C(1) << 47)

static void own_times(struct canp_unpacker *u, const struct canp_unpack_lane *lane, struct canp_bits_in *bits)
{
    uint64_t *times = u->times + lane->start, time = lane->first, unit = u->unit;
    times[0] = time;
    for (uint32_t i = 1; i < lane->rows; i++) {
        time += unit * (lane->period + (uint64_t)canp_unzigzag(canp_bits_get(bits, lane->k)));
        times[i] = time;
    }
}

static void follow_times(struct canp_unpacker *u, const struct canp_unpack_lane *lane,
                         struct canp_bits_in *bits)
{
    const struct canp_unpack_lane *leader = &u->lanes[lane->leader];
    const uint64_t *leads = u->times + leader->start;
    uint64_t *times = u->times + lane->start, unit = u->unit, offset = unit * lane->period;
    uint32_t last = leader->rows - 1, next = lane->leader_row;
    for (uint32_t i = 0; i < lane->rows; i++) {
        uint32_t at = next < last ? next : last;
        uint64_t number = canp_bits_get(bits, lane->k);
        uint64_t beside = leads[at] + unit * (uint64_t)canp_unzigzag(number);
        times[i] = beside + offset;
        if (number > leader->pace)
            at = canp_follow_nearest(leads, leader->rows, at, beside);
        next = at + lane->stride;
    }
}

static void hw_times(struct canp_unpacker *u, const struct canp_unpack_lane *lane, struct canp_bits_in *bits)
{
    const uint64_t *times = u->times + lane->start;
    uint64_t *hw = u->hw_times + lane->start, distance = lane->hw_first;
    hw[0] = distance + times[0];
    for (uint32_t i = 1; i < lane->rows; i++) {
        distance += (uint64_t)canp_unzigzag(canp_bits_get(bits, lane->hw_k));
        hw[i] = distance + times[i];
    }
}

/* Rows hold 48 bits of a time. */
static bool times_fit(const uint64_t *times, uint32_t rows)
{
    uint64_t beyond = 0;
    for (uint32_t i = 0; i < rows; i++)
        beyond |= (times[i] + TIME_BIAS) >> 48;
    return beyond == 0;
}

/* Its leader's times are told already. */
static int lane_times(struct canp_unpacker *u, struct canp_unpack_lane *lane)
{
    struct canp_bits_in bits = {.base = lane->stream, .end = (size_t)lane->stream_bytes * 8};
    if (lane->times_told)
        return 0;
    if (lane->stride)
        follow_times(u, lane, &bits);
    else
        own_times(u, lane, &bits);
    if (lane->tag & CANP_TAG_HW_TIME)
        hw_times(u, lane, &bits);
    if (bits.at > bits.end || !times_fit(u->times + lane->start, lane->rows))
        return -CANP_E_DAMAGED;
    lane->times_told = true;
    return 0;
}

int canp_unpack_times(struct canp_unpacker *u, uint32_t l)
{
    uint32_t chain[CANP_FOLLOW_DEPTH_MAX + 1], count = 1;
    chain[0] = l;
    while (u->lanes[chain[count - 1]].stride) { /* the depth was checked when the directory was read */
        chain[count] = u->lanes[chain[count - 1]].leader;
        count++;
    }
    while (count > 0) {
        int r = lane_times(u, &u->lanes[chain[--count]]);
        if (r < 0)
            return r;
    }
    return 0;
}
