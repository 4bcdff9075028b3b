/*
 * Reads objects of a BLF stream as records. Invariant: nothing outside of the object's bytes is read, and a
 * length never exceeds the store. One thread.
 */
#include <canp/rows.h>

#include "formats/asc/asc_parts.h"
#include "formats/blf/blf_parts.h"

#define ID_EXTENDED 0x80000000U
#define FLAG_TX     0x01U
#define FLAG_REMOTE 0x80U

/* An object's body, behind the header with the stamp. */
struct body {
    const uint8_t *at;
    size_t bytes;
    uint32_t head; /* bytes of the header */
    int64_t time_ns;
    uint64_t offset;
};

static int bad(struct canp_log_reader *reader, const struct body *b, const char *reason)
{
    canp_log_bad_object(reader, reason, b->offset);
    return 0;
}

static uint32_t id_of(uint32_t id)
{
    return id & ID_EXTENDED ? (id & CANP_ID_EFF_MASK) | CANP_ID_EFF : id & CANP_ID_SFF_MASK;
}

static int lend(struct canp_log_reader *reader, const struct body *b, struct canp_record *out, uint8_t kind,
                uint32_t number, bool is_tx)
{
    int channel = canp_log_channel_numbered(reader, number);
    if (channel < 0)
        return channel;
    return canp_log_lend(reader, out, b->time_ns, kind, (uint8_t)channel, is_tx ? CANP_DIR_TX : CANP_DIR_RX);
}

static int take_classic(struct canp_log_reader *reader, const struct body *b, struct canp_record *out)
{
    struct canp_frame *f = &reader->store.frame;
    if (b->bytes < 16)
        return bad(reader, b, "a frame is shorter than its type allows");
    uint8_t flags = b->at[2], dlc = b->at[3] & 15;
    f->id = id_of(canp_blf_u32(b->at + 4));
    f->len = dlc < 8 ? dlc : 8;
    f->flags = f->res0 = 0;
    f->len8_dlc = dlc > 8 ? dlc : 0;
    memcpy(f->data, b->at + 8, 8);
    if (__builtin_expect(flags & FLAG_REMOTE, 0)) {
        f->id |= CANP_ID_RTR;
        memset(f->data, 0, 8);
    }
    if (f->len < 8)
        memset(f->data + f->len, 0, 8U - f->len);
    return lend(reader, b, out, CANP_KIND_CAN, canp_blf_u16(b->at), flags & FLAG_TX);
}

/* How many of a frame's bytes are stored. CANoe leaves out zeros at the end, and what follows them begins at
 * extDataOffset. */
static size_t stored_bytes(const struct body *b, size_t head, bool is_64)
{
    size_t end = b->bytes;
    if (is_64 && b->at[35] >= b->head + head && b->at[35] - b->head < end)
        end = b->at[35] - b->head;
    return end - head;
}

/* Types 100 and 101: what they say in different places. */
struct fd_object {
    uint32_t number, flags; /* 1 CAN FD, 2 BRS, 4 ESI */
    uint8_t dlc, valid;
    bool is_tx, is_remote;
};

static struct fd_object read_fd(const uint8_t *at, bool is_64)
{
    if (is_64)
        return (struct fd_object){.number = at[0],
                                  .flags = canp_blf_u32(at + 12) >> 12,
                                  .dlc = at[1] & 15,
                                  .valid = at[2],
                                  .is_tx = at[34] != 0,
                                  .is_remote = (at[12] & 0x10) != 0};
    return (struct fd_object){.number = canp_blf_u16(at),
                              .flags = at[13],
                              .dlc = at[3] & 15,
                              .valid = at[14],
                              .is_tx = (at[2] & FLAG_TX) != 0,
                              .is_remote = (at[2] & FLAG_REMOTE) != 0};
}

