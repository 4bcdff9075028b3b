/*
 * Decodes payload bytes into values by a plan; this is the hot path. Invariant: no byte of the payload at or
 * behind its length is read, at most the plan's values_max values are written, nothing is allocated. Any
 * thread.
 */
#include <canp/rows.h>
#include <math.h>
#include <string.h>

#include "dbc/base/dbc_mux.h"
#include "plan.h"

/* What one payload is decoded with. */
struct state {
    const uint8_t *data;
    size_t bytes;
    struct canp_value *out; /* the next one */
    uint64_t short_values;
    uint64_t words[PLAN_WORDS * 2]; /* each as little-endian, and with its bytes reversed */
};

/* Fewer than eight bytes, as the low ones of a word. */
static inline uint64_t load_tail(const uint8_t *p, size_t bytes)
{
    uint32_t low, high;
    if (bytes >= 4) {
        memcpy(&low, p, 4);
        memcpy(&high, p + bytes - 4, 4);
        return low | (uint64_t)high << (8 * (bytes - 4));
    }
    if (bytes == 0)
        return 0;
    return p[0] | (uint64_t)p[bytes / 2] << (8 * (bytes / 2)) | (uint64_t)p[bytes - 1] << (8 * (bytes - 1));
}

static inline void load_words(struct state *s, uint32_t words)
{
    size_t at = 0;
    uint32_t i = 0;
    for (; i < words && at + 8 <= s->bytes; i++, at += 8) {
        uint64_t word = canp_load_u64(s->data + at);
        s->words[2 * i] = word;
        s->words[2 * i + 1] = __builtin_bswap64(word);
    }
    if (i < words && at < s->bytes) {
        uint64_t word = load_tail(s->data + at, s->bytes - at);
        s->words[2 * i] = word;
        s->words[2 * i + 1] = __builtin_bswap64(word);
    }
}

/* A raw value from the J1939 marks' lowest one on: which mark it is. */
static uint32_t special_flags(const struct plan_op *op, uint64_t raw)
{
    uint32_t bits = op->signal->bits;
    if (op->special == UINT64_MAX)
        return 0;
    uint64_t available_end = bits >= 8 ? (uint64_t)0xFF << (bits - 8) : (UINT64_C(1) << bits) - 1;
    return raw >= available_end ? CANP_VALUE_NOT_AVAILABLE : CANP_VALUE_ERROR;
}

static inline void put(struct canp_value *out, const struct plan_op *op, uint64_t raw, double value)
{
    uint32_t flags =
        (uint32_t)(value < op->minimum) | (uint32_t)(value > op->maximum); /* CANP_VALUE_OUT_OF_RANGE */
    if (__builtin_expect(raw >= op->special, 0))
        flags |= special_flags(op, raw);
    out->signal = op->signal;
    out->raw = raw;
    out->value = value;
    out->flags = flags;
    out->zero = 0;
}

static inline void decode_short(struct state *s, const struct plan_op *op)
{
    uint64_t raw = (uint64_t)((int64_t)(s->words[op->word] << op->left) >> op->right) & op->mask;
    put(s->out++, op, raw, (double)(int64_t)raw * op->factor + op->offset);
}

/* Bits that come byte by byte, the highest first: up to nine bytes of them. */
#ifdef __SIZEOF_INT128__
typedef __uint128_t bit_sum;
static inline bit_sum add_byte(bit_sum sum, uint8_t byte)
{
    return sum << 8 | byte;
}
static inline uint64_t shifted(bit_sum sum, uint32_t shift) /* 0 .. 7 */
{
    return (uint64_t)(sum >> shift);
}
#else /* 32-bit processors */
typedef struct {
    uint64_t low;
    uint8_t above; /* the ninth byte */
} bit_sum;
static inline bit_sum add_byte(bit_sum sum, uint8_t byte)
{
    return (bit_sum){sum.low << 8 | byte, (uint8_t)(sum.low >> 56)};
}
static inline uint64_t shifted(bit_sum sum, uint32_t shift)
{
    return sum.low >> shift | (uint64_t)sum.above << 8 << (56 - shift);
}
#endif

