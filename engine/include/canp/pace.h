/*
 * Waits for absolute deadlines, and a histogram of how late they were met.
 *
 * Deadlines are CLOCK_MONOTONIC nanoseconds, so that errors never add up. A wait sleeps in clock_nanosleep();
 * with spin_ns it wakes a little earlier and spins until the deadline.
 *
 * A canp_pace belongs to the thread that initialised it, because it sets that thread's timer slack. Nothing
 * allocates.
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

/* Measures drift by the smallest lateness of many frames, which other load on the machine hardly changes.
 * Zero it before use. */
struct canp_drift {
    uint64_t count;
    uint64_t first_least_ns; /* smallest of the first 128 */
    uint64_t least_ns[2];    /* smallest of the previous 128, and of the current ones so far */
};

CANP_API void canp_drift_add(struct canp_drift *drift, uint64_t late_ns);

/* Smallest lateness of the last 128 to 256 values minus that of the first 128; 0 for 128 values or fewer. */
CANP_API int64_t canp_drift_ns(const struct canp_drift *drift);

/* ---- pace ---------------------------------------------------------------------------------------- */

struct canp_pace {
    uint64_t spin_ns; /* wake this long before the deadline and spin; 0 = only sleep */
    int64_t now_ns;   /* CLOCK_MONOTONIC when the last wait returned, or when it was read last */
    struct canp_histogram late_ns;
};

/* Also asks for the shortest timer slack of this thread (PR_SET_TIMERSLACK). */
CANP_API void canp_pace_init(struct canp_pace *pace, uint64_t spin_ns);

/* Reads CLOCK_MONOTONIC into pace->now_ns and returns it. */
CANP_API int64_t canp_pace_now(struct canp_pace *pace);

/*
 * Waits until the deadline and never returns 0 before it; -EINTR as soon as a signal was handled. When the
 * deadline has passed already it makes no system call; it reads the clock only if pace->now_ns is earlier
 * than the deadline.
 */
CANP_API int canp_pace_wait(struct canp_pace *pace, int64_t deadline_ns);

/* Counts something that was due at deadline_ns as done at pace->now_ns. Returns how late that was. */
CANP_API uint64_t canp_pace_count(struct canp_pace *pace, int64_t deadline_ns);

CANP_END_DECLS

#endif
