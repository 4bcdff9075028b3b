/*
 * Makes a plan for reading records from a group's channels (mf4_parts.h): it finds channels by the standard's
 * names for bus logging, and stores their places, constants and conversions. Invariant: a usable plan reads
 * within a record and CANP_MF4_SLACK bytes behind it. One thread.
 */
#include "formats/mf4/mf4_parts.h"

enum channel_type {
    FIXED = 0,
    VARIABLE = 1, /* the record has the place of the bytes */
    MASTER = 2,
    VIRTUAL_MASTER = 3,
    MOST = 5, /* bytes in the record, another channel says how many count */
    VIRTUAL = 6,
};

#define SYNC_TIME            1
#define LINK_CC              4
#define LINK_DATA            5
#define TABLE_MAX            64U /* pairs or ranges of a conversion */
#define CONVERT_NONE         0
#define CONVERT_LINEAR       1
#define CONVERT_INTERPOLATED 4
#define CONVERT_TABLE        5
#define CONVERT_RANGES       6
#define CONVERT_TEXTS        7 /* and above: to or from texts */

/* What stands in a CC block, as much as is needed here. */
struct conversion {
    uint8_t type;
    unsigned count;
    double values[2 * TABLE_MAX];
};

static void read_conversion(struct canp_mf4_file *file, uint64_t offset, struct conversion *out)
{
    struct canp_mf4_block block;
    uint8_t raw[24 + 8 * 2 * TABLE_MAX];
    uint64_t left = file->to_walk;
    *out = (struct conversion){.type = CONVERT_NONE};
    if (!offset || canp_mf4_block_at(file, offset, &block) < 0)
        return;
    file->to_walk = left; /* may be shared */
    uint64_t behind = CANP_MF4_HEAD_BYTES + 8 * block.links;
    uint64_t there = block.bytes - behind;
    if (!canp_mf4_is(&block, "CC") || there < 24)
        return;
    int64_t n = canp_mf4_read(file, offset + behind, raw, there < sizeof(raw) ? (size_t)there : sizeof(raw));
    if (n < 24)
        return;
    out->type = raw[0];
    out->count = canp_mf4_u16(raw + 6);
    if (out->count > (size_t)(n - 24) / 8)
        out->count = (unsigned)((size_t)(n - 24) / 8);
    for (unsigned i = 0; i < out->count; i++)
        out->values[i] = canp_mf4_double(raw + 24 + (size_t)8 * i);
}

/* What a table makes of a raw value; false where it says nothing. */
static bool look_up(const struct conversion *c, double raw, double *out)
{
    unsigned step = c->type == CONVERT_RANGES ? 3 : 2;
    for (unsigned i = 0; i + step <= c->count; i += step) {
        bool is_it = step == 3 ? raw >= c->values[i] && raw <= c->values[i + 1] : raw == c->values[i];
        if (is_it) {
            *out = c->values[i + step - 1];
            return true;
        }
    }
    return false;
}

/* A field of up to 8 bits as a table of what it stands for. */
static void make_lengths(struct canp_mf4_group *group, const struct conversion *c, unsigned bits)
{
    for (unsigned raw = 0; raw < 1U << bits; raw++) {
        double value = raw;
        if (c->type == CONVERT_LINEAR && c->count >= 2)
            value = c->values[0] + c->values[1] * raw;
        else if (!look_up(c, raw, &value))
            value = raw;
        group->lengths[raw] = value >= 0 && value <= 255 ? (uint8_t)value : 255;
    }
    group->has_lengths = true;
}

/* ---- places ------------------------------------------------------------------------------------------ */

