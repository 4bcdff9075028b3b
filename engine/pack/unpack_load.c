/*
 * Unpacking, first part: reading the directory of a packed block.
 *
 * Invariant: once canp_unpack_load() returned 0, lanes, groups and exceptions agree with each other and with
 * the header: all counts and sizes add up, every pointer leads into the packed bytes, and a row with any
 * lane's tag and head passes canp_rows_check(). Whatever the bytes are, the work is bounded by their number
 * and the unpacker's size. One thread per unpacker.
 */
#include "pack_decode.h"
#include "pack_follow.h"

static bool header_is_valid(const struct canp_unpacker *u, const struct canp_pack_header *h)
{
    bool first = h->version == CANP_PACK_VERSION && h->unit == 0;
    bool second = h->version == CANP_PACK_VERSION_MAX && h->unit != 0;
    return (first || second) && h->zero == 0 && h->order <= CANP_ORDER_LANE &&
           h->rows_bytes <= u->max_bytes && h->row_count >= 1 && h->row_count <= CANP_PACK_ROWS_MAX &&
           (uint64_t)h->row_count * 16 <= h->rows_bytes && h->lane_count >= 1 &&
           h->lane_count <= h->row_count && h->group_count <= h->lane_count;
}

/* Sizes of a lane's rows, once its tag and head are known to be well-formed. The id says nothing about
 * either: what was true of the lane before need not be found out again. */
static bool set_row_size(struct canp_unpacker *u, const struct canp_unpack_lane *before,
                         struct canp_unpack_lane *lane)
{
    if (before->row_bytes && lane->tag == before->tag && lane->head >> 32 == before->head >> 32) {
        lane->row_bytes = before->row_bytes;
        lane->words = before->words;
        return true;
    }
    canp_store_u64(u->row, lane->tag);
    canp_store_u64(u->row + 8, lane->head);
    uint32_t row_bytes = canp_row_bytes(u->row);
    if (row_bytes > CANP_ROW_BYTES_MAX || canp_rows_check(u->row, row_bytes) != 1)
        return false;
    lane->row_bytes = (uint16_t)row_bytes;
    lane->words = (uint16_t)((row_bytes - 16 - ((lane->tag & CANP_TAG_HW_TIME) ? 8 : 0)) / 8);
    return true;
}

/* Tag and head: what is not in the entry is as in the lane before. */
static void read_head(struct canp_input *in, uint8_t form, const struct canp_unpack_lane *before,
                      struct canp_unpack_lane *lane)
{
    uint32_t head_high = (uint32_t)(before->head >> 32), id = (uint32_t)before->head;
    lane->tag = before->tag;
    const uint8_t *p;
    if (form & CANP_FORM_TAG) {
        id = 0;
        if ((p = canp_input_take(in, 2)))
            lane->tag = canp_load_u16(p);
    }
    if ((form & CANP_FORM_HEAD) && (p = canp_input_take(in, 4)))
        memcpy(&head_high, p, 4);
    id += (uint32_t)canp_varint_get(in);
    lane->head = id | ((uint64_t)head_high << 32);
}

/* The lane's part of the times. */
static bool read_stream(struct canp_input *in, struct canp_unpack_lane *lane, struct canp_input *times)
{
    uint64_t bytes = canp_varint_get(in);
    if (bytes > UINT32_MAX || !(lane->stream = canp_input_take(times, (size_t)bytes)))
        return false;
    lane->stream_bytes = (uint32_t)bytes;
    return in->ok;
}

/* A lane whose times are told by another's, which stands before it. */
static bool read_follow(struct canp_unpacker *u, struct canp_input *in, struct canp_unpack_lane *lane,
                        struct canp_input *times)
{
    const uint8_t *k = canp_input_take(in, 1);
    uint64_t back = canp_varint_get(in), row = canp_varint_get(in);
    lane->period = (uint64_t)canp_unzigzag(canp_varint_get(in));
    uint64_t stride = canp_varint_get(in), number = (uint64_t)(lane - u->lanes);
    if (!in->ok || *k > CANP_PACK_K_MAX || back == 0 || back > number || stride == 0 ||
        stride > CANP_FOLLOW_STRIDE_MAX)
        return false;
    const struct canp_unpack_lane *leader = lane - back;
    if (row >= leader->rows || leader->depth >= CANP_FOLLOW_DEPTH_MAX)
        return false;
    lane->k = *k;
    lane->leader = (uint32_t)(number - back);
    lane->leader_row = (uint32_t)row;
    lane->stride = (uint32_t)stride;
    lane->pace = leader->pace * stride;
    lane->depth = (uint8_t)(leader->depth + 1);
    return read_stream(in, lane, times);
}

