/*
 * Writes MF4 files like those of a CANedge, but finished: version 4.11, one data group whose records begin
 * with their channel group's number, payloads in records of a group of their own (VLSD). So records keep
 * their order and memory is constant. Records that are no frames are texts (text/event_text.h) in a group of
 * canp's own; the bytes of an error frame are in additional channels beside the standard's ErrorType.
 *
 * The header's blocks have a fixed size: they are written first, and again at the end with the counts. In a
 * pipe they cannot be written again, so the file stays "unfinished" (UnFinMF), which readers of MF4 know how
 * to handle.
 * One thread.
 */
#include <endian.h>

#include "formats/mf4/mf4_parts.h"
#include "formats/mf4/mf4_write.h"
#include "formats/text/civil.h"

enum { DATA = 1, DATA_BYTES, ERRORS, REMOTE, EVENTS, EVENT_BYTES };

#define RECORD_MAX 128U /* of a frame, its payload included */

static void put_u16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}
static void put_u32(uint8_t *at, uint32_t value)
{
    memcpy(at, &(uint32_t){htole32(value)}, 4);
}
static void put_u64(uint8_t *at, uint64_t value)
{
    memcpy(at, &(uint64_t){htole64(value)}, 8);
}
static void put_double(uint8_t *at, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    put_u64(at, bits);
}

/* ---- the header's blocks ----------------------------------------------------------------------------- */

/* Appends a block of zeros: its offset. */
static uint32_t add_block(struct canp_mf4_writing *state, const char type[2], uint32_t links, uint32_t bytes)
{
    uint32_t offset = state->head_bytes, whole = CANP_MF4_HEAD_BYTES + 8 * links + bytes;
    uint8_t *at = state->head + offset;
    memcpy(at, "##", 2);
    memcpy(at + 2, type, 2);
    put_u64(at + 8, whole);
    put_u64(at + 16, links);
    state->head_bytes = offset + ((whole + 7) & ~7U);
    return offset;
}

static void set_link(struct canp_mf4_writing *state, uint32_t block, uint32_t link, uint64_t to)
{
    put_u64(state->head + block + CANP_MF4_HEAD_BYTES + 8 * link, to);
}

/* Behind its links. */
static uint8_t *data_of(struct canp_mf4_writing *state, uint32_t block)
{
    uint8_t *at = state->head + block;
    return at + CANP_MF4_HEAD_BYTES + 8 * canp_mf4_u64(at + 16);
}

static uint32_t add_text(struct canp_mf4_writing *state, const char type[2], const char *text)
{
    uint32_t block = add_block(state, type, 0, (uint32_t)strlen(text) + 1);
    memcpy(data_of(state, block), text, strlen(text));
    return block;
}

/* A channel: what stands in a row of the tables below. */
struct channel {
    const char *name;
    uint8_t type, sync, data_type, bit; /* of the CN block */
    uint32_t byte, bits;
};

#define NUMBER 0 /* unsigned, the lowest byte first */
#define SIGNED 2
#define UTF8   7
#define BYTES  10

static const struct channel time_channel = {"Timestamp", 2, 1, SIGNED, 0, 0, 64};
static const struct channel data_channels[] = {
    {"CAN_DataFrame", 0, 0, BYTES, 0, 8, 120},           {"CAN_DataFrame.BusChannel", 0, 0, NUMBER, 0, 12, 8},
    {"CAN_DataFrame.ID", 0, 0, NUMBER, 0, 8, 29},        {"CAN_DataFrame.IDE", 0, 0, NUMBER, 7, 11, 1},
    {"CAN_DataFrame.DLC", 0, 0, NUMBER, 0, 13, 4},       {"CAN_DataFrame.DataLength", 0, 0, NUMBER, 0, 14, 8},
    {"CAN_DataFrame.DataBytes", 1, 0, BYTES, 0, 15, 64}, {"CAN_DataFrame.Dir", 0, 0, NUMBER, 4, 13, 1},
    {"CAN_DataFrame.EDL", 0, 0, NUMBER, 5, 13, 1},       {"CAN_DataFrame.BRS", 0, 0, NUMBER, 6, 13, 1},
    {"CAN_DataFrame.ESI", 0, 0, NUMBER, 7, 13, 1},       {NULL, 0, 0, 0, 0, 0, 0}};
