/*
 * Packets of a recording by number, for random access: a packet is a frame and the events before it, and its
 * number is that of its first record.
 *
 * A cursor seeks by time, so marks are kept of records that are later than all before them: a seek to a
 * mark's time leads to that very record. Between marks records are counted. Where the clock was set back
 * there are no marks, and the way is longer.
 *
 * One thread, Wireshark's.
 */
#ifndef CANP_WIRESHARK_WALK_H
#define CANP_WIRESHARK_WALK_H

#include <glib.h>

#include <canp/reader.h>

struct walk {
    struct canp_cursor *cursor;
    guint64 next; /* number of the record that the cursor lends next */
    gint64 latest_ns;
    GArray *marks;          /* of struct walk_mark; the sequential walk makes them */
    bool makes_marks;       /* this is the sequential one */
    guint64 damaged_blocks; /* met since walk_next() was called */
    guint64 damaged_frames; /* in these, as far as it is known */
};

struct walk_mark {
    guint64 number;
    gint64 time_ns;
};

/* `marks` is shared by both walks, and borrowed. 0 or a negative error. */
int walk_open(struct walk *w, struct canp_reader *reader, GArray *marks, bool makes_marks);
void walk_close(struct walk *w);

/* The next record, as canp_cursor_next(). */
int walk_next(struct walk *w, struct canp_record *out);
/* Moves to the record of this number. 0; -ENOENT: there are not so many; or a negative error. */
int walk_to(struct walk *w, guint64 number);

#endif