/* A CAN FD frame, or a classic one on a CAN FD channel. */
static int take_fd(struct canp_log_reader *reader, const struct body *b, struct canp_record *out, bool is_64)
{
    struct canp_frame *f = &reader->store.frame;
    size_t head = is_64 ? 40 : 20;
    if (b->bytes < head)
        return bad(reader, b, "a frame is shorter than its type allows");
    struct fd_object o = read_fd(b->at, is_64);
    bool is_fd = o.flags & 1;
    size_t len = is_fd ? o.valid : o.dlc < 8 ? o.dlc : 8, stored = stored_bytes(b, head, is_64);
    if (len > 64)
        return bad(reader, b, "a frame claims more than 64 bytes");
    memset(f, 0, sizeof(union canp_frame_store));
    f->id = id_of(canp_blf_u32(b->at + 4));
    f->len = (uint8_t)len;
    size_t copied = is_fd || o.valid > len ? len : o.valid;
    if (copied > stored)
        canp_log_pass(reader, "frames' ends that are not stored, and read as zeros");
    if (is_fd || !o.is_remote)
        memcpy(f->data, b->at + head, copied < stored ? copied : stored);
    if (is_fd) {
        f->flags = (uint8_t)(CANP_FD_FDF | (o.flags & 2 ? CANP_FD_BRS : 0) | (o.flags & 4 ? CANP_FD_ESI : 0));
        return lend(reader, b, out, CANP_KIND_FD, o.number, o.is_tx);
    }
    f->len8_dlc = o.dlc > 8 ? o.dlc : 0;
    f->id |= o.is_remote ? CANP_ID_RTR : 0;
    return lend(reader, b, out, CANP_KIND_CAN, o.number, o.is_tx);
}

/* ---- errors ------------------------------------------------------------------------------------------ */

/* The error's kind as Vector's controllers tell it: bit, form, stuff, other, CRC, acknowledge delimiter. */
static void set_core_error(struct canp_frame *f, uint32_t code)
{
    static const uint8_t types[8] = {0x01, 0x02, 0x04, 0, 0, 0, 0, 0};
    static const uint8_t places[8] = {0, 0, 0, 0, 0x08, 0x1B, 0, 0}; /* linux/can/error.h */
    f->id |= 0x8;                                                    /* CAN_ERR_PROT */
    f->data[2] = types[code & 7];
    f->data[3] = places[code & 7];
}

static int take_error(struct canp_log_reader *reader, const struct body *b, struct canp_record *out,
                      uint32_t type)
{
    struct canp_blf_reading *state = reader->state;
    struct canp_frame *f = &reader->store.frame;
    size_t least = type == CANP_BLF_CAN_ERROR ? 2 : type == CANP_BLF_CAN_ERROR_EXT ? 24 : 8;
    if (b->bytes < least)
        return bad(reader, b, "an error frame is shorter than its type allows");
    uint32_t number = type == CANP_BLF_CAN_FD_ERROR_64 ? b->at[0] : canp_blf_u16(b->at);
    memset(f, 0, sizeof(union canp_frame_store));
    f->id = CANP_ID_ERR | 0x80; /* CAN_ERR_BUSERROR */
    f->len = 8;
    if (type == CANP_BLF_CAN_ERROR_EXT && (b->at[4] & 1))
        canp_asc_error_code(f, b->at[8]);
    else if (type == CANP_BLF_CAN_ERROR_EXT && (b->at[4] & 2))
        set_core_error(f, canp_blf_u16(b->at + 20) >> 6);
    else if (type == CANP_BLF_CAN_FD_ERROR_64 && (canp_blf_u16(b->at + 4) & 2))
        set_core_error(f, canp_blf_u16(b->at + 6) >> 6);
    int r = lend(reader, b, out, CANP_KIND_CAN, number, false);
    if (r == 1 && state->has_error && state->error_channel == out->channel)
        memcpy(f, &state->error, sizeof(state->error));
    state->has_error = false;
    return r;
}

/* The controller's error counters. */
static int take_driver_error(struct canp_log_reader *reader, const struct body *b, struct canp_record *out)
{
    if (b->bytes < 4)
        return bad(reader, b, "a driver's error is shorter than its type allows");
    uint8_t tx = b->at[2], rx = b->at[3], most = tx > rx ? tx : rx;
    reader->store.link =
        (struct canp_link_event){.code = CANP_LINK_STATE, .bytes = sizeof(struct canp_link_event)};
    reader->store.link.state = most >= 128 ? 2 : most >= 96 ? 1 : 0; /* enum can_state */
    reader->store.link.tx_errors = tx;
    reader->store.link.rx_errors = rx;
    return lend(reader, b, out, CANP_KIND_LINK, canp_blf_u16(b->at), false);
}