/* False: it does not lie in the record, or is no number of up to 64 bits. */
static bool place_field(const struct canp_mf4_group *group, const uint8_t *data, struct canp_mf4_field *out)
{
    uint8_t type = data[2], shift = data[3];
    uint32_t byte = canp_mf4_u32(data + 4), bits = canp_mf4_u32(data + 8);
    if (shift > 7 || bits == 0 || bits > 64U - shift || type > 9 || byte > CANP_MF4_RECORD_MAX)
        return false;
    uint32_t bytes = (shift + bits + 7) / 8;
    if (byte + bytes > group->data_bytes)
        return false;
    *out = (struct canp_mf4_field){.byte = (uint16_t)byte,
                                   .shift = shift,
                                   .bits = (uint8_t)bits,
                                   .mask = bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1,
                                   .is_there = true,
                                   .is_big = type == 1 || type == 3 || type == 5,
                                   .is_signed = type == 2 || type == 3,
                                   .is_float = type == 4 || type == 5,
                                   .is_text = type >= 6 && type <= 9};
    if (out->is_big)
        out->shift = (uint8_t)(shift + 64 - 8 * bytes);
    return !out->is_float || ((bits == 64 || bits == 32) && shift == 0);
}

/* The same for all records: its value stands in the conversion. */
static void place_constant(const struct conversion *c, struct canp_mf4_field *out)
{
    *out = (struct canp_mf4_field){0};
    if (c->type != CONVERT_LINEAR || c->count < 2 || c->values[1] != 0 || !(c->values[0] >= 0) ||
        c->values[0] > UINT32_MAX)
        return;
    out->constant = (uint64_t)c->values[0];
    out->is_there = true;
}

static struct canp_mf4_field *field_named(struct canp_mf4_group *group, const char *name)
{
    const struct {
        const char *name;
        struct canp_mf4_field *field;
    } fields[] = {
        {"BusChannel", &group->bus},
        {"ID", &group->number},
        {"IDE", &group->extended},
        {"DLC", &group->dlc},
        {"DataLength", &group->length},
        {"Dir", &group->dir},
        {"EDL", &group->edl},
        {"BRS", &group->brs},
        {"ESI", &group->esi},
        {"ErrorType", &group->error_type},
        {CANP_MF4_ERROR_CLASS, &group->class_of},
    };
    for (unsigned i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (strcasecmp(fields[i].name, name) == 0)
            return fields[i].field;
    }
    return NULL;
}

/* ---- time -------------------------------------------------------------------------------------------- */

static void plan_time(struct canp_mf4_group *group, const uint8_t *data, const struct conversion *c)
{
    double factor = 1, offset = 0;
    if (data[0] != MASTER || !place_field(group, data, &group->time) || group->time.is_text) {
        group->time.is_there = false;
        return;
    }
    if (c->type == CONVERT_LINEAR && c->count >= 2) {
        offset = c->values[0];
        factor = c->values[1];
    } else if (c->type != CONVERT_NONE) {
        group->time.is_there = false;
        return;
    }
    group->time_factor_ns = factor * 1e9;
    group->time_offset_ns = offset * 1e9;
    double exact = group->time_factor_ns;
    double whole = exact >= 0.5 && exact < 1e12 ? (double)canp_mf4_round(exact) : 0;
    bool is_whole = whole > 0 && exact - whole < 1e-6 * whole && whole - exact < 1e-6 * whole;
    if (is_whole)
        group->time_factor_ns = whole; /* 1e-6 has no exact double */
    if (is_whole && offset == 0 && !group->time.is_float)
        group->time_scale = (int64_t)whole;
}

/* ---- payloads ---------------------------------------------------------------------------------------- */

static void plan_bytes(struct canp_mf4_group *group, const uint8_t *data, const uint64_t *links)
{
    uint32_t byte = canp_mf4_u32(data + 4), bits = canp_mf4_u32(data + 8);
    if (data[0] == VARIABLE) {
        uint8_t copy[12];
        memcpy(copy, data, sizeof(copy));
        copy[2] = 0; /* the place is a number, whatever it leads to */
        if (links[LINK_DATA] && place_field(group, copy, &group->place)) {
            group->payload = CANP_MF4_FAR;
            group->far_link = links[LINK_DATA];
        }
        return;
    }
    if ((data[0] != FIXED && data[0] != MOST) || data[3] != 0 || bits % 8 != 0 || byte > group->data_bytes ||
        bits / 8 > group->data_bytes - byte)
        return;
    group->payload = CANP_MF4_INLINE;
    group->bytes_at = byte;
    group->bytes_max = bits / 8;
}