/* The bits of any signal of up to 64 bits, wherever it lies within the payload; not sign-extended. */
static uint64_t raw_bits(const struct state *s, const struct canp_dbc_signal *signal)
{
    uint32_t first = canp_dbc_first_bit(signal), last = canp_dbc_last_bit(signal);
    uint64_t mask = UINT64_MAX >> (64 - signal->bits);
    bit_sum bits = {0};
    if (signal->big_endian) {
        for (uint32_t byte = first / 8; byte <= last / 8; byte++)
            bits = add_byte(bits, s->data[byte]);
        return shifted(bits, 7 - last % 8) & mask;
    }
    for (uint32_t byte = last / 8 + 1; byte-- > first / 8;)
        bits = add_byte(bits, s->data[byte]);
    return shifted(bits, first % 8) & mask;
}

static void decode_odd(struct state *s, const struct plan_op *op)
{
    double value;
    float single;
    if (op->kind == PLAN_BYTES) {
        *s->out++ =
            (struct canp_value){op->signal, canp_dbc_first_bit(op->signal) / 8, NAN, CANP_VALUE_BYTES, 0};
        return;
    }
    uint64_t raw = raw_bits(s, op->signal);
    uint32_t low = (uint32_t)raw;
    switch ((enum plan_kind)op->kind) {
    case PLAN_FLOAT32:
        memcpy(&single, &low, sizeof(single));
        value = (double)single;
        break;
    case PLAN_FLOAT64:
        memcpy(&value, &raw, sizeof(value));
        break;
    case PLAN_UNSIGNED:
        value = (double)raw;
        break;
    default:
        raw = (uint64_t)((int64_t)(raw << op->right) >> op->right) & op->mask;
        value = (double)(int64_t)raw;
    }
    put(s->out++, op, raw, value * op->factor + op->offset);
}

static void decode_each(struct state *s, const struct plan_op *ops, uint32_t count, bool is_short)
{
    for (uint32_t i = 0; i < count; i++) {
        if (ops[i].end_bytes > s->bytes)
            s->short_values++;
        else if (is_short)
            decode_short(s, &ops[i]);
        else
            decode_odd(s, &ops[i]);
    }
}

static void decode_group(struct state *s, const struct plan_group *group);

/* All cases that hold the muxer's value: the last one that begins at or below it, and those before that reach
 * so far. */
static void decode_muxer(struct state *s, const struct plan_muxer *muxer)
{
    if (canp_dbc_last_bit(muxer->signal) / 8 >= s->bytes)
        return; /* it has been counted */
    uint64_t value = raw_bits(s, muxer->signal);
    uint32_t low = 0, high = muxer->case_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (muxer->cases[middle].first <= value)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low > 0 && muxer->cases[low - 1].highest >= value; low--)
        if (muxer->cases[low - 1].last >= value)
            decode_group(s, muxer->cases[low - 1].group);
}

static void decode_group(struct state *s, const struct plan_group *group)
{
    const struct plan_op *op = group->ops, *end = op + group->short_count;
    if (__builtin_expect(group->short_end_bytes <= s->bytes, 1))
        for (; op < end; op++)
            decode_short(s, op);
    else
        decode_each(s, op, group->short_count, true);
    decode_each(s, end, group->op_count - group->short_count, false);
    for (uint32_t i = 0; i < group->muxer_count; i++)
        decode_muxer(s, group->muxers[i]);
}

static inline uint32_t decode(const struct canp_plan *plan, const uint8_t *data, size_t bytes,
                              struct canp_value *values, struct canp_decode_counts *counts)
{
    struct state s;
    s.data = data;
    s.bytes = bytes;
    s.out = values;
    s.short_values = 0;
    load_words(&s, plan->words);
    decode_group(&s, &plan->always);
    uint32_t count = (uint32_t)(s.out - values);
    counts->frames++;
    counts->values += count;
    counts->short_values += s.short_values;
    return count;
}

/* ---- one signal --------------------------------------------------------------------------------------- */

static bool is_selected(const struct state *s, const struct canp_dbc_signal *signal)
{
    if (canp_dbc_last_bit(signal->muxer) / 8 >= s->bytes)
        return false;
    uint64_t value = raw_bits(s, signal->muxer);
    for (uint32_t i = 0; i < signal->range_count; i++)
        if (value >= signal->ranges[i].first && value <= signal->ranges[i].last)
            return true;
    return false;
}

