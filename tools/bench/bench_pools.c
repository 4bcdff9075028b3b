/*
 * canp-bench pools: the memory layer beside glibc's malloc, a mutex-protected pool, a plain call, and
 * open + mmap + munmap. Objects of 256 bytes; statistics and ledger are on, as always.
 */
#include <canp/pools/buf.h>
#include <canp/pools/mapcache.h>
#include <canp/pools/mapped.h>
#include <canp/pools/mempool.h>
#include <canp/pools/objpool.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"
#include "objpool_fast.h"

#define OBJECT_BYTES 256
#define PAIRS        500000
#define BURST        16
#define FILE_BYTES   (1 << 20)
#define OPENS        5000

/* A pool as it is usually written, for contrast: a stack under a mutex. */
struct mutex_pool {
    pthread_mutex_t lock;
    unsigned count;
    void *objects[64];
};

struct context {
    struct canp_objpool *pool;
    struct mutex_pool mutex_pool;
    struct canp_mempool *mempool;
    struct canp_buf buf, plain_buf;
    struct canp_mapcache *cache;
    struct canp_file_id id;
    char path[32];
};

/* The thread's own time: of one thread alone, the rest of the machine does not matter. */
static double per_op(uint64_t start_ns, uint64_t ops)
{
    return (double)(bench_cpu_ns() - start_ns) / (double)ops;
}

/* ------------------------------------------------------------------ one thread */

/* As inside the library, inlined. */
static double pool_pair(void *user)
{
    struct canp_objpool *pool = ((struct context *)user)->pool;
    uint64_t start_ns = bench_cpu_ns();

    for (unsigned i = 0; i < PAIRS; i++) {
        void *object = canp_objpool_acquire_fast(pool, CANP_SITE_HERE);
        bench_use(object);
        canp_objpool_release_fast(pool, object);
    }
    return per_op(start_ns, PAIRS);
}

/* As programs call it. */
static double pool_pair_call(void *user)
{
    struct canp_objpool *pool = ((struct context *)user)->pool;
    uint64_t start_ns = bench_cpu_ns();

    for (unsigned i = 0; i < PAIRS; i++) {
        void *object = canp_objpool_acquire(pool);
        bench_use(object);
        canp_objpool_release(pool, object);
    }
    return per_op(start_ns, PAIRS);
}

static double malloc_free(void *user)
{
    uint64_t start_ns = bench_cpu_ns();

    bench_use(user);
    for (unsigned i = 0; i < PAIRS; i++) {
        void *object = malloc(OBJECT_BYTES);
        bench_use(object);
        free(object);
    }
    return per_op(start_ns, PAIRS);
}

static void *mutex_acquire(struct mutex_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    void *object = pool->count > 0 ? pool->objects[--pool->count] : NULL;
    pthread_mutex_unlock(&pool->lock);
    return object;
}

static void mutex_release(struct mutex_pool *pool, void *object)
{
    pthread_mutex_lock(&pool->lock);
    pool->objects[pool->count++] = object;
    pthread_mutex_unlock(&pool->lock);
}

static double mutex_pair(void *user)
{
    struct mutex_pool *pool = &((struct context *)user)->mutex_pool;
    uint64_t start_ns = bench_cpu_ns();

    for (unsigned i = 0; i < PAIRS; i++) {
        void *object = mutex_acquire(pool);
        bench_use(object);
        mutex_release(pool, object);
    }
    return per_op(start_ns, PAIRS);
}

/* Several held at once: the pairs do not all go through the one hot object. */
static double pool_burst(void *user)
{
    struct canp_objpool *pool = ((struct context *)user)->pool;
    void *object[BURST];
    uint64_t start_ns = bench_cpu_ns();

    for (unsigned i = 0; i < PAIRS / BURST; i++) {
        for (unsigned k = 0; k < BURST; k++)
            bench_use(object[k] = canp_objpool_acquire_fast(pool, CANP_SITE_HERE));
        for (unsigned k = 0; k < BURST; k++)
            canp_objpool_release_fast(pool, object[k]);
    }
    return per_op(start_ns, PAIRS / BURST * BURST);
}

static double malloc_burst(void *user)
{
    void *object[BURST];
    uint64_t start_ns = bench_cpu_ns();

    bench_use(user);
    for (unsigned i = 0; i < PAIRS / BURST; i++) {
        for (unsigned k = 0; k < BURST; k++)
            bench_use(object[k] = malloc(OBJECT_BYTES));
        for (unsigned k = 0; k < BURST; k++)
            free(object[k]);
    }
    return per_op(start_ns, PAIRS / BURST * BURST);
}

