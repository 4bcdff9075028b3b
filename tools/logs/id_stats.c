/* What each ID does (id_stats.h): an open-addressed table, at most half full. */
#include "id_stats.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <canp/rows.h>

#define BITS_FIRST     6
#define FRAMES_ENOUGH  20U /* to guess from */
#define COUNTER_SHARES 20U /* one step in so many may be no step of one: a counter all the same */

/* ---- the table ------------------------------------------------------------------------------------- */

static struct id_stats *slot_of(const struct id_table *t, uint8_t channel, uint8_t kind, uint32_t id)
{
    size_t mask = ((size_t)1 << t->bits) - 1, at = canp_id_slot(canp_id_key(channel, kind, id), t->bits);
    for (;; at = (at + 1) & mask) { /* ends: half of the table stays empty */
        struct id_stats *s = &t->slots[at];
        if (!s->used || (s->id == id && s->kind == kind && s->channel == channel))
            return s;
    }
}

static int grow(struct id_table *t)
{
    struct id_table larger = *t;
    larger.bits = t->slots ? t->bits + 1 : BITS_FIRST;
    larger.slots = calloc((size_t)1 << larger.bits, sizeof(*larger.slots));
    if (!larger.slots)
        return -ENOMEM;
    for (size_t i = 0; t->slots && i < (size_t)1 << t->bits; i++) {
        const struct id_stats *s = &t->slots[i];
        if (s->used)
            *slot_of(&larger, s->channel, s->kind, s->id) = *s;
    }
    free(t->slots);
    *t = larger;
    return 0;
}

struct id_stats *id_table_find(const struct id_table *table, uint8_t channel, uint8_t kind, uint32_t id)
{
    struct id_stats *s = table->slots ? slot_of(table, channel, kind, id) : NULL;
    return s && s->used ? s : NULL;
}

void id_table_release(struct id_table *table)
{
    free(table->slots);
    table->slots = NULL;
}

int id_compare(const struct id_stats *a, const struct id_stats *b)
{
    if (a->channel != b->channel)
        return a->channel - b->channel;
    if (a->id != b->id)
        return a->id < b->id ? -1 : 1;
    return a->kind - b->kind;
}

static int compare(const void *x, const void *y)
{
    return id_compare(*(struct id_stats *const *)x, *(struct id_stats *const *)y);
}

struct id_stats **id_table_sorted(const struct id_table *table)
{
    struct id_stats **list = calloc(table->count + 1, sizeof(struct id_stats *));
    size_t n = 0;
    for (size_t i = 0; list && table->slots && i < (size_t)1 << table->bits; i++) {
        if (table->slots[i].used)
            list[n++] = &table->slots[i];
    }
    if (list)
        qsort(list, n, sizeof(struct id_stats *), compare);
    return list;
}

/* ---- a frame --------------------------------------------------------------------------------------- */

static void note_time(struct id_stats *s, int64_t bus_ns)
{
    int64_t gap;
    if (s->count > 0 && !__builtin_sub_overflow(bus_ns, s->last_ns, &gap) && gap >= 0) {
        double gap_ns = (double)gap, off = gap_ns - s->gap_mean_ns;
        s->gap_count++;
        s->gap_mean_ns += off / (double)s->gap_count;
        s->gap_m2 += off * (gap_ns - s->gap_mean_ns);
        if (s->gap_count == 1 || gap_ns < s->gap_min_ns)
            s->gap_min_ns = gap_ns;
        if (s->gap_count == 1 || gap_ns > s->gap_max_ns) {
            s->gap_max_ns = gap_ns;
            s->gap_max_at_ns = bus_ns;
        }
    }
    if (s->count == 0)
        s->first_ns = bus_ns;
    s->last_ns = bus_ns;
}

static unsigned is_step(unsigned before, unsigned now, unsigned top)
{
    return now == before + 1 || (now == 0 && before + 1 >= top);
}

static void note_byte(struct id_stats *s, unsigned at, uint8_t now)
{
    uint8_t before = s->last[at], changed = before ^ now;
    for (unsigned bit = 0; changed; bit++, changed >>= 1)
        s->flips[at * 8 + bit] += changed & 1;
    s->steps[at][0] += is_step(before & 15, now & 15, 15);
    s->steps[at][1] += is_step(before >> 4, now >> 4, 15);
    s->steps[at][2] += is_step(before, now, 255);
}

static uint8_t crc_step(uint8_t crc, uint8_t polynomial)
{
    return (uint8_t)(crc & 0x80 ? crc << 1 ^ polynomial : crc << 1);
}

static uint8_t crc(const uint8_t *data, unsigned bytes, unsigned but, uint8_t polynomial)
{
    uint8_t value = 0;
    for (unsigned i = 0; i < bytes; i++) {
        if (i == but)
            continue;
        value ^= data[i];
        for (unsigned bit = 0; bit < 8; bit++)
            value = crc_step(value, polynomial);
    }
    return value;
}

/* The byte less its checksum: a constant where it is one. */
static uint8_t residue(enum id_checksum sum, const uint8_t *data, unsigned bytes, unsigned at)
{
    static const uint8_t polynomials[ID_CHECKSUM_COUNT] = {[ID_CHECKSUM_CRC_1D] = 0x1D,
                                                           [ID_CHECKSUM_CRC_2F] = 0x2F,
                                                           [ID_CHECKSUM_CRC_07] = 0x07,
                                                           [ID_CHECKSUM_CRC_31] = 0x31};
    uint8_t x = 0, total = 0;
    if (polynomials[sum])
        return data[at] ^ crc(data, bytes, at, polynomials[sum]);
    for (unsigned i = 0; i < bytes; i++) {
        x ^= data[i];
        total = (uint8_t)(total + (i == at ? 0 : data[i]));
    }
    if (sum == ID_CHECKSUM_XOR)
        return x;
    return (uint8_t)(sum == ID_CHECKSUM_SUM ? data[at] - total : data[at] + total);
}

