/*
 * Buffers: one owner fills a buffer, freezes it and shares it with many, without copying.
 *
 *   canp_mbuf   mutable, one owner: put bytes and integers, reserve, freeze
 *   canp_buf    frozen: slice, share, split; the last release returns the memory to where it came from
 *   canp_bufcur a place in a frozen buffer: get integers of either byte order, take slices, skip
 *
 * All three are small values: copy the struct to move the buffer, call share or slice to get another one.
 * Each canp_buf holds one reference and is released once.
 *
 * Threads: one canp_buf belongs to one thread at a time. Buffers that share memory may be used and released
 * by different threads, unless that memory was made with CANP_BUF_PLAIN: then all of them stay in one thread.
 */
#ifndef CANP_POOLS_BUF_H
#define CANP_POOLS_BUF_H

#include <canp/export.h>
#include <canp/pools/ledger.h>
#include <canp/pools/mempool.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

CANP_BEGIN_DECLS

/* A plain reference count, for buffers that never leave their thread: cheaper to slice and release. */
#define CANP_BUF_PLAIN 1u
/* Fail with -ENOBUFS rather than call malloc when the pool's class is exhausted. */
#define CANP_BUF_POOLED 2u

/* The reference count of shared memory: embed it in the object that owns the memory. All fields but `last`
 * are private. */
struct canp_bufstore {
    uint32_t refs;
    uint32_t flags;
    void (*last)(struct canp_bufstore *store); /* called once, by whoever released the last reference */
};

struct canp_buf {
    const uint8_t *data; /* valid while this buffer is not released */
    size_t bytes;
    struct canp_bufstore *store; /* NULL: nothing to release */
};
#define CANP_BUF_INIT                                                                                        \
    {                                                                                                        \
        NULL, 0, NULL                                                                                        \
    }

struct canp_mbuf {
    uint8_t *data;
    size_t used_bytes;
    size_t capacity_bytes;
    struct canp_bufstore *store;
};
#define CANP_MBUF_INIT                                                                                       \
    {                                                                                                        \
        NULL, 0, 0, NULL                                                                                     \
    }

struct canp_bufcur {
    const struct canp_buf *buf; /* borrowed: it must outlive the cursor */
    size_t at;                  /* 0 .. buf->bytes */
};

/* ------------------------------------------------------------------ mutable */

/* An empty buffer of at least `bytes` capacity. 0; -ENOMEM, -ENOBUFS at the pool's bounds. */
#define canp_mbuf_init(pool, bytes, flags, out)                                                              \
    canp_mbuf_init_at((pool), (bytes), (flags), (out), CANP_SITE_HERE)
CANP_API int canp_mbuf_init_at(struct canp_mempool *pool, size_t bytes, unsigned flags, struct canp_mbuf *out,
                               const struct canp_site *site);

/* A buffer to unpack `bytes` into: from the smallest class that fits or, when that class is exhausted, a
 * fresh one, which counts as a miss of the class. The caller sets used_bytes. 0; -ENOMEM. */
#define canp_decompress_buffer(pool, bytes, out) canp_mbuf_init((pool), (bytes), 0, (out))

/* Grows to room for `more_bytes` beyond those used, moving the content to another block if need be. 0;
 * -ENOMEM: nothing has changed. */
CANP_API int canp_mbuf_reserve(struct canp_mbuf *mbuf, size_t more_bytes);

/* Moves the content to *out; the mutable buffer is empty afterwards. Cannot fail. */
CANP_API void canp_mbuf_freeze(struct canp_mbuf *mbuf, struct canp_buf *out);

/* Frees a buffer that was not frozen. An empty buffer is allowed. */
CANP_API void canp_mbuf_release(struct canp_mbuf *mbuf);

/* Appends. 0; -ENOSPC beyond the capacity: nothing was appended (canp_mbuf_reserve() makes room). */
static inline int canp_mbuf_put(struct canp_mbuf *mbuf, const void *data, size_t bytes)
{
    if (bytes > mbuf->capacity_bytes - mbuf->used_bytes)
        return -ENOSPC;
    if (bytes > 0)
        memcpy(mbuf->data + mbuf->used_bytes, data, bytes);
    mbuf->used_bytes += bytes;
    return 0;
}

/* ------------------------------------------------------------------ frozen */

/* A buffer over memory that is never freed; releasing it is allowed and does nothing. */
static inline struct canp_buf canp_buf_static(const void *data, size_t bytes)
{
    struct canp_buf buf = {(const uint8_t *)data, bytes, NULL};
    return buf;
}

/* Starts with one reference, held by the caller. To give it away, put the store into a struct canp_buf:
 * releasing that buffer drops the reference.
 */
static inline void canp_bufstore_init(struct canp_bufstore *store, unsigned flags,
                                      void (*last)(struct canp_bufstore *store))
{
    store->flags = flags;
    store->last = last;
    __atomic_store_n(&store->refs, 1, __ATOMIC_RELAXED);
}

