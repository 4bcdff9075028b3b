/*
 * Candump's filters and two words of our own, with the semantics of CAN_RAW sockets (linux/net/can/af_can.c):
 *   123:7FF               (id & mask) == (123 & mask)
 *   123~7FF               (id & mask) != (123 & mask)
 *   12345678:1FFFFFFF     8 digits before the sign: extended frames only, if the mask has bit 31
 *   pgn:FEF1              a J1939 parameter group (hex), whatever priority, source and destination
 *   #FFFFFFFF             error frames: (id & mask) != 0
 *   error                 error frames and nothing else: 0~0,#FFFFFFFF
 *   j                     all filters must match, not any of them
 * A text may hold several filters, separated by commas. Without an id filter every data frame passes; error
 * frames pass only by an error mask, as on a socket. `0~0` matches no data frame.
 *
 * As in the kernel, the mask alone says which bits are compared: the mask of `123:7FF` lacks bit 31, so an
 * extended id whose low 11 bits are 123 passes as well. `123:C00007FF` lets only the standard id 123 pass.
 *
 * One difference: with `j` and several id filters the kernel drops error frames; here the error mask still
 * decides. XL frames are matched by their priority word, as the kernel does.
 *
 * The functions keep no state and allocate nothing; any number of threads may use a set once it is parsed.
 */
#ifndef CANP_FILTER_H
#define CANP_FILTER_H

#include <canp/error.h>
#include <canp/frame.h>

CANP_BEGIN_DECLS

#define CANP_FILTERS_MAX 512 /* CAN_RAW_FILTER_MAX of linux/can/raw.h */

/* In canp_filter.id: the filter matches ids that differ (CAN_INV_FILTER of linux/can.h). */
#define CANP_FILTER_INVERSE 0x20000000U

/* Laid out as struct can_filter, so that an array of them is what setsockopt(CAN_RAW_FILTER) takes. */
struct canp_filter {
    uint32_t id;   /* with CANP_ID_EFF and CANP_FILTER_INVERSE */
    uint32_t mask; /* CANP_ID_ERR is never set */
};

/* Zero it before the first canp_filter_parse(). */
struct canp_filter_set {
    unsigned count;
    bool join;
    uint32_t error_mask; /* 0: no error frames */
    struct canp_filter filters[CANP_FILTERS_MAX];
};

/*
 * Adds the filters in `text` to the set. 0; -CANP_E_SYNTAX or -CANP_E_TOO_MANY: the set is unchanged, and
 * `why` names the part that failed.
 */
CANP_API int canp_filter_parse(struct canp_filter_set *set, const char *text, struct canp_why *why);

/* Does a frame with this can_id (flags included) pass? */
CANP_API bool canp_filter_match_id(const struct canp_filter_set *set, uint32_t can_id);

/* Does the record pass? A record that is no frame always passes. */
CANP_API bool canp_filter_match(const struct canp_filter_set *set, const struct canp_record *record);

CANP_END_DECLS

#endif