/* ------------------------------------------------------------------ two threads: one acquires, one releases
 */

#define TRAY       512 /* objects that change hands at once */
#define TRAYS      4   /* under way */
#define TRAY_COUNT 400

/* What both threads spend on acquiring and releasing, in processor time: waiting for each other, and for a
 * processor on a busy machine, does not count. */
struct handover {
    struct context *context;
    void (*release)(struct context *context, void *object);
    sem_t filled, emptied;
    uint64_t release_ns;
    void *trays[TRAYS][TRAY];
};

static void *receive(void *arg)
{
    struct handover *handover = arg;

    for (unsigned n = 0; n < TRAY_COUNT; n++) {
        sem_wait(&handover->filled);
        uint64_t start_ns = bench_cpu_ns();
        for (unsigned i = 0; i < TRAY; i++)
            handover->release(handover->context, handover->trays[n % TRAYS][i]);
        handover->release_ns += bench_cpu_ns() - start_ns;
        sem_post(&handover->emptied);
    }
    return NULL;
}

static double hand_over(struct context *context, void *(*acquire)(struct context *context),
                        void (*release)(struct context *context, void *object))
{
    static struct handover handover;
    uint64_t acquire_ns = 0;
    pthread_t receiver;

    handover.context = context;
    handover.release = release;
    handover.release_ns = 0;
    sem_init(&handover.filled, 0, 0);
    sem_init(&handover.emptied, 0, TRAYS);
    if (pthread_create(&receiver, NULL, receive, &handover) != 0)
        return -EAGAIN;
    for (unsigned n = 0; n < TRAY_COUNT; n++) {
        sem_wait(&handover.emptied);
        uint64_t start_ns = bench_cpu_ns();
        for (unsigned i = 0; i < TRAY; i++)
            *(void **)(handover.trays[n % TRAYS][i] = acquire(context)) = context;
        acquire_ns += bench_cpu_ns() - start_ns;
        sem_post(&handover.filled);
    }
    pthread_join(receiver, NULL);
    sem_destroy(&handover.filled);
    sem_destroy(&handover.emptied);
    return (double)(acquire_ns + handover.release_ns) / ((double)TRAY_COUNT * TRAY);
}

static void *acquire_pooled(struct context *context)
{
    return canp_objpool_acquire_fast(context->pool, CANP_SITE_HERE);
}

static void release_pooled(struct context *context, void *object)
{
    bench_use((void *)(uintptr_t) * (unsigned *)object);
    canp_objpool_release_fast(context->pool, object);
}

static void *acquire_malloced(struct context *context)
{
    bench_use(context);
    return malloc(OBJECT_BYTES);
}

static void release_malloced(struct context *context, void *object)
{
    bench_use(context);
    bench_use((void *)(uintptr_t) * (unsigned *)object);
    free(object);
}

static double pool_pair_shared(void *user)
{
    return hand_over(user, acquire_pooled, release_pooled);
}

static double malloc_free_shared(void *user)
{
    return hand_over(user, acquire_malloced, release_malloced);
}

/* ------------------------------------------------------------------ buffers */

static double slice_and_release(const struct canp_buf *buf)
{
    struct canp_buf slice;
    uint64_t start_ns = bench_cpu_ns();

    for (unsigned i = 0; i < PAIRS; i++) {
        if (canp_buf_slice(buf, i % 64, 24, &slice) < 0)
            return -ERANGE;
        bench_use(slice.data);
        canp_buf_release(&slice);
    }
    return per_op(start_ns, PAIRS);
}

static double buffer_slice(void *user)
{
    return slice_and_release(&((struct context *)user)->buf);
}

/* Of a buffer that is counted without atomics. */
static double buffer_slice_plain(void *user)
{
    return slice_and_release(&((struct context *)user)->plain_buf);
}

static __attribute__((noinline)) void plain_call(const void *argument)
{
    bench_use(argument);
}

static double call(void *user)
{
    uint64_t start_ns = bench_cpu_ns();

    for (unsigned i = 0; i < PAIRS; i++)
        plain_call(user);
    return per_op(start_ns, PAIRS);
}

/* ------------------------------------------------------------------ mappings */

static double mapcache_hit(void *user)
{
    struct context *context = user;
    struct canp_mapped *mapped;
    uint64_t start_ns = bench_cpu_ns();

    for (unsigned i = 0; i < OPENS; i++) {
        int r = canp_mapcache_get(context->cache, &context->id, -1, &mapped);
        if (r < 0)
            return r;
        bench_use(mapped);
        canp_mapped_release(mapped);
    }
    return per_op(start_ns, OPENS);
}

