/*
 * Records that are no frames as one line of text, and back: for formats that have comments, but no gaps, link
 * events or clock anchors of their own (Vector's ASC, BLF and MF4, and pcapng). A line begins with `canp`:
 *
 *   canp start 1700000000.123000000                      what the log's relative stamps count from
 *   canp iface vcan0 number 1 mtu 72 bitrate 500000 dbitrate 2000000 ifindex 3 ctrlmode 0
 *   canp gap vcan0 layer socket lost 17 from 1700000000.100000000 to 1700000000.200000000
 *   canp link vcan0 code bus-off state 3 txerrors 3 rxerrors 0 [name can9]
 *   canp mark vcan0 code 1 KEY=VALUE                     the text as canp/safe_text.h spells it
 *   canp clock vcan0 code 0 realtime 1700000000.0 monotonic 12.0 boot 00..0F [boottime 12.0 suspended 0.0]
 *   canp error vcan0 20000088 0000081900000000           what the next error frame of this interface says
 *   canp at 1700000000.123 gap vcan0 ...                 where the format gives the comment no time
 *
 * Names and texts are spelled as canp/safe_text.h says; a layer or code that has no name is a number, and
 * numbers are read for all. No state; any thread.
 */
#ifndef CANP_FORMATS_EVENT_TEXT_H
#define CANP_FORMATS_EVENT_TEXT_H

#include <canp/safe_text.h>

#include "formats/log_format.h"
#include "formats/text/text_in.h"

/* Room that one line may need. */
#define CANP_EVENT_TEXT_BYTES (CANP_SAFE_EXPANSION * 2096U + 512U)

/* What a line says beside the record. */
struct canp_event_text {
    enum { CANP_EVENT_TEXT_START, CANP_EVENT_TEXT_RECORD, CANP_EVENT_TEXT_ERROR } what;
    int64_t start_ns;                  /* START */
    uint8_t kind;                      /* RECORD: IFACE, GAP, LINK, MARK or CLOCK, in the store */
    char iface[CANP_IFACE_NAME_BYTES]; /* RECORD, ERROR; padded with zeros */
    bool has_time;                     /* `at` was there: */
    int64_t time_ns;
    uint32_t number; /* of an IFACE */
};

/* Without a line end and without a zero: the place behind it. `number` is of an IFACE. */
char *canp_put_event_text(char *out, const struct canp_record *record, const char *iface, uint32_t number);
char *canp_put_timed_event_text(char *out, const struct canp_record *record, const char *iface);
char *canp_put_start_text(char *out, int64_t start_ns);
char *canp_put_error_text(char *out, const struct canp_frame *frame, const char *iface);

/* 1: *out and the store are filled; 0: the text is somebody else's; -CANP_E_SYNTAX: ours, but damaged. */
int canp_take_event_text(struct canp_text text, union canp_log_store *store, struct canp_event_text *out);

#endif
