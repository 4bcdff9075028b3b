/* A CAN controller's state and modes in words, for link and top. Any thread; no state. */
#ifndef CANP_TOOLS_LINK_TEXT_H
#define CANP_TOOLS_LINK_TEXT_H

#include <canp/link.h>
#include <string.h>

#define LINK_MODE_BYTES 192

/* "error-active" ...; "-" where there is no controller. */
const char *link_state_text(const struct canp_link *link);

/* "fd", "listen-only" ... with `between` between them; empty for none. */
const char *link_mode_text(char out[LINK_MODE_BYTES], uint32_t ctrlmode, const char *between);

static inline bool link_has_controller(const struct canp_link *link)
{
    return strcmp(link->kind, "can") == 0;
}

#endif
