/*
 * Clock anchors: records that tie CLOCK_REALTIME, which can be set, to CLOCK_MONOTONIC, which cannot. One at
 * the start, one at the end, one a minute while frames come, and as soon as a step is seen two of one moment:
 * what the clock would say had it not been set, and what it says. Capture thread only.
 */
#include "clock_records.h"

#include "intake/intake.h"

#define ANCHOR_NS 60000000000U
#define STEP_NS   1000000 /* a smaller move is no step ... */
#define SLEW_DIVIDE                                                                                          \
    1000 /* ... nor is less than a thousandth of the time: the kernel slews 500 ppm at most                  \
          */

static void put(struct canp_recorder *rec, int64_t realtime_ns, uint64_t monotonic_ns)
{
    struct canp_clock clock = {
        .bytes = sizeof(clock), .realtime_ns = realtime_ns, .monotonic_ns = (int64_t)monotonic_ns};
    memcpy(clock.boot_id, rec->boot_id, sizeof(clock.boot_id));
    canp_intake_event(&rec->in, 0, CANP_KIND_CLOCK, realtime_ns, &clock);
    rec->anchor_ns = rec->clock_ns = monotonic_ns;
    rec->in.clock_offset_ns = realtime_ns - (int64_t)monotonic_ns;
}

void canp_clock_records_anchor(struct canp_recorder *rec)
{
    int64_t realtime_ns = canp_realtime_ns();
    put(rec, realtime_ns, canp_monotonic_ns());
}

void canp_clock_records_look(struct canp_recorder *rec)
{
    uint64_t before_ns = canp_monotonic_ns();
    int64_t realtime_ns = canp_realtime_ns();
    uint64_t after_ns = canp_monotonic_ns();
    if (after_ns - before_ns > STEP_NS / 2)
        return; /* we were away between the two: they cannot be compared */
    int64_t moved_ns = realtime_ns - (int64_t)after_ns - rec->in.clock_offset_ns;
    int64_t slewed_ns = (int64_t)(after_ns - rec->clock_ns) / SLEW_DIVIDE;
    rec->clock_ns = after_ns;
    rec->in.clock_offset_ns += moved_ns;
    if (moved_ns > STEP_NS + slewed_ns || -moved_ns > STEP_NS + slewed_ns) {
        put(rec, realtime_ns - moved_ns, after_ns);
        put(rec, realtime_ns, after_ns);
        canp_intake_notice(&rec->in, "the clock was set by %+.3f s; a record says when",
                           (double)moved_ns / 1e9);
    } else if (after_ns - rec->anchor_ns >= ANCHOR_NS) {
        canp_clock_records_anchor(rec);
    }
}
