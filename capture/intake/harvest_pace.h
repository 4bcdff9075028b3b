/*
 * Decides when the capture thread reads the sockets: at once on a quiet bus, at intervals on a busy one.
 * Being woken for each frame would be most of the cost of capturing; the kernel stamps the frames, so
 * sleeping costs no accuracy. Pure arithmetic without clock and system calls. One thread.
 */
#ifndef CANP_CAPTURE_HARVEST_PACE_H
#define CANP_CAPTURE_HARVEST_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define PACE_WINDOW_NS    20000000U /* the quiet bus's rate is taken over this */
#define PACE_BUSY_FRAMES  10U       /* so many frames within a window (500/s): busy */
#define PACE_QUIET_HZ     250U      /* below, for PACE_QUIET_ROUNDS harvests in a row: quiet again */
#define PACE_QUIET_ROUNDS 5U
#define PACE_FLOOR_NS     250000U /* shortest sleep; below it the thread goes on without one */
#define PACE_FILL_HIGH    500U    /* permille of a socket buffer: far too late */
#define PACE_FILL_ENOUGH  200U    /* a sleep may double below this, so that it ends below twice of it */

struct harvest_pace {
    uint64_t latency_ns; /* longest sleep */
    uint64_t sleep_ns;   /* the next one; 0 = none: the sockets fill too fast */
    uint64_t window_ns;  /* quiet: start of the window */
    uint64_t last_ns;    /* busy: the previous harvest */
    uint32_t window_frames;
    uint32_t slow_rounds;
    bool busy;
};

void canp_harvest_pace_init(struct harvest_pace *p, uint64_t latency_ns, uint64_t now_ns);

/* After each harvest: frames it brought, and the highest share (permille) of a socket buffer they held. */
void canp_harvest_pace_note(struct harvest_pace *p, uint64_t now_ns, uint64_t frames, unsigned fill_permille);

/* True: sleep p->sleep_ns, then harvest. False: wait for the next frame. */
static inline bool harvest_pace_is_busy(const struct harvest_pace *p)
{
    return p->busy;
}

#endif
