/*
 * Recordings that are on a NATS server, as arguments of commands that read: nats://HOST/VEHICLE/RECORDING.
 * Each is fetched into a directory of its own, which the command then reads like any other; with --follow it
 * grows as the vehicle ships. The directory goes at the end. Main thread.
 */
#ifndef CANP_TOOLS_REMOTE_H
#define CANP_TOOLS_REMOTE_H

/* Replaces such arguments of the command argv[0] by the directories' paths. An exit status: 0, or it was told
 * why not. */
int remote_begin(int argc, char **argv);
void remote_end(void);

/* Runs canp-stream with these arguments in place of this program. Returns only when it is not there. */
void remote_exec_stream(int argc, char **argv);

#endif