static void note_checksums(struct id_stats *s, const uint8_t *data, unsigned bytes)
{
    for (unsigned end = 0; end < 2; end++) {
        if (bytes < 3 || (s->count > 0 && bytes != s->last_length))
            s->sums_out[end] = UINT16_MAX;
        for (unsigned sum = 0; sum < ID_CHECKSUM_COUNT && s->sums_out[end] != UINT16_MAX; sum++) {
            if (s->sums_out[end] & 1U << sum)
                continue;
            uint8_t now = residue((enum id_checksum)sum, data, bytes, end ? bytes - 1 : 0);
            if (s->count > 0 && now != s->sums[end][sum])
                s->sums_out[end] |= (uint16_t)(1U << sum);
            s->sums[end][sum] = now;
        }
    }
}

static void note_data(struct id_stats *s, const uint8_t *data, unsigned length)
{
    unsigned bytes = length < ID_STATS_BYTES ? length : ID_STATS_BYTES;
    unsigned bit = length < 127 ? length : 127;
    s->lengths[bit / 64] |= UINT64_C(1) << bit % 64;
    note_checksums(s, data, bytes);
    for (unsigned i = 0; i < bytes; i++) {
        if (s->count > 0 && i < s->last_length)
            note_byte(s, i, data[i]);
        s->ones[i] |= data[i];
        s->zeros[i] |= (uint8_t)~data[i];
    }
    memcpy(s->last, data, bytes);
    s->last_length = (uint8_t)bytes;
    if (bytes > s->bytes)
        s->bytes = (uint8_t)bytes;
}

int id_table_feed(struct id_table *t, const struct canp_record *r, int64_t bus_ns)
{
    bool is_xl = r->kind == CANP_KIND_XL;
    uint32_t id = canp_record_id(r);
    uint8_t channel = t->by_channel ? r->channel : 0;
    if (!is_xl && (r->frame->id & CANP_ID_ERR))
        return 0;
    if (t->count == ID_STATS_MAX) {
        if (!id_table_find(t, channel, r->kind, id)) {
            t->unlisted++;
            return 0;
        }
    } else if ((!t->slots || t->count * 2 >= 1U << t->bits) && grow(t) < 0) {
        return -ENOMEM;
    }
    struct id_stats *s = slot_of(t, channel, r->kind, id);
    if (!s->used) {
        *s = (struct id_stats){.id = id, .channel = channel, .kind = r->kind, .used = true};
        t->count++;
    }
    note_time(s, bus_ns);
    if (is_xl)
        note_data(s, r->xl->data, r->xl->len);
    else
        note_data(s, r->frame->data, r->frame->id & CANP_ID_RTR ? 0 : r->frame->len);
    s->count++;
    return 0;
}

/* ---- guesses --------------------------------------------------------------------------------------- */

double id_jitter_ns(const struct id_stats *s)
{
    return s->gap_count > 1 ? sqrt(s->gap_m2 / (double)(s->gap_count - 1)) : 0;
}

unsigned id_counter_at(const struct id_stats *s, unsigned byte)
{
    uint64_t least = s->count - s->count / COUNTER_SHARES - 1;
    const uint32_t *steps = s->steps[byte];
    if (s->count < FRAMES_ENOUGH || byte >= s->bytes)
        return 0;
    if (steps[2] >= least)
        return 3;
    return steps[0] >= least ? 1 : steps[1] >= least ? 2 : 0;
}

/* Bits that have been both. */
static uint8_t varying(const struct id_stats *s, unsigned byte)
{
    return s->ones[byte] & s->zeros[byte];
}

const char *id_checksum_at(const struct id_stats *s, unsigned byte)
{
    static const char *const words[] = {
#define ID_CHECKSUM_WORDS(name, words) words,
        ID_CHECKSUMS(ID_CHECKSUM_WORDS)
#undef ID_CHECKSUM_WORDS
    };
    bool first = byte == 0, others = false;
    if (s->count < FRAMES_ENOUGH || s->bytes < 3 || (!first && byte != s->bytes - 1U))
        return NULL;
    for (unsigned i = 0; i < s->bytes; i++)
        others |= i != byte && varying(s, i);
    for (unsigned sum = 0; others && varying(s, byte) && !id_counter_at(s, byte) && sum < ID_CHECKSUM_COUNT;
         sum++) {
        if (!(s->sums_out[first ? 0 : 1] & 1U << sum))
            return words[sum];
    }
    return NULL;
}

const char *id_text(const struct id_stats *s, char out[ID_TEXT_BYTES])
{
    if (s->kind == CANP_KIND_XL)
        snprintf(out, ID_TEXT_BYTES, "XL %03X", s->id & CANP_ID_SFF_MASK);
    else if (s->id & CANP_ID_EFF)
        snprintf(out, ID_TEXT_BYTES, "%08X", s->id & CANP_ID_EFF_MASK);
    else
        snprintf(out, ID_TEXT_BYTES, "%03X", s->id & CANP_ID_SFF_MASK);
    return out;
}
