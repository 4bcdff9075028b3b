/* Reads the records behind the one that a cursor has lent, without moving the cursor. The cursor's thread. */
#ifndef CANP_ENGINE_LOOK_AHEAD_H
#define CANP_ENGINE_LOOK_AHEAD_H

#include <canp/reader.h>

/* Gives the records behind this one, which the cursor lent and whose block it has not left, to at() in
 * recorded order until that returns false, or to the end of what is there. Errors and damage end it, too. */
void canp_look_ahead(struct canp_cursor *c, const struct canp_record *record,
                     bool (*at)(void *self, const struct canp_record *record), void *self);

#endif
