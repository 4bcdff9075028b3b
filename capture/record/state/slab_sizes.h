/* The size and number of slabs. Any thread; no state. */
#ifndef CANP_CAPTURE_SLAB_SIZES_H
#define CANP_CAPTURE_SLAB_SIZES_H

#include <canp/recorder.h>
#include <canp/writer.h>

#define STALL_BYTES_PER_S                                                                                    \
    5000000U /* 170,000 classic frames of 8 bytes are 4.08 MB; the rest is for slabs that                    \
                were handed over half full */

#define SLAB_READY_BYTES (1536U << 10)

/* Free slabs that are ready for the capture thread: 0.4 s of 170,000 frames a second. Those of a longer stall
 * are got meanwhile. */
static inline unsigned slab_ready_slots(size_t slab_bytes)
{
    return 2 + (unsigned)(SLAB_READY_BYTES / slab_bytes);
}

/* Fills in slab_bytes and slab_count so that what comes while the disk stalls fits. *block_bytes: how much of
 * each slab is used, so that a block fits a segment of this writer. 0, or -EINVAL with `why`. */
int canp_slab_sizes(struct canp_recorder_opts *opts, const struct canp_writer_opts *writer,
                    size_t *block_bytes, struct canp_why *why);

#endif
