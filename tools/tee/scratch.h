/*
 * A recording of which only a stream is wanted: a directory of its own, in memory where there is a file
 * system for that, which goes with the program. One that was killed leaves its directory behind; the next one
 * removes it. Main thread.
 */
#ifndef CANP_TOOLS_SCRATCH_H
#define CANP_TOOLS_SCRATCH_H

#include <stdint.h>

/* Of segments kept there. At 20,000 frames/s more than two minutes. */
#define SCRATCH_KEEP_BYTES (UINT64_C(64) << 20)

/* Makes it: in $TMPDIR, /dev/shm or /tmp. Static text, or NULL and errno. */
const char *scratch_make(void);
/* Removes it with the segments in it. Nothing was made: nothing happens. */
void scratch_remove(void);

#endif
