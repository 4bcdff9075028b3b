/*
 * canp record --stats: a line on stderr at intervals, printed by a thread of its own that runs the monitor of
 * canp/pools/monitor.h.
 */
#ifndef CANP_TOOLS_RECORD_STATS_H
#define CANP_TOOLS_RECORD_STATS_H

#include <canp/dbc.h>
#include <canp/recorder.h>
#include <stdbool.h>
#include <stdint.h>

/* From an opened recorder to record_stats_stop(). databases: of the triggers, or NULL. json: one object per
 * line instead of text. 0, or a negative errno. Main thread, once. */
int record_stats_start(const struct canp_recorder *rec, struct canp_dbc_manager *databases,
                       uint64_t interval_ns, bool json);
/* Ends the thread; fine if there is none. */
void record_stats_stop(void);

#endif
