/*
 * Several recordings as one stream, by time; also one recording whose interfaces were recorded in turn.
 *
 * The records of one interface of one recording keep their recorded order. Among interfaces and recordings
 * the earlier time comes first; equal times come in the order of the recordings, within one in recorded
 * order. Where a recording's time runs back by more than CANP_MERGE_WINDOW_NS a clock was set: what was
 * recorded before it comes before it.
 *
 * Interface records are left out: canp_reader_iface() names channels. Records are lent, not copied: from the
 * mapping, or from the unpacked block. One thread at a time.
 */
#ifndef CANP_MERGE_H
#define CANP_MERGE_H

#include <canp/reader.h>

CANP_BEGIN_DECLS

/* Disorder of interfaces within a recording; so much is read ahead. */
#define CANP_MERGE_WINDOW_NS 1000000000
#define CANP_MERGE_MAX       1024 /* recordings */

struct canp_merge;

/*
 * Owned: *out, freed by canp_merge_close(). The readers must outlive it; opts (NULL = all) go for each, its
 * channels being those of each recording. -EINVAL for no recording or more than CANP_MERGE_MAX, -ENOMEM.
 */
CANP_API int canp_merge_open(struct canp_reader *const *readers, unsigned count,
                             const struct canp_cursor_opts *opts, struct canp_merge **out);
CANP_API void canp_merge_close(struct canp_merge *merge); /* NULL is allowed */

/*
 * The next record by time (0 at the end of what was there when it was reached): 1, *out, and in *from (may be
 * NULL) the recording's place among the readers, whose channel it names; 0; or a negative error of a
 * recording. Borrowed: what *out points to, until the next call or canp_merge_close().
 */
CANP_API int canp_merge_next(struct canp_merge *merge, struct canp_record *out, unsigned *from);

/* Damaged places skipped so far, in all recordings. */
CANP_API uint32_t canp_merge_damaged(const struct canp_merge *merge);

CANP_END_DECLS

#endif
