/* The recording behind a log reader, for merging. One thread at a time. */
#ifndef CANP_FORMATS_RECORDING_H
#define CANP_FORMATS_RECORDING_H

#include <canp/reader.h>

#include "formats/log_format.h"

extern const struct canp_log_format canp_format_canp;

/* Borrowed until canp_log_close(). NULL: it is no recording. */
struct canp_reader *canp_recording_of(const struct canp_log_reader *reader);

#endif
