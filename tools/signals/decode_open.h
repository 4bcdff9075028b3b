/* Messages of all commands with --dbc: about databases when these are opened, and about missing values at the
 * end. Main thread. */
#ifndef CANP_TOOLS_DECODE_OPEN_H
#define CANP_TOOLS_DECODE_OPEN_H

#include "decode_bus.h"
#include "lib/opts.h"

/* Reads [IFACE=]FILE..., and chooses signals by the patterns (none: all). 0, or an exit status after saying
 * what is wrong. decode_choice_close() in any case. */
int decode_open(struct decode_choice *choice, const char *command, const struct opt_list *files,
                char *const *patterns, int pattern_count);

/* Says what gave no value: frames too short, messages of several frames that did not end. */
void decode_report(const struct decode_bus *bus, const char *command);

#endif
