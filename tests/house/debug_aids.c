/*
 * Counts the stack traces that pools, buffers, mappings and rings take: none until CANP_LEDGER_STACKS is set,
 * and some after it, which shows that the count works.
 */
#include <assert.h>
#include <canp/pools/buf.h>
#include <canp/pools/ledger.h>
#include <canp/pools/mapped.h>
#include <canp/pools/mempool.h>
#include <canp/pools/objpool.h>
#include <canp/pools/slabring.h>
#include <fcntl.h>
#include <stdio.h>

static int traces;

int backtrace(void **frames, int count);
int backtrace(void **frames, int count) /* instead of the C library's */
{
    (void)frames;
    (void)count;
    traces++;
    return 0;
}

static void use_everything(void)
{
    struct canp_objpool_opts pool_opts = CANP_OBJPOOL_OPTS_INIT;
    struct canp_mempool_opts mempool_opts = CANP_MEMPOOL_OPTS_INIT;
    struct canp_slabring_opts ring_opts = CANP_SLABRING_OPTS_INIT;
    struct canp_objpool *pool;
    struct canp_mempool *mempool;
    struct canp_slabring *ring;
    struct canp_mapped *mapped;
    struct canp_mbuf mbuf;

    pool_opts.object_bytes = 100;
    pool_opts.object_count_max = 10;
    ring_opts.slot_bytes = 4096;
    ring_opts.slot_count = 2;
    assert(canp_objpool_open(&pool_opts, &pool) == 0);
    assert(canp_mempool_open(&mempool_opts, &mempool) == 0);
    assert(canp_slabring_open(&ring_opts, &ring) == 0);
    assert(canp_mapped_open(AT_FDCWD, "/proc/self/exe", &mapped) == 0);
    for (int i = 0; i < 100; i++) {
        canp_objpool_release(pool, canp_objpool_acquire(pool));
        assert(canp_mbuf_init(mempool, i % 2 ? 1000 : 100000, 0, &mbuf) == 0);
        canp_mbuf_release(&mbuf);
    }
    canp_mapped_release(mapped);
    canp_slabring_close(ring);
    canp_mempool_close(mempool);
    canp_objpool_close(pool);
}

int main(void)
{
#ifdef NDEBUG
    puts("debug_aids: compiled with NDEBUG, and so shows nothing");
    return 1;
#else
    use_everything();
    int unasked = traces;
    canp_ledger_set_modes(CANP_LEDGER_STACKS);
    use_everything();
    printf("debug_aids: %d stack traces unasked, %d when asked for\n", unasked, traces - unasked);
    return unasked != 0 || traces < 100;
#endif
}
