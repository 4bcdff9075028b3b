/*
 * Listens to CAN interfaces without recording, for live views. Frames that do not fit into the socket's
 * buffer between two calls are counted as lost.
 *
 * Threads: a listener belongs to one thread at a time.
 */
#ifndef CANP_LISTENER_H
#define CANP_LISTENER_H

#include <canp/error.h>
#include <canp/frame.h>
#include <canp/link.h>
#include <stdbool.h>
#include <stddef.h>

CANP_BEGIN_DECLS

#define CANP_LISTENER_IFACES_MAX 64U

struct canp_listener;

/* One interface, as of the last canp_listener_refresh(). */
struct canp_listener_iface {
    char name[CANP_IFACE_NAME_BYTES];
    bool gone;       /* it does not exist now; listening resumes when it is back */
    uint64_t lost;   /* frames that the socket's buffer did not hold */
    uint64_t device; /* frames that the device or its driver dropped since open; at least this many */
    struct canp_link link;
};

struct canp_listener_opts {
    size_t size; /* canp/export.h */
    const char *const
        *ifaces; /* as canp_recorder_opts.ifaces, `any` and filters included. Borrowed for open. */
    unsigned iface_count;
    bool wait_absent; /* as in canp_recorder_opts */
    bool no_wait;
};
#define CANP_LISTENER_OPTS_INIT CANP_OPTS_INIT_(canp_listener_opts)

/* Owned: *out, freed by canp_listener_close(). Errors as of canp_recorder_open(). */
CANP_API int canp_listener_open(const struct canp_listener_opts *opts, struct canp_listener **out,
                                struct canp_why *why);
CANP_API void canp_listener_close(struct canp_listener *listener); /* NULL is allowed */

/*
 * Calls `each` for the frames received since the last call, interface by interface; does not wait. The
 * record's channel is the index of its interface; the record is valid only during `each`. Returns the number
 * of frames, at most about 8192 per interface; the others are left for the next call.
 */
CANP_API unsigned canp_listener_take(struct canp_listener *listener,
                                     void (*each)(void *user, const struct canp_record *record), void *user);

/* Reads the interfaces' states and counters, binds to those that are back, and adds new ones that are wanted.
 * 0 or a negative errno. */
CANP_API int canp_listener_refresh(struct canp_listener *listener);

/* Grows when interfaces are added. */
CANP_API unsigned canp_listener_iface_count(const struct canp_listener *listener);
/* Number of CAN interfaces that `any` leaves out because there are more than CANP_LISTENER_IFACES_MAX; as of
 * the last canp_listener_refresh(). */
CANP_API unsigned canp_listener_left_out(const struct canp_listener *listener);
/* Borrowed until canp_listener_close(); NULL beyond the last. */
CANP_API const struct canp_listener_iface *canp_listener_iface(const struct canp_listener *listener,
                                                               unsigned index);

CANP_END_DECLS

#endif
