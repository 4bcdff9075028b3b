/* The slab ring: its bounds, its order, its accounting, and 10^6 random steps against a queue of numbers. */
#include "seed.h"

#include <canp/pools/slabring.h>

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

TestSuite(slabring, .timeout = 60);

static struct canp_slabring *make_ready_ring(size_t slot_bytes, unsigned slot_count, unsigned ready_slots)
{
    struct canp_slabring_opts opts = CANP_SLABRING_OPTS_INIT;
    struct canp_slabring *ring = NULL;

    opts.slot_bytes = slot_bytes;
    opts.slot_count = slot_count;
    opts.ready_slots = ready_slots;
    cr_assert_eq(canp_slabring_open(&opts, &ring), 0);
    cr_assert(canp_slabring_is_valid(ring));
    return ring;
}

static struct canp_slabring *make_ring(size_t slot_bytes, unsigned slot_count)
{
    return make_ready_ring(slot_bytes, slot_count, 0);
}

static struct canp_slabring_stats stats_of(const struct canp_slabring *ring)
{
    struct canp_slabring_stats stats;

    canp_slabring_stats(ring, &stats);
    cr_assert_eq(stats.free_slots + stats.filling_slots + stats.full_slots + stats.spilling_slots,
                 stats.slot_count);
    return stats;
}

static void expect_refused(size_t slot_bytes, unsigned slot_count)
{
    struct canp_slabring_opts opts = {.slot_bytes = slot_bytes, .slot_count = slot_count};
    struct canp_slabring *ring = (struct canp_slabring *)&opts;

    cr_expect_eq(canp_slabring_open(&opts, &ring), -EINVAL, "%zu x %u", slot_bytes, slot_count);
    cr_expect_eq((void *)ring, (void *)&opts, "*out was touched");
}

Test(slabring, create_refuses_sizes_out_of_bounds)
{
    expect_refused(0, 1);
    expect_refused(1, 0);
    expect_refused(CANP_SLABRING_SLOT_BYTES_MAX + 1, 1);
    expect_refused(1, CANP_SLABRING_SLOTS_MAX + 1);
    canp_slabring_close(NULL);
}

Test(slabring, create_takes_the_bounds_themselves)
{
    struct canp_slabring *ring = make_ring(1, CANP_SLABRING_SLOTS_MAX);
    cr_expect_eq(stats_of(ring).free_slots, CANP_SLABRING_SLOTS_MAX);
    canp_slabring_close(ring);
}

Test(slabring, slots_are_whole_zeroed_pages_of_their_own)
{
    size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    struct canp_slabring *ring = make_ring(page_bytes + 1, 3);
    uint8_t *expected = NULL;

    for (unsigned i = 0; i < 3; i++) {
        struct canp_slab *slab = canp_slabring_acquire(ring);
        cr_assert_eq(slab->index, i);
        cr_expect_eq((uintptr_t)slab->data % page_bytes, 0);
        cr_expect_eq((uintptr_t)slab->user % 64, 0);
        cr_expect_eq(slab->capacity_bytes, 2 * page_bytes);
        cr_expect(expected == NULL || slab->data == expected);
        for (size_t at = 0; at < slab->capacity_bytes; at++)
            cr_assert_eq(slab->data[at], 0);
        memset(slab->data, 0xff, slab->capacity_bytes);
        expected = slab->data + slab->capacity_bytes;
    }
    cr_expect_eq(stats_of(ring).mapped_bytes, 6 * page_bytes);
    canp_slabring_close(ring);
}

Test(slabring, a_slab_carries_data_and_user_area_to_the_consumer)
{
    struct canp_slabring *ring = make_ring(4096, 2);
    struct canp_slab *filling = canp_slabring_acquire(ring);

    memcpy(filling->data, "frame", 5);
    memcpy(filling->user, "header", 6);
    filling->used_bytes = 5;
    cr_expect_null(canp_slabring_take(ring), "a filling slab was taken");
    canp_slabring_commit(ring, filling);
    struct canp_slab *spilling = canp_slabring_take(ring);
    cr_assert_eq(spilling, filling);
    cr_expect_eq(spilling->used_bytes, 5);
    cr_expect_arr_eq(spilling->data, "frame", 5);
    cr_expect_arr_eq(spilling->user, "header", 6);
    canp_slabring_give_back(ring, spilling);
    cr_expect_null(canp_slabring_take(ring));
    canp_slabring_close(ring);
}

