/*
 * Splits the lanes of messages that span several frames, before lanes are sorted. All frames of an NMEA 2000
 * fast packet have one id; the low 5 bits of the first byte are the frame's number within the message, the
 * others the message's number. A frame resembles the frame of the same number in the previous message, not
 * the frame before it, and comes right behind the frame before it. Therefore each number gets a lane of its
 * own.
 *
 * Invariant: every row still belongs to one lane. One thread per packer.
 */
#include "pack_encode.h"

#define LANE_ROWS_MIN CANP_PACK_SPLIT_ROWS /* of an id */
#define PART_ROWS_MIN 8U                   /* of a number: for fewer, the entry costs more than it saves */
#define EIGHT_BYTES   1U                   /* in words */

static inline uint8_t number_of(const uint8_t *row)
{
    return row[16] & (CANP_PACK_NUMBERS - 1);
}

/* May it be? What canp_pack_gather() counted excludes most, so that the rows need not be looked at again. */
static bool may_split(const struct canp_pack_lane *lane)
{
    return lane->rows >= LANE_ROWS_MIN && lane->words == EIGHT_BYTES && (lane->head & CANP_ID_EFF) &&
           lane->turns >= lane->rows / 4;
}

/* Gives each lane that may be split its counts; whether there are any. */
static bool begin(struct canp_packer *p)
{
    uint32_t splits = 0;
    for (uint32_t l = 0; l < p->lane_count; l++) {
        struct canp_pack_lane *lane = &p->lanes[l];
        lane->split = NULL;
        if (!may_split(lane))
            continue;
        lane->split = &p->splits[splits++];
        memset(lane->split, 0, sizeof(*lane->split));
    }
    return splits > 0;
}

/* Counts the frames by number, and those that continue a message or begin the next one. */
static void count(struct canp_packer *p, const uint8_t *rows)
{
    for (uint32_t i = 0, at = 0; i < p->row_count; i++) {
        const struct canp_pack_lane *lane = &p->lanes[p->lane_of_row[i]];
        const uint8_t *row = rows + at;
        at += lane->row_bytes;
        if (!lane->split)
            continue;
        uint8_t step = (uint8_t)(row[16] - lane->split->last), number = number_of(row);
        lane->split->begun += number == 0 && step != 0;
        lane->split->continued += number != 0 && step == 1;
        lane->split->rows[number]++;
        lane->split->last = row[16];
    }
}

/* A counter in the first byte is not meant: it never begins anew, or without another number of a message. */
static bool are_messages(const struct canp_pack_lane *lane)
{
    const struct canp_pack_split *s = lane->split;
    return s->begun + s->continued >= lane->rows - lane->rows / 4 && s->begun > lane->rows / 31;
}

/* The lane's own is the first number; others that are frequent enough get new ones. */
static void make_parts(struct canp_packer *p, uint32_t l)
{
    struct canp_pack_split *s = p->lanes[l].split;
    if (!are_messages(&p->lanes[l])) {
        p->lanes[l].split = NULL;
        return;
    }
    for (uint32_t n = 0; n < CANP_PACK_NUMBERS; n++) {
        bool apart = n > 0 && s->rows[n] >= PART_ROWS_MIN && p->lanes[l].rows > s->rows[n];
        s->lane[n] = (uint16_t)(apart ? p->lane_count : l);
        if (!apart)
            continue;
        struct canp_pack_lane *part = &p->lanes[p->lane_count++];
        *part = p->lanes[l];
        part->sort |= n; /* the lowest bits are free for it */
        part->rows = s->rows[n];
        part->split = NULL;
        p->lanes[l].rows -= s->rows[n];
    }
}

void canp_pack_split_lanes(struct canp_packer *p, const uint8_t *rows)
{
    if (!begin(p))
        return;
    count(p, rows);
    uint32_t lanes = p->lane_count;
    for (uint32_t l = 0; l < lanes; l++) {
        if (p->lanes[l].split)
            make_parts(p, l);
    }
    for (uint32_t i = 0, at = 0; i < p->row_count; i++) {
        const struct canp_pack_lane *lane = &p->lanes[p->lane_of_row[i]];
        if (lane->split)
            p->lane_of_row[i] = lane->split->lane[number_of(rows + at)];
        at += lane->row_bytes;
    }
}
