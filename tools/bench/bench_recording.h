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

/* The ids of a recording. */
#define BENCH_IDS_MAX 256

struct bench_id {
    uint32_t id;
    uint64_t frames;
};

struct bench_ids {
    unsigned count;
    struct bench_id id[BENCH_IDS_MAX]; /* rarest first */
};

/* 0, -E2BIG (more ids than there is room for), or another negative error. */
int bench_count_ids(struct canp_reader *reader, struct bench_ids *ids);

/* A signal database for these ids as the text of a DBC file: messages M123 of eight signals S0 .. S7 each, of
 * several lengths and both byte orders. Its length, without the zero behind it; what does not fit is left
 * out. */
size_t bench_database_text(const struct bench_ids *ids, char *text, size_t room);

/* A cursor for the frames of one id: `filter` is filled, and lives as long as the options. */
struct canp_cursor_opts bench_opts_for_id(struct canp_filter_set *filter, uint32_t id);

#endif