static const struct channel error_channels[] = {{"CAN_ErrorFrame", 0, 0, BYTES, 0, 8, 120},
                                                {"CAN_ErrorFrame.BusChannel", 0, 0, NUMBER, 0, 8, 8},
                                                {"CAN_ErrorFrame.ErrorType", 0, 0, NUMBER, 0, 9, 6},
                                                {"CAN_ErrorFrame.Dir", 0, 0, NUMBER, 7, 9, 1},
                                                {"CAN_ErrorFrame.SocketCANClass", 0, 0, NUMBER, 0, 10, 32},
                                                {"CAN_ErrorFrame.DataLength", 0, 0, NUMBER, 0, 14, 8},
                                                {"CAN_ErrorFrame.DataBytes", 0, 0, BYTES, 0, 15, 64},
                                                {NULL, 0, 0, 0, 0, 0, 0}};
static const struct channel remote_channels[] = {
    {"CAN_RemoteFrame", 0, 0, BYTES, 0, 8, 56},      {"CAN_RemoteFrame.BusChannel", 0, 0, NUMBER, 0, 12, 8},
    {"CAN_RemoteFrame.ID", 0, 0, NUMBER, 0, 8, 29},  {"CAN_RemoteFrame.IDE", 0, 0, NUMBER, 7, 11, 1},
    {"CAN_RemoteFrame.DLC", 0, 0, NUMBER, 0, 13, 4}, {"CAN_RemoteFrame.DataLength", 0, 0, NUMBER, 0, 14, 8},
    {"CAN_RemoteFrame.Dir", 0, 0, NUMBER, 4, 13, 1}, {NULL, 0, 0, 0, 0, 0, 0}};
static const struct channel event_channels[] = {{CANP_MF4_EVENT_GROUP ".Text", 1, 0, UTF8, 0, 8, 64},
                                                {NULL, 0, 0, 0, 0, 0, 0}};

/* Bytes of a record behind its group's number; a payload's groups have any number. */
static const uint8_t record_bytes[CANP_MF4_WRITTEN_GROUPS] = {
    [DATA] = 23, [ERRORS] = 23, [REMOTE] = 15, [EVENTS] = 16};

static uint32_t add_channel(struct canp_mf4_writing *state, const struct channel *channel, uint32_t vlsd,
                            bool is_bus)
{
    uint32_t block = add_block(state, "CN", 8, 72);
    uint8_t *at = data_of(state, block);
    at[0] = channel->type;
    at[1] = channel->sync;
    at[2] = channel->data_type;
    at[3] = channel->bit;
    put_u32(at + 4, channel->byte);
    put_u32(at + 8, channel->bits);
    put_u32(at + 12, is_bus ? 0x400 : 0); /* it is of a bus event */
    set_link(state, block, 2, add_text(state, "TX", channel->name));
    if (channel->type == 1)
        set_link(state, block, 5, vlsd);
    return block;
}

/* The channels of a group, the first of a bus event being made of the others. */
static uint32_t add_channels(struct canp_mf4_writing *state, const struct channel *channels, uint32_t vlsd,
                             bool is_bus, uint32_t conversion)
{
    uint32_t first = add_channel(state, &time_channel, 0, false), last = first;
    set_link(state, first, 4, conversion);
    for (unsigned i = 0; channels[i].name; i++) {
        uint32_t block = add_channel(state, &channels[i], vlsd, is_bus);
        set_link(state, last, is_bus && i == 1 ? 1 : 0, block);
        last = block;
    }
    return first;
}

static uint32_t add_group(struct canp_mf4_writing *state, unsigned id, const char *name, uint32_t source)
{
    uint32_t block = add_block(state, "CG", 6, 32);
    uint8_t *at = data_of(state, block);
    state->groups[id] = block;
    put_u64(at, id);
    put_u16(at + 16, !name ? 1 : source ? 6 : 0); /* VLSD, or a plain bus event */
    put_u16(at + 18, '.');
    put_u32(at + 24, record_bytes[id]);
    if (name)
        set_link(state, block, 2, add_text(state, "TX", name));
    set_link(state, block, 3, source);
    return block;
}