/* ---- events ------------------------------------------------------------------------------------------ */

static int take_lost(struct canp_log_reader *reader, const struct body *b, struct canp_record *out)
{
    struct canp_blf_reading *state = reader->state;
    if (b->bytes < 16)
        return bad(reader, b, "a loss is shorter than its type allows");
    if (state->has_gap) { /* told by our own comment already */
        state->has_gap = false;
        return 0;
    }
    int64_t from_ns = b->time_ns;
    uint64_t since = canp_blf_u64(b->at + 4);
    if (since <= INT64_MAX && __builtin_add_overflow(state->start_ns, (int64_t)since, &from_ns))
        from_ns = b->time_ns;
    reader->store.gap = (struct canp_gap){.layer = CANP_LAYER_RECORDER,
                                          .bytes = sizeof(struct canp_gap),
                                          .lost = canp_blf_u32(b->at + 12),
                                          .from_ns = from_ns,
                                          .to_ns = b->time_ns};
    uint32_t number = reader->channels.count ? reader->channels.of[0].number : 1;
    return lend(reader, b, out, CANP_KIND_GAP, number, false);
}

/* An interface's name; one that another channel has is not given twice. */
static int lend_iface(struct canp_log_reader *reader, const struct body *b, uint32_t number,
                      struct canp_record *out)
{
    struct canp_iface *iface = (struct canp_iface *)reader->store.bytes;
    int channel = canp_log_channel_numbered(reader, number);
    for (unsigned i = 0; channel >= 0 && i < reader->channels.count; i++) {
        if (i != (unsigned)channel && canp_same_name(reader->channels.of[i].iface.name, iface->name))
            memcpy(iface->name, reader->channels.of[channel].iface.name, sizeof(iface->name));
    }
    return lend(reader, b, out, CANP_KIND_IFACE, number, false);
}

static int take_comment(struct canp_log_reader *reader, const struct body *b, struct canp_record *out)
{
    struct canp_blf_reading *state = reader->state;
    struct canp_event_text event;
    if (b->bytes < 16 || canp_blf_u32(b->at + 4) > b->bytes - 16)
        return bad(reader, b, "a comment's text is not all there");
    struct canp_text text = {(const char *)b->at + 16, (const char *)b->at + 16 + canp_blf_u32(b->at + 4)};
    int r = canp_take_event_text(text, &reader->store, &event);
    if (r < 0)
        return bad(reader, b, "canp's own comment is damaged");
    if (r == 0)
        canp_log_pass(reader, "comments");
    if (r == 1 && event.what == CANP_EVENT_TEXT_START)
        state->start_ns = event.start_ns;
    if (r == 0 || event.what == CANP_EVENT_TEXT_START)
        return 0;
    if (event.kind == CANP_KIND_IFACE)
        return lend_iface(reader, b, event.number, out);
    int channel = canp_channels_padded(&reader->channels, event.iface);
    if (channel < 0)
        return channel;
    if (event.what == CANP_EVENT_TEXT_ERROR) {
        memcpy(&state->error, &reader->store.frame, sizeof(state->error));
        state->error_channel = (uint8_t)channel;
        state->has_error = true;
        return 0;
    }
    state->has_gap |= event.kind == CANP_KIND_GAP;
    return canp_log_lend(reader, out, b->time_ns, event.kind, (uint8_t)channel, CANP_DIR_RX);
}

