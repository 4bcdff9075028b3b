/*
 * Threads get, read and release mappings of more files than the cache holds: what they read is their file's,
 * a mapping in use is never taken away, and the sums agree at the end. A further thread trims, and reads
 * statistics and ledger.
 */
#include <canp/pools/mapcache.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "seed.h"
#include "temp_file.h"

#define FILES   12
#define THREADS 4

static struct canp_mapcache *cache;
static int fds[FILES];
static struct canp_file_id ids[FILES];
static _Atomic uint64_t wrong, refused;
static _Atomic bool stop;
static uint64_t step_count;

static void check(struct canp_buf *buf, uint32_t number)
{
    for (size_t at = 0; at + 8 <= buf->bytes; at += 1000 * 8) {
        uint64_t word;
        memcpy(&word, buf->data + at, 8);
        if (word != ((uint64_t)number << 32 | at / 8))
            atomic_fetch_add(&wrong, 1);
    }
}

static void *read_files(void *arg)
{
    struct test_random random = {(uint64_t)(uintptr_t)arg};
    struct canp_mapped *mapped;
    struct canp_buf buf;

    for (uint64_t step = 0; step < step_count; step++) {
        uint32_t i = (uint32_t)test_random_below(&random, FILES);
        int r = canp_mapcache_get(cache, &ids[i], fds[i], &mapped);
        if (r < 0) {
            atomic_fetch_add(r == -EBUSY ? &refused : &wrong, 1);
            continue;
        }
        if (canp_mapped_slice(mapped, 0, canp_mapped_bytes(mapped), &buf) < 0)
            atomic_fetch_add(&wrong, 1);
        canp_mapped_release(mapped);
        check(&buf, i);
        canp_buf_release(&buf);
    }
    return NULL;
}

static void *watch(void *arg)
{
    struct canp_mapcache_stats stats;

    while (!atomic_load(&stop)) {
        canp_mapcache_trim(cache);
        canp_mapcache_stats(cache, &stats);
        if (stats.count > 5 || stats.in_use > 5 || canp_ledger_each(0, NULL, NULL) > 5 ||
            !canp_mapcache_is_valid(cache))
            atomic_fetch_add(&wrong, 1);
    }
    return arg;
}

int main(void)
{
    struct canp_mapcache_opts opts = {.count_max = 5, .bytes_max = 100 << 20, .high_water_percent = 60};
    uint64_t seed = test_random_start("stress_mapcache").state;
    struct canp_mapcache_stats stats;
    pthread_t thread[THREADS], watcher;

    step_count = test_steps(10000);
    if (canp_mapcache_open(&opts, &cache) < 0)
        return 1;
    for (uint32_t i = 0; i < FILES; i++) {
        fds[i] = temp_file(i, 20000 + i * 8);
        canp_file_id_of(fds[i], &ids[i]);
    }
    pthread_create(&watcher, NULL, watch, NULL);
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&thread[i], NULL, read_files, (void *)(uintptr_t)(seed + i));
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    atomic_store(&stop, true);
    pthread_join(watcher, NULL);
    canp_mapcache_stats(cache, &stats);
    bool good = atomic_load(&wrong) == 0 && stats.in_use == 0 && canp_mapcache_is_valid(cache) &&
                stats.lookups.hits + stats.lookups.misses == THREADS * step_count;
    printf("%s: %" PRIu64 " hits, %" PRIu64 " misses, %" PRIu64 " evictions, %" PRIu64 " refused, %" PRIu64
           " wrong\n",
           good ? "ok" : "FAILED", stats.lookups.hits, stats.lookups.misses, stats.lookups.evictions,
           atomic_load(&refused), atomic_load(&wrong));
    canp_mapcache_close(cache);
    return good ? 0 : 1;
}
