/*
 * What the flush thread could not store: the number of frames by channel, gaps that were among them, and
 * other events (link changes and so on) as far as a small buffer holds them. It is kept until there is room
 * to write it.
 *
 * Invariant: a frame given to canp_disk_losses_note() is counted once, in its channel's gap and in
 * lost_unstored. Flush thread only.
 */
#ifndef CANP_CAPTURE_DISK_LOSSES_H
#define CANP_CAPTURE_DISK_LOSSES_H

#include <canp/rows.h>

#include "gap_sums.h"

struct canp_writer;

#define DISK_LOSSES_EVENTS_BYTES 8192U

struct disk_losses {
    uint64_t frames; /* since it was told last */
    struct gap_sums gaps;
    struct canp_rowbuf events;
    _Alignas(8) uint8_t events_room[DISK_LOSSES_EVENTS_BYTES];
    _Alignas(8) uint8_t gap_rows[GAP_SUMS_MAX * CANP_GAP_ROW_BYTES];
};

/* What canp_disk_losses_store() commits at most, in blocks of any number up to DISK_LOSSES_BLOCKS_MAX. */
#define DISK_LOSSES_BYTES_MAX  (DISK_LOSSES_EVENTS_BYTES + GAP_SUMS_MAX * CANP_GAP_ROW_BYTES)
#define DISK_LOSSES_BLOCKS_MAX (2 + CANP_RECORDER_IFACES_MAX)

/* These rows are dropped. chans: of the recording, by channel. */
void canp_disk_losses_note(struct disk_losses *losses, struct chan *chans, const struct canp_rowbuf *rows);

/* Commits what was noted and forgets it. 0, or the writer's error: then the rest stays noted. */
int canp_disk_losses_store(struct disk_losses *losses, struct canp_writer *writer);

#endif