Test(slabring, each_state_is_counted)
{
    struct canp_slabring *ring = make_ring(1, 8);
    struct canp_slab *slab[6];

    for (int i = 0; i < 6; i++)
        slab[i] = canp_slabring_acquire(ring);
    for (int i = 0; i < 4; i++)
        canp_slabring_commit(ring, slab[i]);
    canp_slabring_take(ring);
    struct canp_slabring_stats stats = stats_of(ring);
    cr_expect_eq(stats.free_slots, 2);
    cr_expect_eq(stats.filling_slots, 2);
    cr_expect_eq(stats.full_slots, 3);
    cr_expect_eq(stats.spilling_slots, 1);
    cr_expect_eq(stats.full_slots_max, 4);
    cr_expect_eq(stats.committed, 4);
    cr_expect_eq(stats.taken, 1);
    cr_expect_eq(stats.wakes, 0, "nobody slept");
    cr_expect(canp_slabring_is_valid(ring));
    canp_slabring_close(ring);
}

Test(slabring, commits_out_of_order_arrive_in_order)
{
    struct canp_slabring *ring = make_ring(1, 3);
    struct canp_slab *first = canp_slabring_acquire(ring);
    struct canp_slab *second = canp_slabring_acquire(ring);

    canp_slabring_commit(ring, second);
    cr_expect_null(canp_slabring_take(ring));
    cr_expect_eq(canp_slabring_wait(ring, 0), -ETIMEDOUT);
    cr_expect(canp_slabring_is_valid(ring));
    canp_slabring_commit(ring, first);
    cr_expect_eq(canp_slabring_take(ring), first);
    cr_expect_eq(canp_slabring_take(ring), second);
    canp_slabring_close(ring);
}

Test(slabring, a_slab_held_back_holds_up_the_producer)
{
    struct canp_slabring *ring = make_ring(1, 2);
    struct canp_slab *slab[2];

    for (int i = 0; i < 2; i++)
        canp_slabring_commit(ring, canp_slabring_acquire(ring));
    for (int i = 0; i < 2; i++)
        slab[i] = canp_slabring_take(ring);
    canp_slabring_give_back(ring, slab[1]);
    cr_expect_null(canp_slabring_acquire(ring));
    canp_slabring_give_back(ring, slab[0]);
    cr_expect_eq(canp_slabring_acquire(ring), slab[0]);
    cr_expect_eq(canp_slabring_acquire(ring), slab[1]);
    cr_expect(canp_slabring_is_valid(ring));
    canp_slabring_close(ring);
}

Test(slabring, stalls_are_counted_and_timed)
{
    struct canp_slabring *ring = make_ring(1, 1);
    struct canp_slab *slab = canp_slabring_acquire(ring);

    for (int i = 0; i < 3; i++)
        cr_expect_null(canp_slabring_acquire(ring));
    usleep(20000);
    cr_expect_geq(stats_of(ring).stall_ns, 20000000u, "a stall that lasts counts up to now");
    cr_expect_eq(stats_of(ring).stall_ns_max, 0, "it has not ended");
    canp_slabring_commit(ring, slab);
    canp_slabring_give_back(ring, canp_slabring_take(ring));
    cr_assert_not_null(canp_slabring_acquire(ring));
    struct canp_slabring_stats first = stats_of(ring);
    cr_expect_eq(first.stalls, 1);
    cr_expect_eq(first.refusals, 3);
    cr_expect_eq(first.stall_ns, first.stall_ns_max);
    usleep(5000);
    cr_expect_eq(stats_of(ring).stall_ns, first.stall_ns, "an ended stall goes on counting");

    cr_expect_null(canp_slabring_acquire(ring));
    canp_slabring_commit(ring, slab);
    canp_slabring_give_back(ring, canp_slabring_take(ring));
    cr_assert_not_null(canp_slabring_acquire(ring));
    struct canp_slabring_stats second = stats_of(ring);
    cr_expect_eq(second.stalls, 2);
    cr_expect_eq(second.refusals, 4);
    cr_expect_gt(second.stall_ns, first.stall_ns);
    cr_expect_eq(second.stall_ns_max, first.stall_ns_max);
    canp_slabring_close(ring);
}

