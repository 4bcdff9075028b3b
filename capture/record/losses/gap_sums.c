/* Sums of losses (gap_sums.h). Invariant: each noted loss is written once, in one gap of its channel and
 * layer. One thread.
 */
#include "gap_sums.h"

/* By channel, then by layer. */
static const struct gap_pending *gap_at(const struct gap_sums *sum, unsigned index)
{
    return &sum->gaps[index / GAP_LAYERS][index % GAP_LAYERS];
}

void canp_gap_sums_note(struct gap_sums *sum, unsigned channel, unsigned layer, uint64_t lost,
                        int64_t from_ns, int64_t to_ns)
{
    struct gap_pending *gap = &sum->gaps[channel][layer];
    if (gap->lost == 0 || from_ns < gap->from_ns)
        gap->from_ns = from_ns;
    if (gap->lost == 0 || to_ns > gap->to_ns)
        gap->to_ns = to_ns;
    gap->lost += lost;
}

unsigned canp_gap_sums_put(const struct gap_sums *sum, unsigned from, struct canp_rowbuf *rows)
{
    unsigned end = from;
    for (; end < GAP_SUMS_MAX; end++) {
        const struct gap_pending *gap = gap_at(sum, end);
        if (gap->lost &&
            canp_rowbuf_put_gap(rows, (uint8_t)(end / GAP_LAYERS), (enum canp_layer)(end % GAP_LAYERS),
                                gap->lost, gap->from_ns, gap->to_ns) < 0)
            break;
    }
    return end;
}

void canp_gap_sums_forget(struct gap_sums *sum, unsigned from, unsigned end)
{
    for (; from < end; from++)
        sum->gaps[from / GAP_LAYERS][from % GAP_LAYERS] = (struct gap_pending){0};
}