/* The one word that a short signal lies in. */
static inline void load_word_of(struct state *s, const struct plan_op *op)
{
    size_t at = (size_t)(op->word / 2) * 8;
    uint64_t word = s->bytes >= at + 8 ? canp_load_u64(s->data + at) : load_tail(s->data + at, s->bytes - at);
    s->words[op->word] = op->word & 1 ? __builtin_bswap64(word) : word;
}

enum plan_single_result canp_plan_single_decode(const struct plan_single *single, const uint8_t *data,
                                                size_t bytes, struct canp_value *out)
{
    struct state s;
    s.data = data;
    s.bytes = bytes;
    s.out = out;
    for (uint32_t i = 0; i < single->muxed_count; i++)
        if (!is_selected(&s, single->muxed[i]))
            return PLAN_SINGLE_UNSELECTED;
    if (single->op.end_bytes > bytes)
        return PLAN_SINGLE_SHORT;
    if (!single->is_short) {
        decode_odd(&s, &single->op);
        return PLAN_SINGLE_VALUE;
    }
    load_word_of(&s, &single->op);
    decode_short(&s, &single->op);
    return PLAN_SINGLE_VALUE;
}

uint32_t canp_plan_decode(const struct canp_plan *plan, const uint8_t *data, size_t bytes,
                          struct canp_value *values, struct canp_decode_counts *counts)
{
    return decode(plan, data, bytes, values, counts);
}

const char *canp_value_text(const struct canp_value *value)
{
    return value->flags & CANP_VALUE_BYTES ? NULL
                                           : canp_dbc_value_text(value->signal->values, (int64_t)value->raw);
}

/* ---- frames ------------------------------------------------------------------------------------------- */

static inline const struct canp_plan *plan_of(const struct canp_decoder *d, uint32_t can_id)
{
    const struct canp_plan *plan = plan_find(d, &d->by_id, can_id);
    if (!plan && (can_id & CANP_ID_EFF))
        plan = plan_find(d, &d->by_pgn, canp_j1939_pgn(can_id));
    return plan;
}

const struct canp_plan *canp_decoder_plan(const struct canp_decoder *decoder, uint32_t can_id)
{
    return can_id & (CANP_ID_RTR | CANP_ID_ERR) ? NULL : plan_of(decoder, can_id);
}

/* The row's plan, or NULL, counted. */
static inline const struct canp_plan *plan_of_row(const struct canp_decoder *d, const uint8_t *row,
                                                  const struct canp_frame *frame,
                                                  struct canp_decode_counts *counts)
{
    if (canp_row_kind(row) > CANP_KIND_FD || (frame->id & (CANP_ID_RTR | CANP_ID_ERR))) {
        counts->not_data++;
        return NULL;
    }
    const struct canp_plan *plan = plan_of(d, frame->id);
    counts->frames_unknown += plan == NULL;
    return plan;
}

uint32_t canp_decoder_rows(const struct canp_decoder *decoder, const uint8_t *rows, size_t bytes,
                           int64_t base_ns, struct canp_value *values, uint32_t value_capacity,
                           struct canp_decoded *frames, uint32_t frame_capacity, size_t *used,
                           struct canp_decode_counts *counts)
{
    uint32_t frame_count = 0, value_count = 0;
    size_t at = 0;
    while (at < bytes && frame_count < frame_capacity) {
        const uint8_t *row = rows + at;
        const struct canp_frame *frame = (const struct canp_frame *)(row + 8);
        const struct canp_plan *plan = plan_of_row(decoder, row, frame, counts);
        if (plan) {
            if (plan->values_max > value_capacity - value_count)
                break;
            uint32_t count = decode(plan, frame->data, frame->len, values + value_count, counts);
            frames[frame_count++] =
                (struct canp_decoded){plan, row, canp_row_time_ns(base_ns, row), value_count, count};
            value_count += count;
        }
        at += canp_row_bytes(row);
    }
    *used = at;
    return frame_count;
}
