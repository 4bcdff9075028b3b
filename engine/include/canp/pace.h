/*
 * Doing things at their time: waits for absolute deadlines, and a histogram of how late they were met.
 *
 * Deadlines are CLOCK_MONOTONIC nanoseconds, so that errors never add up. A wait sleeps in clock_nanosleep()
 * and, if asked to, wakes a little early and spins the rest.
 *
 * A canp_pace belongs to the thread that initialised it: the timer slack is the thread's. Nothing allocates.
 */
#ifndef CANP_PACE_H
#define CANP_PACE_H

#include <canp/export.h>
#include <stdbool.h>
#include <stdint.h>

CANP_BEGIN_DECLS

/* ---- histogram ----------------------------------------------------------------------------------- */

/* Log-linear: 32 buckets per power of two, so a quantile is at most 3 % off; values from 2^42 on (73 minutes)
 * share the last bucket. */
#define CANP_HISTOGRAM_SUB_BITS 5
#define CANP_HISTOGRAM_TOP_BITS 42
#define CANP_HISTOGRAM_BUCKETS                                                                               \
    ((CANP_HISTOGRAM_TOP_BITS - CANP_HISTOGRAM_SUB_BITS + 1) << CANP_HISTOGRAM_SUB_BITS)

/* Zero it before use. */
struct canp_histogram {
    uint64_t count;
    uint64_t max; /* exact */
    uint64_t buckets[CANP_HISTOGRAM_BUCKETS];
};

CANP_API void canp_histogram_add(struct canp_histogram *h, uint64_t value);

/* Adds all the values that another holds. */
CANP_API void canp_histogram_merge(struct canp_histogram *h, const struct canp_histogram *other);

/* The value that a share q (0..1) of the values does not exceed; 0 when there are none. */
CANP_API uint64_t canp_histogram_quantile(const struct canp_histogram *h, double q);

/* ---- drift --------------------------------------------------------------------------------------- */

/* The least lateness of many shows a drift, and not what else the machine was doing. Zero it before use. */
struct canp_drift {
    uint64_t count;
    uint64_t first_least_ns; /* of the first 128 */
    uint64_t least_ns[2];    /* of the 128 before, and of the present ones */
};

CANP_API void canp_drift_add(struct canp_drift *drift, uint64_t late_ns);

/* Least lateness of the last ones less that of the first, 128 to 256 each; 0 for 128 or fewer. */
CANP_API int64_t canp_drift_ns(const struct canp_drift *drift);

/* ---- pace ---------------------------------------------------------------------------------------- */

struct canp_pace {
    uint64_t spin_ns; /* wake so long before the deadline and spin; 0 = just sleep */
    int64_t now_ns;   /* CLOCK_MONOTONIC when the last wait returned, or when it was read last */
    struct canp_histogram late_ns;
};

/* Also asks for the shortest timer slack of this thread (PR_SET_TIMERSLACK). */
CANP_API void canp_pace_init(struct canp_pace *pace, uint64_t spin_ns);

/* Reads CLOCK_MONOTONIC into pace->now_ns and returns it. */
CANP_API int64_t canp_pace_now(struct canp_pace *pace);

/*
 * Returns at the deadline, never before it: 0; or -EINTR as soon as a signal was handled. A deadline that has
 * passed already costs no system call (but a clock read, when pace->now_ns does not show it yet).
 */
CANP_API int canp_pace_wait(struct canp_pace *pace, int64_t deadline_ns);

/* Counts something that was due at deadline_ns as done at pace->now_ns. Returns how late that was. */
CANP_API uint64_t canp_pace_count(struct canp_pace *pace, int64_t deadline_ns);

CANP_END_DECLS

#endif