/* Rows and times. False when there are more rows or bytes than are left. */
static bool read_counts(struct canp_unpacker *u, struct canp_input *in, struct canp_unpack_lane *lane,
                        uint32_t rows_left, struct canp_input *times)
{
    uint64_t more = canp_varint_get(in);
    if (!in->ok || more >= rows_left)
        return false;
    lane->rows = (uint32_t)more + 1;
    if (lane->k == CANP_FORM_FOLLOWS)
        return read_follow(u, in, lane, times);
    lane->first = (uint64_t)canp_unzigzag(canp_varint_get(in));
    if (lane->rows == 1)
        return in->ok;
    lane->period = lane->pace = (uint64_t)canp_unzigzag(canp_varint_get(in));
    return read_stream(in, lane, times);
}

/* Hardware stamps and plane masks; how many bytes of payload are in the group. */
static bool read_rest(struct canp_input *in, uint8_t form, struct canp_unpack_lane *lane)
{
    if (lane->tag & CANP_TAG_HW_TIME) {
        const uint8_t *p = canp_input_take(in, 9);
        if (!p || p[8] > CANP_PACK_K_MAX)
            return false;
        lane->hw_first = canp_load_u64(p);
        lane->hw_k = p[8];
    }
    uint64_t planes = 0;
    if (form & CANP_FORM_PLANES) {
        lane->masks = canp_input_take(in, lane->words);
        if (!lane->masks)
            return false;
        for (uint32_t w = 0; w < lane->words; w++)
            planes += (unsigned)__builtin_popcount(lane->masks[w]);
    }
    lane->plain_bytes = (uint32_t)(8U * lane->words + planes * (lane->rows - 1));
    return true;
}

static bool read_lane(struct canp_unpacker *u, struct canp_input *in, struct canp_input *times,
                      const struct canp_unpack_lane *before, uint32_t rows_left,
                      struct canp_unpack_lane *lane)
{
    const uint8_t *form = canp_input_take(in, 1);
    if (!form)
        return false;
    memset(lane, 0, sizeof(*lane));
    lane->k = *form >> CANP_FORM_K_SHIFT;
    bool follows = lane->k == CANP_FORM_FOLLOWS && u->header.version != CANP_PACK_VERSION;
    if (lane->k > CANP_PACK_K_MAX && !follows)
        return false;
    read_head(in, *form, before, lane);
    return in->ok && set_row_size(u, before, lane) && read_counts(u, in, lane, rows_left, times) &&
           read_rest(in, *form, lane);
}

static bool read_lanes(struct canp_unpacker *u, struct canp_input *in, struct canp_input *times)
{
    static const struct canp_unpack_lane none;
    const struct canp_unpack_lane *before = &none;
    uint64_t bytes = 0;
    uint32_t start = 0;
    u->channels = 1;
    u->uniform_bytes = 0;
    for (uint32_t l = 0; l < u->header.lane_count; l++) {
        struct canp_unpack_lane *lane = &u->lanes[l];
        if (!read_lane(u, in, times, before, u->header.row_count - start, lane))
            return false;
        if (l > 0 && (uint8_t)lane->tag < (uint8_t)before->tag)
            return false;
        u->channels += l > 0 && (uint8_t)lane->tag > (uint8_t)before->tag;
        lane->start = start;
        start += lane->rows;
        bytes += (uint64_t)lane->rows * lane->row_bytes;
        before = lane;
    }
    if ((uint64_t)u->lanes[0].row_bytes * start == bytes) {
        bool uniform = true;
        for (uint32_t l = 1; l < u->header.lane_count; l++)
            uniform &= u->lanes[l].row_bytes == u->lanes[0].row_bytes;
        u->uniform_bytes = uniform ? u->lanes[0].row_bytes : 0;
    }
    return start == u->header.row_count && bytes == u->header.rows_bytes && times->at == times->end;
}

