/*
 * Counting error frames (error_frames.h). Nearly all blocks have none: their identifiers are taken together
 * first, so that a frame costs a few instructions. Invariant: a stored error frame is counted once.
 */
#include "error_frames.h"

#include <linux/can.h>
#include <string.h>

static uint32_t id_of(const uint8_t *row)
{
    uint32_t id;
    memcpy(&id, row + 8, sizeof(id)); /* behind the stamp; of an XL frame or an event something else */
    return id;
}

/* May there be any? Rows are never shorter than a stamp and an identifier. */
static bool may_have(const struct canp_rowbuf *rows)
{
    uint32_t all = 0;
    if (!rows->stride)
        return rows->frames > 0;
    for (size_t at = 0; at < rows->used_bytes; at += rows->stride)
        all |= id_of(rows->data + at);
    return all & CAN_ERR_FLAG;
}

void canp_error_frames_note(struct chan *chans, const struct canp_rowbuf *rows)
{
    if (!may_have(rows))
        return;
    for (size_t at = 0; at < rows->used_bytes; at += canp_row_bytes(rows->data + at)) {
        const uint8_t *row = rows->data + at;
        if (canp_row_kind(row) == CANP_KIND_CAN && id_of(row) & CAN_ERR_FLAG)
            counter_add(&chans[row[0]].errors_stored, 1);
    }
}
