/* Reports messages that could not be put together (transport_report.h). No state. */
#include "signals/transport_report.h"

#include "lib/opts.h"

void transport_report(const char *command, const char *what, const struct canp_transport_stats *t)
{
    uint64_t lost = t->incomplete + t->aborted + t->evicted + t->malformed + t->too_long;
    if (lost)
        opts_fail(command, 0,
                  "%llu %s, or parts of them, gave nothing: %llu incomplete, %llu aborted, %llu malformed, "
                  "%llu too long, %llu given up for room",
                  (unsigned long long)lost, what, (unsigned long long)t->incomplete,
                  (unsigned long long)t->aborted, (unsigned long long)t->malformed,
                  (unsigned long long)t->too_long, (unsigned long long)t->evicted);
}
