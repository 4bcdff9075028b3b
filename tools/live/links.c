/*
 * All CAN interfaces of the machine (links.h).
 *
 * Invariant: no more is returned than the memory handed out holds, although interfaces come while they are
 * listed. Any thread; no state.
 */
#include "links.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_ROOM 64U
#define TRIES      8U /* each one asks for twice what the last one found */

int links_all(links_lister *list, struct canp_link **out)
{
    unsigned room = FIRST_ROOM;
    *out = NULL;
    for (unsigned i = 0; i < TRIES; i++) {
        struct canp_link *links = calloc(room, sizeof(*links));
        if (!links)
            return -ENOMEM;
        int n = list(links, room);
        if (n >= 0 && (unsigned)n <= room) {
            *out = links;
            return n;
        }
        free(links);
        if (n < 0)
            return n;
        room = (unsigned)n * 2;
    }
    return -EAGAIN;
}
