/*
 * The choice of signals that canp decode prints: databases, the interfaces to which they apply, and patterns
 * of names. It is made before the first frame and does not change afterwards. Main thread.
 */
#ifndef CANP_TOOLS_DECODE_CHOICE_H
#define CANP_TOOLS_DECODE_CHOICE_H

#include <canp/decode.h>

#define DECODE_UNWANTED  UINT32_MAX
#define DECODE_BASES_MAX 64

struct decode_base {
    const char *path;
    const char *iface; /* NULL: for all interfaces */
    char iface_room[16];
    struct canp_dbc *dbc;
    struct canp_decoder *decoder;
    bool is_j1939; /* it says so of some message */
};

struct decode_message {
    const struct canp_dbc_message *message;
    uint32_t *columns; /* of each of its signals: the number of its column, or DECODE_UNWANTED */
    uint32_t wanted;   /* signals */
};

struct decode_choice {
    bool j1939;    /* all 29 bit messages are J1939's */
    bool codes[2]; /* J1939's trouble codes of DM1, of DM2 are wanted */
    struct decode_base bases[DECODE_BASES_MAX];
    unsigned base_count;
    struct canp_dbc_manager *manager;
    struct decode_message *messages; /* all, in the databases' order */
    uint32_t message_count;
    uint32_t *slots; /* hash of message pointers: index + 1 */
    uint32_t slot_mask;
    uint32_t column_count;
    uint32_t values_max; /* that one message may give */
};

/* Reads one more database: [IFACE=]FILE, `text` is borrowed. 0 or a negative error. decode_choice_close() in
 * any case. */
int decode_choice_add(struct decode_choice *choice, const char *text, struct canp_why *why);

/* When all are read: what the patterns match; all, if there are none. DM1 and DM2 may be among them whatever
 * the databases have. 0, -ENOMEM, or -ENOENT: one matches
 * nothing. */
int decode_choice_match(struct decode_choice *choice, char *const *patterns, int count, struct canp_why *why);
void decode_choice_close(struct decode_choice *choice);

/* What is wanted of a message. NULL: it is in none of the databases. */
const struct decode_message *decode_choice_message(const struct decode_choice *choice,
                                                   const struct canp_dbc_message *message);

/* Is it MESSAGE.SIGNAL, or the name of either? */
bool decode_choice_matches(const char *pattern, const struct canp_dbc_signal *signal);

/* Bit 1 << index of each database that is for this interface. */
uint64_t decode_choice_bases(const struct decode_choice *choice, const char *iface);

/* Are 29 bit messages J1939's, by one of these databases? */
bool decode_choice_is_j1939(const struct decode_choice *choice, uint64_t bases);

/* The plan for an id by the databases of `bases`; those that name their interface go first. NULL: none. */
const struct canp_plan *decode_choice_plan(const struct decode_choice *choice, uint64_t bases, uint32_t id);

#endif
