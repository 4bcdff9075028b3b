/*
 * Reads the blocks from the header to the channels: data groups with frames become lanes, others are counted
 * and skipped. Damage is reported with its offset, and groups found before it are read. One thread.
 */
#include <errno.h>
#include <stdlib.h>

#include "formats/mf4/mf4_parts.h"

#define FLAG_VLSD     0x0001U
#define FLAG_REMOTE   0x0008U /* the time lies in another group */
#define DEPTH_MAX     3U      /* of channels made of channels */
#define CHANNELS_MAX  256U    /* of a group: bus logging has 20 */
#define LINK_CN_NEXT  0
#define LINK_CN_PARTS 1
#define LINK_CN_NAME  2

/* ---- channels ---------------------------------------------------------------------------------------- */

/* Channels to walk yet: parts are put on top of what follows their whole. */
struct to_walk {
    uint64_t offsets[DEPTH_MAX + 2];
    unsigned count, channels;
};

/* Parts may be an array, too: none of bus logging. */
static bool is_array(struct canp_mf4_file *file, uint64_t offset)
{
    char type[4];
    return canp_mf4_read(file, offset, type, sizeof(type)) == sizeof(type) && memcmp(type, "##CA", 4) == 0;
}

static int walk_channels(struct canp_log_reader *reader, struct canp_mf4_group *group, uint64_t first)
{
    struct canp_mf4_file *file = &((struct canp_mf4_reading *)reader->state)->file;
    struct to_walk todo = {.offsets = {first}, .count = first != 0};
    while (todo.count && todo.channels++ < CHANNELS_MAX) {
        uint64_t links[8], offset = todo.offsets[--todo.count];
        uint8_t data[16];
        char name[CANP_MF4_NAME_BYTES];
        int r = canp_mf4_take(file, offset, "CN", links, 8, data, sizeof(data));
        if (r == -CANP_E_DAMAGED && !is_array(file, offset))
            canp_log_bad_object(reader, "a ##CN block cannot be read, or leads in a circle", offset);
        if (r == -CANP_E_DAMAGED)
            continue;
        if (r < 0)
            return r;
        canp_mf4_text(file, links[LINK_CN_NAME], name);
        r = canp_mf4_plan_channel(file, group, name, data, links);
        if (r < 0)
            return r;
        if (links[LINK_CN_NEXT])
            todo.offsets[todo.count++] = links[LINK_CN_NEXT];
        if (links[LINK_CN_PARTS] && todo.count <= DEPTH_MAX)
            todo.offsets[todo.count++] = links[LINK_CN_PARTS];
    }
    return 0;
}

/* ---- channel groups ---------------------------------------------------------------------------------- */

/* 0; 1: the list of groups ends here for its damage; or an error. */
static int read_group(struct canp_log_reader *reader, uint64_t offset, bool is_column,
                      struct canp_mf4_group *group, uint64_t *next)
{
    struct canp_mf4_file *file = &((struct canp_mf4_reading *)reader->state)->file;
    uint64_t links[6];
    uint8_t data[32];
    int r = canp_mf4_take(file, offset, "CG", links, 6, data, sizeof(data));
    *next = 0;
    if (r == -CANP_E_DAMAGED) {
        canp_log_bad_object(reader, "a ##CG block cannot be read, or leads in a circle", offset);
        return 1;
    }
    if (r < 0)
        return r;
    *next = links[0];
    uint16_t flags = canp_mf4_u16(data + 16);
    *group = (struct canp_mf4_group){.offset = offset,
                                     .id = canp_mf4_u64(data),
                                     .cycles = canp_mf4_u64(data + 8),
                                     .data_bytes = canp_mf4_u32(data + 24)};
    uint64_t bytes = (uint64_t)group->data_bytes + (is_column ? 0 : canp_mf4_u32(data + 28));
    group->bytes = bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
    if (flags & FLAG_VLSD) {
        group->kind = CANP_MF4_VLSD;
        return 0;
    }
    r = walk_channels(reader, group, links[1]);
    if (flags & FLAG_REMOTE)
        group->time.is_there = false;
    canp_mf4_plan_end(group);
    return r;
}

static int add_group(struct canp_mf4_lane *lane, const struct canp_mf4_group *group)
{
    if ((lane->group_count & (lane->group_count - 1)) == 0) { /* full: 0, 1, 2, 4 … */
        size_t room = lane->group_count ? (size_t)2 * lane->group_count : 1;
        struct canp_mf4_group *groups = realloc(lane->groups, room * sizeof(*groups));
        if (!groups)
            return -ENOMEM;
        lane->groups = groups;
    }
    lane->groups[lane->group_count++] = *group;
    return 0;
}

