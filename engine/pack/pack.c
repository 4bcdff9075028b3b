/*
 * Packs a block (canp/pack.h). pack_gather.c finds the lanes, pack_order.c stores the order,
 * pack_times.c the times; this file makes byte planes of the payload and LZ4 blocks of groups of lanes, and
 * puts the sections together.
 *
 * Invariant: every section is built in scratch memory of its largest possible size, so that only the output's
 * size has to be checked. One thread per packer.
 */
#include "pack_encode.h"

#include <lz4.h>
#include <lz4hc.h>
#include <stdlib.h>

#include "pack_memory.h"
#include "pack_planes.h"

/* Lanes share an LZ4 block until it holds this much: smaller ones cost size, larger ones cost who reads one
 * id. */
#define GROUP_PLAIN_BYTES 16384U
#define CHANNELS_MAX      256U

/* Worst case of a lane's directory entry, but for its plane masks. */
#define ENTRY_BYTES_MAX (1 + 2 + 4 + 5 + 3 + 1 + 3 * 3 + 2 * CANP_VARINT_BYTES_MAX + 5 + 8 + 1)

/* ---- a block in the making --------------------------------------------------------------------- */

/* Where the sections end, and the group that is being filled. */
struct sections {
    uint8_t *directory;
    uint8_t *times;
    uint8_t *group_table;
    uint8_t *groups;
    uint8_t *groups_end; /* of the room for them */
    uint8_t *plain;
    uint32_t group_lanes;
    uint32_t group_count;
};

/* Compresses the lanes gathered since the last group. False when the groups outgrow the rows: no gain. */
static bool group_close(struct canp_packer *p, struct sections *s)
{
    size_t bytes = (size_t)(s->plain - p->plain), room = (size_t)(s->groups_end - s->groups);
    uint32_t packed = canp_pack_lz4(p, p->plain, bytes, s->groups, bytes < room ? bytes : room);
    if (packed == 0 || packed == bytes) { /* stored as it is: the decoder knows by the size */
        if (bytes > room)
            return false;
        memcpy(s->groups, p->plain, bytes);
        packed = (uint32_t)bytes;
    }
    s->groups += packed;
    s->group_table = canp_varint_put(s->group_table, s->group_lanes);
    s->group_table = canp_varint_put(s->group_table, packed);
    s->group_count++;
    s->group_lanes = 0;
    s->plain = p->plain;
    return true;
}

/* Appends the payload of a lane to the group: the first row's, then the planes that change. Fills the masks;
 * returns whether any is set. */
static bool put_payload(struct canp_packer *p, const uint8_t *rows, const struct canp_pack_lane *lane,
                        struct sections *s, uint8_t *masks)
{
    const uint32_t *source = p->source + lane->start;
    uint8_t any = 0;
    memcpy(s->plain, rows + source[0] + 16, 8U * lane->words);
    s->plain += 8U * lane->words;
    for (uint32_t w = 0; w < lane->words; w++) {
        const uint8_t *column = rows + 16 + 8 * w;
        for (uint32_t i = 0; i < lane->rows; i++)
            p->words[i] = canp_load_u64(column + source[i]);
        masks[w] = canp_planes_difference(p->words, lane->rows - 1);
        if (masks[w])
            s->plain = canp_planes_split(p->words, lane->rows - 1, masks[w], s->plain);
        any |= masks[w];
    }
    return any != 0;
}

static uint8_t *put_own(uint8_t *at, uint32_t rows, const struct canp_pack_times *times)
{
    at = canp_varint_put(at, canp_zigzag(times->first_ns));
    if (rows == 1)
        return at;
    at = canp_varint_put(at, canp_zigzag(times->period));
    return canp_varint_put(at, times->stream_bytes);
}

static uint8_t *put_follow(uint8_t *at, uint32_t l, const struct canp_pack_times *times)
{
    const struct canp_pack_follow *f = &times->follow;
    *at++ = times->k;
    at = canp_varint_put(at, l - f->leader);
    at = canp_varint_put(at, f->start);
    at = canp_varint_put(at, canp_zigzag(f->offset));
    at = canp_varint_put(at, f->stride);
    return canp_varint_put(at, times->stream_bytes);
}

