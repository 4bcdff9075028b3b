/* Clock anchors in the recording (clock_records.c). Capture thread only. */
#ifndef CANP_CAPTURE_CLOCK_RECORDS_H
#define CANP_CAPTURE_CLOCK_RECORDS_H

#include "record/state/recorder_priv.h"

/* Records what both clocks say now. */
void canp_clock_records_anchor(struct canp_recorder *rec);

/* Looks whether the clock was set, and whether it is time for the next anchor. */
void canp_clock_records_look(struct canp_recorder *rec);

#endif
