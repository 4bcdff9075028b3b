/*
 * Packs sealed segments in the background, in a thread of the lowest priority (SCHED_IDLE), so that it does
 * not delay a capture. The housekeeper queues the segments. At most PACKER_QUEUE segments wait; a segment
 * beyond that is counted and stays in plain rows.
 */
#ifndef CANP_ENGINE_PACKER_H
#define CANP_ENGINE_PACKER_H

#include <pthread.h>

#include "repack.h"
#include "retention.h"

#define PACKER_QUEUE 256U

struct packer {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int dir_fd;                  /* borrowed */
    struct retention *retention; /* borrowed: is told sizes, and asked */
    struct repack repack;
    uint64_t queue[PACKER_QUEUE];
    unsigned first, count;
    unsigned passed_over; /* segments left raw because the queue or the disk was full, or left to others */
    int error;            /* first error of packing: what it met stays raw */
    bool busy;
    bool stop;
};

int canp_packer_start(struct packer *p, int dir_fd, struct retention *retention);
void canp_packer_push(struct packer *p, uint64_t number);

/* Waits until all that was pushed is packed. The first error so far. */
int canp_packer_drain(struct packer *p);

/* Finishes the segment at hand, drops the rest. */
void canp_packer_stop(struct packer *p);

#endif
