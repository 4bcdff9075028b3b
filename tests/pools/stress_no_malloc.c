/*
 * The memory layer's data paths after start-up call malloc not once: slab ring, object pool, layered pool,
 * buffers, mapping cache hits; in two threads, caches warm or not. First shows that the counting counts.
 */
#include <canp/pools/buf.h>
#include <canp/pools/ledger.h>
#include <canp/pools/mapcache.h>
#include <canp/pools/monitor.h>
#include <canp/pools/objpool.h>
#include <canp/pools/slabring.h>
#include <pthread.h>

#include "malloc_count.h"
#include "temp_file.h"

#define ROUNDS 20000

static struct canp_slabring *ring;
static struct canp_objpool *pool;
static struct canp_mempool *mempool;
static struct canp_mapcache *cache;
static struct canp_file_id id;
static pthread_barrier_t start, end;

static void slabs(void)
{
    struct canp_slab *slab = canp_slabring_acquire(ring);

    if (slab != NULL)
        canp_slabring_commit(ring, slab);
    while ((slab = canp_slabring_take(ring)) != NULL)
        canp_slabring_give_back(ring, slab);
}

static void buffers(unsigned round)
{
    struct canp_mbuf mbuf;
    struct canp_buf buf, slice;

    if (canp_mbuf_init(mempool, 100 + round * 7 % 65000, CANP_BUF_POOLED, &mbuf) < 0)
        return;
    canp_mbuf_put_u64le(&mbuf, round);
    canp_mbuf_freeze(&mbuf, &buf);
    canp_buf_slice(&buf, 0, 4, &slice);
    canp_buf_release(&buf);
    canp_buf_release(&slice);
}

static void mappings(void)
{
    struct canp_mapped *mapped;
    struct canp_buf buf;

    if (canp_mapcache_get(cache, &id, -1, &mapped) < 0)
        return;
    if (canp_mapped_slice(mapped, 0, 100, &buf) == 0)
        canp_buf_release(&buf);
    canp_mapped_release(mapped);
}

static void *work(void *is_producer)
{
    void *object[50];

    pthread_barrier_wait(&start);
    for (unsigned round = 0; round < ROUNDS; round++) {
        if (is_producer != NULL)
            slabs();
        for (unsigned i = 0; i < 50; i++)
            object[i] = canp_objpool_acquire(pool);
        for (unsigned i = 0; i < 50; i++)
            canp_objpool_release(pool, object[i]);
        buffers(round);
        mappings();
    }
    pthread_barrier_wait(&end);
    return NULL;
}

static int start_up(void)
{
    struct canp_slabring_opts ring_opts = {.slot_bytes = 4096, .slot_count = 4};
    struct canp_objpool_opts pool_opts = CANP_OBJPOOL_OPTS_INIT;
    struct canp_mempool_opts mempool_opts = CANP_MEMPOOL_OPTS_INIT;
    struct canp_mapcache_opts cache_opts = CANP_MAPCACHE_OPTS_INIT;
    struct canp_mapped *mapped;
    int fd = temp_file(0, 4096);

    pool_opts.object_bytes = 100;
    pool_opts.object_count_max = 200;
    if (canp_slabring_open(&ring_opts, &ring) < 0 || canp_objpool_open(&pool_opts, &pool) < 0 ||
        canp_mempool_open(&mempool_opts, &mempool) < 0 || canp_mapcache_open(&cache_opts, &cache) < 0 ||
        canp_file_id_of(fd, &id) < 0 || canp_mapcache_get(cache, &id, fd, &mapped) < 0)
        return -1;
    canp_mapped_release(mapped);
    close(fd);
    return 0;
}

static bool counting_works(void)
{
    malloc_count_start();
    void *volatile memory = malloc(10);
    free(memory);
    memory = aligned_alloc(64, 64);
    free(memory);
    return malloc_count_stop(NULL) == 2;
}

int main(void)
{
    pthread_t thread[2];
    void *first;

    if (!malloc_count_works()) {
        puts("skipped: a sanitizer has malloc");
        return 77;
    }
    canp_ledger_set_modes(0);
    if (!counting_works() || start_up() < 0)
        return 1;
    pthread_barrier_init(&start, NULL, 3);
    pthread_barrier_init(&end, NULL, 3);
    for (int i = 0; i < 2; i++)
        pthread_create(&thread[i], NULL, work, i == 0 ? ring : NULL);
    malloc_count_start();
    pthread_barrier_wait(&start);
    pthread_barrier_wait(&end);
    unsigned long count = malloc_count_stop(&first);
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    printf("%s: %lu allocations in %d rounds, the first from %p\n", count == 0 ? "ok" : "FAILED", count,
           2 * ROUNDS, first);
    canp_slabring_close(ring);
    canp_objpool_close(pool);
    canp_mempool_close(mempool);
    canp_mapcache_close(cache);
    return count == 0 ? 0 : 1;
}
