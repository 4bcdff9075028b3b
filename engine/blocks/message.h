/*
 * The bytes of a message: a head, the header of a block, and the block's payload (FORMAT.md, "A block on its
 * way"). Pure functions, any thread.
 */
#ifndef CANP_ENGINE_MESSAGE_H
#define CANP_ENGINE_MESSAGE_H

#include <canp/blocks.h>

#include "segment/format.h"

#define MESSAGE_MAGIC   0x4D4E4143U /* "CANM" */
#define MESSAGE_VERSION 1

struct message_head {
    uint32_t magic;
    uint32_t crc; /* of bytes 8.. of the message */
    uint16_t version;
    uint8_t kind;  /* enum canp_block_kind */
    uint8_t begin; /* 1: the sender had nothing in front of it */
    uint32_t zero;
    uint8_t recording[16];
    uint64_t segment;
    uint64_t record;
    /* Of the segment's header, so that a receiver can begin with any message. */
    int64_t created_realtime_ns;
    int64_t created_monotonic_ns;
    uint8_t boot_id[16];
    struct block_header block; /* crc and seq are 0; all zero in a seal */
};

/* Reads the head of a message, checked. 0, -CANP_E_DAMAGED or -CANP_E_VERSION. */
int canp_message_head(const void *bytes, size_t size, struct message_head *out);

/* Computes the checksum of a message of so many bytes, whose head is complete but for that. */
void canp_message_finish(void *bytes, size_t size);

/* What the head says, for those who use the library. */
void canp_message_describe(const struct message_head *head, const void *bytes, size_t size,
                           struct canp_block_message *out);

#endif