/* What is no CAN, in plural. */
static const char *name_of(uint32_t type)
{
    static const struct {
        uint8_t from, to;
        const char *what;
    } names[] = {
        {3, 3, "CAN overload frames"},
        {4, 4, "CAN statistics"},
        {5, 5, "triggers"},
        {6, 9, "environment variables"},
        {11, 21, "LIN objects"},
        {22, 28, "MOST objects"},
        {29, 30, "FlexRay objects"},
        {32, 39, "MOST objects"},
        {40, 41, "FlexRay objects"},
        {42, 43, "LIN objects"},
        {44, 44, "CAN driver synchronisations"},
        {45, 45, "FlexRay objects"},
        {46, 46, "GPS events"},
        {47, 50, "FlexRay objects"},
        {51, 51, "clock events"},
        {54, 54, "LIN objects"},
        {55, 56, "J1708 messages"},
        {57, 64, "LIN objects"},
        {65, 65, "texts"},
        {66, 66, "FlexRay objects"},
        {67, 70, "MOST objects"},
        {71, 71, "Ethernet frames"},
        {72, 72, "system variables"},
        {74, 74, "driver errors with texts"},
        {75, 75, "LIN objects"},
        {76, 85, "MOST objects"},
        {87, 89, "LIN objects"},
        {90, 90, "serial events"},
        {91, 91, "driver overruns"},
        {93, 94, "WLAN objects"},
        {95, 95, "MOST objects"},
        {96, 96, "global markers"},
        {97, 98, "AFDX objects"},
        {99, 99, "K-Line objects"},
        {102, 103, "Ethernet objects"},
        {105, 105, "LIN objects"},
        {106, 109, "AFDX objects"},
        {110, 113, "ARINC 429 objects"},
        {114, 114, "Ethernet objects"},
        {115, 115, "restore points"},
        {118, 118, "test structures"},
        {119, 119, "diagnostic interpretations"},
        {120, 123, "Ethernet frames"},
        {124, 124, "function bus objects"},
        {127, 127, "water marks"},
        {128, 128, "trigger conditions"},
        {129, 129, "CAN settings"},
        {130, 131, "attributes"},
    };
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (type >= names[i].from && type <= names[i].to)
            return names[i].what;
    }
    return "objects of types unknown here";
}

static int dispatch(struct canp_log_reader *reader, const struct body *b, uint32_t type,
                    struct canp_record *out)
{
    switch (type) {
    case CANP_BLF_CAN_MESSAGE:
    case CANP_BLF_CAN_MESSAGE2:
        return take_classic(reader, b, out);
    case CANP_BLF_CAN_FD_MESSAGE:
        return take_fd(reader, b, out, false);
    case CANP_BLF_CAN_FD_MESSAGE_64:
        return take_fd(reader, b, out, true);
    case CANP_BLF_CAN_ERROR:
    case CANP_BLF_CAN_ERROR_EXT:
    case CANP_BLF_CAN_FD_ERROR_64:
        return take_error(reader, b, out, type);
    case CANP_BLF_CAN_DRIVER_ERROR:
        return take_driver_error(reader, b, out);
    case CANP_BLF_DATA_LOST_END:
        return take_lost(reader, b, out);
    case CANP_BLF_DATA_LOST_BEGIN: /* its end tells all */
        return 0;
    case CANP_BLF_EVENT_COMMENT:
        return take_comment(reader, b, out);
    default:
        canp_log_pass(reader, name_of(type));
        return 0;
    }
}

int canp_blf_object(struct canp_log_reader *reader, const uint8_t *object, uint32_t bytes, uint64_t offset,
                    struct canp_record *out)
{
    struct canp_blf_reading *state = reader->state;
    uint32_t head = canp_blf_u16(object + 4), type = canp_blf_u32(object + 12);
    struct body b = {.offset = offset};
    if (__builtin_expect(head < CANP_BLF_OBJECT_BYTES || head > bytes, 0))
        return bad(reader, &b, "an object is shorter than its header");
    uint64_t stamp = canp_blf_u64(object + 24);
    uint64_t unit_ns = canp_blf_u32(object + 16) == 1 ? 10000 : 1;
    int64_t since_ns;
    if (__builtin_expect(__builtin_mul_overflow(stamp, unit_ns, &since_ns) ||
                             __builtin_add_overflow(state->start_ns, since_ns, &b.time_ns),
                         0))
        return bad(reader, &b, "an object's stamp cannot be");
    b.at = object + head;
    b.bytes = bytes - head;
    b.head = head;
    return dispatch(reader, &b, type, out);
}
