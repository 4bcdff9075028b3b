/* How pools report to the statistics (canp/pools/memstats.h) what is no single allocation. Any thread. */
#ifndef CANP_POOLS_MEMSTATS_PRIVATE_H
#define CANP_POOLS_MEMSTATS_PRIVATE_H

#include <canp/pools/memstats.h>

#include "json.h"

/* Moves the tag's level, which only the peak is taken from. For pools, which count each acquire themselves
 * but report the level a batch at a time. */
void canp_memstats_move_level(enum canp_memtag tag, int64_t bytes);

/* Pools count what they hand out in their own caches, by thread slot: `add` adds the counts of one slot, or
 * of CANP_MEMSTATS_ALL_SLOTS. It is called whenever the statistics are read. There is one such function. */
#define CANP_MEMSTATS_ALL_SLOTS UINT32_MAX
void canp_memstats_count_pools(void (*add)(struct canp_memstats *stats, unsigned slot));

/* Counts that a pool had when it was freed; the level is not touched. */
void canp_memstats_retire(enum canp_memtag tag, const struct canp_memcount *count);

void canp_memstats_write(struct canp_json *json, const char *key, const struct canp_memstats *stats);

#endif
