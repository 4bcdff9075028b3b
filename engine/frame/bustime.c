/* Frame lengths in bits (canp/bustime.h). Any thread; no state. */
#include <canp/bustime.h>

#define STUFF_EVERY    20U /* stuffed bits per stuff bit, on average */
#define ERROR_BITS     20U /* error flag, its echo, delimiter, intermission */
#define FRAME_END_BITS 12U /* ACK slot and delimiter, end of frame, intermission */

static uint32_t stuffed(uint32_t bits)
{
    return bits + bits / STUFF_EVERY;
}

/* Start of frame, identifier and control bits up to and without the DLC. */
static uint32_t classic_bits(const struct canp_frame *f)
{
    uint32_t data = (f->id & CANP_ID_RTR) ? 0 : 8U * (f->len <= 8 ? f->len : 8);
    uint32_t head = (f->id & CANP_ID_EFF) ? 35 : 15;
    return stuffed(head + 4 + data + 15) + 1 + FRAME_END_BITS;
}

static struct canp_bits fd_bits(const struct canp_frame *f)
{
    uint32_t len = f->len <= 64 ? f->len : 64;
    uint32_t head = stuffed((f->id & CANP_ID_EFF) ? 36 : 17);
    uint32_t crc = len <= 16 ? 4 + 17 + 6 : 4 + 21 + 7; /* stuff count, CRC, its fixed stuff bits */
    uint32_t body = stuffed(1 + 4 + 8 * len) + crc + 1;
    if (f->flags & CANP_FD_BRS)
        return (struct canp_bits){head + FRAME_END_BITS, body};
    return (struct canp_bits){head + body + FRAME_END_BITS, 0};
}

struct canp_bits canp_frame_bits(uint8_t kind, const struct canp_frame *frame)
{
    if (kind == CANP_KIND_FD)
        return fd_bits(frame);
    return (struct canp_bits){(frame->id & CANP_ID_ERR) ? ERROR_BITS : classic_bits(frame), 0};
}

struct canp_bits canp_record_bits(const struct canp_record *record)
{
    if (record->kind > CANP_KIND_XL)
        return (struct canp_bits){0, 0};
    if (record->kind == CANP_KIND_XL) /* arbitration; then header, two CRCs and data, stuffed every 10 bits */
        return (struct canp_bits){40 + FRAME_END_BITS, 120 + 9U * record->xl->len};
    return canp_frame_bits(record->kind, record->frame);
}

uint64_t canp_bits_ns(struct canp_bits bits, uint32_t bitrate, uint32_t dbitrate)
{
    if (bitrate == 0)
        return 0;
    if (dbitrate == 0)
        dbitrate = bitrate;
    return bits.nominal * UINT64_C(1000000000) / bitrate + bits.data * UINT64_C(1000000000) / dbitrate;
}
