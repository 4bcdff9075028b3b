/* Buffers: freezing, slices, counts, integers, reserve, exhaustion, and 10^6 steps against a model. */
#include <canp/pools/buf.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "pools.h"
#include "seed.h"

TestSuite(buf, .init = plain_modes, .timeout = 120);

Test(buf, fill_freeze_read)
{
    struct canp_mempool *pool = usual_pool();
    struct canp_mbuf mbuf = CANP_MBUF_INIT;
    struct canp_buf buf = CANP_BUF_INIT, text = CANP_BUF_INIT;

    cr_assert_eq(canp_mbuf_init(pool, 100, 0, &mbuf), 0);
    canp_mbuf_put_u8(&mbuf, 0x12);
    canp_mbuf_put_u16le(&mbuf, 0x1234);
    canp_mbuf_put_u16be(&mbuf, 0x1234);
    canp_mbuf_put_u32le(&mbuf, 0x12345678);
    canp_mbuf_put_u32be(&mbuf, 0x12345678);
    canp_mbuf_put_u64le(&mbuf, UINT64_C(0xfedcba9876543210));
    canp_mbuf_put_u64be(&mbuf, UINT64_C(0xfedcba9876543210));
    canp_mbuf_put(&mbuf, "hello", 5);
    canp_mbuf_freeze(&mbuf, &buf);
    cr_expect_null(mbuf.store, "the mutable one is empty");
    cr_expect_eq(canp_mbuf_put_u8(&mbuf, 1), -ENOSPC);
    static const uint8_t expected[] = "\x12\x34\x12\x12\x34\x78\x56\x34\x12\x12\x34\x56\x78"
                                      "\x10\x32\x54\x76\x98\xba\xdc\xfe\xfe\xdc\xba\x98\x76\x54\x32\x10hello";
    cr_assert_eq(buf.bytes, sizeof(expected) - 1);
    cr_expect_arr_eq(buf.data, expected, sizeof(expected) - 1);

    struct canp_bufcur cursor = canp_bufcur_start(&buf);
    uint8_t a = 0;
    uint16_t b = 0, c = 0;
    uint32_t d = 0, e = 0;
    uint64_t f = 0, g = 0;
    canp_bufcur_get_u8(&cursor, &a);
    canp_bufcur_get_u16le(&cursor, &b);
    canp_bufcur_get_u16be(&cursor, &c);
    canp_bufcur_get_u32le(&cursor, &d);
    canp_bufcur_get_u32be(&cursor, &e);
    canp_bufcur_get_u64le(&cursor, &f);
    canp_bufcur_get_u64be(&cursor, &g);
    cr_expect(a == 0x12 && b == 0x1234 && c == b && d == 0x12345678 && e == d);
    cr_expect(f == UINT64_C(0xfedcba9876543210) && g == f);
    cr_expect_eq(canp_bufcur_take(&cursor, 6, &text), -ENODATA);
    cr_expect_eq(canp_bufcur_get_u64le(&cursor, &f), -ENODATA, "5 are left");
    cr_expect_eq(canp_bufcur_skip(&cursor, 6), -ENODATA);
    cr_expect_eq(canp_bufcur_left(&cursor), 5, "a failed get does not move");
    cr_assert_eq(canp_bufcur_take(&cursor, 5, &text), 0);
    cr_expect_eq(canp_bufcur_left(&cursor), 0);
    canp_buf_release(&buf);
    cr_expect_arr_eq(text.data, "hello", 5, "a taken slice outlives the buffer");
    canp_buf_release(&text);
    cr_expect_eq(buffer_bytes(), 0);
    canp_mempool_close(pool);
}

