/* Opens the interface to send on, at once or as soon as it exists. Main thread. */
#ifndef CANP_TOOLS_OPEN_SENDER_H
#define CANP_TOOLS_OPEN_SENDER_H

#include <canp/sender.h>
#include <stdbool.h>

/*
 * canp_sender_open(); with `wait` an interface that is absent or down is waited for, and a line says so. The
 * errors of canp_sender_open(); -EINTR: stopped while waiting.
 */
int open_sender(const char *command, const char *iface, bool wait, struct canp_sender **out,
                struct canp_why *why);

#endif
