/* Checks and checksums of the structs in a segment file. Pure functions, any thread. */
#include "format.h"

#include <canp/error.h>
#include <canp/rows.h>

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "crc32c.h"
#include "frame/rows_check.h"

#define NUMBER_DIGITS     8U  /* in a file's name, at least */
#define NUMBER_DIGITS_MAX 19U /* what 64 bits can hold for sure */

_Static_assert(sizeof(struct seg_header) == 512, "seg_header");
_Static_assert(sizeof(struct seg_seal) == 128, "seg_seal");
_Static_assert(sizeof(struct block_header) == 80, "block_header");
PIN(seg_header, crc, 8);
PIN(seg_header, version, 12);
PIN(seg_header, header_bytes, 14);
PIN(seg_header, compat, 16);
PIN(seg_header, incompat, 20);
PIN(seg_header, salt, 24);
PIN(seg_header, number, 32);
PIN(seg_header, recording, 40);
PIN(seg_header, created_realtime_ns, 56);
PIN(seg_header, created_monotonic_ns, 64);
PIN(seg_header, boot_id, 72);
PIN(seg_header, writer, 88);
PIN(seg_seal, crc, 4);
PIN(seg_seal, blocks_end, 8);
PIN(seg_seal, index_offset, 16);
PIN(seg_seal, index_bytes, 24);
PIN(seg_seal, blocks, 32);
PIN(seg_seal, records, 40);
PIN(seg_seal, frames, 48);
PIN(seg_seal, lost, 56);
PIN(seg_seal, first_ns, 64);
PIN(seg_seal, last_ns, 72);
PIN(seg_seal, packed_bytes, 80);
PIN(seg_seal, channel_mask, 88);
PIN(seg_seal, id_filter, 96);
PIN(block_header, crc, 4);
PIN(block_header, seq, 8);
PIN(block_header, flags, 12);
PIN(block_header, stride, 14);
PIN(block_header, stored_bytes, 16);
PIN(block_header, rows_bytes, 20);
PIN(block_header, records, 24);
PIN(block_header, frames, 28);
PIN(block_header, base_ns, 32);
PIN(block_header, first_ns, 40);
PIN(block_header, last_ns, 48);
PIN(block_header, channel_mask, 56);
PIN(block_header, id_filter, 64);
PIN(block_header, lost, 72);
PIN(block_header, tail_bytes, 76);

bool canp_block_header_is_sane(const struct block_header *h, uint64_t bytes_left)
{
    if (h->magic != BLOCK_MAGIC || (h->flags & ~BLOCK_FLAGS_KNOWN) || h->stored_bytes % 8 != 0)
        return false;
    if (bytes_left < sizeof(*h) || h->stored_bytes > bytes_left - sizeof(*h))
        return false;
    if (h->stored_bytes > BLOCK_BYTES_MAX || h->rows_bytes > BLOCK_BYTES_MAX || h->rows_bytes % 8 != 0)
        return false;
    if (h->tail_bytes > h->stored_bytes || h->frames > h->records || h->records == 0)
        return false;
    bool packed = h->flags & CANP_BLOCK_PACKED;
    return packed || (uint64_t)h->rows_bytes + h->tail_bytes == h->stored_bytes;
}

void canp_block_header_fill(struct block_header *h, const struct canp_rowbuf *rows, uint32_t seq)
{
    memset(h, 0, sizeof(*h));
    h->magic = BLOCK_MAGIC;
    h->seq = seq;
    h->flags = rows->flags;
    h->stride = rows->stride;
    h->rows_bytes = (uint32_t)rows->used_bytes;
    h->records = rows->records;
    h->frames = rows->frames;
    h->base_ns = rows->base_ns;
    h->first_ns = rows->first_ns;
    h->last_ns = rows->last_ns;
    h->channel_mask = rows->channel_mask;
    h->id_filter = rows->id_filter;
    h->lost = rows->lost > UINT32_MAX ? UINT32_MAX : (uint32_t)rows->lost;
}

bool canp_block_rows_are_sound(const struct block_header *h, const uint8_t *rows)
{
    return canp_rows_are_sound(rows, h->rows_bytes, h->records, h->stride);
}

