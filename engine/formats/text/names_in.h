/* The words of canp/names.h, read back. No state; any thread. */
#ifndef CANP_FORMATS_NAMES_IN_H
#define CANP_FORMATS_NAMES_IN_H

#include "formats/text/text_in.h"

/* enum canp_kind or enum canp_dir with this name; -1: there is none. */
int canp_kind_named(const struct canp_text *word);
int canp_dir_named(const struct canp_text *word);
/* enum canp_layer with this name; 0: there is none. */
uint32_t canp_layer_named(const struct canp_text *word);

#endif
