/*
 * Packing, second part: stores the recorded order. A packed block holds its rows lane after lane, and their
 * times tell their order. Where times are equal or run backwards, as they do between interfaces, rows become
 * exceptions with explicit positions. When exceptions would cost more, a column stores for each position the
 * channel or, as the last resort, the lane of its row.
 *
 * Invariant: rows that are no exception are in ascending order of (time, lane, row within the lane), in the
 * block or within each channel. One thread per packer.
 */
#include "pack_encode.h"

#define EXCEPTION_COST 4U /* bytes, about */

static uint32_t exceptions_max(const struct canp_packer *p)
{
    return p->row_count / 8;
}

static inline void exception_add(struct canp_pack_exceptions *e, uint32_t max, uint32_t position,
                                 uint32_t index)
{
    if (e->count < max)
        e->list[e->count] = (struct canp_pack_exception){position, index};
    e->count++;
}

/* Is the row behind all that were in order so far? Then it is the latest. */
static inline bool follows(struct canp_pack_latest *latest, int64_t time, uint32_t lane)
{
    if (__builtin_expect(time < latest->time || (time == latest->time && lane < latest->lane), 0))
        return false;
    latest->time = time;
    latest->lane = lane;
    return true;
}

/* Lists the rows by lane in source[] and finds the exceptions of both orders. */
static void walk(struct canp_packer *p, const uint8_t *rows)
{
    uint32_t max = exceptions_max(p), channels = p->sorted[p->lane_count - 1].channel_class + 1U;
    p->by_time.count = p->by_channel.count = 0;
    for (uint32_t i = 0; i <= channels; i++)
        p->latest[i] = (struct canp_pack_latest){INT64_MIN, 0};
    const uint16_t *rank = p->rank;
    struct canp_pack_lane *sorted = p->sorted;
    struct canp_pack_latest *latest = p->latest;
    uint16_t *lane_of_row = p->lane_of_row, *position = p->position;
    uint32_t *source = p->source, at = 0, count = p->row_count;
    uint64_t *row_times = p->row_times;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t l = rank[lane_of_row[i]];
        struct canp_pack_lane *lane = &sorted[l];
        uint32_t index = lane->next++;
        int64_t time = (int64_t)canp_load_u64(rows + at) >> CANP_ROW_TIME_SHIFT;
        lane_of_row[i] = (uint16_t)l;
        source[index] = at;
        row_times[index] = (uint64_t)time;
        position[index] = (uint16_t)i;
        at += lane->row_bytes;
        if (!follows(&latest[0], time, l))
            exception_add(&p->by_time, max, i, index);
        if (channels > 1 && !follows(&latest[1 + lane->channel_class], time, l))
            exception_add(&p->by_channel, max, i, index);
    }
}

static uint32_t put_exceptions(const struct canp_pack_exceptions *e, uint8_t *out)
{
    uint8_t *p = canp_varint_put(out, e->count);
    uint32_t before = 0;
    for (uint32_t i = 0; i < e->count; i++) {
        p = canp_varint_put(p, e->list[i].position - before);
        p = canp_varint_put(p, e->list[i].index);
        before = e->list[i].position;
    }
    return (uint32_t)(p - out);
}

/* Whose turn it is, row after row, in `bits` bits each, low ones first. */
static void put_column(struct canp_packer *p, struct canp_pack_order_plan *plan)
{
    uint32_t bytes = canp_column_plain_bytes(p->row_count, plan->column_bits);
    memset(p->column, 0, bytes);
    for (uint32_t i = 0; i < p->row_count; i++) {
        uint32_t lane = p->lane_of_row[i];
        uint32_t turn = plan->order == CANP_ORDER_LANE ? lane : p->sorted[lane].channel_class;
        size_t bit = (size_t)i * plan->column_bits;
        p->column[bit / 8] |= (uint8_t)(turn << (bit & 7));
        if (plan->column_bits == 16)
            p->column[bit / 8 + 1] = (uint8_t)(turn >> 8);
    }
    uint32_t packed = canp_pack_lz4(p, p->column, bytes, p->column_packed, bytes - 1);
    plan->column = packed ? p->column_packed : p->column;
    plan->column_bytes = packed ? packed : bytes;
}

/* Bytes that an order would cost, about; UINT32_MAX where it had too many exceptions. */
static uint32_t cost(const struct canp_packer *p, const struct canp_pack_exceptions *e, uint32_t classes)
{
    if (e->count > exceptions_max(p))
        return UINT32_MAX;
    return e->count * EXCEPTION_COST + canp_column_plain_bytes(p->row_count, canp_column_bits(classes));
}

void canp_pack_order(struct canp_packer *p, const uint8_t *rows, struct canp_pack_order_plan *plan)
{
    walk(p, rows);
    memset(plan, 0, sizeof(*plan));
    uint32_t channels = p->sorted[p->lane_count - 1].channel_class + 1U;
    uint32_t by_time = cost(p, &p->by_time, 1);
    uint32_t by_channel = channels > 1 ? cost(p, &p->by_channel, channels) : UINT32_MAX;
    uint32_t by_lane = p->row_count / 2;
    if (by_time <= by_channel && by_time <= by_lane) {
        plan->exception_bytes = put_exceptions(&p->by_time, p->exceptions);
        return;
    }
    plan->order = by_channel <= by_lane ? CANP_ORDER_CHANNEL : CANP_ORDER_LANE;
    plan->column_bits = canp_column_bits(plan->order == CANP_ORDER_CHANNEL ? channels : p->lane_count);
    if (plan->order == CANP_ORDER_CHANNEL)
        plan->exception_bytes = put_exceptions(&p->by_channel, p->exceptions);
    if (plan->column_bits)
        put_column(p, plan);
}