static uint32_t add_conversion(struct canp_mf4_writing *state)
{
    uint32_t block = add_block(state, "CC", 4, 40);
    uint8_t *at = data_of(state, block);
    at[0] = 1; /* linear: 0 + 1e-9 x */
    put_u16(at + 6, 2);
    put_double(at + 32, 1e-9);
    return block;
}

static uint32_t add_source(struct canp_mf4_writing *state)
{
    uint32_t block = add_block(state, "SI", 3, 8), name = add_text(state, "TX", "CAN");
    uint8_t *at = data_of(state, block);
    at[0] = at[1] = 2; /* a bus: CAN */
    set_link(state, block, 0, name);
    set_link(state, block, 1, name);
    return block;
}

static uint32_t add_history(struct canp_mf4_writing *state, uint64_t time_ns)
{
    uint32_t block = add_block(state, "FH", 2, 16);
    put_u64(data_of(state, block), time_ns);
    data_of(state, block)[12] = 2; /* offsets to UTC are given: none */
    set_link(
        state, block, 1,
        add_text(state, "MD",
                 "<FHcomment><TX>written by canp</TX><tool_id>canp</tool_id><tool_vendor>canp</tool_vendor>"
                 "<tool_version>0</tool_version></FHcomment>"));
    return block;
}

static void add_groups(struct canp_mf4_writing *state, uint32_t data_group)
{
    uint32_t conversion = add_conversion(state), source = add_source(state);
    uint32_t data = add_group(state, DATA, "CAN_DataFrame", source);
    uint32_t data_bytes = add_group(state, DATA_BYTES, NULL, 0);
    uint32_t errors = add_group(state, ERRORS, "CAN_ErrorFrame", source);
    uint32_t remote = add_group(state, REMOTE, "CAN_RemoteFrame", source);
    uint32_t events = add_group(state, EVENTS, CANP_MF4_EVENT_GROUP, 0);
    uint32_t event_bytes = add_group(state, EVENT_BYTES, NULL, 0);
    set_link(state, data_group, 1, data);
    set_link(state, data, 0, data_bytes);
    set_link(state, data_bytes, 0, errors);
    set_link(state, errors, 0, remote);
    set_link(state, remote, 0, events);
    set_link(state, events, 0, event_bytes);
    set_link(state, data, 1, add_channels(state, data_channels, data_bytes, true, conversion));
    set_link(state, errors, 1, add_channels(state, error_channels, 0, true, conversion));
    set_link(state, remote, 1, add_channels(state, remote_channels, 0, true, conversion));
    set_link(state, events, 1, add_channels(state, event_channels, event_bytes, false, conversion));
}

/* Begins at the whole second of the first record: stamps are small, and may be negative. */
static void begin(struct canp_log_writer *writer, int64_t time_ns)
{
    struct canp_mf4_writing *state = writer->state;
    uint32_t rest_ns;
    state->start_ns = time_ns > 0 ? canp_split_seconds(time_ns, &rest_ns) * 1000000000 : 0;
    state->has_begun = true;
    memcpy(state->head, writer->sink.is_seekable ? "MDF     4.11    canp    " : "UnFinMF 4.11    canp    ",
           24);
    put_u16(state->head + 28, 411);
    if (!writer->sink.is_seekable)
        put_u16(state->head + 60,
                CANP_MF4_CYCLES_MISSING | CANP_MF4_LENGTH_MISSING | CANP_MF4_VLSD_BYTES_MISSING);
    state->head_bytes = 64;
    uint32_t header = add_block(state, "HD", 6, 32);
    put_u64(data_of(state, header), (uint64_t)state->start_ns);
    data_of(state, header)[12] = 2; /* offsets to UTC are given: none */
    set_link(state, header, 1, add_history(state, (uint64_t)state->start_ns));
    uint32_t data_group = add_block(state, "DG", 4, 8);
    data_of(state, data_group)[0] = 1;
    set_link(state, header, 0, data_group);
    add_groups(state, data_group);
    state->data = add_block(state, "DT", 0, 0);
    set_link(state, data_group, 2, state->data);
    canp_sink_put(&writer->sink, state->head, state->head_bytes);
}

