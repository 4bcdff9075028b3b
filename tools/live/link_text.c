/* Controller modes in words, as `ip` calls them, and states (link_text.h). */
#include "link_text.h"

#include <canp/names.h>

#include <stdio.h>

const char *link_state_text(const struct canp_link *link)
{
    const char *name = canp_controller_state_name(link->state);
    return name ? name : "-";
}

const char *link_mode_text(char out[LINK_MODE_BYTES], uint32_t ctrlmode, const char *between)
{
    static const char *const modes[] = {"loopback",       "listen-only", "triple-sampling", "one-shot",
                                        "berr-reporting", "fd",          "presume-ack",     "fd-non-iso",
                                        "cc-len8-dlc",    "tdc-auto",    "tdc-manual"};
    size_t used = 0;
    out[0] = '\0';
    for (unsigned bit = 0; bit < sizeof(modes) / sizeof(modes[0]); bit++) {
        if (ctrlmode & 1U << bit)
            used +=
                (size_t)snprintf(out + used, LINK_MODE_BYTES - used, "%s%s", used ? between : "", modes[bit]);
    }
    return out; /* all of them are 140 bytes */
}
