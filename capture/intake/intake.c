/*
 * Rows, slabs and gaps (intake.h). Invariant: every frame handed to intake_frame() is counted once, as taken
 * (it is in a slab) or as lost (it is in a gap, pending or written). Capture thread only.
 */
#include "intake.h"

#include <errno.h>
#include <time.h>

static struct canp_rowbuf *rows_of(struct canp_slab *slab)
{
    return &((struct slab_head *)slab->user)->rows;
}

static int xl_row(struct canp_rowbuf *rows, int64_t time_ns, uint16_t tag, int64_t hw_ns,
                  const uint8_t *frame, uint32_t bytes)
{
    struct canp_record record = {.time_ns = time_ns,
                                 .kind = CANP_KIND_XL,
                                 .channel = (uint8_t)tag,
                                 .has_hw_time = (tag & CANP_TAG_HW_TIME) != 0,
                                 .hw_time_ns = hw_ns,
                                 .dir = (tag >> CANP_TAG_DIR_SHIFT) & 3,
                                 .xl = (const struct canp_xl_frame *)frame};
    if (bytes < sizeof(struct canp_xl_frame) || bytes < sizeof(struct canp_xl_frame) + record.xl->len)
        return -EINVAL;
    return canp_rowbuf_put_record(rows, &record);
}

int canp_intake_row(struct canp_rowbuf *rows, int64_t time_ns, uint16_t tag, int64_t hw_ns,
                    const uint8_t *frame, uint32_t bytes)
{
    if (((tag >> CANP_TAG_KIND_SHIFT) & 15) == CANP_KIND_XL)
        return xl_row(rows, time_ns, tag, hw_ns, frame, bytes);
    int r = canp_rowbuf_put_frame(rows, time_ns, tag, (const struct canp_frame *)frame);
    if (r == 0 && (tag & CANP_TAG_HW_TIME))
        memcpy(rows->data + rows->used_bytes - 8, &hw_ns, 8);
    return r;
}

/* ---- slabs --------------------------------------------------------------------------------------- */

static bool slab_begin(struct intake *in)
{
    if (in->slab)
        return true;
    struct canp_slab *slab = canp_slabring_acquire(in->ring);
    if (!slab)
        return false;
    canp_rowbuf_init(rows_of(slab), slab->data, in->block_bytes);
    in->slab = slab;
    in->slab_deadline_ns = in->now_ns + in->commit_after_ns;
    return true;
}

void canp_intake_commit(struct intake *in)
{
    struct canp_slab *slab = in->slab;
    if (!slab || rows_of(slab)->records == 0)
        return;
    slab->used_bytes = rows_of(slab)->used_bytes;
    ((struct slab_head *)slab->user)->closed =
        (struct slab_time){(int64_t)canp_monotonic_ns(), in->clock_offset_ns};
    in->slab = NULL;
    in->slab_deadline_ns = 0;
    in->slabs_committed++;
    canp_slabring_commit(in->ring, slab);
}

void canp_intake_flush_if_due(struct intake *in)
{
    if (!in->slab || in->now_ns < in->slab_deadline_ns)
        return;
    /* A stalled disk must not use slabs up half empty. acquire: pairs with the release in flush.c */
    if (atomic_load_explicit(&in->slabs_flushed, memory_order_acquire) == in->slabs_committed)
        canp_intake_commit(in);
}

/* ---- gaps ---------------------------------------------------------------------------------------- */

static _Atomic uint64_t *lost_counter(struct chan *ch, enum canp_layer layer)
{
    if (layer == CANP_LAYER_SOCKET)
        return &ch->lost_socket;
    return layer == CANP_LAYER_DEVICE ? &ch->lost_device : &ch->lost_unslabbed;
}

void canp_intake_gap(struct intake *in, struct chan *ch, enum canp_layer layer, uint64_t lost,
                     int64_t from_ns, int64_t to_ns)
{
    struct gap_pending *gap = &ch->gaps[layer];
    if (gap->lost == 0)
        gap->from_ns = from_ns < to_ns ? from_ns : to_ns;
    gap->lost += lost;
    gap->to_ns = to_ns;
    in->gaps_pending = true;
    counter_add(lost_counter(ch, layer), lost);
}

void canp_intake_drops(struct intake *in, struct chan *ch, uint32_t drops, int64_t time_ns)
{
    uint32_t lost = drops - ch->drops_seen; /* the counter wraps */
    ch->drops_seen = drops;
    canp_intake_gap(in, ch, CANP_LAYER_SOCKET, lost, ch->prev_ns, time_ns);
}

/* False: the slab is full (and committed by the caller) before all gaps of this channel were told. */
static bool put_gaps_of(struct intake *in, struct chan *ch)
{
    for (unsigned layer = CANP_LAYER_SOCKET; layer < GAP_LAYERS; layer++) {
        struct gap_pending *gap = &ch->gaps[layer];
        if (gap->lost == 0)
            continue;
        if (canp_rowbuf_put_gap(rows_of(in->slab), ch->index, (enum canp_layer)layer, gap->lost, gap->from_ns,
                                gap->to_ns) < 0)
            return false;
        *gap = (struct gap_pending){0};
    }
    return true;
}

bool canp_intake_gaps(struct intake *in)
{
    for (unsigned i = 0; i < in->chan_count; i++) { /* a slab holds at least one gap row: this ends */
        while (in->gaps_pending) {
            if (!slab_begin(in))
                return false;
            if (put_gaps_of(in, &in->chans[i]))
                break;
            canp_intake_commit(in);
        }
    }
    in->gaps_pending = false;
    return true;
}

void canp_intake_slow(struct intake *in, struct chan *ch, const struct rx_meta *m, uint16_t tag,
                      const uint8_t *frame, uint32_t bytes)
{
    int r = -EINVAL;
    for (int tries = 0; tries < 3; tries++) { /* a full slab, then a slab that gaps had filled, then room */
        if (!slab_begin(in) || !canp_intake_gaps(in))
            break;
        if (!slab_begin(in))
            break;
        r = canp_intake_row(rows_of(in->slab), m->time_ns, tag, m->hw_ns, frame, bytes);
        if (r != -ENOSPC)
            break;
        canp_intake_commit(in);
    }
    if (r == 0)
        ch->taken++;
    else
        canp_intake_gap(in, ch, CANP_LAYER_RECORDER, 1, ch->prev_ns, m->time_ns);
}

bool canp_intake_event(struct intake *in, uint8_t channel, uint8_t kind, int64_t time_ns, const void *event)
{
    for (int tries = 0; tries < 2; tries++) {
        if (!slab_begin(in))
            return false;
        if (canp_rowbuf_put_event(rows_of(in->slab), time_ns, channel, kind, event) == 0)
            return true;
        canp_intake_commit(in);
    }
    return false;
}

void canp_intake_finish(struct intake *in)
{
    /* Nothing is received any more, so waiting is allowed; flush frees slabs even after an error. */
    while (!canp_intake_gaps(in)) {
        struct timespec pause = {.tv_nsec = 5000000};
        clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
    }
    canp_intake_commit(in);
}
