/*
 * What a recording by triggers lets go: frames by interface, and the losses among them. The recording itself
 * tells it, by a mark and by gaps, before the next window begins and at the end, so that of each interface
 * frames stored + frames lost + frames outside of windows = frames on the bus. Losses are told a minute after
 * they were let go at the latest, whether a window begins or not: no crash takes more than that.
 *
 * Invariant: a frame or a loss given to canp_outside_windows_note() is told once. Flush thread only.
 */
#ifndef CANP_CAPTURE_OUTSIDE_WINDOWS_H
#define CANP_CAPTURE_OUTSIDE_WINDOWS_H

#include "recorder_priv.h"

/* These rows lay in no window. */
void canp_outside_windows_note(struct canp_recorder *rec, const struct canp_rowbuf *rows);

/* Stores what was noted and forgets it. */
void canp_outside_windows_tell(struct canp_recorder *rec);

/* The same, where a loss waits for it too long. */
void canp_outside_windows_tell_if_due(struct canp_recorder *rec);

#endif
