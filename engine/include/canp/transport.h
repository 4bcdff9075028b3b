/*
 * Puts together messages that span several frames: J1939's transport protocol (SAE J1939-21: BAM,
 * RTS/CTS and the extended one for long messages), NMEA 2000's fast packets, ISO 15765-2 (ISO-TP). It only
 * listens: give it the frames of a bus in their order, and it returns each message with the time of its last
 * frame. The frames of different messages may be interleaved.
 *
 * Opening allocates all memory; feeding frames allocates nothing. When there is no room for one more
 * unfinished message, the one that got no frame for longest (of those in the same hash set) is dropped and
 * counted.
 *
 * One thread at a time for each canp_transport.
 */
#ifndef CANP_TRANSPORT_H
#define CANP_TRANSPORT_H

#include <stddef.h>

#include <canp/dbc.h>
#include <canp/frame.h>

CANP_BEGIN_DECLS

struct canp_transport;

enum canp_transport_kind {
    CANP_TRANSPORT_BAM,  /* J1939, to all nodes */
    CANP_TRANSPORT_RTS,  /* J1939, to one destination */
    CANP_TRANSPORT_FAST, /* NMEA 2000 */
    CANP_TRANSPORT_ISOTP,
    CANP_TRANSPORT_ETP, /* J1939's extended protocol, to one destination */
};

/* Lent until the next call of canp_transport_feed(), and as long as the frame that was fed. */
struct canp_transport_message {
    enum canp_transport_kind kind;
    uint32_t id; /* as canp_frame.id, to look up a plan. J1939 and NMEA 2000: group, source and destination,
                  * with priority 6; ISO-TP: the id of the frames */
    uint8_t channel;
    uint8_t source;      /* J1939, NMEA 2000 */
    uint8_t destination; /* J1939, NMEA 2000: 255 is all. ISO-TP with extended or mixed addressing: its
                            address byte */
    uint32_t frames;     /* number of its frames, repeated ones included */
    int64_t first_ns;    /* of the first frame */
    int64_t time_ns;     /* of the last frame */
    const uint8_t *data;
    uint32_t bytes;
};

enum canp_isotp_addressing {
    CANP_ISOTP_NORMAL,   /* by the id alone; also for `normal fixed` */
    CANP_ISOTP_EXTENDED, /* the first byte of each frame is the target's address */
    CANP_ISOTP_MIXED,    /* the first byte of each frame is an address extension */
};

/* One direction of a conversation: frames of these ids are ISO-TP. */
struct canp_isotp_ids {
    uint32_t id;   /* as canp_frame.id */
    uint32_t mask; /* the bits that are compared; CANP_ID_EFF always is */
    enum canp_isotp_addressing addressing;
};

struct canp_transport_opts {
    size_t size;                        /* canp/export.h */
    bool no_j1939;                      /* ignores groups 0xEC00, 0xEB00, 0xC800 and 0xC700 */
    bool no_fast_packets;               /* ignores fast packets, see canp_transport_fast_group() */
    bool no_obd;                        /* ignores ISO-TP on 7DF, 7E0..7EF, 18DAxxxx, 18DBxxxx */
    const struct canp_isotp_ids *isotp; /* further ones; copied */
    uint32_t isotp_count;
    uint32_t sessions_max; /* unfinished messages at one time; rounded up to a multiple of 8. 0: 256 */
    uint32_t bytes_max;    /* of one message; longer ones are left out and counted. At least 223; 0: 4095 */
    uint32_t extended_bytes_max; /* the same of one by J1939's extended protocol, of which there may be four
                                    at one time. Memory is taken as it is needed. 0: 1 MiB */
    uint64_t timeout_ns;         /* a message whose next frame takes longer is dropped. 0: 1.25 s */
};
#define CANP_TRANSPORT_OPTS_INIT CANP_OPTS_INIT_(canp_transport_opts)

/* Counters only grow. */
struct canp_transport_stats {
    uint64_t frames;     /* frames of a transport protocol */
    uint64_t messages;   /* returned */
    uint64_t incomplete; /* dropped: begun again before its end, timed out, or a frame was missing */
    uint64_t aborted;    /* dropped: aborted by its sender or receiver (J1939) */
    uint64_t evicted;    /* dropped for lack of room */
    uint64_t orphans;    /* frames of messages whose beginning was not seen */
    uint64_t malformed;  /* frames that the protocol does not allow */
    uint64_t too_long;   /* messages of more than bytes_max */
};

/* 0 and *out: canp_transport_close(). -EINVAL, -E2BIG, -ENOMEM. opts NULL: CANP_TRANSPORT_OPTS_INIT. */
CANP_API int canp_transport_open(const struct canp_transport_opts *opts, struct canp_transport **out);

/* NULL is allowed. Unfinished messages are dropped. */
CANP_API void canp_transport_close(struct canp_transport *transport);

/* Declares that frames of this group (J1939 PGN, up to 0x3FFFF) are fast packets. The fast-packet groups of
 * NMEA 2000 and its proprietary ones (0x1EF00, 0x1FF00..0x1FFFF) need not be declared. 0 or -EINVAL. */
CANP_API int canp_transport_fast_group(struct canp_transport *transport, uint32_t pgn);

/* The same for all 29 bit messages of a database that have more than 8 bytes, except those whose VFrameFormat
 * is J1939PG: they use J1939's transport protocol. Returns how many. */
CANP_API int canp_transport_fast_groups_of(struct canp_transport *transport, const struct canp_dbc *dbc);

/* Takes the next frame of the bus. 1: it completes a message, *out; 0: it completes none, or is no frame of a
 * transport protocol. */
CANP_API int canp_transport_feed(struct canp_transport *transport, int64_t time_ns, uint8_t channel,
                                 const struct canp_frame *frame, struct canp_transport_message *out);

CANP_API void canp_transport_stats(const struct canp_transport *transport, struct canp_transport_stats *out);

/* ---- trouble codes ---------------------------------------------------------------------------------------
 */

/* A trouble code of a DM1 (group 0xFECA) or DM2 (0xFECB), SAE J1939-73. */
struct canp_j1939_dtc {
    uint32_t spn;        /* 19 bits, by conversion method 4 */
    uint8_t fmi;         /* failure mode, 5 bits */
    uint8_t occurrences; /* 127: not available */
    bool old_conversion; /* the method bit is set: an old device, whose SPN may be in another order */
};

/* Reads the codes of a DM1's or DM2's payload, which begins with two bytes of lamps: fills at most `room` and
 * returns how many there are. A code of all zeros means none and is not counted. */
CANP_API uint32_t canp_j1939_dtcs(const uint8_t *data, size_t bytes, struct canp_j1939_dtc *dtcs,
                                  uint32_t room);

CANP_END_DECLS

#endif
