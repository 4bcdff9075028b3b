/*
 * Decodes frames into values: plans are compiled once from a signal database, then applied to frames without
 * copying them. Decoding allocates nothing, and a decoder does not change: any number of threads may use it
 * at the same time, each with its own counts.
 *
 * A value has the exact raw integer and the scaled double. A signal for which the frame is too short gives no
 * value and is counted; a multiplexed signal gives a value only when its muxer selects it. Remote and error
 * frames give none.
 */
#ifndef CANP_DECODE_H
#define CANP_DECODE_H

#include <canp/dbc.h>

CANP_BEGIN_DECLS

struct canp_decoder;
struct canp_plan; /* how to decode one message; valid as long as its decoder */

/* In canp_value.flags. */
#define CANP_VALUE_OUT_OF_RANGE  0x01U /* outside the database's minimum and maximum */
#define CANP_VALUE_NOT_AVAILABLE 0x02U /* J1939-71: 0xFF.. */
#define CANP_VALUE_ERROR         0x04U /* J1939-71: 0xFE.. */
#define CANP_VALUE_BYTES                                                                                     \
    0x08U /* more than 64 bits, so no number: raw is the index of the first byte, value is NaN */

struct canp_value {
    const struct canp_dbc_signal *signal; /* valid as long as the database */
    uint64_t raw; /* sign-extended for signed signals, so cast it to int64_t; the bits of a float or double */
    double value; /* raw * factor + offset */
    uint32_t flags; /* CANP_VALUE_* */
    uint32_t zero;
};

/* Zero it first; the counts only grow. */
struct canp_decode_counts {
    uint64_t frames;         /* data frames of known messages */
    uint64_t values;         /* values decoded from these */
    uint64_t short_values;   /* signals for which a frame was too short; not those whose muxer was cut off */
    uint64_t frames_unknown; /* data frames with an id that no message of the database has */
    uint64_t not_data;       /* remote and error frames, events, XL frames */
};

enum canp_decode_j1939 {
    CANP_J1939_AUTO,   /* when the database says so: VFrameFormat J1939PG, or ProtocolType J1939 */
    CANP_J1939_ALWAYS, /* all 29 bit messages are J1939: for databases that do not say so */
    CANP_J1939_NEVER,  /* ids are compared as a whole; no value is marked as not available */
};

struct canp_decoder_opts {
    size_t size; /* canp/export.h */
    enum canp_decode_j1939 j1939;
};
#define CANP_DECODER_OPTS_INIT CANP_OPTS_INIT_(canp_decoder_opts)

/* Compiles plans for all messages and adds itself to the database's owners. 0 and *out, freed by
 * canp_decoder_close(); -E2BIG, -EINVAL or -ENOMEM. opts NULL: CANP_DECODER_OPTS_INIT. */
CANP_API int canp_decoder_open(struct canp_dbc *dbc, const struct canp_decoder_opts *opts,
                               struct canp_decoder **out, struct canp_why *why);

/* NULL is allowed. The texts and signals of values are valid as long as the database. */
CANP_API void canp_decoder_close(struct canp_decoder *decoder);

/* The plan for frames of this id (canp_frame.id, with its flags), or NULL. J1939 messages are found by their
 * group: priority, source and, for groups below 0xF000, the destination are ignored. A message with exactly
 * this id is preferred. */
CANP_API const struct canp_plan *canp_decoder_plan(const struct canp_decoder *decoder, uint32_t can_id);

CANP_API const struct canp_dbc_message *canp_plan_message(const struct canp_plan *plan);

/* The most values that one frame can give. */
CANP_API uint32_t canp_plan_values(const struct canp_plan *plan);

/* Decodes one payload of any length: of a frame, or of a message that spans several frames. `values` must
 * have room for canp_plan_values(). Returns the number of values. */
CANP_API uint32_t canp_plan_decode(const struct canp_plan *plan, const uint8_t *data, size_t bytes,
                                   struct canp_value *values, struct canp_decode_counts *counts);

/* The text for the value, or NULL. */
CANP_API const char *canp_value_text(const struct canp_value *value);

/* One of the frames that canp_decoder_rows() decoded. */
struct canp_decoded {
    const struct canp_plan *plan;
    const uint8_t *row; /* see canp/rows.h */
    int64_t time_ns;
    uint32_t first_value; /* in `values` */
    uint32_t value_count;
};

/*
 * Decodes rows as a reader lends them (rows and base_ns of a canp_batch) until they end, or `values` or
 * `frames` have no room for another frame. Returns the number of frames decoded; *used is the number of bytes
 * of rows that are done, where the next call continues. 0 with *used less than bytes: value_capacity is less
 * than canp_decoder_values_max().
 */
CANP_API uint32_t canp_decoder_rows(const struct canp_decoder *decoder, const uint8_t *rows, size_t bytes,
                                    int64_t base_ns, struct canp_value *values, uint32_t value_capacity,
                                    struct canp_decoded *frames, uint32_t frame_capacity, size_t *used,
                                    struct canp_decode_counts *counts);

/* The most values that a frame of any message can give. */
CANP_API uint32_t canp_decoder_values_max(const struct canp_decoder *decoder);

/* The J1939 parameter group of a 29 bit id; the destination of groups below 0xF000 is left out. */
CANP_API uint32_t canp_j1939_pgn(uint32_t can_id);

CANP_END_DECLS

#endif