/* The groups cover the lanes from the first on; lanes behind the last group have no payload. */
static bool read_groups(struct canp_unpacker *u, struct canp_input *table, struct canp_input *groups)
{
    uint32_t lane = 0;
    for (uint32_t g = 0; g < u->header.group_count; g++) {
        struct canp_unpack_group *group = &u->groups[g];
        uint64_t lanes = canp_varint_get(table), packed = canp_varint_get(table);
        if (!table->ok || lanes == 0 || lanes > u->header.lane_count - lane)
            return false;
        *group = (struct canp_unpack_group){.first_lane = lane, .lane_count = (uint32_t)lanes};
        for (uint64_t i = 0; i < lanes; i++)
            group->plain_bytes += u->lanes[lane++].plain_bytes; /* at most rows_bytes in all */
        if (packed > group->plain_bytes || !(group->packed = canp_input_take(groups, (size_t)packed)))
            return false;
        group->packed_bytes = (uint32_t)packed;
    }
    for (; lane < u->header.lane_count; lane++) {
        if (u->lanes[lane].plain_bytes != 0)
            return false;
    }
    return table->at == table->end;
}

static bool read_exceptions(struct canp_unpacker *u, struct canp_input *in)
{
    u->exception_count = 0;
    uint64_t position = 0, rows = u->header.row_count;
    if (in->at == in->end)
        return u->header.order == CANP_ORDER_LANE;
    uint64_t count = canp_varint_get(in);
    if (!in->ok || count > rows || (count > 0 && u->header.order == CANP_ORDER_LANE))
        return false;
    memset(u->excepted, 0, (size_t)(rows + 63) / 64 * sizeof(*u->excepted));
    for (uint64_t i = 0; i < count; i++) {
        uint64_t step = canp_varint_get(in), index = canp_varint_get(in);
        if (!in->ok || step >= rows || index >= rows || (i > 0 && step == 0))
            return false;
        position += step;
        uint64_t bit = UINT64_C(1) << (index & 63);
        if (position >= rows || (u->excepted[index / 64] & bit))
            return false;
        u->excepted[index / 64] |= bit;
        u->exceptions[i] = (struct canp_unpack_exception){(uint32_t)position, (uint32_t)index};
    }
    u->exception_count = (uint32_t)count;
    return in->at == in->end;
}

/* The column's width follows from what it counts. */
static bool column_is_valid(const struct canp_unpacker *u)
{
    const struct canp_pack_header *h = &u->header;
    uint32_t classes = h->order == CANP_ORDER_TIME      ? 1
                       : h->order == CANP_ORDER_CHANNEL ? u->channels
                                                        : h->lane_count;
    return h->column_bits == canp_column_bits(classes) &&
           h->column_bytes <= canp_column_plain_bytes(h->row_count, h->column_bits) &&
           (h->column_bytes > 0) == (h->column_bits > 0);
}

/* Zeros up to a multiple of 8, and 8 more. */
static bool trailer_is_valid(const struct canp_input *in)
{
    size_t bytes = (size_t)(in->end - in->at);
    if (bytes < CANP_PACK_TRAILER_BYTES || bytes >= CANP_PACK_TRAILER_BYTES + 8)
        return false;
    for (const uint8_t *p = in->at; p < in->end; p++) {
        if (*p != 0)
            return false;
    }
    return true;
}

static struct canp_input section(struct canp_input *packed, uint32_t bytes)
{
    const uint8_t *p = canp_input_take(packed, bytes);
    return p ? (struct canp_input){p, p + bytes, true} : (struct canp_input){NULL, NULL, false};
}

int canp_unpack_load(struct canp_unpacker *u, const uint8_t *packed, size_t packed_bytes)
{
    u->loaded = false;
    struct canp_pack_header *h = &u->header;
    if (packed_bytes < sizeof(*h) + CANP_PACK_TRAILER_BYTES)
        return -CANP_E_DAMAGED;
    memcpy(h, packed, sizeof(*h));
    struct canp_input in = {packed + sizeof(*h), packed + packed_bytes, true};
    if (!header_is_valid(u, h) || packed_bytes % 8 != 0)
        return -CANP_E_DAMAGED;
    u->unit = h->unit ? h->unit : 1;
    struct canp_input directory = section(&in, h->directory_bytes),
                      exceptions = section(&in, h->exception_bytes);
    struct canp_input column = section(&in, h->column_bytes), times = section(&in, h->times_bytes);
    if (!in.ok || !read_lanes(u, &directory, &times) || !read_groups(u, &directory, &in) ||
        !read_exceptions(u, &exceptions) || !column_is_valid(u) || !trailer_is_valid(&in))
        return -CANP_E_DAMAGED;
    u->column = column.at;
    u->loaded = true;
    return 0;
}
