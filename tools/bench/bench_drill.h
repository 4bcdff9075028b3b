/*
 * A recorder for measuring: its completion queue is filled by the caller instead of a kernel, its slabs are
 * stored by the calling thread. Everything between is the recorder's own code: the harvest, the intake, the
 * slab ring, the writer. Opens no socket, so it runs where the kernel has no CAN. One thread.
 */
#ifndef CANP_TOOLS_BENCH_DRILL_H
#define CANP_TOOLS_BENCH_DRILL_H

#include <stdint.h>

#include <canp/error.h>

#define DRILL_ROUND 512U /* frames that one harvest finds at most */

struct drill;

/* Records one interface into the directory `dir`; NULL: what is received goes no farther than the slabs.
 * Owned: *out, freed by drill_close(). */
int drill_open(const char *dir, struct drill **out, struct canp_why *why);
void drill_close(struct drill *d);

/* Lays `frames` received messages (1 .. DRILL_ROUND) out as the kernel would: FD frames with 64 bytes of
 * data, or classic ones with 8. Not part of what is measured. */
void drill_receive(struct drill *d, unsigned frames, int fd_frames);

/* Takes in what drill_receive() laid out: completion queue -> rows in a slab. */
void drill_harvest(struct drill *d);

/* The same for recvmmsg, which takes DRILL_BATCH frames at a time: batch of messages -> rows in a slab. */
#define DRILL_BATCH 256U
void drill_receive_batch(struct drill *d, int fd_frames);
void drill_take_batch(struct drill *d);

/* Commits the slabs that are full. 0 or the writer's error. */
int drill_spill(struct drill *d);

/* Commits the slab that is being filled, too. */
int drill_flush(struct drill *d);

/* Frames that are in slabs or stored, and not lost. */
uint64_t drill_frames(const struct drill *d);

#endif
