/*
 * SocketCAN's error frames in words: what the controller or its driver reported. The meaning of the
 * bits is that of linux/can/error.h, the words are those of `candump -e`.
 *
 * Any thread; the functions keep no state and allocate nothing.
 */
#ifndef CANP_ERROR_TEXT_H
#define CANP_ERROR_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <canp/frame.h>

CANP_BEGIN_DECLS

/* What an error frame says. Texts are static; NULL where the frame says nothing about it. */
struct canp_error_facts {
    uint32_t classes;        /* CAN_ERR_*: canp_error_class_name() */
    uint8_t arbitration_bit; /* where arbitration was lost; 0 = not told */
    uint8_t controller;      /* CAN_ERR_CRTL_*: canp_error_controller_name() */
    uint8_t protocol;        /* CAN_ERR_PROT_*: canp_error_protocol_name() */
    const char *location;    /* of a protocol violation within the frame */
    const char *can_high;    /* transceiver: what is wrong with this wire */
    const char *can_low;
    bool has_counters; /* the error counters are told */
    uint8_t tx_errors;
    uint8_t rx_errors;
};

static inline bool canp_is_error_frame(const struct canp_record *record)
{
    return record->kind == CANP_KIND_CAN && (record->frame->id & CANP_ID_ERR) != 0;
}

/* Reads an error frame (id with CANP_ID_ERR); reads at most len bytes of its data. */
CANP_API void canp_error_read(const struct canp_frame *frame, struct canp_error_facts *out);

/* The word for bit 0, 1, ... of classes, controller or protocol; NULL for a bit without a word. */
CANP_API const char *canp_error_class_name(unsigned bit);
CANP_API const char *canp_error_controller_name(unsigned bit);
CANP_API const char *canp_error_protocol_name(unsigned bit);

/* Room for the longest text, `between` of up to 8 bytes. */
#define CANP_ERROR_TEXT_BYTES 1024

/*
 * The whole frame as one zero-terminated text like that of `candump -e`, with `between` between the classes
 * (candump has "\n\t"). candump omits classes that it does not know; here they are "unknown-class-0xN".
 * Returns the length.
 */
CANP_API size_t canp_error_text(const struct canp_frame *frame, const char *between,
                                char out[CANP_ERROR_TEXT_BYTES]);

CANP_END_DECLS

#endif
