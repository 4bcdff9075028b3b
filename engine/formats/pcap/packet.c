/* CAN frames as packets (packet.h). One thread at a time. */
#include "formats/pcap/packet.h"

#include "formats/text/text_out.h"

#define SLL_BYTES  16
#define SLL2_BYTES 20
#define CAN_MTU    16
#define FD_MTU     72
#define XL_HEADER  12
#define ENOUGH     8 /* ids of one order, and none of the other, settle it */
#define ERROR_MASK 0x3FFU

enum sll_protocol { SLL_CAN = 0x000C, SLL_FD = 0x000D, SLL_XL = 0x000E };

/* Would a program that follows linux/can.h write such an id? */
static bool is_sensible(uint32_t id)
{
    if (id & CANP_ID_ERR)
        return !(id & (CANP_ID_EFF | CANP_ID_RTR)) && (id & CANP_ID_EFF_MASK) <= ERROR_MASK;
    return (id & CANP_ID_EFF) || (id & CANP_ID_EFF_MASK) <= CANP_ID_SFF_MASK;
}

static uint32_t weigh_order(struct canp_packet_habit *habit, uint32_t big, uint32_t little)
{
    bool big_is = is_sensible(big), little_is = is_sensible(little);
    if (big_is != little_is) {
        uint8_t *votes = big_is ? &habit->big : &habit->little;
        if (*votes < ENOUGH)
            ++*votes;
        if (habit->big == ENOUGH && !habit->little)
            habit->order = CANP_ID_ORDER_BIG;
        if (habit->little == ENOUGH && !habit->big)
            habit->order = CANP_ID_ORDER_LITTLE;
        return big_is ? big : little;
    }
    return habit->little > habit->big ? little : big;
}

static inline uint32_t id_of(struct canp_packet_habit *habit, const uint8_t *bytes)
{
    uint32_t big = canp_get_u32(bytes, true);
    if (__builtin_expect(habit->order == CANP_ID_ORDER_BIG, 1))
        return big;
    uint32_t little = canp_get_u32(bytes, false);
    return habit->order == CANP_ID_ORDER_LITTLE ? little : weigh_order(habit, big, little);
}

static int fail(struct canp_packet *packet, const char *problem)
{
    packet->problem = problem;
    return 0;
}

static int pass(struct canp_packet *packet, const char *what)
{
    packet->is_foreign = true;
    return fail(packet, what);
}

/*
 * Classic or FD? The length says it: a classic frame's record has at most 16 bytes, whatever stands in the
 * padding, which some programs leave uninitialised. A short FD frame without padding (as Wireshark makes them
 * of BLF) has its FDF bit, and nothing but flags in the three bytes behind the length.
 */
static inline bool is_fd(const uint8_t *bytes, uint32_t length)
{
    if (__builtin_expect(length > CAN_MTU, 0))
        return true;
    return __builtin_expect(bytes[5] & CANP_FD_FDF, 0) && bytes[5] <= 7 && !bytes[6] && !bytes[7] &&
           length == 8U + bytes[4];
}

static int read_xl(const uint8_t *bytes, uint32_t length, union canp_log_store *store,
                   struct canp_packet *packet)
{
    if (length < XL_HEADER)
        return fail(packet, "a packet too short for its frame");
    struct canp_xl_frame *xl = &store->xl;
    *xl = (struct canp_xl_frame){.prio = canp_get_u32(bytes, true),
                                 .flags = bytes[4],
                                 .sdt = bytes[5],
                                 .len = canp_get_u16(bytes + 6, false),
                                 .af = canp_get_u32(bytes + 8, false)};
    if (xl->len < 1 || xl->len > 2048 || xl->prio & ~0xFF07FFU)
        return fail(packet, "a CAN XL frame with a header that cannot be");
    if (length - XL_HEADER < xl->len)
        return fail(packet, "a packet too short for its frame");
    memcpy(xl->data, bytes + XL_HEADER, xl->len);
    memset(xl->data + xl->len, 0, 8 - xl->len % 8);
    packet->kind = CANP_KIND_XL;
    return 1;
}

static int read_fd(const uint8_t *bytes, uint32_t length, struct canp_frame *frame,
                   struct canp_packet *packet)
{
    uint32_t len = bytes[4];
    if (len > 64 || (frame->id & CANP_ID_RTR))
        return fail(packet, "a CAN FD frame with a header that cannot be");
    if (length - 8 < len)
        return fail(packet, "a packet too short for its frame");
    frame->len = (uint8_t)len;
    frame->flags = (uint8_t)((bytes[5] & (CANP_FD_BRS | CANP_FD_ESI)) | CANP_FD_FDF);
    frame->res0 = 0;
    frame->len8_dlc = 0;
    memset(frame->data, 0, 64);
    memcpy(frame->data, bytes + 8, len);
    packet->kind = CANP_KIND_FD;
    return 1;
}

