/*
 * Converts UTF-16 to UTF-8 (source.h), for text files of Windows programs. A unit that is no character
 * becomes U+FFFD. The byte order mark is removed. One thread.
 */
#include "formats/bytes/source_stages.h"

#include <stdlib.h>

#define INPUT_BYTES (32U * 1024)

struct utf16_stage {
    struct canp_source_stage stage;
    bool is_big_endian;
    bool at_end;
    size_t at, used; /* unread bytes of input */
    uint8_t input[INPUT_BYTES];
};

static uint32_t unit_at(const struct utf16_stage *u, size_t at)
{
    const uint8_t *p = u->input + at;
    return u->is_big_endian ? (uint32_t)p[0] << 8 | p[1] : (uint32_t)p[1] << 8 | p[0];
}

/* At least two units, unless the file ends. 0 or an error. */
static int refill(struct utf16_stage *u)
{
    size_t left = u->used - u->at;
    for (size_t i = 0; i < left; i++)
        u->input[i] = u->input[u->at + i];
    u->at = 0;
    u->used = left;
    while (!u->at_end && u->used < 4) {
        int64_t n = u->stage.below->pull(u->stage.below, u->input + u->used, sizeof(u->input) - u->used);
        if (n < 0)
            return (int)n;
        u->at_end = n == 0;
        u->used += (size_t)n;
    }
    return 0;
}

static uint32_t take_char(struct utf16_stage *u)
{
    uint32_t c = unit_at(u, u->at);
    u->at += 2;
    if (c >> 11 != 0x1B)
        return c;
    uint32_t low = u->used - u->at >= 2 ? unit_at(u, u->at) : 0;
    if (c >> 10 != 0x36 || low >> 10 != 0x37)
        return 0xFFFD;
    u->at += 2;
    return 0x10000 + ((c & 0x3FF) << 10 | (low & 0x3FF));
}

static uint8_t *put_utf8(uint8_t *out, uint32_t c)
{
    if (c < 0x80) {
        *out++ = (uint8_t)c;
        return out;
    }
    if (c < 0x800) {
        *out++ = (uint8_t)(0xC0 | c >> 6);
    } else {
        if (c < 0x10000) {
            *out++ = (uint8_t)(0xE0 | c >> 12);
        } else {
            *out++ = (uint8_t)(0xF0 | c >> 18);
            *out++ = (uint8_t)(0x80 | (c >> 12 & 0x3F));
        }
        *out++ = (uint8_t)(0x80 | (c >> 6 & 0x3F));
    }
    *out++ = (uint8_t)(0x80 | (c & 0x3F));
    return out;
}

static int64_t pull(struct canp_source_stage *stage, uint8_t *to, size_t room)
{
    struct utf16_stage *u = (struct utf16_stage *)stage;
    uint8_t *out = to;
    while ((size_t)(out - to) + 4 <= room) {
        if (u->used - u->at < 4) {
            if (out > to && !u->at_end)
                break; /* hand over what there is before waiting for more */
            int r = refill(u);
            if (r < 0)
                return r;
            if (u->used - u->at < 2)
                break;
        }
        uint32_t c = take_char(u);
        if (c != 0xFEFF)
            out = put_utf8(out, c);
    }
    return out - to;
}

static void close_utf16(struct canp_source_stage *stage)
{
    free(stage);
}

struct canp_source_stage *canp_source_utf16(struct canp_source_stage *below, bool is_big_endian)
{
    struct utf16_stage *u = calloc(1, sizeof(*u));
    if (!u)
        return NULL;
    u->stage = (struct canp_source_stage){pull, close_utf16, below};
    u->is_big_endian = is_big_endian;
    return &u->stage;
}
