/* Prepares the place for a run of usual frames, and counts the run afterwards (row_run.h). Capture thread
 * only. */
#include "row_run.h"

#define FD_ROW_BYTES 80U /* the longest row of an FD frame */

static inline unsigned least(unsigned a, uint64_t b)
{
    return b < a ? (unsigned)b : a;
}

static bool is_fd(uint32_t frame_bytes)
{
    return frame_bytes != ROW_RUN_CLASSIC_BYTES;
}

static struct canp_rowbuf *rows_of(const struct intake *in)
{
    return &((struct slab_head *)in->slab->user)->rows;
}

unsigned canp_row_run_begin(const struct intake *in, const struct chan *ch, unsigned count,
                            uint32_t frame_bytes, struct row_run *run)
{
    if (!ROW_RUN_POSSIBLE || !in->slab || in->gaps_pending || ch->xl || in->hw_timestamps)
        return 0;
    const struct canp_rowbuf *rows = rows_of(in);
    if (rows->records == 0)
        return 0;
    *run = (struct row_run){.row = rows->data + rows->used_bytes,
                            .last_ns = INT64_MIN,
                            .base_ns = rows->base_ns,
                            .channel = ch->index,
                            .stride = rows->stride};
    uint32_t row_bytes = is_fd(frame_bytes) ? FD_ROW_BYTES : ROW_RUN_CLASSIC_ROW_BYTES;
    return least(least(count, in->frames_left), (rows->capacity_bytes - rows->used_bytes) / row_bytes);
}

/* The run's times go up; the block's may not, when another socket's frames of the same harvest came first. */
static void note_times(struct canp_rowbuf *rows, const struct row_run *run)
{
    int64_t first_ns = canp_row_time_ns(rows->base_ns, rows->data + rows->used_bytes);
    if (first_ns < rows->last_ns)
        rows->flags |= CANP_BLOCK_BACKWARDS;
    if (first_ns < rows->first_ns)
        rows->first_ns = first_ns;
    if (run->last_ns > rows->last_ns)
        rows->last_ns = run->last_ns;
}

void canp_row_run_end(struct intake *in, struct chan *ch, const struct row_run *run, unsigned n,
                      uint32_t frame_bytes)
{
    struct canp_rowbuf *rows = rows_of(in);
    size_t used_bytes = (size_t)(run->row - rows->data);
    /* Classic rows have two sizes only: with the sum, each is right. */
    if (run->strides_differ ||
        (!is_fd(frame_bytes) && rows->stride * (size_t)n != used_bytes - rows->used_bytes))
        rows->stride = 0;
    note_times(rows, run);
    rows->used_bytes = used_bytes;
    rows->records += n;
    rows->frames += n;
    rows->channel_mask |= UINT64_C(1) << (ch->index < 63 ? ch->index : 63);
    rows->id_filter |= run->id_filter;
    in->frames_left -= n;
    ch->harvested += n;
    ch->taken += n;
    ch->prev_ns = run->last_ns;
}
