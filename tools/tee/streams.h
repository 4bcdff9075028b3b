/*
 * Streams: a recording in any format that can be written to a pipe, while it is recorded. A thread for each
 * stream follows the recording as any other reader does, so the recorder never waits for a stream's reader.
 *
 * What a pipe's reader does not take within seconds is left out and counted, by interface; a gap of
 * CANP_LAYER_STREAM tells it as soon as there is room: frames in the stream + lost in the stream = frames +
 * lost in the recording. A regular file gets all.
 *
 * Threads: the main thread adds, starts and stops; streams_wake() is any thread's.
 */
#ifndef CANP_TOOLS_STREAMS_H
#define CANP_TOOLS_STREAMS_H

#include <stdbool.h>
#include <stdint.h>

#define STREAMS_MAX 8

/* Long enough to take little CPU, short enough for 50 ms from the bus to the pipe. */
#define STREAM_FLUSH_NS UINT64_C(30000000)

/*
 * One more stream, before the recording begins: `format` is a format's name, `path` a file to be made, a pipe
 * or "-". Both are borrowed. 0, or an exit status after saying what is wrong.
 */
int streams_add(const char *command, const char *format, const char *path);
/* Does one of them go to standard output? Then nothing else may. */
bool streams_use_standard_output(void);
unsigned streams_count(void);

/* Follows the recording in `dir`, which has begun. `gone` is called, by a thread of its own, when the reader
 * of a pipe has gone, with the pipe's path; may be NULL. 0, or an exit status after saying what is wrong;
 * streams_stop() is called all the same. */
int streams_start(const char *dir, void (*gone)(const char *path));
/* There is more to be read: of struct canp_recorder_opts. Never waits. */
void streams_wake(void *user);
/* The recording is complete: writes what is left of it, waits seconds at most for a pipe whose reader takes
 * nothing, and says what was left out. 0, or an exit status after saying what failed. */
int streams_stop(void);

#endif
