/*
 * An interface as users name it for recording: its name, followed by candump's filters after commas. After an
 * @ the whole text is the name, including a comma, or `any`. Any thread; no state.
 */
#ifndef CANP_CAPTURE_IFACE_SPEC_H
#define CANP_CAPTURE_IFACE_SPEC_H

#include <canp/error.h>
#include <canp/filter.h>
#include <stdbool.h>
#include <string.h>

struct iface_spec {
    char name[160]; /* longer than any name that an interface can have: one that is too long finds none */
    bool quoted;    /* by @ */
    bool met;       /* for the caller: an interface was found for it */
    bool filtered;
    struct canp_filter_set filters; /* when filtered */
};

/* "vcan0", "vcan0,123:7FF,#FF" or "@a,b". 0, or -EINVAL with `why`; *out may be changed either way. */
int canp_iface_spec_parse(const char *text, struct iface_spec *out, struct canp_why *why);

static inline bool iface_spec_is_any(const struct iface_spec *spec)
{
    return !spec->quoted && strcmp(spec->name, "any") == 0;
}

/* The filters of what this asked for: its own, NULL = it takes everything. */
static inline const struct canp_filter_set *iface_spec_filters(const struct iface_spec *spec)
{
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): the caller's, never NULL */
    return spec->filtered ? &spec->filters : NULL;
}

#endif
