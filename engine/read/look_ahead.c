/*
 * Reads ahead of a cursor (look_ahead.h): the rest of its block, then further blocks by a second cursor that
 * starts at the first one's position. One thread.
 */
#include "look_ahead.h"

#include <canp/rows.h>

#include "cursor_priv.h"

/* False: at() has had enough. */
static bool look_through(const struct canp_cursor *c, const uint8_t *rows, size_t bytes, int64_t base_ns,
                         bool (*at)(void *self, const struct canp_record *record), void *self)
{
    struct canp_record r;
    for (size_t done = 0; done < bytes; done += r.row_bytes) {
        canp_row_read(rows + done, base_ns, &r);
        if (cursor_is_lost(c))
            return false;
        if ((r.kind == CANP_KIND_CLOCK || canp_cursor_wants(c, &r)) && !at(self, &r))
            return false;
    }
    return true;
}

/* A cursor in front of the block that this one comes to next. */
static int open_behind(struct canp_cursor *c, struct canp_cursor **out)
{
    struct canp_cursor_opts opts = c->opts;
    struct segment_reader segment;
    opts.on_damage = NULL;
    opts.thorough = false;
    int r = canp_cursor_open(c->reader, &opts, out);
    if (r < 0)
        return r;
    r = canp_reader_open_segment(c->reader, c->number, &segment);
    if (r < 0) {
        canp_cursor_close(*out);
        return r;
    }
    canp_cursor_enter_segment(*out, c->number, &segment);
    (*out)->place = c->place;
    (*out)->last_number = c->last_number;
    return 0;
}

void canp_look_ahead(struct canp_cursor *c, const struct canp_record *record,
                     bool (*at)(void *self, const struct canp_record *record), void *self)
{
    const uint8_t *row = (const uint8_t *)record->event - 8;
    struct canp_cursor *behind;
    struct canp_batch batch;
    if (c->rows_bytes == 0 || row < c->head.rows || row >= c->head.rows + c->rows_bytes)
        return;
    row += record->row_bytes;
    if (!look_through(c, row, (size_t)(c->head.rows + c->rows_bytes - row), c->head.base_ns, at, self) ||
        !c->segment_open || open_behind(c, &behind) < 0)
        return;
    while (canp_cursor_next_batch(behind, &batch) == 1 &&
           look_through(behind, batch.rows, batch.bytes, batch.base_ns, at, self))
        ;
    canp_cursor_close(behind);
}
