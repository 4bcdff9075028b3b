/*
 * What the flush thread could not store: frames by channel, gaps that stood between them, and the events
 * (link changes and the like) themselves, as far as a small buffer holds them. Kept until there is room to
 * tell it.
 *
 * Invariant: a frame given to unstored_note() is counted once, in its channel's gap and in lost_unstored.
 * Spill thread only.
 */
#ifndef CANP_CAPTURE_UNSTORED_H
#define CANP_CAPTURE_UNSTORED_H

#include "recorder_priv.h"

/* What unstored_store() commits at most, in blocks of any number up to UNSTORED_BLOCKS_MAX. */
#define UNSTORED_BYTES_MAX  (UNSTORED_EVENTS_BYTES + GAPSUM_MAX * CANP_GAP_ROW_BYTES)
#define UNSTORED_BLOCKS_MAX (2 + CANP_RECORDER_IFACES_MAX)

/* These rows are dropped. */
void unstored_note(struct canp_recorder *rec, const struct canp_rowbuf *rows);

/* Commits what was noted and forgets it. 0, or the writer's error: then the rest stays noted. */
int unstored_store(struct canp_recorder *rec);

#endif
