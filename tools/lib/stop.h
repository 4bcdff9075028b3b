/* SIGINT and SIGTERM end a command cleanly. Main thread sets it up; any thread reads the flag. */
#ifndef CANP_TOOLS_STOP_H
#define CANP_TOOLS_STOP_H

#include <signal.h>

extern volatile sig_atomic_t stop_requested;

/* From here on the signals set stop_requested and interrupt waiting system calls; a second one kills. */
void stop_catch_signals(void);

#endif
