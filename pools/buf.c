/*
 * Buffers (canp/pools/buf.h): reference counts, stored beside blocks of the layered pool or in whatever
 * object is shared.
 *
 * Invariant: refs is the number of canp_buf and canp_mbuf that point to the store. It only rises while the
 * caller holds one of them, so the last release is seen by exactly one thread, after all others' uses.
 * Threads: any, each with buffers of its own; buffers of CANP_BUF_PLAIN memory stay in one thread.
 */
#include <assert.h>
#include <canp/pools/buf.h>

#include "mempool_private.h"

/* True while the process has one thread, so that nothing can be shared (glibc 2.32; elsewhere: never known).
 * Making a thread ends it, and orders what was counted before. */
#if defined(__has_include)
#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#define IS_ALONE __libc_single_threaded
#endif
#endif
#ifndef IS_ALONE
#define IS_ALONE 0
#endif

/* ------------------------------------------------------------------ references */

static inline bool counts_plainly(const struct canp_bufstore *store)
{
    return (store->flags & CANP_BUF_PLAIN) || IS_ALONE;
}

static inline void take(struct canp_bufstore *store)
{
    if (counts_plainly(store)) {
        store->refs++;
        return;
    }
    /* relaxed: the caller holds a reference, so nothing is handed over here */
    __atomic_fetch_add(&store->refs, 1, __ATOMIC_RELAXED);
}

/* True for the last one. */
static inline bool drop(struct canp_bufstore *store)
{
    if (counts_plainly(store))
        return --store->refs == 0;
    /* release: our uses of the memory before; acquire: all others' uses before the memory goes back */
    return __atomic_fetch_sub(&store->refs, 1, __ATOMIC_ACQ_REL) == 1;
}

void canp_bufstore_share(struct canp_bufstore *store)
{
    take(store);
}

void canp_bufstore_release(struct canp_bufstore *store)
{
    if (store != NULL && drop(store))
        store->last(store);
}

/* ------------------------------------------------------------------ mutable */

static void release_block(struct canp_bufstore *store)
{
    struct canp_block *block = (struct canp_block *)(void *)store;

    canp_mempool_release(block->pool, canp_block_data(block));
}

int canp_mbuf_init_at(struct canp_mempool *pool, size_t bytes, unsigned flags, struct canp_mbuf *out,
                      const struct canp_site *site)
{
    bool pooled = flags & CANP_BUF_POOLED;
    void *data =
        pooled ? canp_mempool_try_acquire_at(pool, bytes, site) : canp_mempool_acquire_at(pool, bytes, site);

    if (data == NULL)
        return pooled ? -ENOBUFS : -ENOMEM;
    struct canp_block *block = canp_block_of(data);
    canp_bufstore_init(&block->store, flags, release_block);
    *out = (struct canp_mbuf){data, 0, canp_mempool_block_bytes(pool, data), &block->store};
    return 0;
}

int canp_mbuf_reserve(struct canp_mbuf *mbuf, size_t more_bytes)
{
    if (more_bytes <= mbuf->capacity_bytes - mbuf->used_bytes)
        return 0;
    if (mbuf->store == NULL || more_bytes > SIZE_MAX - mbuf->used_bytes)
        return -ENOMEM;
    struct canp_block *block = (struct canp_block *)(void *)mbuf->store;
    struct canp_mbuf larger;
    /* The holder is still the one that made the buffer. */
    int r = canp_mbuf_init_at(block->pool, mbuf->used_bytes + more_bytes, mbuf->store->flags, &larger,
                              canp_obj_before(mbuf->data)->site);
    if (r < 0)
        return r;
    canp_mbuf_put(&larger, mbuf->data, mbuf->used_bytes);
    canp_mbuf_release(mbuf);
    *mbuf = larger;
    return 0;
}

void canp_mbuf_freeze(struct canp_mbuf *mbuf, struct canp_buf *out)
{
    struct canp_buf frozen = {mbuf->data, mbuf->used_bytes, mbuf->store};

    *mbuf = (struct canp_mbuf)CANP_MBUF_INIT;
    *out = frozen;
}

void canp_mbuf_release(struct canp_mbuf *mbuf)
{
    struct canp_bufstore *store = mbuf->store;

    *mbuf = (struct canp_mbuf)CANP_MBUF_INIT;
    canp_bufstore_release(store);
}

/* ------------------------------------------------------------------ frozen */

struct canp_buf canp_buf_share(const struct canp_buf *buf)
{
    if (buf->store != NULL)
        take(buf->store);
    return *buf;
}

int canp_buf_slice(const struct canp_buf *buf, size_t offset, size_t bytes, struct canp_buf *out)
{
    if (offset > buf->bytes || bytes > buf->bytes - offset)
        return -ERANGE;
    if (buf->store != NULL)
        take(buf->store);
    *out = (struct canp_buf){buf->data + offset, bytes, buf->store};
    return 0;
}

int canp_buf_split(struct canp_buf *buf, size_t at, struct canp_buf *tail)
{
    if (at > buf->bytes)
        return -ERANGE;
    int r = canp_buf_slice(buf, at, buf->bytes - at, tail);
    buf->bytes = at;
    return r;
}

void canp_buf_release(struct canp_buf *buf)
{
    struct canp_bufstore *store = buf->store;

    *buf = (struct canp_buf)CANP_BUF_INIT;
    canp_bufstore_release(store);
}

unsigned canp_mbuf_refs(const struct canp_mbuf *mbuf)
{
    /* acquire: who sees itself alone may write, after all that the others read */
    return mbuf->store != NULL ? __atomic_load_n(&mbuf->store->refs, __ATOMIC_ACQUIRE) : 0;
}

unsigned canp_buf_refs(const struct canp_buf *buf)
{
    return buf->store != NULL ? __atomic_load_n(&buf->store->refs, __ATOMIC_RELAXED) : 0;
}
