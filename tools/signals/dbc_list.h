/* Lists a signal database for people or as JSON. Main thread. */
#ifndef CANP_TOOLS_DBC_LIST_H
#define CANP_TOOLS_DBC_LIST_H

#include <canp/dbc.h>
#include <stdio.h>

#define DBC_BITS_BYTES 32
/* `24|16@1-`, as the file has it. */
const char *dbc_bits_text(char out[DBC_BITS_BYTES], const struct canp_dbc_signal *s);

/* `m1`, `m3-5,9 of Selector`, `M`... or an empty text. Cut where it does not fit. */
const char *dbc_mux_text(char *out, size_t bytes, const struct canp_dbc_signal *s);

/* All messages and their signals, for people. */
void dbc_print_list(FILE *to, const char *path, const struct canp_dbc *dbc);

/* The members `"file": ... "messages": [...]` of an object that the caller opens and closes. */
void dbc_print_json(FILE *to, const char *path, const struct canp_dbc *dbc);

/* A number as JSON: null for what JSON does not have. */
void dbc_print_number(FILE *to, double number);

#endif
