/* Recordings for the modes of `canp-bench` that read: a generated drive, in a directory of their own. Main
 * thread. */
#ifndef CANP_TOOLS_BENCH_RECORDING_H
#define CANP_TOOLS_BENCH_RECORDING_H

#include <canp/reader.h>

#include "bench.h"

struct bench_drive {
    uint64_t frames;
    uint64_t segment_bytes;  /* 0 = the writer's default */
    uint64_t block_frames;   /* a block after so many; 0 = full ones of 256 KiB */
    uint64_t segment_frames; /* a segment after so many; 0 = full ones */
    bool unfinished;         /* the last segment stays as after kill -9 */
};

/* Frames of the generator's simulated drive, in this order always; the recording's directory is made. 0 or a
 * negative errno. */
int bench_drive_record(const char *dir, const struct bench_drive *drive);

/* What a user of rows does at least: looks at the stamp and the head of each. */
uint64_t bench_sum_rows(const uint8_t *rows, size_t bytes, uint16_t stride);

/* Opens the recording and sums all that the cursor's batches lend. *frames of them, 0 or an error. */
int bench_sum_recording(struct canp_reader *reader, const struct canp_cursor_opts *opts, uint64_t *frames);

#endif
