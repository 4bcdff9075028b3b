/*
 * Options in a file (`--config FILE`), one per line, as they are called on the command line:
 *
 *     interface = can0          # an argument: may be repeated
 *     flush = 50ms              # --flush 50ms
 *     pack                      # --pack
 *
 * A `#` at the start of a line, or behind a blank, begins a comment. Main thread.
 */
#ifndef CANP_TOOLS_CONFIG_H
#define CANP_TOOLS_CONFIG_H

#include "lib/opts.h"

/*
 * Where the command line has --config FILE, that is replaced by the file's lines; options that stand behind
 * it are taken after those of the file, so that they win. What *argv points to then stays allocated until the
 * end. 0, or negative as opts_parse() returns it, the error said.
 */
int config_expand(const struct opt_spec *spec, int *argc, char ***argv);

#endif
