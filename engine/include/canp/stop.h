/*
 * A request to stop that other threads can make: the only way to end a long operation of the library early.
 *
 * The caller zeroes the struct and lends it in the options of the operation: canp_reader_opts (cursors,
 * canp_reader_info*(), canp_busclock_span(), merges and refreshes of that reader return -ECANCELED),
 * canp_repack_opts (-ECANCELED; the segment being written stays as it was) and canp_replay_opts (the replay
 * ends, `stopped` says so). It is read once for each block and segment, so the operation ends soon, not at
 * once. Records that were lent stay valid, and after canp_stop_clear() the operation can be continued without
 * loss.
 *
 * Any thread and any signal handler may call these functions. The struct must outlive the objects that it was
 * lent to.
 */
#ifndef CANP_STOP_H
#define CANP_STOP_H

#include <canp/export.h>
#include <stdbool.h>

CANP_BEGIN_DECLS

/* Zero it before use; read and set it only with the functions below. */
struct canp_stop {
    int wish_;
};

CANP_API void canp_stop_set(struct canp_stop *stop);
CANP_API void canp_stop_clear(struct canp_stop *stop);
CANP_API bool canp_stop_is_set(const struct canp_stop *stop); /* NULL is never set */

CANP_END_DECLS

#endif
