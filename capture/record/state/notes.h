/*
 * The user's notes (KEY=VALUE) and the interfaces' filters as mark records. They are repeated in each
 * segment, so that they are kept when old segments are removed. Made in open; stored by the owner, then by
 * the flush thread.
 */
#ifndef CANP_CAPTURE_NOTES_H
#define CANP_CAPTURE_NOTES_H

#include <canp/recorder.h>
#include <canp/rows.h>

struct canp_writer;

#define NOTES_BYTES_MAX 65536U /* of all notes, as rows */

struct notes {
    struct canp_rowbuf rows;
    uint64_t segment; /* the segment that holds them already, counted from 1 */
};

/* Zeroed before. -EINVAL with `why` (no `=`, a control byte, too long), -ENOMEM. */
int canp_notes_make(struct notes *notes, const struct canp_recorder_opts *opts, struct canp_why *why);

/* Writes them, if the writer is in a segment that has none. An error is left for the next time. */
void canp_notes_store(struct notes *notes, struct canp_writer *writer);

void canp_notes_free(struct notes *notes);

#endif
