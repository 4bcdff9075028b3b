/* Interfaces with filters, as candump takes them (iface_spec.h). Any thread; no state. */
#include "iface_spec.h"

#include <errno.h>
#include <string.h>

int canp_iface_spec_parse(const char *text, struct iface_spec *out, struct canp_why *why)
{
    bool quoted = text[0] == '@';
    text += quoted;
    size_t length = quoted ? strlen(text) : strcspn(text, ",");
    size_t kept = length < sizeof(out->name) ? length : sizeof(out->name) - 1;
    memset(out, 0, sizeof(*out));
    memcpy(out->name, text, kept);
    out->quoted = quoted;
    out->filtered = text[length] == ',';
    if (!out->filtered)
        return 0;
    struct canp_why part;
    if (canp_filter_parse(&out->filters, text + length + 1, &part) < 0)
        return canp_fail(why, -EINVAL, "%s: %s (a comma that belongs to a name: @%s)", out->name, part.text,
                         text);
    return 0;
}
