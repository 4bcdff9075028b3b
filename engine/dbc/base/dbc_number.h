/* Decimal numbers as DBC files spell them. Any thread. */
#ifndef CANP_DBC_NUMBER_H
#define CANP_DBC_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* The number at the start of [text, end), *end_of it behind; independent of the locale, rounded correctly.
 * Returns false when none is there. */
bool canp_dbc_number(const char *text, const char *end, double *value, int64_t *integer, const char **end_of);

#endif
