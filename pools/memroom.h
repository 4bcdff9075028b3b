/*
 * How much memory this process may still take before its control group's limit, or the machine, makes the
 * kernel kill somebody. Any thread; reads files in /proc and /sys/fs/cgroup and keeps no state.
 */
#ifndef CANP_POOLS_MEMROOM_H
#define CANP_POOLS_MEMROOM_H

#include <stdint.h>

/*
 * The smallest room of all limits above the process, in bytes; UINT64_MAX where none can be read. Clean pages
 * of files count as room, dirty ones do not: with a disk that stalls the kernel cannot give them up. Others
 * may take memory in the same moment, so leave some.
 */
uint64_t canp_memory_room(void);

#endif
