/*
 * Blocks of rows for tests of codecs: every kind of record, any order of times, from a seed.
 * A random_rows_style is drawn per block, so that blocks differ in character and not only in content.
 */
#ifndef CANP_TESTS_RANDOM_ROWS_H
#define CANP_TESTS_RANDOM_ROWS_H

#include <canp/rows.h>

#include "seed.h"

struct random_rows_style {
    uint32_t rows;
    uint32_t ids; /* drawn from so many */
    uint32_t channels;
    uint32_t kinds; /* bit 0 classic, 1 FD, 2 XL, 3 events */
    uint32_t times; /* 0 periodic, 1 ties, 2 any 48 bits, 3 mostly forward, 4 all equal, 5 backwards, 6 bursts
                       of all ids at irregular times, 7 the same to the microsecond */
    uint32_t
        payload; /* 0 constant, 1 counter and noise, 2 noise, 3 messages of numbered frames (in bursts) */
    bool hw_times;
    bool odd_padding; /* reserved and padding bytes hold garbage */
};

static inline struct random_rows_style random_rows_style_draw(struct test_random *r, uint32_t rows_max)
{
    static const uint32_t ids[] = {1, 3, 20, 150, 10000};
    return (struct random_rows_style){
        .rows = 1 + (uint32_t)test_random_below(r, rows_max),
        .ids = ids[test_random_below(r, 5)],
        .channels = test_random_below(r, 3) ? 1 : 1 + (uint32_t)test_random_below(r, 256),
        .kinds = test_random_below(r, 2) ? 1 : 1 + (uint32_t)test_random_below(r, 15),
        .times = (uint32_t)test_random_below(r, 8),
        .payload = (uint32_t)test_random_below(r, 4),
        .hw_times = test_random_below(r, 4) == 0,
        .odd_padding = test_random_below(r, 4) == 0,
    };
}

static inline bool random_rows_bursts(const struct random_rows_style *s)
{
    return s->times >= 6;
}

/* Frame by frame 120 us apart, bursts 10 ms and some; now and then a frame comes late. */
static inline int64_t random_rows_burst_time(struct test_random *r, const struct random_rows_style *s,
                                             uint32_t i)
{
    uint64_t burst = i / s->ids, late = test_random_below(r, 30) ? 0 : test_random_below(r, 40000000);
    uint64_t jitter = (burst * UINT64_C(0x9E3779B97F4A7C15) >> 40) % 3000000;
    uint64_t time = burst * 10000000 + jitter + i % s->ids * 120000 + test_random_below(r, 900) + late;
    return (int64_t)(s->times == 7 ? time / 1000 * 1000 : time);
}

static inline int64_t random_rows_time(struct test_random *r, const struct random_rows_style *s, uint32_t i)
{
    switch (s->times) {
    case 0:
        return (int64_t)i * 250000 + (int64_t)test_random_below(r, 20000);
    case 1:
        return (int64_t)(i / 4) * 1000;
    case 2:
        return (int64_t)test_random_u64(r) >> 16;
    case 3:
        return (int64_t)i * 1000000 -
               (test_random_below(r, 20) ? 0 : (int64_t)test_random_below(r, 50000000));
    case 4:
        return 0;
    case 6:
    case 7:
        return random_rows_burst_time(r, s, i);
    default:
        return -(int64_t)i * 70001;
    }
}

static inline uint8_t random_rows_byte(struct test_random *r, const struct random_rows_style *s, uint32_t i,
                                       uint32_t at)
{
    if (s->payload == 0)
        return (uint8_t)(0x11 * at);
    if (s->payload == 3) { /* of 2 to 8 frames each; only the first ones differ */
        uint32_t turn = i / s->ids, frames = 2 + i % s->ids % 7, number = turn % frames;
        if (at == 0)
            return (uint8_t)(turn / frames << 5 | number);
        return number ? (uint8_t)(number * 16 + at) : (uint8_t)test_random_u64(r);
    }
    if (s->payload == 1 && at > 1)
        return at == 2 ? (uint8_t)i : 0xFF;
    return (uint8_t)test_random_u64(r);
}

