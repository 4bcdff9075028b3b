/*
 * The writer's second thread: makes the next segment before it is needed, prefaults ahead of the write
 * position, syncs in time, seals full segments, removes segments that are not kept. So the writer's thread
 * only copies blocks.
 *
 * One mutex guards all state; neither the capture thread nor a reader ever takes it.
 */
#ifndef CANP_ENGINE_HOUSEKEEPER_H
#define CANP_ENGINE_HOUSEKEEPER_H

#include <pthread.h>

#include "packer.h"
#include "retention.h"
#include "segment/segment_writer.h"

/* Segments that could not be synced or sealed: their times, channels, and what of them is gone. */
struct poisoned {
    int64_t from_ns, to_ns;
    uint64_t channel_mask; /* 0 = there are none */
    struct block_counts gone;
};

struct housekeeper {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work; /* for the housekeeper */
    pthread_cond_t done; /* for the writer */
    int dir_fd;          /* borrowed; becomes another directory's when it is removed */
    char *dir;           /* its path, owned by the writer */
    bool dir_must_exist; /* it is not made again, only found again */
    struct segment_writer_identity identity;
    uint64_t segment_bytes;
    uint64_t sync_ns; /* 0 = only when sealing */
    bool no_sync;
    struct packer *packer;      /* borrowed; NULL = do not pack */
    struct retention retention; /* opened and closed by the writer: the packer looks at it, too */

    struct index_builder index;     /* scratch */
    struct segment_writer *current; /* being written; owned here, filled by the writer */
    struct segment_writer *ready;   /* the next one, prepared */
    struct segment_writer *sealing; /* list: full, to be sealed */
    unsigned sealing_count;
    bool sealing_now;
    bool want_ready;
    uint64_t next_number;
    uint64_t passed_over; /* numbers whose name a file had that is not ours */
    uint64_t dirs_again;  /* times that the directory was removed, and is there again */
    bool dir_unsynced;    /* a segment was given its name, and the directory is not on disk yet */
    bool dir_syncing;
    uint64_t least_bytes; /* what the next block needs */
    int ready_error;
    int error;                /* first error of a sync or seal */
    _Atomic bool is_poisoned; /* the writer has not taken note of `poisoned` yet */
    struct poisoned poisoned;
    bool syncing;
    int64_t sync_due_ns; /* CLOCK_MONOTONIC; INT64_MAX = nothing to sync */
    bool stop;
};

int canp_housekeeper_start(struct housekeeper *k);
void canp_housekeeper_stop(
    struct housekeeper *k); /* frees the segments it holds; unsealed ones stay unsealed */

/* Asks for the next segment to be made in the background. */
void canp_housekeeper_prepare(struct housekeeper *k, uint64_t least_bytes);

/*
 * Publishes the next segment (waiting for it if need be) and hands the current one over for sealing.
 * On an error the current one stays.
 */
int canp_housekeeper_next(struct housekeeper *k, uint64_t least_bytes);

/* Hands the current segment over for sealing, without a next one: one that is ready is removed. */
void canp_housekeeper_retire(struct housekeeper *k);

/* Something was committed: sync and prefault in time. */
void canp_housekeeper_note_commit(struct housekeeper *k);

/* Syncs the current segment now, and waits for it and for those that are being sealed. */
int canp_housekeeper_sync(struct housekeeper *k);

/* The segments that could not be synced or sealed since the last call. False, *out untouched: there were
 * none. */
bool canp_housekeeper_take_poisoned(struct housekeeper *k, struct poisoned *out);

/* The writer tells of several in a row by the same gaps. Any thread; no state. */
void canp_poisoned_add(struct poisoned *sum, const struct poisoned *more);

/* Waits until everything handed over is sealed. The first error of all syncs and seals so far. */
int canp_housekeeper_drain(struct housekeeper *k);

#endif
