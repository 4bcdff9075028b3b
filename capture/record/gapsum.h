/*
 * Losses summed up by interface and layer, until they can be told as gap rows: one gap each, over the time
 * from the first loss to the last. One thread; no allocation.
 */
#ifndef CANP_CAPTURE_GAPSUM_H
#define CANP_CAPTURE_GAPSUM_H

#include <stdint.h>

#include <canp/recorder.h>
#include <canp/rows.h>

/* Frames lost that no gap row tells of yet. */
struct gap_pending {
    uint64_t lost;
    int64_t from_ns;
    int64_t to_ns;
};

enum { GAP_LAYERS = CANP_LAYER_RECORDER + 1 };

#define GAPSUM_MAX (CANP_RECORDER_IFACES_MAX * GAP_LAYERS)

struct gapsum {
    struct gap_pending gaps[CANP_RECORDER_IFACES_MAX][GAP_LAYERS];
};

void gapsum_note(struct gapsum *sum, unsigned channel, unsigned layer, uint64_t lost, int64_t from_ns,
                 int64_t to_ns);

/* Puts gap rows, from the index given on (0: the first of all). Returns the index behind the last one put:
 * GAPSUM_MAX, or less where the rows take no more (no room, or times that are days apart). */
unsigned gapsum_put(const struct gapsum *sum, unsigned from, struct canp_rowbuf *rows);

/* These indices were told. */
void gapsum_forget(struct gapsum *sum, unsigned from, unsigned end);

#endif
