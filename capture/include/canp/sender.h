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
#include <canp/pace.h>

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
 * Owned: *out, freed by canp_sender_close(). Errors: -ENODEV, -ENETDOWN (down, bus-off or without carrier),
 * -EROFS (a controller in listen-only mode), -EPROTOTYPE (no CAN interface),
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
 * for room, or there was none for 50 ms (so that the caller can look whether to go on), or another negative
 * errno of send(2) (-ENETDOWN): the rest stays gathered, a further call goes on where this one ended.
 */
CANP_API int canp_sender_flush(struct canp_sender *sender);

/*
 * From here on the kernel sends the frames that canp_sender_put_at() gathers at their time (SO_TXTIME), where
 * the interface's queueing discipline holds them so long: sch_fq. 0; -EOPNOTSUPP where it does not, or the
 * kernel is older than 5.18, or the interface is a vcan without echo, whose listeners get frames before they
 * are queued; `why` says what to do.
 */
CANP_API int canp_sender_use_txtime(struct canp_sender *sender, struct canp_why *why);

/* As canp_sender_put(), to be sent at due_ns (CLOCK_MONOTONIC), which never runs back; a time that has passed
 * means at once. Only after canp_sender_use_txtime(). */
CANP_API int canp_sender_put_at(struct canp_sender *sender, const struct canp_record *record, int64_t due_ns);

/* What the kernel told of frames that were to be sent at their time. */
struct canp_sender_txtime_stats {
    uint64_t stamped; /* frames of which it told when the driver got them */
    uint64_t early;   /* of the stamped ones, those that the driver got more than 100 us before their time */
    struct canp_histogram late_ns; /* the stamped ones against their time */
    struct canp_drift drift;
};

/*
 * Waits until the kernel has told of all frames handed over, at most so long: 0, or the number of those it
 * has not told of (a driver that stamps nothing, or a bus that takes nothing), or -EINTR.
 */
CANP_API int canp_sender_await_txtime(struct canp_sender *sender, uint64_t timeout_ns);

/* Borrowed until close; as of the last flush or wait. All zero without canp_sender_use_txtime(). */
CANP_API const struct canp_sender_txtime_stats *canp_sender_txtime_stats(const struct canp_sender *sender);

/* Frames gathered and not yet handed over. */
CANP_API unsigned canp_sender_pending(const struct canp_sender *sender);

CANP_API void canp_sender_stats(const struct canp_sender *sender, struct canp_sender_stats *out);

/* Name, MTU and bit rates as of open. Borrowed until close. */
CANP_API const struct canp_iface *canp_sender_iface(const struct canp_sender *sender);

CANP_END_DECLS

#endif
