/*
 * Sums losses by interface and layer until they can be written as gap rows: one gap for each, from the time
 * of the first loss to that of the last. One thread; no allocation.
 */
#ifndef CANP_CAPTURE_GAP_SUMS_H
#define CANP_CAPTURE_GAP_SUMS_H

#include <stdint.h>

#include <canp/recorder.h>
#include <canp/rows.h>

#include "intake/channel.h"

#define GAP_SUMS_MAX (CANP_RECORDER_IFACES_MAX * GAP_LAYERS)

struct gap_sums {
    struct gap_pending gaps[CANP_RECORDER_IFACES_MAX][GAP_LAYERS];
};

void canp_gap_sums_note(struct gap_sums *sum, unsigned channel, unsigned layer, uint64_t lost,
                        int64_t from_ns, int64_t to_ns);

/* Puts gap rows, from the index given on (0: the first of all). Returns the index behind the last one put:
 * GAP_SUMS_MAX, or less where the rows take no more (no room, or times that are days apart). */
unsigned canp_gap_sums_put(const struct gap_sums *sum, unsigned from, struct canp_rowbuf *rows);

/* These indices were told. */
void canp_gap_sums_forget(struct gap_sums *sum, unsigned from, unsigned end);

#endif
