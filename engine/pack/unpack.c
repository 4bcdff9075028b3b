/*
 * Unpacks a block (canp/pack.h). unpack_load.c reads the directory, unpack_order.c finds each
 * row's place; this file decompresses the payload and writes the rows.
 *
 * Invariant: rows are written only where canp_unpack_place() put them, after the room has been checked. One
 * thread per unpacker.
 */
#include "pack_decode.h"

#include <lz4.h>
#include <stdlib.h>

#include "pack_memory.h"
#include "pack_planes.h"

/* ---- rows -------------------------------------------------------------------------------------- */

/* The usual lane: one word of payload, no hardware stamp. */
static void write_one_word(struct canp_unpacker *u, const struct canp_unpack_lane *lane, const uint8_t *plain,
                           uint8_t *rows)
{
    const uint32_t *place = u->place + lane->start;
    const uint64_t *times = u->times + lane->start;
    uint64_t payload = canp_load_u64(plain);
    uint8_t mask = lane->masks ? lane->masks[0] : 0;
    if (mask)
        canp_planes_join(plain + 8, lane->rows - 1, mask, u->words + 1);
    u->words[0] = 0;
    for (uint32_t i = 0; i < lane->rows; i++) {
        uint8_t *row = rows + place[i];
        if (mask)
            payload = canp_bytes_add(payload, u->words[i]);
        canp_store_u64(row, (times[i] << CANP_ROW_TIME_SHIFT) | lane->tag);
        canp_store_u64(row + 8, lane->head);
        canp_store_u64(row + 16, payload);
    }
}

/* One column of payload words. Returns the end of the planes it read. */
static const uint8_t *write_word(struct canp_unpacker *u, const struct canp_unpack_lane *lane, uint32_t w,
                                 uint64_t payload, const uint8_t *planes, uint8_t *rows)
{
    const uint32_t *place = u->place + lane->start;
    uint8_t mask = lane->masks ? lane->masks[w] : 0;
    uint8_t *column = rows + 16 + 8U * w;
    if (mask)
        planes = canp_planes_join(planes, lane->rows - 1, mask, u->words + 1);
    u->words[0] = 0;
    for (uint32_t i = 0; i < lane->rows; i++) {
        if (mask)
            payload = canp_bytes_add(payload, u->words[i]);
        canp_store_u64(column + place[i], payload);
    }
    return planes;
}

static void write_lane(struct canp_unpacker *u, const struct canp_unpack_lane *lane, const uint8_t *plain,
                       uint8_t *rows)
{
    bool has_hw_time = (lane->tag & CANP_TAG_HW_TIME) != 0;
    if (lane->words == 1 && !has_hw_time) {
        write_one_word(u, lane, plain, rows);
        return;
    }
    for (uint32_t i = 0; i < lane->rows; i++) {
        uint8_t *row = rows + u->place[lane->start + i];
        canp_store_u64(row, (u->times[lane->start + i] << CANP_ROW_TIME_SHIFT) | lane->tag);
        canp_store_u64(row + 8, lane->head);
        if (has_hw_time)
            canp_store_u64(row + lane->row_bytes - 8, u->hw_times[lane->start + i]);
    }
    const uint8_t *planes = plain + 8U * lane->words;
    for (uint32_t w = 0; w < lane->words; w++)
        planes = write_word(u, lane, w, canp_load_u64(plain + 8U * w), planes, rows);
}

/* ---- groups ------------------------------------------------------------------------------------ */

/* The group's bytes up to `bytes`; NULL when they cannot be decompressed. */
static const uint8_t *group_plain(struct canp_unpacker *u, const struct canp_unpack_group *group,
                                  uint32_t bytes)
{
    if (group->packed_bytes == group->plain_bytes)
        return group->packed;
    const char *packed = (const char *)group->packed;
    int packed_bytes = (int)group->packed_bytes, plain_bytes = (int)group->plain_bytes;
    int r =
        bytes == group->plain_bytes
            ? LZ4_decompress_safe(packed, (char *)u->plain, packed_bytes, plain_bytes)
            : LZ4_decompress_safe_partial(packed, (char *)u->plain, packed_bytes, (int)bytes, plain_bytes);
    return r == (int)bytes ? u->plain : NULL;
}

