/*
 * The memory behind a slab ring's slots, in pieces of one slot each. A few pieces are ready: prefaulted, and
 * locked where that is permitted. The others are address space until they are needed. A thread, the keeper,
 * gets more ready when few are left, and gives memory back when many more than that are free.
 *
 * Invariant: a piece is lent, or on one of two stacks: ready or cold. Neither taking nor giving back waits,
 * allocates or makes a system call but the keeper's wake. Pieces that were given back last are taken first,
 * so that a ring that is mostly empty touches few pages.
 *
 * Threads: the producer takes, the consumer gives back, the keeper does both; open and close while nobody
 * else uses it.
 */
#ifndef CANP_POOLS_SLAB_MEMORY_H
#define CANP_POOLS_SLAB_MEMORY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "pages.h"

struct slab_memory {
    struct canp_pages pages;
    size_t piece_bytes;
    uint32_t piece_count;
    uint32_t
        ready_goal; /* so many are to be ready; piece_count: all, from the start, and there is no keeper */
    _Atomic uint32_t *next; /* of each piece on a stack: the number of the one below, from 1; 0 = none */
    bool is_locked;         /* all of it, or will be once it is touched */
    bool has_keeper;
    pthread_t keeper;

    /* The stacks' tops: a count of changes above 32 bits, so that a top that is there again is seen to have
     * changed meanwhile, and the number of a piece. */
    _Alignas(64) _Atomic uint64_t ready;
    _Atomic uint32_t ready_count;
    _Alignas(64) _Atomic uint64_t cold;
    _Atomic int64_t spare; /* so many cold ones may be touched before a limit of memory is near, as far as the
                              keeper knows */
    _Atomic uint32_t lent_cold;           /* pieces that the producer had to take as they were */
    _Atomic uint32_t resident;            /* pieces that are not cold */
    _Alignas(64) _Atomic uint32_t asleep; /* futex word: 1 while the keeper waits */
    _Atomic uint32_t stop;
};

/* ready_goal as above, 0 means all. *m is zeroed. 0 or -ENOMEM; either way it is to be
 * closed. */
int canp_slab_memory_open(struct slab_memory *m, size_t piece_bytes, uint32_t piece_count,
                          uint32_t ready_goal, bool huge_pages, bool lock);
void canp_slab_memory_close(struct slab_memory *m);

/* NULL: nothing is ready, and what is cold may not be touched, because memory is short. Producer. */
uint8_t *canp_slab_memory_take(struct slab_memory *m);

/* Consumer. */
void canp_slab_memory_give_back(struct slab_memory *m, const uint8_t *piece);

/* Can it be a piece that was taken? */
static inline bool slab_memory_is_piece(const struct slab_memory *m, const uint8_t *data)
{
    size_t at = (size_t)(data - (const uint8_t *)m->pages.base);
    return at % m->piece_bytes == 0 && at / m->piece_bytes < m->piece_count;
}

#endif
