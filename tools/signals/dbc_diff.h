/* Compares two signal databases. Main thread. */
#ifndef CANP_TOOLS_DBC_DIFF_H
#define CANP_TOOLS_DBC_DIFF_H

#include <canp/dbc.h>
#include <stdbool.h>

/* Prints each difference: a line that begins with - (only in `a`), + (only in `b`) or ~; as JSON, elements of
 * an array without its brackets. Messages are matched by id, signals by name. Returns their number. */
uint64_t dbc_diff(const struct canp_dbc *a, const struct canp_dbc *b, bool json);

#endif