static int read_classic(const uint8_t *bytes, uint32_t length, struct canp_frame *frame,
                        struct canp_packet *packet)
{
    uint32_t len = bytes[4];
    uint32_t data_bytes = frame->id & CANP_ID_RTR && !(frame->id & CANP_ID_ERR) ? 0 : len;
    if (len > 8)
        return fail(packet, "a packet of up to 16 bytes with a frame of more than 8");
    if (length - 8 < data_bytes)
        return fail(packet, "a packet too short for its frame");
    bool has_raw_dlc = len == 8 && bytes[7] > 8 && bytes[7] < 16 && !bytes[5] && !bytes[6];
    frame->len = (uint8_t)len;
    frame->flags = 0;
    frame->res0 = 0;
    frame->len8_dlc = has_raw_dlc ? bytes[7] : 0;
    if (data_bytes == 8) {
        memcpy(frame->data, bytes + 8, 8);
    } else {
        memset(frame->data, 0, 8);
        memcpy(frame->data, bytes + 8, data_bytes);
    }
    packet->kind = CANP_KIND_CAN;
    return 1;
}

static int read_can(struct canp_packet_habit *habit, const uint8_t *bytes, uint32_t length,
                    enum sll_protocol protocol, union canp_log_store *store, struct canp_packet *packet)
{
    if (length < 8)
        return fail(packet, "a packet too short for its frame");
    if (__builtin_expect(protocol == SLL_XL || (protocol == 0 && bytes[4] & 0x80), 0))
        return read_xl(bytes, length, store, packet);
    uint32_t id = id_of(habit, bytes);
    if (__builtin_expect(!(id & (CANP_ID_EFF | CANP_ID_ERR)), 0) &&
        (id & CANP_ID_EFF_MASK) > CANP_ID_SFF_MASK)
        return fail(packet, "an id of more than 11 bits in a frame that has 11");
    store->frame.id = id;
    bool as_fd = protocol == SLL_FD || (protocol == 0 && is_fd(bytes, length));
    return as_fd ? read_fd(bytes, length, &store->frame, packet)
                 : read_classic(bytes, length, &store->frame, packet);
}

static int read_sll(struct canp_packet_habit *habit, const uint8_t *bytes, uint32_t length,
                    union canp_log_store *store, struct canp_packet *packet)
{
    if (length < SLL_BYTES)
        return fail(packet, "a packet too short for its frame");
    uint16_t protocol = canp_get_u16(bytes + 14, true);
    if (protocol < SLL_CAN || protocol > SLL_XL)
        return pass(packet, "packets of other protocols");
    packet->dir = canp_get_u16(bytes, true) == 4 ? CANP_DIR_TX : CANP_DIR_RX; /* 4: sent by this host */
    return read_can(habit, bytes + SLL_BYTES, length - SLL_BYTES, protocol, store, packet);
}

static int read_sll2(struct canp_packet_habit *habit, const uint8_t *bytes, uint32_t length,
                     union canp_log_store *store, struct canp_packet *packet)
{
    if (length < SLL2_BYTES)
        return fail(packet, "a packet too short for its frame");
    uint16_t protocol = canp_get_u16(bytes, true);
    if (protocol < SLL_CAN || protocol > SLL_XL)
        return pass(packet, "packets of other protocols");
    packet->ifindex = canp_get_u32(bytes + 4, true);
    packet->dir = bytes[10] == 4 ? CANP_DIR_TX : CANP_DIR_RX;
    return read_can(habit, bytes + SLL2_BYTES, length - SLL2_BYTES, protocol, store, packet);
}

int canp_packet_channel(struct canp_log_reader *reader, const struct canp_packet *packet, int channel)
{
    char name[16] = "if";
    if (__builtin_expect(!packet->ifindex, 1))
        return channel >= 0 ? channel : canp_log_channel_named(reader, "any", 3);
    return canp_log_channel_named(reader, name, (size_t)(canp_put_decimal(name + 2, packet->ifindex) - name));
}

int canp_packet_read(struct canp_packet_habit *habit, const uint8_t *bytes, uint32_t length,
                     union canp_log_store *store, struct canp_packet *packet)
{
    if (__builtin_expect(habit->link_type == CANP_LINK_TYPE_CAN, 1))
        return read_can(habit, bytes, length, 0, store, packet);
    if (habit->link_type == CANP_LINK_TYPE_SLL)
        return read_sll(habit, bytes, length, store, packet);
    if (habit->link_type == CANP_LINK_TYPE_SLL2)
        return read_sll2(habit, bytes, length, store, packet);
    return pass(packet, "packets of other link types");
}
