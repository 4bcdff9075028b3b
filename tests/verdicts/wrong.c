/*
 * Wrong on purpose: proves that each sanitizer's verdict fails a run, and that it sees into our pools.
 * usage: wrong leak | use_after_release | undefined | race
 */
#include <canp/pools/ledger.h>
#include <canp/pools/objpool.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static void *volatile lost;
static volatile int number = INT_MAX;
static int shared;

static void leak(void)
{
    lost = malloc(1234);
    lost = NULL;
}

/* Of a pool's object: free ones are poisoned. */
static void use_after_release(void)
{
    struct canp_objpool_opts opts = CANP_OBJPOOL_OPTS_INIT;
    struct canp_objpool *pool = NULL;

    opts.object_bytes = 100;
    opts.object_count_max = 2;
    if (canp_objpool_open(&opts, &pool) < 0)
        return;
    volatile char *object = canp_objpool_acquire(pool);
    canp_objpool_release(pool, (char *)object);
    object[50] = 1;
    canp_objpool_close(pool);
}

static void undefined(void)
{
    number = number + 1;
}

static void *write_shared(void *arg)
{
    shared++;
    return arg;
}

static void race(void)
{
    pthread_t thread;

    pthread_create(&thread, NULL, write_shared, NULL);
    shared++;
    pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } wrongs[] = {
        {"leak", leak}, {"use_after_release", use_after_release}, {"undefined", undefined}, {"race", race}};

    canp_ledger_set_modes(0);
    for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
        if (argc == 2 && strcmp(argv[1], wrongs[i].name) == 0)
            wrongs[i].run();
    }
    return 0;
}
