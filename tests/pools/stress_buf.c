/*
 * One thread fills and freezes buffers, three others slice, share, check and release them, and pass slices
 * on: every byte is as it was written, and at the end all memory is back in the pool.
 */
#include <canp/pools/buf.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "seed.h"

#define BOXES 32

struct box {
    pthread_mutex_t lock;
    struct canp_buf buf;
};

static struct box boxes[BOXES];
static struct canp_mempool *pool;
static _Atomic uint64_t wrong, checked;
static uint64_t step_count;

/* Puts it where another thread finds it; what was there comes out. */
static void swap(struct box *box, struct canp_buf *buf)
{
    struct canp_buf before;

    pthread_mutex_lock(&box->lock);
    before = box->buf;
    box->buf = *buf;
    pthread_mutex_unlock(&box->lock);
    *buf = before;
}

static void *fill(void *arg)
{
    struct test_random random = {(uint64_t)(uintptr_t)arg};
    struct canp_mbuf mbuf;
    struct canp_buf buf;

    for (uint64_t step = 0; step < step_count; step++) {
        size_t bytes = 8 * (1 + test_random_below(&random, 700));
        if (canp_mbuf_init(pool, bytes, 0, &mbuf) < 0)
            continue;
        for (size_t i = 0; i < bytes; i += 8)
            canp_mbuf_put_u64le(&mbuf, step);
        canp_mbuf_freeze(&mbuf, &buf);
        swap(&boxes[test_random_below(&random, BOXES)], &buf);
        canp_buf_release(&buf);
    }
    return NULL;
}

static void check(const struct canp_buf *buf)
{
    struct canp_bufcur cursor = canp_bufcur_start(buf);
    uint64_t first, next;

    if (canp_bufcur_get_u64le(&cursor, &first) < 0)
        return;
    while (canp_bufcur_get_u64le(&cursor, &next) == 0) {
        if (next != first)
            atomic_fetch_add(&wrong, 1);
    }
    atomic_fetch_add(&checked, 1);
}

static void *use(void *arg)
{
    struct test_random random = {(uint64_t)(uintptr_t)arg};

    for (uint64_t step = 0; step < step_count; step++) {
        struct canp_buf buf = CANP_BUF_INIT, slice, shared;
        swap(&boxes[test_random_below(&random, BOXES)], &buf);
        if (buf.bytes == 0) {
            canp_buf_release(&buf);
            continue;
        }
        shared = canp_buf_share(&buf);
        canp_buf_slice(&buf, 8 * test_random_below(&random, buf.bytes / 8), 8, &slice);
        canp_buf_release(&buf);
        check(&shared);
        swap(&boxes[test_random_below(&random, BOXES)], &shared);
        canp_buf_release(&shared);
        check(&slice);
        canp_buf_release(&slice);
    }
    return NULL;
}

int main(void)
{
    struct canp_mempool_opts opts = {.size = sizeof(opts), .classes = CANP_MEMPOOL_USUAL_CLASSES};
    uint64_t seed = test_random_start("stress_buf").state;
    struct canp_memstats stats;
    pthread_t thread[4];

    canp_ledger_set_modes(0);
    step_count = test_steps(50000);
    opts.classes[1].count_max = 16; /* exhausted at times */
    if (canp_mempool_open(&opts, &pool) < 0)
        return 1;
    for (int i = 0; i < BOXES; i++)
        pthread_mutex_init(&boxes[i].lock, NULL);
    for (uintptr_t i = 0; i < 4; i++)
        pthread_create(&thread[i], NULL, i == 0 ? fill : use, (void *)(uintptr_t)(seed + i));
    for (int i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    for (int i = 0; i < BOXES; i++)
        canp_buf_release(&boxes[i].buf);
    canp_memstats_read(&stats);
    bool good = atomic_load(&wrong) == 0 && stats.tag[CANP_MEMTAG_BUFFERS].current_bytes == 0;
    printf("%s: %" PRIu64 " buffers checked, %" PRIu64 " wrong, %" PRIu64 " bytes left, %" PRIu64
           " allocated\n",
           good ? "ok" : "FAILED", atomic_load(&checked), atomic_load(&wrong),
           stats.tag[CANP_MEMTAG_BUFFERS].current_bytes, stats.tag[CANP_MEMTAG_BUFFERS].allocs);
    canp_mempool_close(pool);
    return good ? 0 : 1;
}