/* ---- records ----------------------------------------------------------------------------------------- */

/* A record's beginning: its group and its time. */
static inline uint8_t *add_record(struct canp_log_writer *writer, uint8_t *at, uint8_t group, int64_t time_ns)
{
    struct canp_mf4_writing *state = writer->state;
    int64_t since_ns;
    if (__builtin_expect(__builtin_sub_overflow(time_ns, state->start_ns, &since_ns), 0)) {
        since_ns = INT64_MIN;
        canp_log_lose(writer, CANP_LOG_LOSS_TIME);
    }
    at[0] = group;
    put_u64(at + 1, (uint64_t)since_ns);
    state->counts[group]++;
    return at + 1;
}

/* The head of a payload's record; the bytes follow. */
static inline uint8_t *add_payload(struct canp_mf4_writing *state, uint8_t *at, uint8_t group, uint32_t bytes)
{
    at[0] = group;
    put_u32(at + 1, bytes);
    state->counts[group]++;
    state->places[group] += 4U + bytes;
    return at + 5;
}

static inline uint32_t id_of(uint32_t id)
{
    return id & CANP_ID_EFF ? (id & CANP_ID_EFF_MASK) | CANP_ID_EFF : id & CANP_ID_SFF_MASK;
}

static inline uint8_t dlc_of(const struct canp_frame *f, bool is_fd)
{
    static const uint8_t of_fours[17] = {0, 1, 8, 9, 10, 11, 12, 13, 13, 14, 14, 14, 14, 15, 15, 15, 15};
    if (f->len > 8)
        return is_fd ? of_fours[(f->len + 3) / 4] : 8;
    return !is_fd && f->len == 8 && f->len8_dlc > 8 && f->len8_dlc <= 15 ? f->len8_dlc : f->len;
}

static void add_data(struct canp_log_writer *writer, const struct canp_record *r, uint8_t number)
{
    struct canp_mf4_writing *state = writer->state;
    const struct canp_frame *f = r->frame;
    bool is_fd = r->kind == CANP_KIND_FD;
    uint8_t most = is_fd ? 64 : 8, len = f->len <= most ? f->len : most;
    uint8_t *at = (uint8_t *)canp_sink_room(&writer->sink, RECORD_MAX);
    uint8_t *record = add_record(writer, at, DATA, r->time_ns);
    put_u32(record + 8, id_of(f->id));
    record[12] = number;
    record[13] = (uint8_t)(dlc_of(f, is_fd) | (r->dir != CANP_DIR_RX) << 4);
    if (is_fd)
        record[13] |=
            (uint8_t)(0x20 | (f->flags & CANP_FD_BRS ? 0x40 : 0) | (f->flags & CANP_FD_ESI ? 0x80 : 0));
    record[14] = len;
    put_u64(record + 15, state->places[DATA_BYTES]);
    uint8_t *bytes = add_payload(state, record + 23, DATA_BYTES, len);
    memcpy(bytes, f->data, len);
    writer->sink.at = bytes + len;
}

static void add_remote(struct canp_log_writer *writer, const struct canp_record *r, uint8_t number)
{
    const struct canp_frame *f = r->frame;
    uint8_t *at = (uint8_t *)canp_sink_room(&writer->sink, RECORD_MAX);
    uint8_t *record = add_record(writer, at, REMOTE, r->time_ns);
    put_u32(record + 8, id_of(f->id));
    record[12] = number;
    record[13] = (uint8_t)(dlc_of(f, false) | (r->dir != CANP_DIR_RX) << 4);
    record[14] = f->len < 8 ? f->len : 8;
    writer->sink.at = record + 15;
}

