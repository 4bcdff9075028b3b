/*
 * A CAN frame as a packet of a capture, in link types 227 (CAN_SOCKETCAN), 113 (LINUX_SLL) and 276
 * (LINUX_SLL2), as tcpdump.org/linktypes describes them. pcap and pcapng share this. By definition the id is
 * big-endian, but there are files with little-endian ids. So each interface counts in which order its ids are
 * valid, until one order is certain. One thread at a time.
 */
#ifndef CANP_FORMATS_PCAP_PACKET_H
#define CANP_FORMATS_PCAP_PACKET_H

#include "formats/log_format.h"

enum canp_link_type { CANP_LINK_TYPE_SLL = 113, CANP_LINK_TYPE_CAN = 227, CANP_LINK_TYPE_SLL2 = 276 };

static inline bool canp_link_type_is_can(uint32_t link_type)
{
    return link_type == CANP_LINK_TYPE_CAN || link_type == CANP_LINK_TYPE_SLL ||
           link_type == CANP_LINK_TYPE_SLL2;
}

enum canp_id_order { CANP_ID_ORDER_OPEN = 0, CANP_ID_ORDER_BIG, CANP_ID_ORDER_LITTLE };

/* What was learned of one interface's packets. */
struct canp_packet_habit {
    uint16_t link_type;
    uint8_t order; /* enum canp_id_order */
    uint8_t big, little;
};

/* What a packet turned out to be. */
struct canp_packet {
    uint8_t kind;
    uint8_t dir;
    uint32_t ifindex;    /* of the host that captured, where the link type says it; 0: it does not */
    const char *problem; /* static; why it is no frame */
    bool is_foreign;     /* no CAN at all: to be passed over, `problem` says what */
};

static inline uint16_t canp_get_u16(const uint8_t *at, bool is_big)
{
    uint16_t v;
    memcpy(&v, at, sizeof(v));
    return is_big ? __builtin_bswap16(v) : v;
}

static inline uint32_t canp_get_u32(const uint8_t *at, bool is_big)
{
    uint32_t v;
    memcpy(&v, at, sizeof(v));
    return is_big ? __builtin_bswap32(v) : v;
}

static inline uint64_t canp_get_u64(const uint8_t *at, bool is_big)
{
    uint64_t v;
    memcpy(&v, at, sizeof(v));
    return is_big ? __builtin_bswap64(v) : v;
}

/* Reads a packet into `store`: 1, or 0 and packet->problem. */
int canp_packet_read(struct canp_packet_habit *habit, const uint8_t *bytes, uint32_t length,
                     union canp_log_store *store, struct canp_packet *packet);

/* A capture of all interfaces of a host: the channel "if3" of its interface 3; `channel` where the packet
 * tells none, or "any" when that is negative. Or -CANP_E_TOO_MANY. */
int canp_packet_channel(struct canp_log_reader *reader, const struct canp_packet *packet, int channel);

#endif
