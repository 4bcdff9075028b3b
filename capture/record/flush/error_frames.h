/*
 * Error frames among rows that were stored. A function without state; flush thread.
 */
#ifndef CANP_CAPTURE_ERROR_FRAMES_H
#define CANP_CAPTURE_ERROR_FRAMES_H

#include <canp/rows.h>

#include "intake/channel.h"

/* These rows were stored: adds their error frames to `errors_stored` of each channel. */
void canp_error_frames_note(struct chan *chans, const struct canp_rowbuf *rows);

#endif
