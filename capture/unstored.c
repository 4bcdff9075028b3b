/* What could not be stored (unstored.h). */
#include "unstored.h"

#define GAPS_MAX (CANP_RECORDER_IFACES_MAX * GAP_LAYERS)

/* By channel, then by layer. */
static struct gap_pending *gap_at(struct unstored *u, unsigned index)
{
    return &u->gaps[index / GAP_LAYERS][index % GAP_LAYERS];
}

static void note_lost(struct gap_pending *gap, uint64_t lost, int64_t from_ns, int64_t to_ns)
{
    if (gap->lost == 0 || from_ns < gap->from_ns)
        gap->from_ns = from_ns;
    if (gap->lost == 0 || to_ns > gap->to_ns)
        gap->to_ns = to_ns;
    gap->lost += lost;
}

static void note_event(struct unstored *u, const struct canp_record *record)
{
    if (!u->events.data)
        canp_rowbuf_init(&u->events, u->events_room, sizeof(u->events_room));
    canp_rowbuf_put_record(&u->events, record); /* what does not fit any more is left out */
}

void unstored_note(struct canp_recorder *rec, const struct canp_rowbuf *rows)
{
    struct unstored *u = &rec->unstored;
    for (size_t at = 0; at < rows->used_bytes; at += canp_row_bytes(rows->data + at)) {
        struct canp_record r;
        canp_row_read(rows->data + at, rows->base_ns, &r);
        struct gap_pending *gaps = u->gaps[r.channel];
        if (canp_kind_is_frame(r.kind)) {
            note_lost(&gaps[CANP_LAYER_RECORDER], 1, r.time_ns, r.time_ns);
            counter_add(&rec->chans[r.channel].lost_unstored, 1);
            u->frames++;
        } else if (r.kind == CANP_KIND_GAP && r.gap->layer < GAP_LAYERS) {
            note_lost(&gaps[r.gap->layer], r.gap->lost, r.gap->from_ns, r.gap->to_ns);
        } else {
            note_event(u, &r);
        }
    }
}

static int store_events(struct canp_recorder *rec)
{
    struct canp_rowbuf *events = &rec->unstored.events;
    int r = canp_writer_commit(rec->writer, events);
    if (r == 0)
        canp_rowbuf_init(events, rec->unstored.events_room, sizeof(rec->unstored.events_room));
    return r;
}

/* A block of gaps, from *next on; more than one only when their times are days apart. */
static int store_gaps(struct canp_recorder *rec, unsigned *next)
{
    struct unstored *u = &rec->unstored;
    struct canp_rowbuf rows;
    unsigned end = *next;
    canp_rowbuf_init(&rows, u->gap_rows, sizeof(u->gap_rows));
    for (; end < GAPS_MAX; end++) {
        const struct gap_pending *gap = gap_at(u, end);
        if (gap->lost &&
            canp_rowbuf_put_gap(&rows, (uint8_t)(end / GAP_LAYERS), (enum canp_layer)(end % GAP_LAYERS),
                                gap->lost, gap->from_ns, gap->to_ns) < 0)
            break;
    }
    int r = canp_writer_commit(rec->writer, &rows);
    for (; r == 0 && *next < end; ++*next)
        *gap_at(u, *next) = (struct gap_pending){0};
    return r;
}

int unstored_store(struct canp_recorder *rec)
{
    int r = store_events(rec);
    for (unsigned next = 0; r == 0 && next < GAPS_MAX;) /* each block takes one gap at least */
        r = store_gaps(rec, &next);
    if (r == 0)
        rec->unstored.frames = 0;
    return r;
}
