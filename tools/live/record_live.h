/* A thread that answers programs that ask for the state of the recording (live.h), and takes commands
 * (control.h). */
#ifndef CANP_TOOLS_RECORD_LIVE_H
#define CANP_TOOLS_RECORD_LIVE_H

#include <canp/recorder.h>

/* From an opened recorder, with these options, to record_live_stop(). 0, or a negative errno. Main thread,
 * once at a time. */
int record_live_start(struct canp_recorder *rec, const struct canp_recorder_opts *opts);
/* Ends the thread; fine if there is none. */
void record_live_stop(void);

#endif
