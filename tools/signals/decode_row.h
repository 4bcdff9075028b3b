/* A decoded frame, as canp decode passes it to the code that prints or keeps it. Any thread. */
#ifndef CANP_TOOLS_DECODE_ROW_H
#define CANP_TOOLS_DECODE_ROW_H

#include <canp/transport.h>

#include "decode_choice.h"

/* What one frame, or a message of several frames, gave. */
struct decode_row {
    int64_t time_ns;
    const char *iface;
    uint32_t id;
    const struct decode_message *message;
    const uint8_t *data; /* the payload */
    size_t bytes;
    const struct canp_value *values; /* the wanted ones, at least one, in the order of signals */
    uint32_t count;
};

/* The trouble codes of one DM1 or DM2 of J1939, at least one. */
struct decode_codes {
    int64_t time_ns;
    const char *iface;
    uint32_t id;
    const char *message; /* "DM1" or "DM2" */
    const struct canp_j1939_dtc *codes;
    uint32_t count;
};

/* Has it a number? Not when it is text or bytes, or when J1939 marks it as not available or as an error. */
bool decode_has_number(const struct canp_value *value);

/* "not available", "error", "out of range" or "". */
const char *decode_mark(const struct canp_value *value);

/* Are its values whole numbers, exactly those of the raw integer? */
bool decode_is_integer(const struct canp_dbc_signal *signal);

/* The bytes of a signal of more than 64 bits; *bytes of them. Lent like the row. */
const uint8_t *decode_bytes(const struct decode_row *row, const struct canp_value *value, size_t *bytes);

/* The same without what pads a text: zeros, 0xFF, blanks and NMEA's @. */
const char *decode_characters(const struct decode_row *row, const struct canp_value *value, size_t *bytes);

#endif
