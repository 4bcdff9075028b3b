/* Reports on stderr which messages of several frames could not be put together. Main thread. */
#ifndef CANP_TOOLS_TRANSPORT_REPORT_H
#define CANP_TOOLS_TRANSPORT_REPORT_H

#include <canp/transport.h>

/* `what`: how the command calls the messages, in plural. Nothing is said where nothing is missing. */
void transport_report(const char *command, const char *what, const struct canp_transport_stats *t);

#endif
