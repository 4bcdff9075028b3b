/*
 * The keyboard and the progress line of a running command. They are used only when stdin is a terminal with
 * the command in its foreground, and stderr is a terminal, too. Main thread.
 */
#ifndef CANP_TOOLS_KEYS_H
#define CANP_TOOLS_KEYS_H

#include <stdbool.h>

/* Reads single keys from now on; the terminal is restored at exit. */
void keys_begin(void);
void keys_end(void);

/* The next key pressed, 0 when there is none. Never waits. */
char keys_next(void);

/* Shows one line in place of the one before; nothing when stderr is no terminal. NULL takes it away. */
void keys_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