static void share_slice_split(unsigned flags)
{
    struct canp_mempool *pool = usual_pool();
    struct canp_mbuf mbuf;
    struct canp_buf buf, shared, slice = CANP_BUF_INIT, tail;

    cr_assert_eq(canp_mbuf_init(pool, 13, flags, &mbuf), 0);
    canp_mbuf_put(&mbuf, "Hello, World!", 13);
    canp_mbuf_freeze(&mbuf, &buf);
    cr_expect_eq(canp_buf_refs(&buf), 1);
    shared = canp_buf_share(&buf);
    cr_assert_eq(canp_buf_slice(&buf, 7, 5, &slice), 0);
    cr_expect_eq(slice.data, buf.data + 7, "nothing was copied");
    cr_expect_eq(canp_buf_refs(&buf), 3);
    cr_assert_eq(canp_buf_split(&buf, 5, &tail), 0);
    cr_expect_eq(buf.bytes, 5);
    cr_expect_eq(tail.bytes, 8);
    cr_expect_arr_eq(tail.data, ", World!", 8);
    cr_expect_eq(canp_buf_refs(&buf), 4);
    canp_buf_release(&buf);
    canp_buf_release(&buf);
    canp_buf_release(&shared);
    canp_buf_release(&tail);
    cr_expect_eq(canp_buf_refs(&slice), 1);
    cr_expect_eq(buffer_bytes(), 1024);
    cr_expect_arr_eq(slice.data, "World", 5);
    canp_buf_release(&slice);
    cr_expect_eq(buffer_bytes(), 0, "the last release returns the memory");
    canp_mempool_close(pool);
}

Test(buf, share_slice_split_atomic)
{
    share_slice_split(0);
}

Test(buf, share_slice_split_plain)
{
    share_slice_split(CANP_BUF_PLAIN);
}

Test(buf, ranges_at_their_bounds)
{
    struct canp_buf buf = canp_buf_static("0123456789", 10), out = canp_buf_static("x", 1);

    cr_expect_eq(canp_buf_slice(&buf, 0, 11, &out), -ERANGE);
    cr_expect_eq(canp_buf_slice(&buf, 11, 0, &out), -ERANGE);
    cr_expect_eq(canp_buf_slice(&buf, 1, SIZE_MAX, &out), -ERANGE);
    cr_expect_eq(canp_buf_split(&buf, 11, &out), -ERANGE);
    cr_expect_eq(out.bytes, 1, "*out was touched");
    cr_expect_eq(canp_buf_slice(&buf, 10, 0, &out), 0);
    cr_expect_eq(out.bytes, 0);
    cr_expect_eq(canp_buf_split(&buf, 0, &out), 0);
    cr_expect_eq(buf.bytes, 0);
    cr_expect_eq(out.bytes, 10);
    cr_expect_eq(canp_buf_refs(&out), 0);
    canp_buf_release(&out);
    struct canp_buf empty = CANP_BUF_INIT;
    canp_buf_release(&empty);
    cr_expect_eq(canp_buf_slice(&empty, 0, 0, &out), 0);
}

Test(buf, reserve_moves_up_the_classes)
{
    struct canp_mempool *pool = usual_pool();
    struct canp_mbuf mbuf;
    struct canp_buf buf;

    cr_assert_eq(canp_mbuf_init(pool, 1024, 0, &mbuf), 0);
    for (unsigned i = 0; i < 200000; i++) {
        if (canp_mbuf_put_u32be(&mbuf, i) == 0)
            continue;
        cr_assert_eq(canp_mbuf_reserve(&mbuf, mbuf.used_bytes), 0);
        cr_assert_eq(canp_mbuf_put_u32be(&mbuf, i), 0);
    }
    cr_expect_eq(canp_mbuf_reserve(&mbuf, SIZE_MAX), -ENOMEM);
    cr_expect_eq(canp_mbuf_reserve(&mbuf, SIZE_MAX / 4), -ENOMEM);
    canp_mbuf_freeze(&mbuf, &buf);
    struct canp_bufcur cursor = canp_bufcur_start(&buf);
    for (uint32_t i = 0, got; i < 200000; i++) {
        cr_assert_eq(canp_bufcur_get_u32be(&cursor, &got), 0);
        cr_assert_eq(got, i);
    }
    canp_buf_release(&buf);
    cr_expect_eq(buffer_bytes(), 0);
    cr_expect_eq(stats_of(pool).direct_in_use, 0);
    canp_mempool_close(pool);
}

