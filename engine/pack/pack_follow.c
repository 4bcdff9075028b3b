/*
 * Finds lanes whose frames come right behind those of another lane, the leader. A control unit sends its
 * messages one after the other, so the distance from the leader's frame varies less than the lane's own
 * period does.
 *
 * Invariant: the unpacker gets the same times from the numbers in follow_steps[]; a leader comes
 * before its followers in the directory. All arithmetic is modulo 2^64. One thread per packer.
 */
#include "pack_follow.h"

#include "pack_encode.h"

#define ROWS_MIN   8U  /* a lane of fewer rows gains little */
#define SAMPLES    4U  /* rows at which is looked who comes before them */
#define LOOK_BACK  4U  /* frames */
#define TRIAL_ROWS 12U /* numbers by which the candidate is judged */
#define ENTRY_GAIN 8   /* bits that it must save at least */

/* A row in the s-th of `count` parts of the lane. */
static inline uint32_t sample_row(const struct canp_pack_lane *lane, uint32_t s, uint32_t count)
{
    return (uint32_t)(((uint64_t)lane->rows * (2 * s + 1)) / (2 * count));
}

/* The lane that comes most often, and most closely, before lane l in the block; l when there is none. */
static uint32_t find_candidate(struct canp_packer *p, uint32_t l)
{
    const struct canp_pack_lane *lane = &p->sorted[l];
    uint16_t touched[SAMPLES * LOOK_BACK];
    uint32_t touches = 0, best = l, most = 0;
    for (uint32_t s = 0; s < SAMPLES; s++) {
        uint32_t at = p->position[lane->start + sample_row(lane, s, SAMPLES)];
        uint32_t first = at > LOOK_BACK ? at - LOOK_BACK : 0;
        for (uint32_t i = first; i < at; i++) {
            uint16_t before = p->lane_of_row[i];
            if (before >= l)
                continue;
            touched[touches++] = before;
            p->votes[before] = (uint16_t)(p->votes[before] + LOOK_BACK - (at - i) + 1);
        }
    }
    for (uint32_t i = 0; i < touches; i++) {
        const struct canp_pack_lane *leader = &p->sorted[touched[i]];
        uint32_t votes = p->votes[touched[i]];
        p->votes[touched[i]] = 0;
        if (votes <= most || leader->depth >= CANP_FOLLOW_DEPTH_MAX || 2 * leader->rows < lane->rows)
            continue;
        most = votes;
        best = touched[i];
    }
    return best;
}

/* The last row at or before a time; leaders' times mostly ascend, and where not, it is a guess that costs
 * bits. */
static uint32_t row_before(const uint64_t *times, uint32_t rows, uint64_t time)
{
    uint32_t low = 0, high = rows;
    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;
        if ((int64_t)times[middle] <= (int64_t)time)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static int64_t middle_of(int64_t a, int64_t b, int64_t c)
{
    int64_t low = a < b ? a : b, high = a < b ? b : a;
    return c < low ? low : c > high ? high : c;
}

/* Offset, stride and first place, from three rows. False: the leader has too few rows. */
static bool measure(const struct canp_packer *p, const struct canp_pack_lane *lane,
                    const struct canp_pack_lane *leader, struct canp_pack_follow *f)
{
    const uint64_t *times = p->row_times + lane->start, *leads = p->row_times + leader->start;
    uint32_t steps = lane->rows - 1, at[3];
    int64_t offset[3];
    for (uint32_t i = 0; i < 3; i++) {
        uint64_t time = times[steps * i / 2];
        at[i] = row_before(leads, leader->rows, time);
        offset[i] = (int64_t)(time - leads[at[i]]);
    }
    if (at[2] < at[0] || (f->stride = (at[2] - at[0] + steps / 2) / steps) == 0)
        return false;
    f->offset = middle_of(offset[0], offset[1], offset[2]) / (int64_t)p->unit;
    f->start = at[0];
    return true;
}

/* The numbers of the first `rows` rows; returns the bits that they take, about. */
static uint64_t put_numbers(const struct canp_packer *p, const struct canp_pack_lane *lane,
                            const struct canp_pack_lane *leader, const struct canp_pack_follow *f,
                            uint32_t rows, uint64_t *numbers)
{
    const uint64_t *times = p->row_times + lane->start, *leads = p->row_times + leader->start;
    uint64_t offset = (uint64_t)f->offset * p->unit, bits = 0;
    uint32_t last = leader->rows - 1, next = f->start;
    for (uint32_t i = 0; i < rows; i++) {
        uint32_t at = next < last ? next : last;
        int64_t off = (int64_t)(times[i] - leads[at] - offset);
        uint64_t number = canp_zigzag(p->unit == 1 ? off : off / (int64_t)p->unit);
        if (number > leader->pace)
            at = canp_follow_nearest(leads, leader->rows, at, times[i] - offset);
        numbers[i] = number;
        bits += canp_number_bits(number);
        next = at + f->stride;
    }
    return bits;
}

static uint64_t bits_of(const uint64_t *numbers, uint32_t n)
{
    uint64_t bits = 0;
    for (uint32_t i = 0; i < n; i++)
        bits += canp_number_bits(numbers[i]);
    return bits;
}

bool canp_pack_follow(struct canp_packer *p, uint32_t l, struct canp_pack_follow *out)
{
    struct canp_pack_lane *lane = &p->sorted[l];
    if (lane->rows < ROWS_MIN)
        return false;
    uint32_t trial = lane->rows - 1 < TRIAL_ROWS ? lane->rows - 1 : TRIAL_ROWS;
    out->leader = find_candidate(p, l);
    const struct canp_pack_lane *leader = &p->sorted[out->leader];
    if (leader == lane || !measure(p, lane, leader, out) ||
        put_numbers(p, lane, leader, out, trial, p->follow_steps) + trial / 2 > bits_of(p->steps, trial) ||
        put_numbers(p, lane, leader, out, lane->rows, p->follow_steps) + ENTRY_GAIN >
            bits_of(p->steps, lane->rows - 1))
        return false;
    lane->depth = (uint8_t)(leader->depth + 1);
    lane->pace = leader->pace * out->stride;
    return true;
}
