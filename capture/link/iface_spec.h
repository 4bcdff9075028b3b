/* What a user names for recording: an interface, and behind commas candump's filters. Any thread; no state.
 */
#ifndef CANP_CAPTURE_IFACE_SPEC_H
#define CANP_CAPTURE_IFACE_SPEC_H

#include <canp/error.h>
#include <canp/filter.h>

struct iface_spec {
    char name[64]; /* longer than an interface's can be: a name that is too long finds none */
    bool filtered;
    struct canp_filter_set filters; /* when filtered */
};

/* "vcan0" or "vcan0,123:7FF,#FF". 0, or -EINVAL with `why`; *out may be changed either way. */
int canp_iface_spec_parse(const char *text, struct iface_spec *out, struct canp_why *why);

/* The filters of one interface: those behind its name, else those behind `any`. NULL = it takes everything.
 */
const struct canp_filter_set *canp_iface_specs_filters(const struct iface_spec *specs, unsigned count,
                                                       const char *name);

#endif
