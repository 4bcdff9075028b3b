/* The screen of `canp top` (ncurses). Main thread. */
#ifndef CANP_TOOLS_TOP_SCREEN_H
#define CANP_TOOLS_TOP_SCREEN_H

#include "top_signals.h"
#include "top_stats.h"

#define TOP_RECORDERS_MAX 4

/* What is shown beside the numbers. */
struct top_view {
    const char *source;                     /* "vcan0 can0", or the recording's path */
    char status[96];                        /* one line on where it comes from; empty: none */
    char recorders[TOP_RECORDERS_MAX][160]; /* a line on each that records what is shown; empty: none */
    enum top_sort sort;
    unsigned scroll; /* IDs left out at the top */
    bool paused;
    struct top_signals *signals; /* NULL: no database */
    bool shows_signals;          /* in place of the IDs */
};

/* 0, or an exit status after saying why there is no screen. */
int top_screen_begin(void);
void top_screen_end(void);

/* Waits at most `ms` for a key: its code, 0 when none came (or there is no keyboard). */
int top_screen_key(int ms);

void top_screen_draw(struct top_stats *s, struct top_view *view);

#endif
