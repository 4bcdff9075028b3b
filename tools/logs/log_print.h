/* The loop of commands that print what the records of a log say. Main thread. */
#ifndef CANP_TOOLS_LOG_PRINT_H
#define CANP_TOOLS_LOG_PRINT_H

#include <canp/log.h>
#include <stdio.h>

/*
 * Gives each record there is now to take(), which prints to `to`; its negative error ends it. `name` is of
 * the output, for messages; NULL: "the output". 0; -EPIPE when the output's reader has gone; or an exit
 * status after saying why. A stop that was requested is no error.
 */
int log_print(const char *command, struct canp_log_reader *reader, FILE *to, const char *name,
              int (*take)(void *user, const struct canp_record *record), void *user);

/* Did the output's reader go, or is the disk full? As log_print(). */
int log_print_flush(const char *command, FILE *to, const char *name);

#endif
