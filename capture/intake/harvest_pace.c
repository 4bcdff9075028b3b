/* The pace of harvests (harvest_pace.h). Invariant: sleep_ns <= latency_ns. One thread. */
#include "harvest_pace.h"

static void open_window(struct harvest_pace *p, uint64_t now_ns)
{
    p->window_ns = now_ns;
    p->window_frames = 0;
}

void canp_harvest_pace_init(struct harvest_pace *p, uint64_t latency_ns, uint64_t now_ns)
{
    *p = (struct harvest_pace){.latency_ns = latency_ns, .last_ns = now_ns};
    open_window(p, now_ns);
}

static void become_busy(struct harvest_pace *p, uint64_t now_ns)
{
    p->busy = true;
    p->slow_rounds = 0;
    p->last_ns = now_ns;
    p->sleep_ns =
        p->latency_ns / 8; /* a flood is met early; a steady bus reaches the full sleep in 3 steps */
}

static void note_quiet(struct harvest_pace *p, uint64_t now_ns, uint64_t frames)
{
    if (now_ns - p->window_ns > PACE_WINDOW_NS)
        open_window(p, now_ns);
    uint64_t sum = p->window_frames + frames;
    p->window_frames = sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
    if (p->window_frames >= PACE_BUSY_FRAMES)
        become_busy(p, now_ns);
}

/* Shorter when the buffers filled too far, longer while there is room. */
static void adjust_sleep(struct harvest_pace *p, unsigned fill_permille)
{
    if (fill_permille > PACE_FILL_HIGH)
        p->sleep_ns /= 4;
    else if (fill_permille > 2 * PACE_FILL_ENOUGH)
        p->sleep_ns /= 2;
    else if (fill_permille < PACE_FILL_ENOUGH)
        p->sleep_ns = p->sleep_ns < PACE_FLOOR_NS ? PACE_FLOOR_NS : p->sleep_ns * 2;
    if (p->sleep_ns < PACE_FLOOR_NS)
        p->sleep_ns = 0;
    if (p->sleep_ns > p->latency_ns)
        p->sleep_ns = p->latency_ns;
}

static void note_busy(struct harvest_pace *p, uint64_t now_ns, uint64_t frames, unsigned fill_permille)
{
    uint64_t passed_ns = now_ns - p->last_ns;
    p->last_ns = now_ns;
    if (frames * UINT64_C(1000000000) >= passed_ns * PACE_QUIET_HZ)
        p->slow_rounds = 0;
    else if (++p->slow_rounds >= PACE_QUIET_ROUNDS) {
        p->busy = false;
        open_window(p, now_ns);
        return;
    }
    adjust_sleep(p, fill_permille);
}

void canp_harvest_pace_note(struct harvest_pace *p, uint64_t now_ns, uint64_t frames, unsigned fill_permille)
{
    if (p->busy)
        note_busy(p, now_ns, frames, fill_permille);
    else
        note_quiet(p, now_ns, frames);
}