/* Writes one row, returns its size. */
static inline uint32_t random_rows_put(struct test_random *r, const struct random_rows_style *s, uint32_t i,
                                       uint8_t *row)
{
    static const uint8_t event_kinds[] = {CANP_KIND_GAP, CANP_KIND_IFACE, CANP_KIND_LINK, CANP_KIND_MARK,
                                          CANP_KIND_CLOCK};
    static const uint16_t event_bytes[] = {32, 40, 32, 8, 40};
    uint32_t id = (uint32_t)test_random_below(r, s->ids);
    if (random_rows_bursts(s) && test_random_below(r, 40))
        id = i % s->ids;
    uint8_t channel = (uint8_t)(random_rows_bursts(s) ? id % s->channels : test_random_below(r, s->channels));
    struct test_random by_id = {id}, *shape = random_rows_bursts(s) ? &by_id : r; /* whole lanes in bursts */
    unsigned pick = (unsigned)test_random_below(shape, 4);
    while (!((s->kinds >> pick) & 1))
        pick = (pick + 1) & 3;
    id *= 7;
    uint8_t kind = (uint8_t)pick;
    uint8_t dir = (uint8_t)(test_random_below(shape, 8) ? 0 : test_random_below(shape, 3));
    uint64_t noise = s->odd_padding ? test_random_u64(r) : 0;
    memset(row, 0, CANP_ROW_BYTES_MAX);
    uint32_t body = 8;
    if (pick <= 1) {
        uint8_t len = (uint8_t)(test_random_below(shape, 4) ? 8 : test_random_below(shape, pick ? 65 : 9));
        static const uint32_t id_flags[] = {0, CANP_ID_EFF, CANP_ID_RTR, CANP_ID_ERR};
        id |= id_flags[test_random_below(shape, 10) < 8 ? id & 1 : test_random_below(shape, 4)];
        memcpy(row + 8, &id, 4);
        row[12] = len;
        row[13] = pick ? CANP_FD_FDF | CANP_FD_BRS : (uint8_t)noise;
        row[14] = (uint8_t)(noise >> 8 & 1);
        row[15] = test_random_below(r, 20) ? 0 : 9;
        body += len;
    } else if (pick == 2) {
        uint16_t len = (uint16_t)(1 + test_random_below(r, test_random_below(r, 4) ? 30 : 2048));
        id &= 0x7FF;
        memcpy(row + 8, &id, 4);
        row[12] = 0x80;
        row[13] = (uint8_t)(id & 3);
        memcpy(row + 14, &len, 2);
        body = 12U + len;
    } else {
        unsigned e = (unsigned)test_random_below(r, 5);
        kind = event_kinds[e];
        uint16_t bytes = (uint16_t)(event_bytes[e] + test_random_below(r, 50));
        memcpy(row + 8, &id, 4);
        memcpy(row + 12, &bytes, 2);
        body = bytes;
    }
    for (uint32_t at = 8; at < (s->odd_padding ? canp_align8(body) : body); at++)
        row[8 + at] = random_rows_byte(r, s, i, at - 8);
    uint16_t tag = canp_tag(channel, kind, dir);
    uint32_t row_bytes = 8 + canp_align8(body);
    if (s->hw_times && test_random_below(r, 10)) {
        tag |= CANP_TAG_HW_TIME;
        int64_t hw = (int64_t)i * 250000 + 1700000000000000000 + (int64_t)test_random_below(r, 99);
        if (test_random_below(r, 50) == 0)
            hw = (int64_t)test_random_u64(r);
        memcpy(row + row_bytes, &hw, 8);
        row_bytes += 8;
    }
    uint64_t stamp = ((uint64_t)random_rows_time(r, s, i) << CANP_ROW_TIME_SHIFT) | tag;
    memcpy(row, &stamp, 8);
    return row_bytes;
}

/* Fills a block, returns its bytes; stops early where the room ends. */
static inline size_t random_rows_fill(struct test_random *r, const struct random_rows_style *s,
                                      uint8_t *block, size_t room)
{
    size_t used = 0;
    for (uint32_t i = 0; i < s->rows && room - used >= CANP_ROW_BYTES_MAX; i++)
        used += random_rows_put(r, s, i, block + used);
    return used;
}

#endif