static double open_mmap_munmap(void *user)
{
    struct context *context = user;
    uint64_t start_ns = bench_cpu_ns();

    for (unsigned i = 0; i < OPENS; i++) {
        int fd = open(context->path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            return -errno;
        void *data = mmap(NULL, FILE_BYTES, PROT_READ, MAP_SHARED, fd, 0);
        close(fd);
        if (data == MAP_FAILED)
            return -errno;
        bench_use(data);
        munmap(data, FILE_BYTES);
    }
    return per_op(start_ns, OPENS);
}

/* ------------------------------------------------------------------ set-up */

static int make_buffer(struct context *context, unsigned flags, struct canp_buf *out)
{
    struct canp_mbuf mbuf;
    int r = canp_mbuf_init(context->mempool, 1024, flags, &mbuf);

    if (r < 0)
        return r;
    mbuf.used_bytes = mbuf.capacity_bytes;
    canp_mbuf_freeze(&mbuf, out);
    return 0;
}

static int make_pools(struct context *context)
{
    struct canp_objpool_opts pool_opts = CANP_OBJPOOL_OPTS_INIT;
    struct canp_mempool_opts mempool_opts = CANP_MEMPOOL_OPTS_INIT;

    pool_opts.object_bytes = OBJECT_BYTES;
    pool_opts.ready_count = pool_opts.object_count_max = 8192;
    int r = canp_objpool_open(&pool_opts, &context->pool);
    if (r == 0)
        r = canp_mempool_open(&mempool_opts, &context->mempool);
    if (r == 0)
        r = make_buffer(context, 0, &context->buf);
    if (r == 0)
        r = make_buffer(context, CANP_BUF_PLAIN, &context->plain_buf);
    if (r < 0)
        return r;
    pthread_mutex_init(&context->mutex_pool.lock, NULL);
    for (unsigned i = 0; i < BURST; i++)
        mutex_release(&context->mutex_pool, acquire_pooled(context));
    return 0;
}

static int make_file(struct context *context)
{
    struct canp_mapcache_opts opts = CANP_MAPCACHE_OPTS_INIT;
    struct canp_mapped *mapped;
    int fd = mkstemp(context->path);

    if (fd < 0)
        return -errno;
    int r = ftruncate(fd, FILE_BYTES) < 0 ? -errno : canp_file_id_of(fd, &context->id);
    if (r == 0)
        r = canp_mapcache_open(&opts, &context->cache);
    if (r == 0)
        r = canp_mapcache_get(context->cache, &context->id, fd, &mapped);
    if (r == 0)
        canp_mapped_release(mapped);
    close(fd);
    return r;
}

static void end(struct context *context)
{
    while (context->mutex_pool.count > 0)
        release_pooled(context, mutex_acquire(&context->mutex_pool));
    canp_buf_release(&context->buf);
    canp_buf_release(&context->plain_buf);
    canp_mempool_close(context->mempool);
    canp_objpool_close(context->pool);
    canp_mapcache_close(context->cache);
    unlink(context->path);
}

int bench_pools(struct bench *bench)
{
    static const struct bench_case cases[] = {
        {"buffer_slice", "ns", buffer_slice, "call", call, 10, NULL}, /* before there is a second thread */
        {"pool_pair", "ns", pool_pair, "malloc_free", malloc_free, 0.35, NULL},
        {"pool_pair_call", "ns", pool_pair_call, "malloc_free", malloc_free, 0.5, NULL},
        {"pool_pair_mutex", "ns", pool_pair, "mutex_pool", mutex_pair, 0, NULL},
        {"pool_burst", "ns", pool_burst, "malloc_burst", malloc_burst, 0, NULL},
        {"pool_pair_shared", "ns", pool_pair_shared, "malloc_free_shared", malloc_free_shared, 0.9, NULL},
        {"buffer_slice_threads", "ns", buffer_slice, "call", call, 0, NULL},
        {"buffer_slice_plain", "ns", buffer_slice_plain, "call", call, 10, NULL},
        {"mapcache_hit", "ns", mapcache_hit, "open_mmap_munmap", open_mmap_munmap, 0.02, NULL},
    };
    struct context context = {.path = "/tmp/canp-bench-XXXXXX"};
    int r = make_pools(&context);

    if (r == 0)
        r = make_file(&context);
    if (r == 0)
        r = bench_run_cases(bench, cases, sizeof(cases) / sizeof(cases[0]), &context);
    end(&context);
    return r;
}
