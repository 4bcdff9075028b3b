/*
 * Clock anchors: records with CLOCK_REALTIME, which can be set, and CLOCK_MONOTONIC, which cannot, of one
 * moment. One is written at the start, one at the end, and one a minute while frames come. When the clock was
 * set, two are written for the same moment: with the time that it would have, and with the time that it has.
 * CLOCK_BOOTTIME continues while the machine is suspended, which distinguishes a suspend from a clock that
 * was set; a suspend has a record of its own.
 *
 * Capture thread only.
 */
#include "clock_records.h"

#include "intake/intake.h"

#define ANCHOR_NS 60000000000U
#define STEP_NS   1000000 /* a smaller move is no step ... */
#define SLEW_DIVIDE                                                                                          \
    1000 /* ... nor is less than a thousandth of the time: the kernel slews 500 ppm at most                  \
          */

static void put(struct canp_recorder *rec, int64_t realtime_ns, uint64_t monotonic_ns, int64_t suspended_ns)
{
    struct canp_clock clock = {.code = suspended_ns ? CANP_CLOCK_SUSPEND : CANP_CLOCK_ANCHOR,
                               .bytes = sizeof(clock),
                               .realtime_ns = realtime_ns,
                               .monotonic_ns = (int64_t)monotonic_ns,
                               .boottime_ns = (int64_t)monotonic_ns + rec->boottime_offset_ns,
                               .suspended_ns = suspended_ns};
    memcpy(clock.boot_id, rec->boot_id, sizeof(clock.boot_id));
    canp_intake_event(&rec->in, 0, CANP_KIND_CLOCK, realtime_ns, &clock);
    rec->anchor_ns = rec->clock_ns = monotonic_ns;
    rec->in.clock_offset_ns = realtime_ns - (int64_t)monotonic_ns;
}

void canp_clock_records_anchor(struct canp_recorder *rec)
{
    int64_t realtime_ns = canp_realtime_ns();
    uint64_t monotonic_ns = canp_monotonic_ns();
    if (rec->anchor_ns == 0)
        rec->boottime_offset_ns = canp_boottime_ns() - (int64_t)monotonic_ns;
    put(rec, realtime_ns, monotonic_ns, 0);
}

/* How long the machine was suspended since the last look, when CLOCK_REALTIME moved. */
static int64_t take_suspend(struct canp_recorder *rec, uint64_t monotonic_ns)
{
    int64_t suspended_ns = canp_boottime_ns() - (int64_t)monotonic_ns - rec->boottime_offset_ns;
    if (suspended_ns <= STEP_NS)
        return 0;
    rec->boottime_offset_ns += suspended_ns;
    return suspended_ns;
}

static void tell_step(struct canp_recorder *rec, int64_t realtime_ns, uint64_t monotonic_ns, int64_t step_ns)
{
    put(rec, realtime_ns - step_ns, monotonic_ns, 0);
    put(rec, realtime_ns, monotonic_ns, 0);
    canp_intake_notice(&rec->in, "the clock was set by %+.3f s; a record says when", (double)step_ns / 1e9);
}

void canp_clock_records_look(struct canp_recorder *rec)
{
    uint64_t before_ns = canp_monotonic_ns();
    int64_t realtime_ns = canp_realtime_ns();
    uint64_t after_ns = canp_monotonic_ns();
    if (after_ns - before_ns > STEP_NS / 2)
        return; /* we were away between the two: they cannot be compared */
    int64_t moved_ns = realtime_ns - (int64_t)after_ns - rec->in.clock_offset_ns;
    int64_t least_ns = STEP_NS + (int64_t)(after_ns - rec->clock_ns) / SLEW_DIVIDE;
    rec->clock_ns = after_ns;
    rec->in.clock_offset_ns += moved_ns;
    if (moved_ns <= least_ns && -moved_ns <= least_ns) {
        if (after_ns - rec->anchor_ns >= ANCHOR_NS)
            canp_clock_records_anchor(rec);
        return;
    }
    int64_t suspended_ns = take_suspend(rec, after_ns);
    int64_t step_ns = moved_ns - suspended_ns; /* resuming adds the sleep to both clocks at once */
    if (suspended_ns) {
        put(rec, realtime_ns - step_ns, after_ns, suspended_ns);
        canp_intake_notice(&rec->in, "the machine was suspended for %.3f s; a record says when",
                           (double)suspended_ns / 1e9);
    }
    if (step_ns > least_ns || -step_ns > least_ns)
        tell_step(rec, realtime_ns, after_ns, step_ns);
}