Test(slabring, wait_times_out_wakes_and_prefers_a_slab)
{
    struct canp_slabring *ring = make_ring(1, 2);

    cr_expect_eq(canp_slabring_wait(ring, 0), -ETIMEDOUT);
    cr_expect_eq(canp_slabring_wait(ring, 2000000), -ETIMEDOUT);
    canp_slabring_wake(ring);
    canp_slabring_wake(ring);
    cr_expect_eq(canp_slabring_wait(ring, -1), 0);
    cr_expect_eq(canp_slabring_wait(ring, 0), -ETIMEDOUT, "two wakes are one");
    canp_slabring_wake(ring);
    canp_slabring_commit(ring, canp_slabring_acquire(ring));
    cr_expect_eq(canp_slabring_wait(ring, -1), 1);
    canp_slabring_take(ring);
    cr_expect_eq(canp_slabring_wait(ring, -1), 0, "the wake is still there");
    canp_slabring_close(ring);
}

static void *commit_later(void *arg)
{
    usleep(20000);
    canp_slabring_commit(arg, canp_slabring_acquire(arg));
    return NULL;
}

static void *wake_later(void *arg)
{
    usleep(20000);
    canp_slabring_wake(arg);
    return NULL;
}

static void expect_wait(void *(*later)(void *), int result, uint64_t wakes)
{
    struct canp_slabring *ring = make_ring(1, 2);
    pthread_t thread;

    pthread_create(&thread, NULL, later, ring);
    cr_expect_eq(canp_slabring_wait(ring, -1), result);
    pthread_join(thread, NULL);
    cr_expect_eq(stats_of(ring).wakes, wakes);
    canp_slabring_close(ring);
}

Test(slabring, a_commit_wakes_the_sleeper)
{
    expect_wait(commit_later, 1, 1);
}

Test(slabring, wake_wakes_the_sleeper)
{
    expect_wait(wake_later, 0, 0);
}

Test(slabring, locked_and_huge_memory_is_got_or_said)
{
    struct canp_slabring_opts opts = {
        .slot_bytes = 4096, .slot_count = 16, .lock_memory = true, .huge_pages = true};
    struct canp_slabring *ring = NULL;

    cr_assert_eq(canp_slabring_open(&opts, &ring), 0);
    struct canp_slabring_stats stats = stats_of(ring);
    cr_expect_neq(stats.locked, stats.lock_error != 0, "exactly one of them");
    cr_expect_geq(stats.mapped_bytes, 16u * 4096);
    memset(canp_slabring_acquire(ring)->data, 1, 4096);
    canp_slabring_close(ring);
}

/* The model: numbers in the order of their acquire, and four counts. */
struct model {
    uint64_t acquired, committed, taken, given_back, refusals;
    struct canp_slab *filling, *spilling[2];
    unsigned spilling_count;
};

static void step_producer(struct canp_slabring *ring, struct model *model, unsigned slot_count)
{
    if (model->filling != NULL) {
        model->filling->used_bytes = model->committed % 4096;
        canp_slabring_commit(ring, model->filling);
        model->filling = NULL;
        model->committed++;
        return;
    }
    struct canp_slab *slab = canp_slabring_acquire(ring);
    cr_assert_eq(slab != NULL, model->acquired - model->given_back < slot_count);
    if (slab == NULL) {
        model->refusals++;
        return;
    }
    cr_assert_eq(slab->index, model->acquired % slot_count);
    memcpy(slab->user, &model->acquired, sizeof(model->acquired));
    model->filling = slab;
    model->acquired++;
}

static void step_consumer(struct canp_slabring *ring, struct model *model, bool take)
{
    if (!take || model->spilling_count == 2) {
        if (model->spilling_count == 0)
            return;
        canp_slabring_give_back(ring, model->spilling[0]);
        model->spilling[0] = model->spilling[1];
        model->spilling_count--;
        model->given_back++;
        return;
    }
    struct canp_slab *slab = canp_slabring_take(ring);
    cr_assert_eq(slab != NULL, model->committed > model->taken);
    if (slab == NULL)
        return;
    cr_assert_arr_eq(slab->user, &model->taken, sizeof(model->taken));
    cr_assert_eq(slab->used_bytes, model->taken % 4096);
    model->spilling[model->spilling_count++] = slab;
    model->taken++;
}