uint32_t canp_block_crc(const struct block_header *h, const void *payload, uint64_t salt)
{
    return canp_block_crc_parts(h, payload, h->stored_bytes, NULL, salt);
}

uint32_t canp_block_crc_parts(const struct block_header *h, const void *payload, uint32_t payload_bytes,
                              const void *rest, uint64_t salt)
{
    uint32_t crc = canp_crc32c(0, &salt, sizeof(salt));
    crc = canp_crc32c(crc, &h->seq, sizeof(*h) - offsetof(struct block_header, seq));
    crc = canp_crc32c(crc, payload, payload_bytes);
    return canp_crc32c(crc, rest, h->stored_bytes - payload_bytes);
}

uint32_t canp_seg_header_crc(const struct seg_header *h)
{
    return canp_crc32c(0, &h->version, sizeof(*h) - offsetof(struct seg_header, version));
}

uint32_t canp_seg_seal_crc(const struct seg_seal *s, uint64_t salt)
{
    uint32_t crc = canp_crc32c(0, &salt, sizeof(salt));
    return canp_crc32c(crc, &s->blocks_end, sizeof(*s) - offsetof(struct seg_seal, blocks_end));
}

/* Flips bits until the checksum is right; false, and nothing changed, when no single one makes it so. */
static bool mend_bit(struct seg_header *h)
{
    uint8_t *bytes = (uint8_t *)h;
    for (size_t bit = 8 * offsetof(struct seg_header, crc); bit < 8 * sizeof(*h); bit++) {
        bytes[bit / 8] ^= (uint8_t)(1U << (bit % 8));
        if (h->crc == canp_seg_header_crc(h))
            return true;
        bytes[bit / 8] ^= (uint8_t)(1U << (bit % 8));
    }
    return false;
}

bool canp_seg_header_mend(struct seg_header *h)
{
    uint64_t magic = canp_load_u64((const uint8_t *)SEG_MAGIC), has = canp_load_u64(h->magic);
    if (magic == has)
        return mend_bit(h);
    if (((magic ^ has) & ((magic ^ has) - 1)) || h->crc != canp_seg_header_crc(h))
        return false;
    memcpy(h->magic, SEG_MAGIC, sizeof(h->magic));
    return true;
}

int canp_seg_header_check(const struct seg_header *h)
{
    if (memcmp(h->magic, SEG_MAGIC, sizeof(h->magic)) != 0)
        return -CANP_E_FORMAT;
    if (h->crc != canp_seg_header_crc(h))
        return -CANP_E_DAMAGED;
    if (h->version != SEG_VERSION || (h->incompat & ~SEG_INCOMPAT_KNOWN))
        return -CANP_E_VERSION;
    bool is_short = (h->incompat & SEG_INCOMPAT_SHORT) && h->header_bytes % 8 == 0 &&
                    h->header_bytes >= SEG_BLOCKS_MIN && h->header_bytes < SEG_HEADER_BYTES;
    return is_short || h->header_bytes == SEG_HEADER_BYTES ? 0 : -CANP_E_DAMAGED;
}

bool canp_seg_seal_is_valid(const struct seg_seal *s, uint64_t salt)
{
    return s->magic == SEAL_MAGIC && s->crc == canp_seg_seal_crc(s, salt) && s->blocks_end >= SEG_BLOCKS_MIN;
}

void canp_seg_name(char out[SEG_NAME_BYTES], uint64_t number)
{
    snprintf(out, SEG_NAME_BYTES, "%08llu.canp", (unsigned long long)number);
}

uint64_t canp_seg_number(const char *name)
{
    uint64_t number = 0;
    unsigned digits = 0;
    for (; isdigit((unsigned char)name[digits]); digits++) {
        if (digits == NUMBER_DIGITS_MAX)
            return 0;
        number = number * 10 + (unsigned)(name[digits] - '0');
    }
    if (digits < NUMBER_DIGITS || (digits > NUMBER_DIGITS && name[0] == '0'))
        return 0;
    return strcmp(name + digits, ".canp") == 0 ? number : 0;
}
