/*
 * Loads libcanp.so by dlopen() while threads run that were started before, uses an object pool in each of
 * them, closes it, and again, many times; the threads end after the last dlclose(). Invariant: no object is
 * lost or handed out twice, whichever thread loaded the library.
 */
#include <canp/pools/memstats.h>
#include <canp/pools/objpool.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define THREADS 8
#define ROUNDS  200
#define HELD    20

static const char *library;
static pthread_barrier_t barrier;
static struct canp_objpool *pool;
static int (*create)(const struct canp_objpool_opts *, struct canp_objpool **);
static void *(*acquire_at)(struct canp_objpool *, const struct canp_site *);
static void (*release)(struct canp_objpool *, void *);
static void (*free_pool)(struct canp_objpool *);
static _Bool (*is_valid)(const struct canp_objpool *);
static int failures;

static void fail(const char *what)
{
    fprintf(stderr, "dlopen: %s\n", what);
    __atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED);
}

static void *find(void *handle, const char *name)
{
    void *symbol = dlsym(handle, name);

    if (symbol == NULL)
        fail(name);
    return symbol;
}

static void *load(void)
{
    struct canp_objpool_opts opts = CANP_OBJPOOL_OPTS_INIT;
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);

    if (handle == NULL) {
        fail(dlerror());
        return NULL;
    }
    *(void **)&create = find(handle, "canp_objpool_open");
    *(void **)&acquire_at = find(handle, "canp_objpool_acquire_at");
    *(void **)&release = find(handle, "canp_objpool_release");
    *(void **)&free_pool = find(handle, "canp_objpool_close");
    *(void **)&is_valid = find(handle, "canp_objpool_is_valid");
    opts.object_bytes = 100;
    opts.batch_count = 16;
    opts.object_count_max = THREADS * (HELD + 2 * opts.batch_count + 1);
    if (failures == 0 && create(&opts, &pool) < 0)
        fail("no pool");
    return handle;
}

static void use(void)
{
    char *held[HELD];

    for (int i = 0; i < HELD; i++) {
        held[i] = acquire_at(pool, CANP_SITE_HERE);
        if (held[i] == NULL) {
            fail("no object");
            return;
        }
        memset(held[i], i, 100);
    }
    for (int i = 0; i < HELD; i++) {
        if (held[i][0] != i || held[i][99] != i)
            fail("an object was handed out twice");
        release(pool, held[i]);
    }
}

static void unload(void *handle)
{
    if (failures == 0 && !is_valid(pool))
        fail("the pool is not valid");
    if (failures == 0)
        free_pool(pool);
    dlclose(handle);
}

/* The threads take turns at loading and closing. */
static void *run(void *arg)
{
    int number = *(int *)arg;

    for (int round = 0; round < ROUNDS; round++) {
        void *handle = NULL;
        if (round % THREADS == number)
            handle = load();
        pthread_barrier_wait(&barrier);
        if (failures == 0)
            use();
        pthread_barrier_wait(&barrier);
        if (handle != NULL)
            unload(handle);
        pthread_barrier_wait(&barrier);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    int numbers[THREADS];

    library = argc > 1 ? argv[1] : "libcanp.so.0";
    pthread_barrier_init(&barrier, NULL, THREADS);
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        if (pthread_create(&threads[i], NULL, run, &numbers[i]) != 0)
            return 1;
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    printf("dlopen: %d times, %d threads, %d failures\n", ROUNDS, THREADS, failures);
    return failures != 0;
}