CANP_API void canp_bufstore_share(struct canp_bufstore *store);   /* adds a reference; 2^32 - 1 at most */
CANP_API void canp_bufstore_release(struct canp_bufstore *store); /* drops one; NULL is allowed */

/* Another buffer over the same memory. */
CANP_API struct canp_buf canp_buf_share(const struct canp_buf *buf);

/* A part of the buffer; it keeps the whole memory alive. 0; -ERANGE if the part does not lie within the
 * buffer: *out is untouched. */
CANP_API int canp_buf_slice(const struct canp_buf *buf, size_t offset, size_t bytes, struct canp_buf *out);

/* Cuts in two: buf keeps what is before `at`, *tail gets the rest. 0; -ERANGE if at > buf->bytes. */
CANP_API int canp_buf_split(struct canp_buf *buf, size_t at, struct canp_buf *tail);

/* An empty buffer is allowed; buf is empty afterwards. */
CANP_API void canp_buf_release(struct canp_buf *buf);

/* How many references a mutable buffer's memory has: 1 unless somebody shared its store; 0 for an empty
 * buffer. */
CANP_API unsigned canp_mbuf_refs(const struct canp_mbuf *mbuf);

/* How many buffers share this memory, at this moment; 0 for static memory. */
CANP_API unsigned canp_buf_refs(const struct canp_buf *buf);

/* ------------------------------------------------------------------ integers and the cursor */

static inline struct canp_bufcur canp_bufcur_start(const struct canp_buf *buf)
{
    struct canp_bufcur cursor = {buf, 0};
    return cursor;
}

static inline size_t canp_bufcur_left(const struct canp_bufcur *cursor)
{
    return cursor->buf->bytes - cursor->at;
}

/* 0; -ENODATA if fewer bytes are left: the cursor has not moved. */
static inline int canp_bufcur_skip(struct canp_bufcur *cursor, size_t bytes)
{
    if (bytes > canp_bufcur_left(cursor))
        return -ENODATA;
    cursor->at += bytes;
    return 0;
}

static inline int canp_bufcur_get(struct canp_bufcur *cursor, void *out, size_t bytes)
{
    if (bytes > canp_bufcur_left(cursor))
        return -ENODATA;
    if (bytes > 0)
        memcpy(out, cursor->buf->data + cursor->at, bytes);
    cursor->at += bytes;
    return 0;
}

/* The next bytes as another buffer that shares the memory. 0; -ENODATA as above. */
static inline int canp_bufcur_take(struct canp_bufcur *cursor, size_t bytes, struct canp_buf *out)
{
    int r = canp_buf_slice(cursor->buf, cursor->at, bytes, out);

    if (r < 0)
        return -ENODATA;
    cursor->at += bytes;
    return 0;
}

/* X(name, type, bytes, most significant first?): canp_mbuf_put_u16le(), canp_bufcur_get_u16le(), ... */
#define CANP_BUF_INTEGERS(X)                                                                                 \
    X(u8, uint8_t, 1, 0)                                                                                     \
    X(u16le, uint16_t, 2, 0)                                                                                 \
    X(u16be, uint16_t, 2, 1)                                                                                 \
    X(u32le, uint32_t, 4, 0)                                                                                 \
    X(u32be, uint32_t, 4, 1)                                                                                 \
    X(u64le, uint64_t, 8, 0)                                                                                 \
    X(u64be, uint64_t, 8, 1)

#define CANP_BUF_INTEGER(name, type, width, big)                                                             \
    /* 0; -ENOSPC */                                                                                         \
    static inline int canp_mbuf_put_##name(struct canp_mbuf *mbuf, type value)                               \
    {                                                                                                        \
        uint8_t raw[width];                                                                                  \
        for (unsigned i = 0; i < (width); i++)                                                               \
            raw[i] = (uint8_t)((uint64_t)value >> (8 * ((big) ? (width)-1 - i : i)));                        \
        return canp_mbuf_put(mbuf, raw, width);                                                              \
    }                                                                                                        \
    /* 0; -ENODATA */                                                                                        \
    static inline int canp_bufcur_get_##name(struct canp_bufcur *cursor, type *out)                          \
    {                                                                                                        \
        uint8_t raw[width];                                                                                  \
        uint64_t value = 0;                                                                                  \
        int r = canp_bufcur_get(cursor, raw, width);                                                         \
        if (r < 0)                                                                                           \
            return r;                                                                                        \
        for (unsigned i = 0; i < (width); i++)                                                               \
            value |= (uint64_t)raw[i] << (8 * ((big) ? (width)-1 - i : i));                                  \
        *out = (type)value;                                                                                  \
        return 0;                                                                                            \
    }
CANP_BUF_INTEGERS(CANP_BUF_INTEGER)
#undef CANP_BUF_INTEGER

CANP_END_DECLS

#endif