/* Of the standard: bit, form, stuff, CRC, acknowledge; 0 where the kernel says something else. */
static uint8_t error_type(const struct canp_frame *f)
{
    if (f->id & 0x20) /* CAN_ERR_ACK of linux/can/error.h */
        return 5;
    if (!(f->id & 0x8) || f->len < 4) /* CAN_ERR_PROT */
        return 0;
    return f->data[2] & 0x01 ? 1 : f->data[2] & 0x02 ? 2 : f->data[2] & 0x04 ? 3 : f->data[3] == 0x08 ? 4 : 0;
}

static void add_error(struct canp_log_writer *writer, const struct canp_record *r, uint8_t number)
{
    const struct canp_frame *f = r->frame;
    uint8_t len = f->len < 8 ? f->len : 8;
    uint8_t *at = (uint8_t *)canp_sink_room(&writer->sink, RECORD_MAX);
    uint8_t *record = add_record(writer, at, ERRORS, r->time_ns);
    record[8] = number;
    record[9] = (uint8_t)(error_type(f) | (r->dir != CANP_DIR_RX) << 7);
    put_u32(record + 10, f->id & CANP_ID_EFF_MASK);
    record[14] = len;
    memset(record + 15, 0, 8);
    memcpy(record + 15, f->data, len);
    writer->sink.at = record + 23;
}

static void add_event(struct canp_log_writer *writer, const struct canp_record *r)
{
    struct canp_mf4_writing *state = writer->state;
    uint32_t number = canp_log_number(writer, r->channel);
    uint8_t *at = (uint8_t *)canp_sink_room(&writer->sink, RECORD_MAX + CANP_EVENT_TEXT_BYTES);
    uint8_t *record = add_record(writer, at, EVENTS, r->time_ns);
    put_u64(record + 8, state->places[EVENT_BYTES]);
    char *text = (char *)record + 16 + 5;
    char *end = canp_put_event_text(text, r, canp_log_name(writer, r->channel), number);
    *end++ = '\0'; /* texts in MDF end by a zero */
    add_payload(state, record + 16, EVENT_BYTES, (uint32_t)(end - text));
    writer->sink.at = (uint8_t *)end;
}

static void add_frame(struct canp_log_writer *writer, const struct canp_record *r)
{
    uint32_t number = canp_log_number(writer, r->channel);
    if (__builtin_expect(number > UINT8_MAX, 0)) { /* only by a map that asks for it */
        canp_log_lose(writer, CANP_LOG_LOSS_OTHER);
        return;
    }
    if (__builtin_expect(r->dir == CANP_DIR_OWN, 0))
        canp_log_lose(writer, CANP_LOG_LOSS_DIRECTION);
    if (__builtin_expect(r->kind == CANP_KIND_CAN && (r->frame->id & CANP_ID_ERR), 0))
        add_error(writer, r, (uint8_t)number);
    else if (__builtin_expect(r->kind == CANP_KIND_CAN && (r->frame->id & CANP_ID_RTR), 0))
        add_remote(writer, r, (uint8_t)number);
    else
        add_data(writer, r, (uint8_t)number);
}

int canp_mf4_write(struct canp_log_writer *writer, const struct canp_record *record)
{
    struct canp_mf4_writing *state = writer->state;
    if (__builtin_expect(!state->has_begun, 0))
        begin(writer, record->time_ns);
    if (__builtin_expect(canp_kind_is_frame(record->kind), 1))
        add_frame(writer, record);
    else
        add_event(writer, record);
    return 0;
}

/* ---- the end ----------------------------------------------------------------------------------------- */

int canp_mf4_finish(struct canp_log_writer *writer)
{
    struct canp_mf4_writing *state = writer->state;
    if (!state->has_begun)
        begin(writer, 0);
    if (!writer->sink.is_seekable)
        return writer->sink.error;
    for (unsigned id = DATA; id < CANP_MF4_WRITTEN_GROUPS; id++) {
        uint8_t *at = data_of(state, state->groups[id]);
        put_u64(at + 8, state->counts[id]);
        if (!record_bytes[id]) /* the bytes of all payloads, in both of its fields for bytes */
            put_u64(at + 24, state->places[id]);
    }
    put_u64(state->head + state->data + 8, canp_sink_offset(&writer->sink) - state->data);
    return canp_sink_patch(&writer->sink, 0, state->head, state->head_bytes);
}
