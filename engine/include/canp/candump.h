/*
 * Candump's log format: one record per line, as `candump -L` prints it, with nanoseconds.
 *
 *   (1700000000.123456789) vcan0 123#DEADBEEF      classic; 8 digits = extended
 *   (1700000000.123456789) vcan0 123#1122334455667788_F   raw DLC 9..F behind 8 bytes
 *   (1700000000.123456789) vcan0 123#R4            remote, its length
 *   (1700000000.123456789) vcan0 123##5AABB        FD, flags BRS 1, ESI 2, FDF 4
 *   (1700000000.123456789) vcan0 20000004#0004000000000000   error frame
 *   (1700000000.123456789) vcan0 00123#80:01:00000000#AABB   XL: VCID, priority, flags, SDU type, AF
 *   # GAP vcan0 socket lost 17 from 1700000000.1 to 1700000000.2
 *
 * A record that is no frame becomes a comment, which can-utils skip. Interface names and texts of marks are
 * spelled as canp/safe_text.h says, so that they cannot forge a line; reading undoes the spelling. Grammar
 * and limits are those of can-utils' lib.c, canplayer.c and log2asc.c.
 *
 * Threads: formatting and parsing keep no state; a canp_candump_reader belongs to one thread.
 */
#ifndef CANP_CANDUMP_H
#define CANP_CANDUMP_H

#include <stddef.h>

#include <canp/error.h>
#include <canp/frame.h>

CANP_BEGIN_DECLS
CANP_BEGIN_FLEXIBLE

/* Room that canp_candump_format() may need: the longest record is a mark of 2 KiB with every byte spelled
 * out. */
#define CANP_CANDUMP_LINE_BYTES 8704

/* Style flags of canp_candump_format(). */
#define CANP_CANDUMP_DIRECTION 1U /* end frames with " R" or " T", as candump -x does */
#define CANP_CANDUMP_MICROS    2U /* 6 digits instead of 9: what canplayer before 2022 needs for its timing */

/*
 * Writes one line, newline included, and returns its length in bytes. `iface` must be readable for
 * CANP_IFACE_NAME_BYTES and hold a zero among them (struct canp_iface.name does). No zero is appended; bytes
 * behind the returned length, within CANP_CANDUMP_LINE_BYTES, may be overwritten.
 */
CANP_API size_t canp_candump_format(const struct canp_record *record, const char *iface, unsigned style,
                                    char *out);

/* The frame part alone (`123#DEADBEEF`), no newline: 0 for a record that is no frame. Same room. */
CANP_API size_t canp_candump_format_frame(const struct canp_record *record, char *out);

/* What a line says. */
struct canp_candump_line {
    int64_t time_ns; /* INT64_MIN: the line has no time (DROPCOUNT) */
    uint8_t kind;    /* enum canp_kind: CANP_KIND_CAN, _FD, _XL or _GAP */
    uint8_t dir;     /* enum canp_dir; RX when the line does not say */
    bool has_dir;    /* the line says the direction */
    bool torn;       /* a torn record stood before this one on the line */
    char iface[CANP_IFACE_NAME_BYTES];
    union { /* zero behind the frame, its padding to a multiple of 8 included */
        union canp_frame_store can;
        union canp_xl_frame_store xl;
        struct canp_gap gap;
    };
};

/*
 * Reads one line, without its newline; a carriage return is allowed. 1: *out is a record. 0: a comment or an
 * empty line. -CANP_E_SYNTAX: anything else; *out is unspecified then.
 */
CANP_API int canp_candump_parse(const char *line, size_t bytes, struct canp_candump_line *out);

/* Lends *line as a record with the given channel; valid as long as *line is. */
CANP_API void canp_candump_record(const struct canp_candump_line *line, uint8_t channel,
                                  struct canp_record *out);

/* ---- reading a whole log ------------------------------------------------------------------------- */

#define CANP_CANDUMP_BAD_MAX 8

/* A line that could not be read. */
struct canp_candump_bad {
    uint64_t line; /* from 1 */
    char text[72]; /* its beginning, zero-terminated; bytes that are no ASCII text shown as '.' */
};

struct canp_candump_stats {
    uint64_t lines;
    uint64_t records;                                    /* frames and gaps */
    uint64_t comments;                                   /* comments and empty lines */
    uint64_t bad;                                        /* unreadable lines, and records torn apart */
    struct canp_candump_bad first[CANP_CANDUMP_BAD_MAX]; /* the first of them; min(bad, MAX) are filled */
};

struct canp_candump_reader;

/* Reads from fd (borrowed; may be a pipe) from its current position. Owned: *out. 0 or -ENOMEM. */
CANP_API int canp_candump_open(int fd, struct canp_candump_reader **out);
CANP_API void canp_candump_close(struct canp_candump_reader *reader); /* NULL is allowed; fd stays open */

/*
 * The next record: 1, 0 at the end, or a negative errno of read(2). Unreadable lines are counted and skipped;
 * lines over 16 KiB are unreadable. A DROPCOUNT line gets the time of the previous record.
 */
CANP_API int canp_candump_next(struct canp_candump_reader *reader, struct canp_candump_line *out);

/* Borrowed until canp_candump_close(). */
CANP_API const struct canp_candump_stats *canp_candump_stats(const struct canp_candump_reader *reader);

CANP_END_FLEXIBLE
CANP_END_DECLS

#endif