/* Writes the wanted lanes of a group. */
static int write_group(struct canp_unpacker *u, const struct canp_unpack_group *group,
                       const struct canp_unpack_choice *choice, uint8_t *rows)
{
    uint32_t bytes = 0, needed = 0;
    bool wanted = false;
    for (uint32_t i = 0; i < group->lane_count; i++) {
        uint32_t l = group->first_lane + i;
        bytes += u->lanes[l].plain_bytes;
        if (canp_unpack_wants(choice, l)) {
            wanted = true;
            needed = bytes;
        }
    }
    if (!wanted)
        return 0;
    const uint8_t *plain = group_plain(u, group, needed);
    if (!plain)
        return -CANP_E_DAMAGED;
    for (uint32_t i = 0; i < group->lane_count; i++) {
        const struct canp_unpack_lane *lane = &u->lanes[group->first_lane + i];
        if (canp_unpack_wants(choice, group->first_lane + i))
            write_lane(u, lane, plain, rows);
        plain += lane->plain_bytes;
    }
    return 0;
}

/* Bytes of the wanted rows. */
static uint64_t wanted_bytes(const struct canp_unpacker *u, const struct canp_unpack_choice *choice)
{
    uint64_t bytes = 0;
    for (uint32_t l = choice->first; l < choice->end; l++) {
        if (canp_unpack_wants(choice, l))
            bytes += (uint64_t)u->lanes[l].rows * u->lanes[l].row_bytes;
    }
    return bytes;
}

static int64_t unpack_choice(struct canp_unpacker *u, const struct canp_unpack_choice *choice, uint8_t *rows,
                             size_t rows_capacity, uint32_t *positions)
{
    uint64_t bytes = wanted_bytes(u, choice);
    if (bytes > rows_capacity)
        return -CANP_E_DAMAGED;
    if (bytes == 0)
        return 0;
    int r = canp_unpack_place(u, choice, positions);
    uint32_t grouped = 0;
    for (uint32_t g = 0; r == 0 && g < u->header.group_count; g++) {
        const struct canp_unpack_group *group = &u->groups[g];
        grouped = group->first_lane + group->lane_count;
        if (group->first_lane < choice->end && grouped > choice->first)
            r = write_group(u, group, choice, rows);
    }
    for (uint32_t l = grouped; r == 0 && l < choice->end; l++) { /* lanes without payload */
        if (canp_unpack_wants(choice, l))
            write_lane(u, &u->lanes[l], u->plain, rows);
    }
    return r < 0 ? r : (int64_t)bytes;
}

/* ---- the public functions ---------------------------------------------------------------------- */

int64_t canp_unpack(struct canp_unpacker *u, const uint8_t *packed, size_t packed_bytes, uint8_t *rows,
                    size_t rows_capacity)
{
    int r = canp_unpack_load(u, packed, packed_bytes);
    if (r < 0)
        return r;
    struct canp_unpack_choice all = {0, u->header.lane_count, NULL};
    return unpack_choice(u, &all, rows, rows_capacity, NULL);
}

int64_t canp_packed_lanes(struct canp_unpacker *u, const uint8_t *packed, size_t packed_bytes,
                          const struct canp_lane **lanes)
{
    int r = canp_unpack_load(u, packed, packed_bytes);
    if (r < 0)
        return r;
    for (uint32_t l = 0; l < u->header.lane_count; l++) {
        const struct canp_unpack_lane *lane = &u->lanes[l];
        struct canp_lane *out = &u->public_lanes[l];
        *out = (struct canp_lane){
            .rows = lane->rows,
            .row_bytes = lane->row_bytes,
            .id = (uint32_t)lane->head,
            .tag = lane->tag,
            .channel = (uint8_t)lane->tag,
            .kind = (lane->tag >> CANP_TAG_KIND_SHIFT) & 0x0F,
            .dir = (lane->tag >> CANP_TAG_DIR_SHIFT) & 0x03,
            .has_hw_time = (lane->tag & CANP_TAG_HW_TIME) != 0,
            .first_ns = (int64_t)lane->first,
        };
        canp_store_u64(out->head, lane->head);
    }
    *lanes = u->public_lanes;
    return u->header.lane_count;
}

