/*
 * A drive of the generator as records, for tests that write it and then read it back: the same seed gives the
 * same frames, so a reader is held against a second run of the generator. One thread at a time.
 */
#ifndef CANP_TESTS_DRIVE_H
#define CANP_TESTS_DRIVE_H

#include "gen/vehicle.h"
#include <canp/reader.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DRIVE_START_NS INT64_C(1700000000123456789)

struct drive {
    struct canp_vehicle *vehicle;
    uint64_t next; /* number of the next frame, from 0 */
    union canp_frame_store frame;
};

static inline void drive_start(struct drive *d, uint64_t seed)
{
    struct canp_vehicle_opts opts = CANP_VEHICLE_OPTS_INIT;
    opts.profile = seed % 3 == 0 ? CANP_PROFILE_FD : CANP_PROFILE_VEHICLE;
    opts.seed = seed;
    opts.start_ns = DRIVE_START_NS;
    memset(d, 0, sizeof(*d));
    if (canp_vehicle_open(&opts, &d->vehicle) < 0) {
        fputs("no generator\n", stderr);
        exit(1);
    }
}

static inline void drive_end(struct drive *d)
{
    canp_vehicle_close(d->vehicle);
}

/* Borrowed until the next call: r->frame. */
static inline void drive_next(struct drive *d, struct canp_record *r)
{
    memset(r, 0, sizeof(*r));
    r->kind = canp_vehicle_next(d->vehicle, &r->time_ns, &d->frame);
    r->frame = &d->frame.frame;
    r->channel = d->next % 2;
    r->dir = d->next % 3;
    d->next++;
}

/*
 * Reads on and compares: each frame must be the drive's next one; frames that the drive has in between count
 * into *missing. Returns 1 when a wrong frame came, 0 at the end, or the cursor's error.
 */
static inline int drive_compare(struct drive *d, struct canp_cursor *c, uint64_t *missing)
{
    struct canp_record got, want;
    int r;
    while ((r = canp_cursor_next(c, &got)) == 1) {
        if (!canp_kind_is_frame(got.kind))
            continue;
        for (drive_next(d, &want); want.time_ns < got.time_ns; drive_next(d, &want))
            ++*missing;
        if (got.time_ns != want.time_ns || got.kind != want.kind || got.channel != want.channel ||
            got.dir != want.dir || memcmp(got.frame, want.frame, 8U + want.frame->len) != 0) {
            fprintf(stderr, "a wrong frame: number %" PRIu64 ", time %" PRId64 "\n", d->next - 1,
                    got.time_ns);
            return 1;
        }
    }
    return r;
}

#endif
