/* Files that a killed writer or packer left in a recording's directory. Main thread. */
#ifndef CANP_TOOLS_LEFTOVERS_H
#define CANP_TOOLS_LEFTOVERS_H

#include <stdbool.h>

/* Tells of each on stderr; with `remove` those are removed whose frames the segment of that name has, whole.
 * A file that somebody works on is left out. A path that is no directory has none. */
void leftovers_tell(const char *command, const char *dir, bool remove);

#endif
