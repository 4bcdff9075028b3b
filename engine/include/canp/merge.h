/*
 * Several recordings as one stream in order of time; also of use for one recording, whose interfaces are
 * recorded in turn and so nearly, but not quite, in order of time.
 *
 * The records of one interface of one recording keep their recorded order. Among interfaces and recordings
 * the earlier time comes first; records of equal time come in the order of the recordings, and within one in
 * recorded order. Where a clock was set or a stamp is odd, the time that counts is bus time
 * (canp/busclock.h), so a clock that was set back puts nothing out of order. Between recordings, bus time is
 * shifted so that it agrees with each recording's clock at its end (as of open), when it had been set right.
 * The records' stamps do not change.
 *
 * Interface records are left out; canp_reader_iface() names channels. Records are lent from the mapping or
 * from the unpacked block, not copied. One thread at a time.
 */
#ifndef CANP_MERGE_H
#define CANP_MERGE_H

#include <canp/reader.h>

CANP_BEGIN_DECLS

/* How far the interfaces of one recording may be out of order; this much is read ahead. */
#define CANP_MERGE_WINDOW_NS 1000000000
#define CANP_MERGE_MAX       1024 /* recordings */

struct canp_merge;

/*
 * Owned: *out, freed by canp_merge_close(). The readers must outlive it. opts (NULL = all records) apply to
 * each recording, and opts.channels to each one's own channel numbers. With several recordings, open calls
 * canp_reader_info_quick() for each. -EINVAL for no recording or more than CANP_MERGE_MAX; -ENOMEM.
 */
CANP_API int canp_merge_open(struct canp_reader *const *readers, unsigned count,
                             const struct canp_cursor_opts *opts, struct canp_merge **out);
CANP_API void canp_merge_close(struct canp_merge *merge); /* NULL is allowed */

/*
 * The next record by time: 1, *out and, in *from (may be NULL), the index of the reader that it comes from; 0
 * at the end; or a negative error of a recording. The record's channel is that of its recording. Borrowed:
 * what *out points to is valid until the next call or canp_merge_close().
 */
CANP_API int canp_merge_next(struct canp_merge *merge, struct canp_record *out, unsigned *from);

/*
 * Follows recordings that grow; call it before the first canp_merge_next(). When canp_merge_next() returns 0
 * nothing can be lent now, and canp_merge_refresh() tells whether more may come. A record is lent once each
 * recording has ended or is CANP_MERGE_WINDOW_NS ahead of it, so that none can bring an earlier one. A quiet
 * interface or recording delays a record by at most wait_ns (CLOCK_MONOTONIC), counted from when the record
 * could be read; earlier records that it writes after that come late. Twice the recorder's flush time
 * (canp_recorder_opts.flush_ns) is a good wait_ns.
 */
CANP_API void canp_merge_follow(struct canp_merge *merge, uint64_t wait_ns);

/* Looks for what was written since. 1: call canp_merge_next() until it returns 0, sleep a little, and call
 * this again; 0: all recordings have ended and every record was lent; or a negative error. */
CANP_API int canp_merge_refresh(struct canp_merge *merge);

/* Damaged places skipped so far, in all recordings. */
CANP_API uint32_t canp_merge_damaged(const struct canp_merge *merge);

CANP_END_DECLS

#endif
