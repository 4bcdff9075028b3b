/* `--jobs N`: how many threads a command uses. Main thread; no state. */
#ifndef CANP_TOOLS_JOBS_H
#define CANP_TOOLS_JOBS_H

#include <sched.h>
#include <stdint.h>

#define JOBS_MAX 64U /* as the library's */

/* What was asked for; 0 = as many as there are processors for us. */
static inline unsigned jobs_of(uint64_t asked)
{
    cpu_set_t ours;
    if (asked)
        return asked < JOBS_MAX ? (unsigned)asked : JOBS_MAX;
    int count = sched_getaffinity(0, sizeof(ours), &ours) == 0 ? CPU_COUNT(&ours) : 1;
    return count < (int)JOBS_MAX ? (unsigned)count : JOBS_MAX;
}

#endif
