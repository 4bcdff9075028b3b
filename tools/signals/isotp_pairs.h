/* --isotp of decode and dump: ids that carry ISO-TP, in addition to those of OBD. Main thread. */
#ifndef CANP_TOOLS_ISOTP_PAIRS_H
#define CANP_TOOLS_ISOTP_PAIRS_H

#include <canp/transport.h>

#include "lib/opts.h"

#define ISOTP_PAIRS_HELP "RX:TX[,extended|mixed]"

struct isotp_pairs {
    struct canp_isotp_ids ids[2 * OPT_LIST_MAX];
    uint32_t count;
};

/* Takes RX:TX or one ID, each as it was typed (6B0, 18DA10F1). 0, or an exit status after saying what is
 * wrong. */
int isotp_pairs_add(struct isotp_pairs *pairs, const char *command, const struct opt_list *typed);

#endif
