/* The pace of harvests: at once when quiet, bounded sleeps when busy, none when the buffers fill too fast. */
#include <criterion/criterion.h>

#include "intake/harvest_pace.h"

#define MS UINT64_C(1000000)

/* Steady traffic of `hz` frames/s for `ms`: harvests as the pace asks, at once when quiet. Returns harvests.
 */
static unsigned run(struct harvest_pace *p, uint64_t *now_ns, double hz, uint64_t ms,
                    unsigned fill_permille_per_ms)
{
    uint64_t end_ns = *now_ns + ms * MS;
    double carry = 0;
    unsigned harvests = 0;
    while (*now_ns < end_ns) {
        uint64_t step_ns = harvest_pace_is_busy(p) ? p->sleep_ns + 50000 : (uint64_t)(1e9 / hz);
        *now_ns += step_ns;
        carry += hz * (double)step_ns / 1e9;
        uint64_t frames = (uint64_t)(carry + 0.5);
        carry -= (double)frames;
        canp_harvest_pace_note(p, *now_ns, frames, (unsigned)(fill_permille_per_ms * step_ns / MS));
        cr_assert_leq(p->sleep_ns, p->latency_ns);
        harvests++;
    }
    return harvests;
}

Test(pace, quiet_bus_is_waited_for)
{
    struct harvest_pace p;
    uint64_t now_ns = 5000 * MS;
    canp_harvest_pace_init(&p, 20 * MS, now_ns);
    cr_assert_not(harvest_pace_is_busy(&p));
    run(&p, &now_ns, 100, 2000, 0);
    cr_assert_not(harvest_pace_is_busy(&p), "100 frames/s is no busy bus");
}

Test(pace, busy_bus_is_harvested_at_the_latency)
{
    struct harvest_pace p;
    uint64_t now_ns = 5000 * MS;
    canp_harvest_pace_init(&p, 20 * MS, now_ns);
    run(&p, &now_ns, 8000, 200, 1);
    cr_assert(harvest_pace_is_busy(&p));
    cr_assert_eq(p.sleep_ns, 20 * MS);
    unsigned harvests = run(&p, &now_ns, 8000, 1000, 1);
    cr_assert_leq(harvests, 51);
}

Test(pace, becomes_quiet_again_and_does_not_flap)
{
    struct harvest_pace p;
    uint64_t now_ns = 5000 * MS;
    canp_harvest_pace_init(&p, 20 * MS, now_ns);
    run(&p, &now_ns, 8000, 200, 1);
    run(&p, &now_ns, 350, 1000, 0);
    cr_assert(harvest_pace_is_busy(&p), "between the two thresholds it stays as it is");
    run(&p, &now_ns, 50, 300, 0);
    cr_assert_not(harvest_pace_is_busy(&p));
    run(&p, &now_ns, 350, 1000, 0);
    cr_assert_not(harvest_pace_is_busy(&p), "between the two thresholds it stays as it is");
}

Test(pace, a_fast_filling_buffer_shortens_the_sleep)
{
    struct harvest_pace p;
    uint64_t now_ns = 5000 * MS;
    canp_harvest_pace_init(&p, 20 * MS, now_ns);
    run(&p, &now_ns, 500000, 500, 60); /* full within 17 ms */
    cr_assert(harvest_pace_is_busy(&p));
    cr_assert_gt(p.sleep_ns, 0);
    cr_assert_leq(p.sleep_ns, 9 * MS, "at most about half full: %llu ns", (unsigned long long)p.sleep_ns);
    run(&p, &now_ns, 8000, 500, 1);
    cr_assert_eq(p.sleep_ns, 20 * MS, "and longer again afterwards");
}

Test(pace, no_sleep_at_all_when_full_within_the_floor)
{
    struct harvest_pace p;
    uint64_t now_ns = 5000 * MS;
    canp_harvest_pace_init(&p, 20 * MS, now_ns);
    for (int i = 0; i < 20; i++)
        canp_harvest_pace_note(&p, now_ns += MS, 5000, 1000);
    cr_assert(harvest_pace_is_busy(&p));
    cr_assert_eq(p.sleep_ns, 0);
}

Test(pace, a_burst_out_of_the_quiet_is_noticed_at_once)
{
    struct harvest_pace p;
    uint64_t now_ns = 5000 * MS;
    canp_harvest_pace_init(&p, 20 * MS, now_ns);
    canp_harvest_pace_note(&p, now_ns + 900 * MS, PACE_BUSY_FRAMES, 1);
    cr_assert(harvest_pace_is_busy(&p));
    cr_assert_leq(p.sleep_ns, 20 * MS / 8);
}
