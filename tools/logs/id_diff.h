/* How two tables of IDs differ (id_stats.h). One thread. */
#ifndef CANP_TOOLS_ID_DIFF_H
#define CANP_TOOLS_ID_DIFF_H

#include "id_stats.h"

enum id_diff_change { ID_DIFF_LENGTH = 1, ID_DIFF_PERIOD = 2, ID_DIFF_BITS = 4 };

struct id_difference {
    const struct id_stats *a, *b;   /* NULL: not there */
    unsigned changes;               /* enum id_diff_change, where it is in both */
    uint8_t other[ID_STATS_BYTES];  /* bits that stand still in both, and differ */
    uint8_t moves[ID_STATS_BYTES];  /* bits that stand still in a, and change in b */
    uint8_t stands[ID_STATS_BYTES]; /* bits that change in a, and stand still in b */
};

/* Calls `found` for each difference, by ID. How many there are, or -ENOMEM. */
int id_diff(const struct id_table *a, const struct id_table *b,
            void (*found)(void *user, const struct id_difference *difference), void *user);

#endif
