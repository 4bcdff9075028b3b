/*
 * Several recordings as one stream, by time; also one recording whose interfaces were recorded in turn.
 *
 * The records of one interface of one recording keep their recorded order. Among interfaces and recordings
 * the earlier time comes first; equal times come in the order of the recordings, within one in recorded
 * order. Where a clock was set, or a stamp is odd, that is bus time (canp/busclock.h): what was recorded
 * before comes before, and a record with an odd stamp stays between its neighbours. Several recordings are
 * compared as if their clocks had been right from the start: as they were at the end, when it was opened.
 * Records keep their stamps.
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
 * channels being those of each recording. Several recordings are looked through as by
 * canp_reader_info_quick(). -EINVAL for no recording or more than CANP_MERGE_MAX, -ENOMEM.
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

/*
 * From here on, call it before the first canp_merge_next(): recordings that grow are followed. When
 * canp_merge_next() returns 0 there is nothing to lend now; canp_merge_refresh() says whether there may be
 * more. A record is lent once every recording has ended or is CANP_MERGE_WINDOW_NS ahead of it, so that none
 * can have an earlier one; but a quiet interface or recording is waited for no longer than wait_ns
 * (CLOCK_MONOTONIC) after the record could be read. What it writes later than that, with an earlier time,
 * comes behind. A recorder commits what it received within its --flush time and a moment: twice that will do.
 */
CANP_API void canp_merge_follow(struct canp_merge *merge, uint64_t wait_ns);

/* Looks for what was written since. 1: call canp_merge_next() until it returns 0, rest a little, and come
 * again; 0: all recordings are closed and all was lent; or a negative error. */
CANP_API int canp_merge_refresh(struct canp_merge *merge);

/* Damaged places skipped so far, in all recordings. */
CANP_API uint32_t canp_merge_damaged(const struct canp_merge *merge);

CANP_END_DECLS

#endif