/* A lane's directory entry: what is as in the lane before it, which lies before it in memory, is left out. */
static uint8_t *put_entry(uint8_t *at, const struct canp_pack_lane *lane, uint32_t l,
                          const struct canp_pack_times *times, const uint8_t *masks, bool planes)
{
    bool first = l == 0, new_tag = first || lane[-1].tag != lane->tag;
    bool new_head = first || lane[-1].head >> 32 != lane->head >> 32;
    uint32_t id = (uint32_t)lane->head, id_before = new_tag ? 0 : (uint32_t)lane[-1].head;
    unsigned form_k = times->follows ? CANP_FORM_FOLLOWS : times->k;
    *at++ = (uint8_t)((new_tag ? CANP_FORM_TAG : 0) | (new_head ? CANP_FORM_HEAD : 0) |
                      (planes ? CANP_FORM_PLANES : 0) | (form_k << CANP_FORM_K_SHIFT));
    if (new_tag) {
        memcpy(at, &lane->tag, 2);
        at += 2;
    }
    if (new_head) {
        uint32_t head_high = (uint32_t)(lane->head >> 32);
        memcpy(at, &head_high, 4);
        at += 4;
    }
    at = canp_varint_put(at, id - id_before);
    at = canp_varint_put(at, lane->rows - 1);
    at = times->follows ? put_follow(at, l, times) : put_own(at, lane->rows, times);
    if (lane->tag & CANP_TAG_HW_TIME) {
        canp_store_u64(at, times->hw_first);
        at[8] = times->hw_k;
        at += 9;
    }
    if (planes) {
        memcpy(at, masks, lane->words);
        at += lane->words;
    }
    return at;
}

/* All lanes into directory, times and groups; false when it does not gain. */
static bool put_lanes(struct canp_packer *p, const uint8_t *rows, struct sections *s)
{
    uint8_t masks[CANP_PACK_WORDS_MAX];
    for (uint32_t l = 0; l < p->lane_count; l++) {
        const struct canp_pack_lane *lane = &p->sorted[l];
        struct canp_pack_times times = {0};
        canp_pack_lane_times(p, rows, l, s->times, &times);
        s->times += times.stream_bytes;
        bool planes = put_payload(p, rows, lane, s, masks);
        s->directory = put_entry(s->directory, lane, l, &times, masks, planes);
        s->group_lanes++;
        if ((size_t)(s->plain - p->plain) >= GROUP_PLAIN_BYTES && !group_close(p, s))
            return false;
    }
    return s->plain == p->plain || group_close(p, s);
}

/* ---- putting it together ----------------------------------------------------------------------- */

static uint8_t *put_section(uint8_t *out, const uint8_t *from, size_t bytes)
{
    memcpy(out, from, bytes);
    return out + bytes;
}

static int64_t assemble(const struct canp_packer *p, const struct sections *s,
                        const struct canp_pack_order_plan *plan, size_t rows_bytes, uint8_t *out,
                        size_t limit)
{
    size_t lane_bytes = (size_t)(s->directory - p->directory);
    size_t table_bytes = (size_t)(s->group_table - p->group_table);
    bool second = p->follows || p->unit > 1;
    size_t times_bytes = (size_t)(s->times - p->times), groups_bytes = (size_t)(s->groups - p->groups);
    struct canp_pack_header header = {
        .rows_bytes = (uint32_t)rows_bytes,
        .row_count = p->row_count,
        .lane_count = p->lane_count,
        .version = second ? CANP_PACK_VERSION_MAX : CANP_PACK_VERSION,
        .order = (uint8_t)plan->order,
        .column_bits = plan->column_bits,
        .directory_bytes = (uint32_t)(lane_bytes + table_bytes),
        .exception_bytes = plan->exception_bytes,
        .column_bytes = plan->column_bytes,
        .times_bytes = (uint32_t)times_bytes,
        .group_count = s->group_count,
        .unit = second ? p->unit : 0,
    };
    size_t used = sizeof(header) + lane_bytes + table_bytes + plan->exception_bytes + plan->column_bytes +
                  times_bytes + groups_bytes;
    size_t total = ((used + 7) & ~(size_t)7) + CANP_PACK_TRAILER_BYTES;
    if (total > limit)
        return 0;
    uint8_t *at = put_section(out, (const uint8_t *)&header, sizeof(header));
    at = put_section(at, p->directory, lane_bytes);
    at = put_section(at, p->group_table, table_bytes);
    at = put_section(at, p->exceptions, plan->exception_bytes);
    if (plan->column_bytes)
        at = put_section(at, plan->column, plan->column_bytes);
    at = put_section(at, p->times, times_bytes);
    at = put_section(at, p->groups, groups_bytes);
    memset(at, 0, total - used);
    return (int64_t)total;
}

