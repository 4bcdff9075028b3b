/* What could not be stored (disk_losses.h). Flush thread only. */
#include "disk_losses.h"

#include <canp/writer.h>

static void note_event(struct disk_losses *u, const struct canp_record *record)
{
    if (!u->events.data)
        canp_rowbuf_init(&u->events, u->events_room, sizeof(u->events_room));
    canp_rowbuf_put_record(&u->events, record); /* what does not fit any more is left out */
}

void canp_disk_losses_note(struct disk_losses *u, struct chan *chans, const struct canp_rowbuf *rows)
{
    for (size_t at = 0; at < rows->used_bytes; at += canp_row_bytes(rows->data + at)) {
        struct canp_record r;
        canp_row_read(rows->data + at, rows->base_ns, &r);
        if (canp_kind_is_frame(r.kind)) {
            canp_gap_sums_note(&u->gaps, r.channel, CANP_LAYER_RECORDER, 1, r.time_ns, r.time_ns);
            counter_add(&chans[r.channel].lost_unstored, 1);
            u->frames++;
        } else if (r.kind == CANP_KIND_GAP && r.gap->layer < GAP_LAYERS) {
            canp_gap_sums_note(&u->gaps, r.channel, r.gap->layer, r.gap->lost, r.gap->from_ns, r.gap->to_ns);
        } else {
            note_event(u, &r);
        }
    }
}

static int store_events(struct disk_losses *u, struct canp_writer *writer)
{
    struct canp_rowbuf *events = &u->events;
    int r = canp_writer_commit(writer, events);
    if (r == 0)
        canp_rowbuf_init(events, u->events_room, sizeof(u->events_room));
    return r;
}

/* A block of gaps, from *next on; more than one only when their times are days apart. */
static int store_gaps(struct disk_losses *u, struct canp_writer *writer, unsigned *next)
{
    struct canp_rowbuf rows;
    canp_rowbuf_init(&rows, u->gap_rows, sizeof(u->gap_rows));
    unsigned end = canp_gap_sums_put(&u->gaps, *next, &rows);
    int r = canp_writer_commit(writer, &rows);
    if (r < 0)
        return r;
    canp_gap_sums_forget(&u->gaps, *next, end);
    *next = end;
    return 0;
}

int canp_disk_losses_store(struct disk_losses *u, struct canp_writer *writer)
{
    int r = store_events(u, writer);
    for (unsigned next = 0; r == 0 && next < GAP_SUMS_MAX;) /* each block takes one gap at least */
        r = store_gaps(u, writer, &next);
    if (r == 0)
        u->frames = 0;
    return r;
}
