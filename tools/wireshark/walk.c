/* Packets of a recording by number (walk.h). One thread. */
#include "wireshark/walk.h"

#include <errno.h>

#define MARK_EVERY 64 /* records */

static void note_damage(void *user, const struct canp_damage *damage)
{
    struct walk *w = user;
    w->damaged_blocks += damage->blocks ? damage->blocks : 1;
    w->damaged_frames += damage->frames_known ? damage->frames : 0;
}

int walk_open(struct walk *w, struct canp_reader *reader, GArray *marks, bool makes_marks)
{
    struct canp_cursor_opts opts = CANP_CURSOR_OPTS_INIT;
    *w = (struct walk){.marks = marks, .makes_marks = makes_marks, .latest_ns = G_MININT64};
    opts.on_damage = note_damage;
    opts.user = w;
    return canp_cursor_open(reader, &opts, &w->cursor);
}

void walk_close(struct walk *w)
{
    canp_cursor_close(w->cursor);
    w->cursor = NULL;
}

/* Time 0 is the beginning to a cursor. Behind damage none is made: whoever walks there meets it, too. */
static void make_mark(struct walk *w, const struct canp_record *record)
{
    guint count = w->marks->len;
    const struct walk_mark *last = count ? &g_array_index(w->marks, struct walk_mark, count - 1) : NULL;
    bool is_latest = record->time_ns > w->latest_ns;
    w->latest_ns = is_latest ? record->time_ns : w->latest_ns;
    if (!is_latest || w->damaged_blocks || record->time_ns == 0 ||
        (last && w->next < last->number + MARK_EVERY))
        return;
    struct walk_mark mark = {w->next, record->time_ns};
    g_array_append_val(w->marks, mark);
}

int walk_next(struct walk *w, struct canp_record *out)
{
    w->damaged_blocks = w->damaged_frames = 0;
    int r = canp_cursor_next(w->cursor, out);
    if (r != 1)
        return r;
    if (w->makes_marks)
        make_mark(w, out);
    w->next++;
    return 1;
}

/* The last mark at or before a record; NULL: none. */
static const struct walk_mark *mark_before(const struct walk *w, guint64 number)
{
    guint low = 0, high = w->marks->len;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        if (g_array_index(w->marks, struct walk_mark, middle).number <= number)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? &g_array_index(w->marks, struct walk_mark, low - 1) : NULL;
}

int walk_to(struct walk *w, guint64 number)
{
    const struct walk_mark *mark = mark_before(w, number);
    struct canp_record record;
    if (number < w->next || (mark && mark->number > w->next)) {
        int r = canp_cursor_seek(w->cursor, mark ? mark->time_ns : G_MININT64);
        if (r < 0)
            return r;
        w->next = mark ? mark->number : 0;
    }
    while (w->next < number) {
        int r = walk_next(w, &record);
        if (r != 1)
            return r < 0 ? r : -ENOENT;
    }
    return 0;
}
