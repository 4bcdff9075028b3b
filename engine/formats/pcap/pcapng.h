/*
 * pcapng (draft-ietf-opsawg-pcapng): the numbers that its reader and its writer share. Constants; any thread.
 */
#ifndef CANP_FORMATS_PCAP_PCAPNG_H
#define CANP_FORMATS_PCAP_PCAPNG_H

#include "formats/pcap/packet.h"

enum pcapng_block {
    PCAPNG_SECTION = 0x0A0D0D0A, /* the same in both byte orders */
    PCAPNG_INTERFACE = 1,
    PCAPNG_OLD_PACKET = 2,
    PCAPNG_SIMPLE_PACKET = 3,
    PCAPNG_STATISTICS = 5,
    PCAPNG_PACKET = 6,
};
#define PCAPNG_ORDER_MAGIC 0x1A2B3C4DU

enum pcapng_option {
    PCAPNG_OPT_END = 0,
    PCAPNG_OPT_COMMENT = 1,
    PCAPNG_SECTION_PROGRAM = 4,
    PCAPNG_IF_NAME = 2,
    PCAPNG_IF_SPEED = 8,
    PCAPNG_IF_RESOLUTION = 9,
    PCAPNG_IF_OS = 12,
    PCAPNG_IF_OFFSET = 14,
    PCAPNG_PACKET_FLAGS = 2,
    PCAPNG_PACKET_DROPS = 4,
    PCAPNG_STAT_RECEIVED = 4,
    PCAPNG_STAT_DROPPED = 5,
    PCAPNG_STAT_DELIVERED = 8,
};
enum pcapng_direction { PCAPNG_INBOUND = 1, PCAPNG_OUTBOUND = 2 };

#define CANP_OWN_TEXT "canp own" /* comment: the frame was sent by the recording socket itself */

/* ---- the writer's state and functions (pcapng_write.c) ---- */

#define CANP_PCAPNG_PENDING (64U * 1024)

struct canp_pcapng_channel {
    uint32_t id; /* of its latest description */
    bool is_defined;
    uint64_t frames;
    uint64_t lost;   /* in all */
    uint64_t untold; /* of these, since the last packet */
};

struct canp_pcapng_writing {
    uint32_t next_id;
    int64_t last_ns;
    uint32_t pending_bytes;
    struct canp_pcapng_channel channels[CANP_CHANNELS_MAX];
    uint8_t pending[CANP_PCAPNG_PENDING];
};

int canp_pcapng_create(struct canp_log_writer *writer, struct canp_why *why);
int canp_pcapng_write(struct canp_log_writer *writer, const struct canp_record *record);
int canp_pcapng_finish(struct canp_log_writer *writer);

#endif
