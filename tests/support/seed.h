/*
 * Seeded randomness for property and stress tests: CANP_SEED chooses the run, every run prints its seed.
 * One generator per thread.
 */
#ifndef CANP_TESTS_SEED_H
#define CANP_TESTS_SEED_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct test_random {
    uint64_t state;
};

/* splitmix64 */
static inline uint64_t test_random_u64(struct test_random *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* 0 .. limit - 1; the bias of the modulo does not matter to a test. */
static inline uint64_t test_random_below(struct test_random *random, uint64_t limit)
{
    return test_random_u64(random) % limit;
}

/* From CANP_SEED, else from the clock; says which, so that a failure can be run again. */
static inline struct test_random test_random_start(const char *test)
{
    const char *text = getenv("CANP_SEED");
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t clock = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    struct test_random random = {text != NULL ? strtoull(text, NULL, 0) : clock};
    fprintf(stderr, "%s: CANP_SEED=%" PRIu64 "\n", test, random.state);
    return random;
}

/* CANP_TEST_STEPS overrides a property test's number of steps (sanitizer runs may want fewer). */
static inline uint64_t test_steps(uint64_t steps)
{
    const char *text = getenv("CANP_TEST_STEPS");

    return text != NULL ? strtoull(text, NULL, 0) : steps;
}

#endif
