/*
 * Reads cells of tables and words of logs as whole numbers; a cell that holds anything else is an error.
 * Invariant: nothing outside of the cell is read. No state; any thread.
 */
#ifndef CANP_FORMATS_CELLS_H
#define CANP_FORMATS_CELLS_H

#include <canp/frame.h>

#include "formats/text/text_in.h"

/* Decimal, nothing behind it. */
static inline bool canp_cell_decimal(struct canp_text cell, uint64_t max, uint64_t *value)
{
    canp_skip_blanks(&cell);
    canp_trim_end(&cell);
    return canp_take_decimal(&cell, value) == 0 && cell.at == cell.end && *value <= max;
}

/* 1 to 8 hex digits, with or without 0x. */
static inline bool canp_cell_hex(struct canp_text cell, uint32_t max, uint32_t *value)
{
    canp_skip_blanks(&cell);
    canp_trim_end(&cell);
    if (!canp_take_text(&cell, "0x"))
        canp_take_text(&cell, "0X");
    return canp_take_hex(&cell, value) == 0 && cell.at == cell.end && *value <= max;
}

/* One or two hex digits, with or without 0x. */
static inline bool canp_cell_byte(struct canp_text cell, uint8_t *byte)
{
    uint32_t value;
    if (cell.end - cell.at == 2) {
        int two = canp_hex_byte(cell.at);
        if (two >= 0)
            *byte = (uint8_t)two;
        return two >= 0;
    }
    if (!canp_cell_hex(cell, 0xFF, &value))
        return false;
    *byte = (uint8_t)value;
    return true;
}

/* The rest of a line as bytes with blanks between them: up to 8, into the frame. false: something else is
 * there, or more. */
static inline bool canp_take_spaced_bytes(struct canp_text *t, struct canp_frame *frame)
{
    struct canp_text word;
    while (canp_take_word(t, &word)) {
        if (frame->len == 8 || word.end - word.at != 2 || !canp_cell_byte(word, &frame->data[frame->len]))
            return false;
        frame->len++;
    }
    return true;
}

/* Whether a bus can have such an id. */
static inline bool canp_id_fits(uint32_t id, bool is_extended)
{
    return id <= (is_extended ? CANP_ID_EFF_MASK : CANP_ID_SFF_MASK);
}

#endif