int64_t canp_pack(struct canp_packer *p, const uint8_t *rows, size_t rows_bytes, uint8_t *out,
                  size_t out_capacity)
{
    if (rows_bytes > p->max_bytes)
        return -EINVAL;
    if (rows_bytes == 0)
        return 0;
    int r = canp_pack_gather(p, rows, rows_bytes);
    if (r != 0)
        return r < 0 ? r : 0;
    struct canp_pack_order_plan plan;
    canp_pack_order(p, rows, &plan);
    p->unit = canp_pack_unit(p);
    p->follows = false;
    struct sections s = {
        .directory = p->directory,
        .times = p->times,
        .group_table = p->group_table,
        .groups = p->groups,
        .groups_end = p->groups + rows_bytes,
        .plain = p->plain,
    };
    if (!put_lanes(p, rows, &s))
        return 0;
    size_t limit = rows_bytes - 1 < out_capacity ? rows_bytes - 1 : out_capacity;
    return assemble(p, &s, &plan, rows_bytes, out, limit);
}

/* ---- scratch memory ---------------------------------------------------------------------------- */

static size_t rows_max(const struct canp_packer *p)
{
    size_t rows = p->max_bytes / 16 + 1;
    return rows < CANP_PACK_ROWS_MAX ? rows : CANP_PACK_ROWS_MAX;
}

static void carve_packer(struct canp_packer *p, struct canp_carver *c)
{
    size_t bytes = p->max_bytes, rows = rows_max(p);
    p->table = canp_carve(c, (size_t)1 << p->table_bits, sizeof(*p->table));
    p->lanes = canp_carve(c, rows, sizeof(*p->lanes));
    p->sorted = canp_carve(c, rows, sizeof(*p->sorted));
    p->splits = canp_carve(c, rows / CANP_PACK_SPLIT_ROWS + 1, sizeof(*p->splits));
    p->lane_of_row = canp_carve(c, rows, sizeof(*p->lane_of_row));
    p->rank = canp_carve(c, rows, sizeof(*p->rank));
    p->rank2 = canp_carve(c, rows, sizeof(*p->rank2));
    p->source = canp_carve(c, rows, sizeof(*p->source));
    p->by_time.list = canp_carve(c, rows / 8 + 1, sizeof(*p->by_time.list));
    p->by_channel.list = canp_carve(c, rows / 8 + 1, sizeof(*p->by_channel.list));
    p->latest = canp_carve(c, 1 + CHANNELS_MAX, sizeof(*p->latest));
    p->words = canp_carve(c, rows + CANP_PLANES_SLACK, sizeof(*p->words));
    p->row_times = canp_carve(c, rows, sizeof(*p->row_times));
    p->position = canp_carve(c, rows, sizeof(*p->position));
    p->votes = canp_carve(c, rows, sizeof(*p->votes));
    p->steps = canp_carve(c, rows, sizeof(*p->steps));
    p->follow_steps = canp_carve(c, rows, sizeof(*p->follow_steps));
    p->directory = canp_carve(c, rows * ENTRY_BYTES_MAX + bytes, 1);
    p->exceptions = canp_carve(c, (rows / 8 + 2) * 6, 1);
    p->column = canp_carve(c, rows + 1, 2);
    p->column_packed = canp_carve(c, rows + 1, 2);
    p->times = canp_carve(c, bytes + 64, 1); /* a time is 10 bytes at most, as is a hardware stamp */
    p->group_table = canp_carve(c, bytes / GROUP_PLAIN_BYTES + 2, 8);
    p->groups = canp_carve(c, bytes, 1);
    p->plain = canp_carve(c, bytes + 64, 1);
    p->lz4_state =
        canp_carve(c, 1, (size_t)(p->level == CANP_PACK_ARCHIVE ? LZ4_sizeofStateHC() : LZ4_sizeofState()));
}

int canp_packer_open(size_t max_rows_bytes, enum canp_pack_level level, struct canp_packer **out)
{
    if (max_rows_bytes == 0 || max_rows_bytes > CANP_PACK_BYTES_MAX || (unsigned)level > CANP_PACK_ARCHIVE)
        return -EINVAL;
    struct canp_packer *p = calloc(1, sizeof(*p));
    if (!p)
        return -ENOMEM;
    p->max_bytes = max_rows_bytes;
    p->level = level;
    for (p->table_bits = 10; p->table_bits < 17 && (1U << p->table_bits) < max_rows_bytes / 8;
         p->table_bits++)
        ;
    struct canp_carver c = {0};
    carve_packer(p, &c);
    c.memory = aligned_alloc(CANP_CARVE_ALIGN, c.used_bytes);
    if (!c.memory) {
        free(p);
        return -ENOMEM;
    }
    p->memory = c.memory;
    c.used_bytes = 0;
    carve_packer(p, &c);
    memset(p->table, 0, sizeof(*p->table) << p->table_bits);
    memset(p->votes, 0, rows_max(p) * sizeof(*p->votes));
    *out = p;
    return 0;
}

void canp_packer_close(struct canp_packer *p)
{
    if (!p)
        return;
    free(p->memory);
    free(p);
}
