/*
 * Prints lines on stderr without waiting. On a terminal that was stopped (Ctrl-S) or a pipe that nobody
 * reads, write(2) waits for ever, but a thread that stores or receives frames must not wait. So lines go into
 * a bounded queue, and a thread of its own writes each by one write(2), so that lines of several threads are
 * never mixed. When the queue is full lines are dropped and counted; a line says how many once there is room
 * again.
 */
#ifndef CANP_TOOLS_SPEAKER_H
#define CANP_TOOLS_SPEAKER_H

#include <stdint.h>

#define SPEAKER_BYTES      65536U /* that the queue holds */
#define SPEAKER_LINE_BYTES 40000U /* the longest line; what is longer is cut */

/* Starts the thread. 0, or a negative errno: then lines are written at once. Main thread. */
int speaker_start(void);

/* One line, without its newline, spelled as canp/safe_text.h says. Never waits, once the thread runs. Any
 * thread. */
void speaker_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same of what is no cause for worry; nothing with --quiet. Where stderr is systemd's journal
 * (systemd.exec(5), $JOURNAL_STREAM), lines have a priority in front: <6>, informational, by this one, <4>,
 * warning, by speaker_say(). */
void speaker_inform(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Writes what is queued, but waits a second at most; lines said later are written at once. Main thread. */
void speaker_stop(void);

/* Lines dropped so far. Any thread. */
uint64_t speaker_dropped(void);

#endif
