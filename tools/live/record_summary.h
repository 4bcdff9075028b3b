/*
 * What `canp record` prints when a recording has ended: a table of its interfaces and what was lost, or the
 * same as one JSON object. Main thread.
 */
#ifndef CANP_TOOLS_RECORD_SUMMARY_H
#define CANP_TOOLS_RECORD_SUMMARY_H

#include <stdbool.h>
#include <stdio.h>

#include <canp/recorder.h>

struct record_summary {
    const char *dir; /* as it is shown */
    FILE *out;       /* where it goes */
    bool windows;    /* recording by triggers */
};

void record_summary_print(const struct record_summary *how, const struct canp_recorder_stats *s);
void record_summary_print_json(const struct record_summary *how, const struct canp_recorder_stats *s);

#endif
