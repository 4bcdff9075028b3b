/* SIGINT and SIGTERM end a command cleanly. Main thread sets it up; any thread reads the flag. */
#ifndef CANP_TOOLS_STOP_H
#define CANP_TOOLS_STOP_H

#include <canp/stop.h>

extern struct canp_stop stop_wish; /* lent to the library; keys may set it, too */

bool stop_is_requested(void);

/* From here on the signals set stop_wish and interrupt waiting system calls; a second one kills. */
void stop_catch_signals(void);

#endif
