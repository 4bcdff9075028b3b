/* Databases opened, and what was not decoded (decode_open.h). Main thread. */
#include "decode_open.h"

#include <errno.h>

#include "lib/commands.h"
#include "transport_report.h"

static void tell_errors(const struct decode_base *base, const char *command)
{
    uint64_t errors = canp_dbc_errors(base->dbc, NULL, NULL);
    if (errors)
        opts_fail(command, 0, "%s: %llu statements cannot be read and are left out; `canp dbc` lists them",
                  base->path, (unsigned long long)errors);
}

int decode_open(struct decode_choice *choice, const char *command, const struct opt_list *files,
                char *const *patterns, int pattern_count)
{
    struct canp_why why;
    for (unsigned i = 0; i < files->count; i++) {
        if (decode_choice_add(choice, files->texts[i], &why) < 0)
            return opts_fail(command, CANP_EXIT_ENVIRONMENT, "%s", why.text);
        tell_errors(&choice->bases[i], command);
    }
    int r = decode_choice_match(choice, patterns, pattern_count, &why);
    if (r < 0)
        return opts_fail(command, r == -ENOENT ? CANP_EXIT_USAGE : CANP_EXIT_ENVIRONMENT, "%s", why.text);
    return 0;
}

void decode_report(const struct decode_bus *bus, const char *command)
{
    struct canp_transport_stats t;
    if (bus->counts.short_values)
        opts_fail(command, 0, "%llu values are missing because their frames are too short, first of %s",
                  (unsigned long long)bus->counts.short_values, bus->short_message);
    decode_bus_transports(bus, &t);
    transport_report(command, "messages of several frames", &t);
}
