/*
 * Counts what a recording by triggers does not keep: frames by interface, and the losses among them. The sums
 * are written as a mark and gaps before the next window begins and at the end, so that for each interface
 * frames stored + frames lost + frames outside of windows = frames on the bus. Losses are written at most a
 * minute after they were noted, whether a window begins or not, so a crash hides at most those of a minute.
 * Invariant: a frame or a loss given to canp_outside_windows_note() is written once. Flush thread only.
 */
#ifndef CANP_CAPTURE_OUTSIDE_WINDOWS_H
#define CANP_CAPTURE_OUTSIDE_WINDOWS_H

#include <canp/recorder.h>
#include <canp/rows.h>

#include "gap_sums.h"

#define OUTSIDE_MARK_BYTES 32U /* an event with a number as text */

struct outside_windows {
    uint64_t frames[CANP_RECORDER_IFACES_MAX]; /* since it was told last */
    int64_t last_ns[CANP_RECORDER_IFACES_MAX]; /* of these frames */
    struct gap_sums gaps;
    uint64_t due_ns; /* CLOCK_MONOTONIC: when a loss is to be told at the latest; 0 = there is none */
    _Alignas(8)
        uint8_t rows[GAP_SUMS_MAX * CANP_GAP_ROW_BYTES + CANP_RECORDER_IFACES_MAX * (8 + OUTSIDE_MARK_BYTES)];
};

typedef void outside_store(void *user, const struct canp_rowbuf *rows);

/* These rows lay in no window. chans: of the recording, by channel. */
void canp_outside_windows_note(struct outside_windows *outside, struct chan *chans,
                               const struct canp_rowbuf *rows);

/* Stores what was noted and forgets it. */
void canp_outside_windows_tell(struct outside_windows *outside, outside_store *store, void *user);

/* The same, where a loss waits for it too long. */
void canp_outside_windows_tell_if_due(struct outside_windows *outside, outside_store *store, void *user);

#endif
