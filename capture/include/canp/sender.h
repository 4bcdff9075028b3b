/*
 * Sends frames onto a CAN interface, in batches, straight from where they lie.
 *
 * A full queue is back-pressure: the sender waits and tries again, and counts that; it never drops a frame.
 * What an interface cannot take (FD or XL beyond its MTU, error frames on a real controller) is refused and
 * counted by kind.
 *
 * A sender belongs to one thread. After open nothing allocates.
 */
#ifndef CANP_SENDER_H
#define CANP_SENDER_H

#include <stdint.h>

#include <canp/error.h>
#include <canp/frame.h>

CANP_BEGIN_DECLS

struct canp_sender;

struct canp_sender_stats {
    uint64_t frames;        /* handed to the interface's queue */
    uint64_t calls;         /* sendmmsg() calls */
    uint64_t waits;         /* times the queue or the socket's buffer was full */
    uint64_t wait_ns;       /* spent so */
    uint64_t refused_fd;    /* not sent: FD frames on a classic interface */
    uint64_t refused_xl;    /* not sent: XL frames on an interface or kernel without */
    uint64_t refused_error; /* not sent: error frames on a real controller, which would send them as data */
};

#define CANP_SENDER_BATCH 64 /* frames that canp_sender_put() gathers at most */

/*
 * Owned: *out, freed by canp_sender_close(). Errors: -ENODEV, -ENETDOWN, -EPROTOTYPE (no CAN interface),
 * -EAFNOSUPPORT (a kernel without CAN); `why` says what to do.
 */
CANP_API int canp_sender_open(const char *iface, struct canp_sender **out, struct canp_why *why);

/* Frames that were put and not flushed are not sent. NULL is fine. */
CANP_API void canp_sender_close(struct canp_sender *sender);

/*
 * Gathers a frame: 1, or 0 when the interface cannot take it (counted). With CANP_SENDER_BATCH frames
 * gathered already these are flushed first; an error of that means that this frame was not taken.
 * Borrowed: the frame, zero-padded to a multiple of 8 data bytes, until a flush has returned 0.
 */
CANP_API int canp_sender_put(struct canp_sender *sender, const struct canp_record *record);

/*
 * Hands all that is gathered to the interface, in order. 0; -EINTR when a signal was handled while waiting
 * for room, or another negative errno of send(2) (-ENETDOWN): the rest stays gathered, a further call goes on
 * where this one ended.
 */
CANP_API int canp_sender_flush(struct canp_sender *sender);

/* Frames gathered and not yet handed over. */
CANP_API unsigned canp_sender_pending(const struct canp_sender *sender);

CANP_API void canp_sender_stats(const struct canp_sender *sender, struct canp_sender_stats *out);

/* Name, MTU and bit rates as of open. Borrowed until close. */
CANP_API const struct canp_iface *canp_sender_iface(const struct canp_sender *sender);

CANP_END_DECLS

#endif
