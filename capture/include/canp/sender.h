/*
 * Sends frames to a CAN interface in batches, without copying them.
 *
 * When the interface's queue is full the sender waits, tries again and counts that; it never drops a frame.
 * Frames that the interface cannot send (FD or XL beyond its MTU, error frames on a real controller) are
 * refused and counted by kind.
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
    uint64_t waits;         /* times that the queue or the socket's buffer was full */
    uint64_t wait_ns;       /* time spent waiting for these */
    uint64_t refused_fd;    /* not sent: FD frames on a classic interface */
    uint64_t refused_xl;    /* not sent: XL frames on an interface or kernel without CAN XL */
    uint64_t refused_error; /* not sent: error frames on a real controller, which would send them as data */
};

#define CANP_SENDER_BATCH 64 /* the most frames that canp_sender_put() gathers */

/*
 * Owned: *out, freed by canp_sender_close(). Errors: -ENODEV, -ENETDOWN (down, bus-off or without carrier),
 * -EROFS (a controller in listen-only mode), -EPROTOTYPE (no CAN interface),
 * -EAFNOSUPPORT (a kernel without CAN); `why` says what to do.
 */
CANP_API int canp_sender_open(const char *iface, struct canp_sender **out, struct canp_why *why);

/* Frames that were put and not flushed are not sent. NULL is allowed. */
CANP_API void canp_sender_close(struct canp_sender *sender);

/*
 * Gathers a frame: 1, or 0 when the interface cannot send it (counted). When CANP_SENDER_BATCH frames are
 * gathered already, they are flushed first; if that fails, its error is returned and this frame was not
 * gathered. The frame must be zero-padded to a multiple of 8 data bytes and is borrowed until a flush has
 * returned 0.
 */
CANP_API int canp_sender_put(struct canp_sender *sender, const struct canp_record *record);

/*
 * Hands all gathered frames to the interface, in order. 0; -EINTR when a signal was handled while waiting for
 * room, or when there was no room for 50 ms, so that the caller can decide whether to continue; or another
 * negative errno of send(2) such as -ENETDOWN. After an error the frames not sent stay gathered, and the next
 * call continues with them.
 */
CANP_API int canp_sender_flush(struct canp_sender *sender);

/*
 * Makes the kernel send the frames of canp_sender_put_at() at their times (SO_TXTIME). The interface needs a
 * queueing discipline that holds frames until then: sch_fq. 0; -EOPNOTSUPP when it has another one, the
 * kernel is older than 5.18, or the interface is a vcan without echo, which delivers frames to listeners
 * before they are queued; `why` says what to do.
 */
CANP_API int canp_sender_use_txtime(struct canp_sender *sender, struct canp_why *why);

/* As canp_sender_put(), for a frame to be sent at due_ns (CLOCK_MONOTONIC), which must not decrease from
 * frame to frame; a time in the past means at once. Only after canp_sender_use_txtime(). */
CANP_API int canp_sender_put_at(struct canp_sender *sender, const struct canp_record *record, int64_t due_ns);

/* What the kernel reported about frames that it sent at given times. */
struct canp_sender_txtime_stats {
    uint64_t stamped; /* frames for which it reported when the driver got them */
    uint64_t early;   /* of these, frames that the driver got more than 100 us before their time */
    struct canp_histogram late_ns; /* how late the driver got the stamped frames */
    struct canp_drift drift;
};

/*
 * Waits, at most timeout_ns, until the kernel has reported about all frames handed over. 0; or the number of
 * frames without a report (the driver stamps nothing, or the bus does not accept frames); or -EINTR.
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
