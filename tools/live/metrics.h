/*
 * A recorder's state as OpenMetrics text, which Prometheus' older text format reads, too: each sample bears
 * the recording's directory, so that several recorders may stand in one node_exporter.
 */
#ifndef CANP_TOOLS_METRICS_H
#define CANP_TOOLS_METRICS_H

#include <stdio.h>

#include "health.h"

void metrics_print(FILE *to, const struct control_status *status, const struct health *health);

/* Writes them into a file that is replaced as a whole: whoever reads it finds the old or the new one. 0 or a
 * negative errno. */
int metrics_replace(const char *file, const struct control_status *status, const struct health *health);

#endif
