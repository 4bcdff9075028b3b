/* Checks the rows of a whole block whose number is known. Pure functions; any thread. */
#ifndef CANP_ENGINE_ROWS_CHECK_H
#define CANP_ENGINE_ROWS_CHECK_H

#include <canp/rows.h>

/* Are these `bytes` bytes exactly `records` well-formed rows, each of `stride` bytes unless that is 0? */
bool canp_rows_are_sound(const uint8_t *rows, uint32_t bytes, uint32_t records, uint32_t stride);

#endif
