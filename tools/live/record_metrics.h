/*
 * canp record --metrics FILE: the recorder's state as OpenMetrics text, replaced every 10 s, for
 * node_exporter's textfile collector. By a thread of its own, which may wait for the disk.
 */
#ifndef CANP_TOOLS_RECORD_METRICS_H
#define CANP_TOOLS_RECORD_METRICS_H

#include <canp/recorder.h>

/* From an opened recorder, with these options, to record_metrics_stop(). 0, or a negative errno. Main thread,
 * once. */
int record_metrics_start(const struct canp_recorder *rec, const struct canp_recorder_opts *opts,
                         const char *file);
/* Ends the thread; the file tells that the recording has ended. Fine if there is none. */
void record_metrics_stop(void);

#endif