/* ---- channels ---------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    uint8_t kind;
    const char *what;
} structs[] = {
    {"CAN_DataFrame", CANP_MF4_DATA, NULL},
    {"CAN_RemoteFrame", CANP_MF4_REMOTE, NULL},
    {"CAN_ErrorFrame", CANP_MF4_ERROR, NULL},
    {CANP_MF4_EVENT_GROUP, CANP_MF4_EVENT, NULL},
    {"CAN_OverloadFrame", CANP_MF4_OTHER, "CAN overload frames"},
};

/* By the part of the name before the dot. */
static void plan_kind(struct canp_mf4_group *group, const char *name, size_t bytes)
{
    static const struct {
        const char *prefix, *what;
    } others[] = {{"LIN_", "LIN frames"},
                  {"FLX_", "FlexRay frames"},
                  {"MOST_", "MOST messages"},
                  {"ETH_", "Ethernet frames"},
                  {"K_LINE_", "K-Line messages"}};
    for (unsigned i = 0; i < sizeof(structs) / sizeof(structs[0]); i++) {
        if (strlen(structs[i].name) == bytes && memcmp(structs[i].name, name, bytes) == 0) {
            group->kind = structs[i].kind;
            group->what = structs[i].what;
        }
    }
    for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]) && group->kind == CANP_MF4_OTHER; i++) {
        if (strncmp(name, others[i].prefix, strlen(others[i].prefix)) == 0)
            group->what = others[i].what;
    }
}

int canp_mf4_plan_channel(struct canp_mf4_file *file, struct canp_mf4_group *group, const char *name,
                          const uint8_t *data, const uint64_t *links)
{
    const char *dot = strrchr(name, '.'), *last = dot ? dot + 1 : name;
    struct conversion conversion;
    if (group->kind == CANP_MF4_OTHER && !group->what)
        plan_kind(group, name, dot ? (size_t)(dot - name) : strlen(name));
    struct canp_mf4_field *field = field_named(group, last);
    bool is_time = data[1] == SYNC_TIME && (data[0] == MASTER || data[0] == VIRTUAL_MASTER);
    if (!field && !is_time) {
        if (strcasecmp(last, "DataBytes") == 0 || strcmp(name, CANP_MF4_EVENT_GROUP ".Text") == 0)
            plan_bytes(group, data, links);
        return 0;
    }
    read_conversion(file, links[LINK_CC], &conversion);
    if (is_time) {
        plan_time(group, data, &conversion);
        return 0;
    }
    if (data[0] == VIRTUAL) {
        place_constant(&conversion, field);
        return 0;
    }
    if (!place_field(group, data, field) || field->is_float)
        *field = (struct canp_mf4_field){0};
    if (field == &group->length && field->is_there && field->bits <= 8 && conversion.type != CONVERT_NONE &&
        conversion.type < CONVERT_TEXTS)
        make_lengths(group, &conversion, field->bits);
    return 0;
}

void canp_mf4_plan_end(struct canp_mf4_group *group)
{
    bool is_can = group->kind >= CANP_MF4_DATA && group->kind <= CANP_MF4_EVENT;
    bool has_all = group->time.is_there && group->bytes <= CANP_MF4_RECORD_MAX;
    if (group->kind == CANP_MF4_DATA || group->kind == CANP_MF4_REMOTE)
        has_all = has_all && group->number.is_there && !group->number.is_text &&
                  (group->length.is_there || group->dlc.is_there || group->payload == CANP_MF4_FAR);
    if (group->kind == CANP_MF4_EVENT)
        has_all = has_all && group->payload == CANP_MF4_FAR;
    group->is_usable = is_can && has_all;
    if (!group->what)
        group->what = is_can ? "frames of channel groups that lack what a frame needs" : "measured values";
}
