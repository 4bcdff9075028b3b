/* The bytes of a message (message.h). */
#include "message.h"

#include <stddef.h>
#include <string.h>

#include "segment/crc32c.h"

#define SEGMENT_MAX UINT64_C(999999999999) /* a number that no recorder reaches, and that names can hold */

_Static_assert(sizeof(struct message_head) == 160, "message_head");
PIN(message_head, crc, 4);
PIN(message_head, version, 8);
PIN(message_head, kind, 10);
PIN(message_head, recording, 16);
PIN(message_head, segment, 32);
PIN(message_head, record, 40);
PIN(message_head, created_realtime_ns, 48);
PIN(message_head, created_monotonic_ns, 56);
PIN(message_head, boot_id, 64);
PIN(message_head, block, 80);

static uint32_t message_crc(const void *bytes, size_t size)
{
    return canp_crc32c(0, (const uint8_t *)bytes + 8, size - 8);
}

/* A seal has no block; else the block ends where the message does. */
static bool block_fits(const struct message_head *h, size_t size)
{
    static const struct block_header none;
    size_t payload = size - sizeof(*h);
    if (h->kind == CANP_BLOCK_SEAL)
        return payload == 0 && memcmp(&h->block, &none, sizeof(none)) == 0;
    return canp_block_header_is_sane(&h->block, payload + sizeof(h->block)) &&
           h->block.stored_bytes == payload && h->block.seq == 0 && h->block.crc == 0;
}

int canp_message_head(const void *bytes, size_t size, struct message_head *out)
{
    if (size < sizeof(*out) || size > CANP_BLOCK_MESSAGE_BYTES_MAX)
        return -CANP_E_DAMAGED;
    memcpy(out, bytes, sizeof(*out));
    if (out->magic != MESSAGE_MAGIC || out->crc != message_crc(bytes, size))
        return -CANP_E_DAMAGED;
    if (out->version != MESSAGE_VERSION)
        return -CANP_E_VERSION;
    bool is_known =
        out->kind >= CANP_BLOCK_RECORDS && out->kind <= CANP_BLOCK_SEAL && out->begin <= (out->record == 0);
    bool is_in_bounds = out->segment >= 1 && out->segment <= SEGMENT_MAX && out->record <= UINT64_MAX / 2;
    return is_known && out->zero == 0 && is_in_bounds && block_fits(out, size) ? 0 : -CANP_E_DAMAGED;
}

void canp_message_finish(void *bytes, size_t size)
{
    uint32_t crc = message_crc(bytes, size);
    memcpy((uint8_t *)bytes + offsetof(struct message_head, crc), &crc, sizeof(crc));
}

void canp_message_describe(const struct message_head *head, const void *bytes, size_t size,
                           struct canp_block_message *out)
{
    *out = (struct canp_block_message){
        .bytes = bytes,
        .size = size,
        .kind = (enum canp_block_kind)head->kind,
        .segment = head->segment,
        .record = head->record,
        .records = head->block.records,
        .frames = head->block.frames,
        .first_ns = head->block.first_ns,
        .last_ns = head->block.last_ns,
        .channel_mask = head->block.channel_mask,
        .id_filter = head->block.id_filter,
    };
    memcpy(out->recording, head->recording, sizeof(out->recording));
}

int canp_block_message_read(const void *bytes, size_t size, struct canp_block_message *out)
{
    struct message_head head;
    int r = canp_message_head(bytes, size, &head);
    if (r == 0)
        canp_message_describe(&head, bytes, size, out);
    return r;
}
