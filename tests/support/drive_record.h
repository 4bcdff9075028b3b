/* A drive as a recording of small segments, for Criterion tests. One thread at a time. */
#ifndef CANP_TESTS_DRIVE_RECORD_H
#define CANP_TESTS_DRIVE_RECORD_H

#include <criterion/criterion.h>

#include <canp/writer.h>

#include "drive.h"

/* The drive of seed 1, in segments of 64 KiB and blocks of 300 frames; the last one sealed or not. */
static inline void drive_record(const char *path, uint64_t frames, bool seal)
{
    struct canp_writer_opts opts = CANP_WRITER_OPTS_INIT;
    struct canp_writer *w;
    struct canp_record r;
    struct drive d;
    opts.segment_bytes = 64 << 10;
    opts.no_sync = true;
    cr_assert_eq(canp_writer_open(path, &opts, &w, NULL), 0);
    for (drive_start(&d, 1); d.next < frames;) {
        drive_next(&d, &r);
        cr_assert_eq(canp_writer_put(w, &r), 0);
        if (d.next % 300 == 0)
            cr_assert_eq(canp_writer_flush(w), 0);
    }
    if (seal)
        cr_assert_eq(canp_writer_finish(w), 0);
    canp_writer_close(w);
    drive_end(&d);
}

#endif
