/*
 * Producer and consumer on a small slab ring, flat out: every slab arrives once, whole and in order, and the
 * ring's counts equal theirs. The consumer sleeps and is stopped by a wake, as at a recording's end.
 */
#include "seed.h"

#include <canp/pools/slabring.h>

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#define SLOT_BYTES 4096
#define WORDS      (SLOT_BYTES / sizeof(uint64_t))

struct run {
    struct canp_slabring *ring;
    uint64_t slab_count;
    uint64_t seed;
    uint64_t refusals; /* the producer's own count */
    uint64_t taken;
    uint64_t wrong;
    _Atomic bool stop;
};

static void *produce(void *arg)
{
    struct run *run = arg;
    struct test_random random = {run->seed};

    for (uint64_t number = 0; number < run->slab_count;) {
        struct canp_slab *slab = canp_slabring_acquire(run->ring);
        if (slab == NULL) {
            run->refusals++;
            sched_yield();
            continue;
        }
        for (size_t i = 0; i < WORDS; i += 64)
            ((uint64_t *)(void *)slab->data)[i] = number;
        memcpy(slab->user, &number, sizeof(number));
        slab->used_bytes = SLOT_BYTES;
        canp_slabring_commit(run->ring, slab);
        number++;
        if (test_random_below(&random, 64) == 0)
            sched_yield(); /* lets the consumer fall asleep */
    }
    return NULL;
}

static void spill(struct run *run, struct canp_slab *slab)
{
    uint64_t number;

    memcpy(&number, slab->user, sizeof(number));
    run->wrong += number != run->taken || slab->used_bytes != SLOT_BYTES;
    for (size_t i = 0; i < WORDS; i += 64)
        run->wrong += ((uint64_t *)(void *)slab->data)[i] != run->taken;
    run->taken++;
    canp_slabring_give_back(run->ring, slab);
}

static void *consume(void *arg)
{
    struct run *run = arg;

    for (;;) { /* ends by the wake that follows `stop` */
        struct canp_slab *slab = canp_slabring_take(run->ring);
        if (slab != NULL)
            spill(run, slab);
        else if (canp_slabring_wait(run->ring, -1) == 0 && atomic_load(&run->stop))
            return NULL;
    }
}

static bool race(unsigned ready_slots)
{
    struct canp_slabring_opts opts = {
        .size = sizeof(opts), .slot_bytes = SLOT_BYTES, .slot_count = 5, .ready_slots = ready_slots};
    struct run run = {.slab_count = test_steps(200000), .seed = test_random_start("stress_slabring").state};
    struct canp_slabring_stats stats;
    pthread_t producer, consumer;

    if (canp_slabring_open(&opts, &run.ring) < 0)
        return false;
    pthread_create(&producer, NULL, produce, &run);
    pthread_create(&consumer, NULL, consume, &run);
    pthread_join(producer, NULL);
    atomic_store(&run.stop, true);
    canp_slabring_wake(run.ring);
    pthread_join(consumer, NULL);

    canp_slabring_stats(run.ring, &stats);
    bool good = run.wrong == 0 && run.taken == run.slab_count && stats.taken == run.taken &&
                stats.committed == run.slab_count && stats.refusals == run.refusals &&
                stats.free_slots == 5 && canp_slabring_is_valid(run.ring);
    printf("%s: %" PRIu64 " slabs, %" PRIu64 " wrong, %" PRIu64 " stalls, %" PRIu64 " refusals, %" PRIu64
           " ns stalled, at most %u full, %" PRIu64 " wakes\n",
           good ? "ok" : "FAILED", run.taken, run.wrong, stats.stalls, stats.refusals, stats.stall_ns,
           stats.full_slots_max, stats.wakes);
    canp_slabring_close(run.ring);
    return good;
}

int main(void)
{
    bool all_ready = race(0);
    bool some_ready = race(1); /* the thread that gets memory ready takes part */
    return all_ready && some_ready ? 0 : 1;
}
