/*
 * Notifies a service manager about `canp record` (sd_notify(3), Type=notify): that it records, that it ends,
 * and, with WatchdogSec=, that its capture thread is alive. Without a manager
 * ($NOTIFY_SOCKET) nothing happens.
 */
#ifndef CANP_TOOLS_SERVICE_H
#define CANP_TOOLS_SERVICE_H

#include <canp/recorder.h>

/* By the capture thread once it receives: says so, with this status line. Any thread. */
void service_ready(const char *status);

/* By the thread that will call canp_recorder_run(): watches it from now on. 0 or a negative errno. */
int service_watch_start(const struct canp_recorder *rec);

/* After the run: ends the watch, and says that the service ends. */
void service_watch_stop(void);

#endif
