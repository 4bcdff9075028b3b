/* All CAN interfaces of the machine, however many there are. Any thread; no state. */
#ifndef CANP_TOOLS_LINKS_H
#define CANP_TOOLS_LINKS_H

#include <canp/link.h>

/* What canp_link_list() does: fills at most `count`, returns how many there are, or a negative errno. */
typedef int links_lister(struct canp_link *out, unsigned count);

/* Their number, or a negative errno. Owned by the caller: *out, for free(); NULL on failure. */
int links_all(links_lister *list, struct canp_link **out);

#endif