Test(buf, a_decompression_buffer_is_fresh_when_the_pool_is_exhausted)
{
    struct canp_mempool *pool = small_pool();
    struct canp_mbuf mbuf[4], pooled;

    for (int i = 0; i < 4; i++) {
        cr_assert_eq(canp_decompress_buffer(pool, 700, &mbuf[i]), 0);
        cr_expect_eq(mbuf[i].capacity_bytes, i < 3 ? 1024u : 700u);
        memset(mbuf[i].data, i, 700);
    }
    cr_expect_eq(stats_of(pool).classes[0].misses, 1);
    cr_expect_eq(canp_mbuf_init(pool, 700, CANP_BUF_POOLED, &pooled), -ENOBUFS);
    cr_expect_eq(canp_decompress_buffer(pool, 10001, &pooled), -ENOMEM);
    for (int i = 0; i < 4; i++)
        canp_mbuf_release(&mbuf[i]);
    cr_expect_eq(buffer_bytes(), 0);
    cr_expect_eq(canp_mbuf_init(pool, 700, CANP_BUF_POOLED, &pooled), 0);
    canp_mbuf_release(&pooled);
    canp_mbuf_release(&pooled);
    canp_mempool_close(pool);
}

/* A store that is the test's own: `last` comes once, with the last release. */
struct own_memory {
    struct canp_bufstore store;
    char text[8];
    int ended;
};

static void end_own(struct canp_bufstore *store)
{
    ((struct own_memory *)(void *)store)->ended++;
}

Test(buf, any_memory_can_be_shared)
{
    struct own_memory own = {.text = "mapping"};
    struct canp_buf slice;

    canp_bufstore_init(&own.store, 0, end_own);
    struct canp_buf buf = {(const uint8_t *)own.text, 7, &own.store};
    canp_buf_slice(&buf, 0, 3, &slice);
    canp_buf_release(&buf);
    cr_expect_eq(own.ended, 0);
    canp_buf_release(&slice);
    cr_expect_eq(own.ended, 1);
}

/* ---- against a model: each buffer is a range of a numbered original, whose bytes follow from its number */

#define BUFS 64

struct modelled {
    struct canp_buf buf;
    uint64_t number, start;
};

static uint8_t byte_at(uint64_t number, uint64_t at)
{
    return (uint8_t)(number * 31 + at * 7 + (at >> 8));
}

static void check(const struct modelled *one)
{
    for (size_t i = 0; i < one->buf.bytes; i += 1 + one->buf.bytes / 16)
        cr_assert_eq(one->buf.data[i], byte_at(one->number, one->start + i));
}

static void make(struct canp_mempool *pool, struct test_random *random, struct modelled *one, uint64_t number)
{
    static const size_t sizes[] = {1, 1024, 1025, 4096, 16384, 65536, 70000};
    size_t bytes = test_random_below(random, sizes[test_random_below(random, 7)] + 1);
    struct canp_mbuf mbuf;

    cr_assert_eq(canp_mbuf_init(pool, bytes, number % 2 ? CANP_BUF_PLAIN : 0, &mbuf), 0);
    for (size_t i = 0; i < bytes; i++)
        mbuf.data[i] = byte_at(number, i);
    mbuf.used_bytes = bytes;
    *one = (struct modelled){.number = number};
    canp_mbuf_freeze(&mbuf, &one->buf);
}

static void derive(struct test_random *random, struct modelled *from, struct modelled *to)
{
    size_t at = test_random_below(random, from->buf.bytes + 1);

    *to = *from;
    if (test_random_below(random, 2) == 0) {
        cr_assert_eq(canp_buf_split(&from->buf, at, &to->buf), 0);
    } else {
        size_t bytes = test_random_below(random, from->buf.bytes - at + 1);
        cr_assert_eq(canp_buf_slice(&from->buf, at, bytes, &to->buf), 0);
    }
    to->start = from->start + at;
}

Test(buf, a_million_random_steps_match_the_model)
{
    struct test_random random = test_random_start("buf");
    struct canp_mempool *pool = usual_pool();
    struct modelled bufs[BUFS] = {{.number = 0}};

    for (uint64_t step = 1; step <= test_steps(1000000); step++) {
        struct modelled *one = &bufs[test_random_below(&random, BUFS)];
        struct modelled *other = &bufs[test_random_below(&random, BUFS)];
        if (one->buf.store == NULL) {
            if (test_random_below(&random, 20) == 0 || other == one)
                make(pool, &random, one, step);
            else if (other->buf.store != NULL)
                derive(&random, other, one);
        } else {
            check(one);
            canp_buf_release(&one->buf);
        }
    }
    for (int i = 0; i < BUFS; i++)
        canp_buf_release(&bufs[i].buf);
    cr_expect_eq(buffer_bytes(), 0);
    cr_expect_eq(stats_of(pool).direct_in_use, 0);
    canp_mempool_close(pool);
}
