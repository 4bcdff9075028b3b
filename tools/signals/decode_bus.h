/*
 * Makes rows of the chosen values from the frames of all interfaces: databases by interface, transport
 * protocols, counts. Main thread.
 */
#ifndef CANP_TOOLS_DECODE_BUS_H
#define CANP_TOOLS_DECODE_BUS_H

#include <canp/frame.h>
#include <canp/transport.h>

#include "decode_row.h"
#include "decode_thin.h"

/* Interfaces with the same databases share a transport: what is a fast packet depends on the databases. */
struct decode_line {
    uint64_t bases;
    struct canp_transport *transport;
    struct canp_transport_stats stats;
};

#define DECODE_CODES_MAX 1024 /* of one message: more than its bytes can hold */

struct decode_bus {
    const struct decode_choice *choice;
    /* Takes each row, which is lent for the call. 0 or a negative error, which ends it. */
    int (*take)(void *user, const struct decode_row *row);
    /* The same of trouble codes, when they are wanted. NULL: they are left out. */
    int (*take_codes)(void *user, const struct decode_codes *codes);
    void *user;
    const struct canp_transport_opts *transport; /* of all transports; NULL: the defaults */
    struct decode_thin thin;
    struct canp_value *values;
    struct decode_line lines[DECODE_BASES_MAX + 1];
    unsigned line_count;
    struct decode_channel {
        char name[CANP_IFACE_NAME_BYTES + 1]; /* empty: not met */
        struct decode_line *line;
    } channels[256];
    struct canp_j1939_dtc codes[DECODE_CODES_MAX];
    struct canp_decode_counts counts;
    uint64_t given;         /* values and trouble codes */
    char short_message[96]; /* the first one with a frame too short, spelled as canp/safe_text.h says */
};

/* 0 or -ENOMEM. decode_bus_close() in any case. */
int decode_bus_open(struct decode_bus *bus);
void decode_bus_close(struct decode_bus *bus);

/* A record of a log, which defines a channel before its first frame (canp/log.h): gives what a classic or FD
 * frame holds. A channel without a definition is called by its number. 0, -ENOMEM or what take() said. */
int decode_bus_record(struct decode_bus *bus, const struct canp_record *record);

/* The interface's name; the same one again costs a comparison. 0 or -ENOMEM. */
int decode_bus_name(struct decode_bus *bus, uint8_t channel, const char *iface);
bool decode_bus_is_named(const struct decode_bus *bus, uint8_t channel);

/* One classic or FD frame of a channel that has a name: gives what it holds. 0, -ENOMEM or what take() said.
 */
int decode_bus_frame(struct decode_bus *bus, const struct canp_record *record);

/* All transports together. */
void decode_bus_transports(const struct decode_bus *bus, struct canp_transport_stats *out);

#endif
