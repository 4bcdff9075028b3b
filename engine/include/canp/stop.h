/*
 * A request to stop that other threads may make: the one way to end a long walk of the library early.
 *
 * The caller holds the struct, zeroed, and lends it by the options of what walks: canp_reader_opts (cursors,
 * canp_reader_info*(), canp_busclock_span(), merges and refreshes of that reader return -ECANCELED),
 * canp_repack_opts (-ECANCELED; the segment being written stays as it was) and canp_replay_opts (the replay
 * ends, `stopped` says so). It is looked at once for each block and segment, so the walk ends soon, not at
 * once. What was lent stays valid, and nothing is lost: after canp_stop_clear() one may go on.
 *
 * Any thread may call these, and a signal handler, too. The struct must outlive what it was lent to.
 */
#ifndef CANP_STOP_H
#define CANP_STOP_H

#include <canp/export.h>
#include <stdbool.h>

CANP_BEGIN_DECLS

/* Zero it before use; read and set it by the calls below alone. */
struct canp_stop {
    int wish_;
};

CANP_API void canp_stop_set(struct canp_stop *stop);
CANP_API void canp_stop_clear(struct canp_stop *stop);
CANP_API bool canp_stop_is_set(const struct canp_stop *stop); /* NULL is never set */

CANP_END_DECLS

#endif