static void walk_randomly(unsigned ready_slots)
{
    const unsigned slot_count = 7;
    struct test_random random = test_random_start("slabring");
    struct canp_slabring *ring = make_ready_ring(4096, slot_count, ready_slots);
    struct model model = {0};

    for (uint64_t step = 0; step < test_steps(1000000); step++) {
        uint64_t choice = test_random_below(&random, 4);
        if (choice < 2)
            step_producer(ring, &model, slot_count);
        else
            step_consumer(ring, &model, choice == 2);
        if (step % 97 == 0)
            cr_assert(canp_slabring_is_valid(ring));
    }
    struct canp_slabring_stats stats = stats_of(ring);
    cr_expect_eq(stats.committed, model.committed);
    cr_expect_eq(stats.taken, model.taken);
    cr_expect_eq(stats.refusals, model.refusals);
    cr_expect_eq(stats.spilling_slots, model.spilling_count);
    cr_expect_gt(model.refusals, 0u, "the run never met the bound");
    canp_slabring_close(ring);
}

Test(slabring, a_million_random_steps_match_the_model)
{
    walk_randomly(0);
}

Test(slabring, the_same_with_memory_that_is_got_as_it_is_needed)
{
    walk_randomly(2);
}

#define READY 3U

/* Waits until the ring's thread has come to so many bytes. */
static void await_resident(const struct canp_slabring *ring, size_t bytes_min, size_t bytes_max)
{
    size_t bytes;

    do {
        usleep(1000);
        bytes = stats_of(ring).resident_bytes;
    } while (bytes < bytes_min || bytes > bytes_max); /* ends, or else by the test's time limit */
}

Test(slabring, a_ring_that_is_mostly_empty_takes_little_memory)
{
    struct canp_slabring *ring = make_ready_ring(65536, 100, READY);

    cr_expect_eq(stats_of(ring).resident_bytes, READY * 65536UL);
    for (unsigned i = 0; i < 1000; i++) {
        canp_slabring_commit(ring, canp_slabring_acquire(ring));
        canp_slabring_give_back(ring, canp_slabring_take(ring));
    }
    /* The ring's thread looks once when it starts, perhaps while one is lent: then it gets one more ready. */
    cr_expect_leq(stats_of(ring).resident_bytes, (READY + 1) * 65536UL);
    cr_expect_eq(stats_of(ring).unready, 0);
    cr_expect_geq(stats_of(ring).mapped_bytes, 100UL * 65536);
    canp_slabring_close(ring);
}

Test(slabring, memory_is_got_ahead_of_what_is_used_and_given_back_later)
{
    struct canp_slabring *ring = make_ready_ring(65536, 100, READY);
    struct canp_slab *slab;

    for (unsigned i = 1; i <= 100; i++) {
        slab = canp_slabring_acquire(ring);
        cr_assert_not_null(slab);
        cr_assert_eq(slab->data[65535], 0);
        memset(slab->data, 0xff, 65536);
        canp_slabring_commit(ring, slab);
        if (i == 50) /* fewer than half of them are ready only until it has seen so */
            await_resident(ring, (50 + READY / 2) * 65536UL, (51 + READY) * 65536UL);
    }
    cr_expect_null(canp_slabring_acquire(ring));
    cr_expect_leq(stats_of(ring).resident_bytes, stats_of(ring).mapped_bytes);
    for (uint64_t sum = 0; (slab = canp_slabring_take(ring)) != NULL; canp_slabring_give_back(ring, slab)) {
        for (size_t at = 0; at < 65536; at += 4096)
            sum += slab->data[at];
        cr_assert_eq(sum % (16 * 0xff), 0);
    }
    await_resident(ring, READY * 65536UL, 2 * READY * 65536UL);
    for (unsigned i = 0; i < 200; i++) { /* what was given back can be taken again */
        slab = canp_slabring_acquire(ring);
        memset(slab->data, 0xff, 65536);
        canp_slabring_commit(ring, slab);
        canp_slabring_give_back(ring, canp_slabring_take(ring));
    }
    cr_expect(canp_slabring_is_valid(ring));
    canp_slabring_close(ring);
}
