/* The monitor's report as text: `canp info --memory` and `canp-bench`. Main thread. */
#ifndef CANP_TOOLS_MEMORY_REPORT_H
#define CANP_TOOLS_MEMORY_REPORT_H

#include <canp/pools/monitor.h>
#include <canp/pools/profile.h>
#include <stdio.h>

/* What is held by tag, caches, pools, and what the monitor warns of. */
void memory_report_print(FILE *out, const struct canp_monitor_report *report);

/* Its warnings alone, a line each, with `before` in front. */
void memory_report_print_warnings(FILE *out, const char *before, const struct canp_monitor_report *report);

/* One line: how long an operation took, and what it allocated. */
void memory_report_print_profile(FILE *out, const struct canp_memprofile *profile);

#endif
