/* Errors and status in PEAK's traces (trc_event.c), for trc.c, which reads the rows. */
#ifndef CANP_FORMATS_TRC_PARTS_H
#define CANP_FORMATS_TRC_PARTS_H

#include "formats/log_format.h"
#include "formats/text/text_in.h"

/* An error frame (ER; Error; ERROR). `type` is the id's column in versions 1.x; in 2.x, whose first byte says
 * it, 0. Fills the frame; false: it is not understood. */
bool canp_trc_error(struct canp_text text, uint32_t type, struct canp_frame *frame);
/* A change of the controller's state (ST; Warng). */
bool canp_trc_status(struct canp_text text, struct canp_link_event *link);

#endif
