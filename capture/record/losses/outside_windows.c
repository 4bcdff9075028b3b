/* Frames and losses outside of windows (outside_windows.h). Flush thread only. */
#include "outside_windows.h"

#include <stdio.h>
#include <string.h>

#include <canp/pools/clock.h>

#define TELL_NS 60000000000U

static void note_frame(struct outside_windows *o, struct chan *chans, const struct canp_record *r)
{
    counter_add(&chans[r->channel].outside, 1);
    o->frames[r->channel]++;
    o->last_ns[r->channel] = r->time_ns;
}

static void note_gap(struct outside_windows *o, const struct canp_record *r)
{
    canp_gap_sums_note(&o->gaps, r->channel, r->gap->layer, r->gap->lost, r->gap->from_ns, r->gap->to_ns);
    if (o->due_ns == 0)
        o->due_ns = canp_monotonic_ns() + TELL_NS;
}

void canp_outside_windows_note(struct outside_windows *o, struct chan *chans, const struct canp_rowbuf *rows)
{
    struct canp_record r;
    for (size_t at = 0; at < rows->used_bytes; at += r.row_bytes) {
        canp_row_read(rows->data + at, rows->base_ns, &r);
        if (canp_kind_is_frame(r.kind))
            note_frame(o, chans, &r);
        else if (r.kind == CANP_KIND_GAP && r.gap->layer < GAP_LAYERS)
            note_gap(o, &r);
    }
}

/* A mark for each interface, from `from` on; the index behind the last one put. */
static unsigned put_marks(const struct outside_windows *o, unsigned from, struct canp_rowbuf *rows)
{
    union {
        struct canp_event event;
        uint8_t bytes[OUTSIDE_MARK_BYTES];
    } mark = {.event = {.code = CANP_MARK_OUTSIDE}};
    for (; from < CANP_RECORDER_IFACES_MAX; from++) {
        if (o->frames[from] == 0)
            continue;
        int n = snprintf((char *)mark.bytes + sizeof(mark.event), sizeof(mark) - sizeof(mark.event), "%llu",
                         (unsigned long long)o->frames[from]);
        mark.event.bytes = (uint16_t)(sizeof(mark.event) + (size_t)n);
        if (canp_rowbuf_put_event(rows, o->last_ns[from], (uint8_t)from, CANP_KIND_MARK, &mark) < 0)
            break;
    }
    return from;
}

void canp_outside_windows_tell(struct outside_windows *o, outside_store *store, void *user)
{
    unsigned gap = 0, channel = 0;
    do { /* each block takes one gap or mark at least; more than one block only when times are days apart */
        struct canp_rowbuf rows;
        canp_rowbuf_init(&rows, o->rows, sizeof(o->rows));
        gap = canp_gap_sums_put(&o->gaps, gap, &rows);
        if (gap == GAP_SUMS_MAX)
            channel = put_marks(o, channel, &rows);
        if (rows.records)
            store(user, &rows);
    } while (channel < CANP_RECORDER_IFACES_MAX);
    canp_gap_sums_forget(&o->gaps, 0, GAP_SUMS_MAX);
    memset(o->frames, 0, sizeof(o->frames));
    o->due_ns = 0;
}

void canp_outside_windows_tell_if_due(struct outside_windows *o, outside_store *store, void *user)
{
    if (o->due_ns && canp_monotonic_ns() >= o->due_ns)
        canp_outside_windows_tell(o, store, user);
}
