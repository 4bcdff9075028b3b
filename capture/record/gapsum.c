/* Losses summed up (gapsum.h). Invariant: what was noted is told once, by one gap of its channel and layer.
 */
#include "gapsum.h"

/* By channel, then by layer. */
static const struct gap_pending *gap_at(const struct gapsum *sum, unsigned index)
{
    return &sum->gaps[index / GAP_LAYERS][index % GAP_LAYERS];
}

void gapsum_note(struct gapsum *sum, unsigned channel, unsigned layer, uint64_t lost, int64_t from_ns,
                 int64_t to_ns)
{
    struct gap_pending *gap = &sum->gaps[channel][layer];
    if (gap->lost == 0 || from_ns < gap->from_ns)
        gap->from_ns = from_ns;
    if (gap->lost == 0 || to_ns > gap->to_ns)
        gap->to_ns = to_ns;
    gap->lost += lost;
}

unsigned gapsum_put(const struct gapsum *sum, unsigned from, struct canp_rowbuf *rows)
{
    unsigned end = from;
    for (; end < GAPSUM_MAX; end++) {
        const struct gap_pending *gap = gap_at(sum, end);
        if (gap->lost &&
            canp_rowbuf_put_gap(rows, (uint8_t)(end / GAP_LAYERS), (enum canp_layer)(end % GAP_LAYERS),
                                gap->lost, gap->from_ns, gap->to_ns) < 0)
            break;
    }
    return end;
}

void gapsum_forget(struct gapsum *sum, unsigned from, unsigned end)
{
    for (; from < end; from++)
        sum->gaps[from / GAP_LAYERS][from % GAP_LAYERS] = (struct gap_pending){0};
}
