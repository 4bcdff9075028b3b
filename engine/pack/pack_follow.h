/*
 * Lanes whose frames come right behind another's: the computation of times from a leader's times that packer
 * and unpacker must share (engine/FORMAT.md). Any thread; no state.
 */
#ifndef CANP_PACK_FOLLOW_H
#define CANP_PACK_FOLLOW_H

#include <stdint.h>

#define CANP_FOLLOW_DEPTH_MAX                                                                                \
    4U                            /* a leader may follow another, so many times: what one lane costs to read \
                                   */
#define CANP_FOLLOW_STEPS_MAX  8U /* of the leader's rows, at most, when the place is corrected */
#define CANP_FOLLOW_STRIDE_MAX 65535U

/* How far apart two times are, modulo 2^64. */
static inline uint64_t canp_time_distance(uint64_t a, uint64_t b)
{
    uint64_t d = a - b;
    return d < -d ? d : -d;
}

/* The leader's row that is nearest to a time, looked for from row `at` on: a few steps forward, else back. */
static inline uint32_t canp_follow_nearest(const uint64_t *leader, uint32_t rows, uint32_t at, uint64_t time)
{
    uint64_t distance = canp_time_distance(leader[at], time), next;
    uint32_t from = at;
    while (at + 1 < rows && at - from < CANP_FOLLOW_STEPS_MAX &&
           (next = canp_time_distance(leader[at + 1], time)) < distance) {
        distance = next;
        at++;
    }
    if (at != from)
        return at;
    while (at > 0 && from - at < CANP_FOLLOW_STEPS_MAX &&
           (next = canp_time_distance(leader[at - 1], time)) < distance) {
        distance = next;
        at--;
    }
    return at;
}

#endif