int64_t canp_unpack_lanes(struct canp_unpacker *u, const uint8_t *chosen, uint8_t *rows, size_t rows_capacity,
                          uint32_t *positions)
{
    if (!u->loaded)
        return -CANP_E_DAMAGED;
    struct canp_unpack_choice choice = {0, u->header.lane_count, chosen};
    return unpack_choice(u, &choice, rows, rows_capacity, positions);
}

int64_t canp_unpack_lane(struct canp_unpacker *u, size_t lane, uint8_t *rows, size_t rows_capacity,
                         uint32_t *positions)
{
    if (!u->loaded)
        return -CANP_E_DAMAGED;
    if (lane >= u->header.lane_count)
        return -EINVAL;
    struct canp_unpack_choice choice = {(uint32_t)lane, (uint32_t)lane + 1, NULL};
    return unpack_choice(u, &choice, rows, rows_capacity, positions);
}

/* ---- scratch memory ---------------------------------------------------------------------------- */

static void carve_unpacker(struct canp_unpacker *u, struct canp_carver *c)
{
    size_t bytes = u->max_bytes, rows = bytes / 16 + 1;
    if (rows > CANP_PACK_ROWS_MAX)
        rows = CANP_PACK_ROWS_MAX;
    u->lanes = canp_carve(c, rows, sizeof(*u->lanes));
    u->groups = canp_carve(c, rows, sizeof(*u->groups));
    u->exceptions = canp_carve(c, rows, sizeof(*u->exceptions));
    u->public_lanes = canp_carve(c, rows, sizeof(*u->public_lanes));
    u->excepted = canp_carve(c, rows / 64 + 1, sizeof(*u->excepted));
    u->times = canp_carve(c, rows, sizeof(*u->times));
    u->hw_times = canp_carve(c, rows, sizeof(*u->hw_times));
    u->keys = canp_carve(c, rows, sizeof(*u->keys));
    u->keys2 = canp_carve(c, rows, sizeof(*u->keys2));
    u->buckets = canp_carve(c, CANP_UNPACK_BUCKETS_MAX, sizeof(*u->buckets));
    u->sequence = canp_carve(c, rows, sizeof(*u->sequence));
    u->sorted = canp_carve(c, rows, sizeof(*u->sorted));
    u->next = canp_carve(c, 2 * rows, sizeof(*u->next));
    u->lane_of = canp_carve(c, rows, sizeof(*u->lane_of));
    u->place = canp_carve(c, rows, sizeof(*u->place));
    u->words = canp_carve(c, rows + CANP_PLANES_SLACK, sizeof(*u->words));
    u->plain = canp_carve(c, bytes, 1);
    u->plain_column = canp_carve(c, rows, 2);
    u->row = canp_carve(c, CANP_ROW_BYTES_MAX, 1);
}

int canp_unpacker_open(size_t max_rows_bytes, struct canp_unpacker **out)
{
    if (max_rows_bytes == 0 || max_rows_bytes > CANP_PACK_BYTES_MAX)
        return -EINVAL;
    struct canp_unpacker *u = calloc(1, sizeof(*u));
    if (!u)
        return -ENOMEM;
    u->max_bytes = max_rows_bytes;
    struct canp_carver c = {0};
    carve_unpacker(u, &c);
    c.memory = aligned_alloc(CANP_CARVE_ALIGN, c.used_bytes);
    if (!c.memory) {
        free(u);
        return -ENOMEM;
    }
    u->memory = c.memory;
    c.used_bytes = 0;
    carve_unpacker(u, &c);
    memset(u->row, 0, CANP_ROW_BYTES_MAX);
    *out = u;
    return 0;
}

void canp_unpacker_close(struct canp_unpacker *u)
{
    if (!u)
        return;
    free(u->memory);
    free(u);
}
