/* Says what kind of file it is when no format recognises it. No state; any thread. */
#ifndef CANP_FORMATS_FOREIGN_H
#define CANP_FORMATS_FOREIGN_H

#include "formats/log_format.h"

/* Returns -CANP_E_FORMAT with a sentence that names the file for what it looks like. */
int canp_log_tell_foreign(const struct canp_log_head *head, const char *name, struct canp_why *why);

#endif
