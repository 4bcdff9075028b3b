/* Bytes that grow, for what is written into a file of columns. Without memory nothing is added and `failed`
 * says so. One thread. */
#ifndef CANP_TOOLS_BYTES_H
#define CANP_TOOLS_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct bytes {
    uint8_t *data;
    size_t used, room;
    bool failed;
};

/* Room for so many more; NULL without memory. What is written there counts once `used` says so. */
static inline uint8_t *bytes_room(struct bytes *b, size_t more)
{
    if (b->room - b->used < more) {
        size_t room = b->room * 2 > b->used + more ? b->room * 2 : b->used + more + 256;
        uint8_t *larger = realloc(b->data, room);
        if (!larger) {
            b->failed = true;
            return NULL;
        }
        b->data = larger;
        b->room = room;
    }
    return b->data + b->used;
}

static inline void bytes_put(struct bytes *b, const void *data, size_t length)
{
    uint8_t *at = bytes_room(b, length);
    if (at && length) {
        memcpy(at, data, length);
        b->used += length;
    }
}

static inline void bytes_put_byte(struct bytes *b, uint8_t byte)
{
    bytes_put(b, &byte, 1);
}

static inline void bytes_put_le32(struct bytes *b, uint32_t value)
{
    const uint8_t le[] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
                          (uint8_t)(value >> 24)};
    bytes_put(b, le, sizeof(le));
}

/* LEB128. */
static inline void bytes_put_varint(struct bytes *b, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        bytes_put_byte(b, (uint8_t)(value | 0x80));
    bytes_put_byte(b, (uint8_t)value);
}

static inline void bytes_put_zigzag(struct bytes *b, int64_t value)
{
    bytes_put_varint(b, ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0));
}

static inline void bytes_free(struct bytes *b)
{
    free(b->data);
    *b = (struct bytes){0};
}

#endif