static int by_id(const void *a, const void *b)
{
    const struct canp_mf4_group *x = a, *y = b;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* Payloads elsewhere: in records of another group, or in blocks of their own. */
static int tie_payload(struct canp_log_reader *reader, struct canp_mf4_lane *lane,
                       struct canp_mf4_group *group)
{
    struct canp_mf4_reading *state = reader->state;
    if (!group->is_usable || group->payload != CANP_MF4_FAR)
        return 0;
    for (unsigned i = 0; i < lane->group_count; i++) {
        if (lane->groups[i].kind == CANP_MF4_VLSD && lane->groups[i].offset == group->far_link) {
            group->vlsd = &lane->groups[i];
            return 0;
        }
    }
    group->far = calloc(1, sizeof(*group->far));
    if (!group->far)
        return -ENOMEM;
    canp_mf4_stream_open(&state->file, group->far, group->far_link);
    state->file.streams++;
    return 0;
}

static int tie_groups(struct canp_log_reader *reader, struct canp_mf4_lane *lane)
{
    int r = 0;
    qsort(lane->groups, lane->group_count, sizeof(*lane->groups), by_id);
    for (unsigned i = lane->group_count; i > 0; i--) {
        if (lane->groups[i - 1].id < 256)
            lane->by_id[lane->groups[i - 1].id] = (uint16_t)i;
    }
    for (unsigned i = 0; i < lane->group_count && r == 0; i++)
        r = tie_payload(reader, lane, &lane->groups[i]);
    return r;
}

/* ---- data groups ------------------------------------------------------------------------------------- */

void canp_mf4_free_lane(struct canp_mf4_file *file, struct canp_mf4_lane *lane)
{
    for (unsigned i = 0; i < lane->group_count; i++) {
        if (lane->groups[i].far)
            canp_mf4_stream_close(file, lane->groups[i].far);
        free(lane->groups[i].far);
    }
    canp_mf4_stream_close(file, &lane->data);
    free(lane->groups);
    free(lane);
}

/* The records of a data group that is not read. */
static void count_passed(struct canp_log_reader *reader, const struct canp_mf4_lane *lane)
{
    uint64_t most = ((struct canp_mf4_reading *)reader->state)->file.bytes;
    for (unsigned i = 0; i < lane->group_count; i++) {
        const struct canp_mf4_group *g = &lane->groups[i];
        if (g->kind != CANP_MF4_VLSD)
            canp_log_pass_many(reader, g->what, g->cycles < most ? g->cycles : most);
    }
}

static bool has_frames(const struct canp_mf4_lane *lane)
{
    bool has_any = false;
    for (unsigned i = 0; i < lane->group_count; i++)
        has_any |= lane->groups[i].is_usable;
    return has_any;
}

static int read_groups(struct canp_log_reader *reader, struct canp_mf4_lane *lane, uint64_t first,
                       bool is_column, unsigned *room)
{
    struct canp_mf4_group group;
    int r = 0;
    for (uint64_t offset = first; offset && r == 0;) {
        uint64_t next;
        if ((*room)-- == 0)
            return canp_log_error(reader, -CANP_E_TOO_MANY, "%s: more than %u channel groups, at offset %llu",
                                  reader->path ? reader->path : "the log", CANP_MF4_GROUPS_MAX,
                                  (unsigned long long)offset);
        r = read_group(reader, offset, is_column, &group, &next);
        if (r == 0)
            r = add_group(lane, &group);
        offset = next;
        if (!lane->id_bytes)
            break;
    }
    return r > 0 ? 0 : r;
}

static int open_lane(struct canp_log_reader *reader, struct canp_mf4_lane *lane, const uint64_t *links,
                     unsigned *room)
{
    struct canp_mf4_file *file = &((struct canp_mf4_reading *)reader->state)->file;
    int r = read_groups(reader, lane, links[1], links[2] && canp_mf4_is_column(file, links[2]), room);
    if (r < 0 || !links[2] || !has_frames(lane))
        return r;
    canp_mf4_stream_open(file, &lane->data, links[2]);
    file->streams++;
    r = tie_groups(reader, lane);
    return r < 0 ? r : 1;
}

static int keep_lane(struct canp_mf4_reading *state, struct canp_mf4_lane *lane)
{
    struct canp_mf4_lane **lanes =
        realloc(state->lanes, (state->lane_count + 1) * sizeof(struct canp_mf4_lane *));
    if (!lanes)
        return -ENOMEM;
    state->lanes = lanes;
    state->lanes[state->lane_count++] = lane;
    return 0;
}

static int read_data_group(struct canp_log_reader *reader, const uint64_t *links, uint8_t id_bytes,
                           uint64_t offset, unsigned *room)
{
    struct canp_mf4_reading *state = reader->state;
    if (id_bytes > 8 || (id_bytes & (id_bytes - 1)) != 0) {
        canp_log_bad_object(reader, "a ##DG block's record numbers have a size that cannot be", offset);
        return 0;
    }
    struct canp_mf4_lane *lane = calloc(1, sizeof(*lane));
    if (!lane)
        return -ENOMEM;
    lane->id_bytes = id_bytes;
    int r = open_lane(reader, lane, links, room);
    if (r == 1 && state->lane_count == CANP_MF4_LANES_MAX)
        r = canp_log_error(
            reader, -CANP_E_TOO_MANY, "%s: more than %u data groups with frames, at offset %llu",
            reader->path ? reader->path : "the log", CANP_MF4_LANES_MAX, (unsigned long long)offset);
    if (r == 1)
        r = keep_lane(state, lane) < 0 ? -ENOMEM : 1;
    if (r == 0)
        count_passed(reader, lane);
    if (r != 1)
        canp_mf4_free_lane(&state->file, lane);
    return r < 0 ? r : 0;
}

int canp_mf4_open_groups(struct canp_log_reader *reader, uint64_t first_dg)
{
    struct canp_mf4_reading *state = reader->state;
    unsigned room = CANP_MF4_GROUPS_MAX;
    for (uint64_t offset = first_dg; offset;) {
        uint64_t links[4];
        uint8_t data[8];
        int r = canp_mf4_take(&state->file, offset, "DG", links, 4, data, sizeof(data));
        if (r == -CANP_E_DAMAGED) {
            canp_log_bad_object(reader, "a ##DG block cannot be read, or leads in a circle", offset);
            return 0;
        }
        if (r == 0)
            r = read_data_group(reader, links, data[0], offset, &room);
        if (r < 0)
            return r;
        offset = links[0];
    }
    return 0;
}
