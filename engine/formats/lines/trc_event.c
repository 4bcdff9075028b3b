/*
 * What PEAK's traces tell of errors (PEAK CAN TRC file format, peak-system.com):
 *
 *   1.x   ERROR or Error, the id's column being the type of error: direction, position, error counters
 *   2.x   ER: the type first, then the same four bytes
 *         ST; in 1.x Warng or the id FFFFFFFF: four bytes, of which the last says BUSLIGHT, BUSHEAVY or
 * BUSOFF
 *
 * Positions within a frame are those of the SJA1000, as in Linux. What stands in front of the bytes, columns
 * that may be blank among them, does not matter. No state; any thread.
 */
#include "formats/lines/trc_parts.h"

#define ERR_PROT     0x008U /* linux/can/error.h */
#define ERR_ACK      0x020U
#define ERR_BUSERROR 0x080U
#define ERR_CNT      0x200U
#define PROT_TX      0x80
#define ACK_SLOT     0x19

/* The last run of words of two hex digits: up to 8 bytes of it. How many. */
static unsigned take_bytes(struct canp_text *t, uint8_t bytes[8])
{
    struct canp_text word;
    unsigned count = 0;
    while (canp_take_word(t, &word)) {
        int byte = word.end - word.at == 2 ? canp_hex_byte(word.at) : -1;
        if (byte < 0 && count >= 4) /* BUSLIGHT and so on */
            return count;
        count = byte < 0 || count == 8 ? 0 : count;
        if (byte >= 0)
            bytes[count++] = (uint8_t)byte;
    }
    return count;
}

/* 1 bit, 2 form, 4 stuff, 8 any other: the first three are Linux's as well. */
bool canp_trc_error(struct canp_text text, uint32_t type, struct canp_frame *frame)
{
    uint8_t bytes[8];
    unsigned count = take_bytes(&text, bytes);
    const uint8_t *at = bytes;
    if (count != (type ? 4 : 5))
        return false;
    if (!type)
        type = *at++;
    if (type == 0 || type > 8)
        return false;
    memset(frame, 0, sizeof(union canp_frame_store));
    frame->id = CANP_ID_ERR | ERR_PROT | ERR_BUSERROR | ERR_CNT;
    frame->id |= type == 8 && at[1] == ACK_SLOT ? ERR_ACK : 0;
    frame->len = 8;
    frame->data[2] = (uint8_t)((type & 7) | (at[0] == 0 ? PROT_TX : 0));
    frame->data[3] = at[1];
    frame->data[6] = at[3];
    frame->data[7] = at[2];
    return true;
}

/* PEAK's driver in Linux takes them for the same states. */
bool canp_trc_status(struct canp_text text, struct canp_link_event *link)
{
    uint8_t bytes[8];
    if (take_bytes(&text, bytes) != 4 || bytes[0] | bytes[1] | bytes[2])
        return false;
    unsigned status = bytes[3];
    *link = (struct canp_link_event){.code = CANP_LINK_STATE, .bytes = sizeof(*link)};
    link->state = status & 0x10 ? 3 : status & 8 ? 2 : status & 4 ? 1 : 0; /* enum can_state */
    return true;
}
