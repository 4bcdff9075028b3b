/* Rows: what the builder writes, the reader lends; what is malformed, the checker refuses. */
#include <criterion/criterion.h>

#include <canp/error.h>
#include <canp/rows.h>

#include "frame/rows_check.h"

static uint8_t block[65536] __attribute__((aligned(8)));
static struct canp_rowbuf rb;

static void setup(void)
{
    memset(block, 0xAA, sizeof(block));
    canp_rowbuf_init(&rb, block, sizeof(block));
}

TestSuite(rows, .init = setup);

static struct canp_frame *make_frame(union canp_frame_store *f, uint32_t id, uint8_t len)
{
    memset(f, 0, sizeof(*f));
    f->frame.id = id;
    f->frame.len = len;
    for (unsigned i = 0; i < len; i++)
        f->frame.data[i] = (uint8_t)(0x10 + i);
    return &f->frame;
}

Test(rows, a_classic_frame_takes_24_bytes)
{
    union canp_frame_store f;
    cr_assert_eq(
        canp_rowbuf_put_frame(&rb, 1000, canp_tag(2, CANP_KIND_CAN, CANP_DIR_TX), make_frame(&f, 0x123, 8)),
        0);
    cr_assert_eq(rb.used_bytes, 24);
    cr_assert_eq(rb.stride, 24);
    struct canp_record r;
    canp_row_read(block, rb.base_ns, &r);
    cr_assert_eq(r.time_ns, 1000);
    cr_assert_eq(r.channel, 2);
    cr_assert_eq(r.dir, CANP_DIR_TX);
    cr_assert_eq(r.kind, CANP_KIND_CAN);
    cr_assert_eq(memcmp(r.frame, &f, 16), 0);
}

Test(rows, every_length_comes_back)
{
    union canp_frame_store f;
    for (unsigned len = 0; len <= 64; len++) {
        uint8_t kind = len <= 8 ? CANP_KIND_CAN : CANP_KIND_FD;
        cr_assert_eq(canp_rowbuf_put_frame(&rb, len, canp_tag(0, kind, 0), make_frame(&f, len, (uint8_t)len)),
                     0);
    }
    cr_assert_eq(canp_rows_check(block, rb.used_bytes), 65);
    const uint8_t *row = block;
    for (unsigned len = 0; len <= 64; len++) {
        struct canp_record r;
        canp_row_read(row, rb.base_ns, &r);
        make_frame(&f, len, (uint8_t)len);
        cr_assert_eq(r.time_ns, len);
        cr_assert_eq(memcmp(r.frame, &f, canp_align8(8 + len)), 0, "length %u", len);
        row += r.row_bytes;
    }
}

Test(rows, times_run_backwards_and_far_apart)
{
    union canp_frame_store f;
    make_frame(&f, 1, 8);
    int64_t base = INT64_C(1700000000000000000);
    cr_assert_eq(canp_rowbuf_put_frame(&rb, base, 0, &f.frame), 0);
    cr_assert_eq(canp_rowbuf_put_frame(&rb, base - 5, 0, &f.frame), 0);
    cr_assert_eq(canp_rowbuf_put_frame(&rb, base + CANP_ROW_OFFSET_MAX, 0, &f.frame), 0);
    cr_assert_eq(canp_rowbuf_put_frame(&rb, base + CANP_ROW_OFFSET_MIN, 0, &f.frame), 0);
    cr_assert_eq(canp_rowbuf_put_frame(&rb, base + CANP_ROW_OFFSET_MAX + 1, 0, &f.frame), -ENOSPC);
    cr_assert_eq(canp_rowbuf_put_frame(&rb, base + CANP_ROW_OFFSET_MIN - 1, 0, &f.frame), -ENOSPC);
    cr_assert_eq(canp_rowbuf_put_frame(&rb, INT64_MIN, 0, &f.frame), -ENOSPC);
    cr_assert_eq(rb.records, 4);
    cr_assert(rb.flags & CANP_BLOCK_BACKWARDS);
    cr_assert_eq(rb.first_ns, base + CANP_ROW_OFFSET_MIN);
    cr_assert_eq(rb.last_ns, base + CANP_ROW_OFFSET_MAX);
    struct canp_record r;
    canp_row_read(block + 72, rb.base_ns, &r);
    cr_assert_eq(r.time_ns, base + CANP_ROW_OFFSET_MIN);
}

Test(rows, a_full_block_refuses_and_stays_whole)
{
    union canp_frame_store f;
    canp_rowbuf_init(&rb, block, 47);
    cr_assert_eq(canp_rowbuf_put_frame(&rb, 0, 0, make_frame(&f, 1, 8)), 0);
    cr_assert_eq(canp_rowbuf_put_frame(&rb, 0, 0, make_frame(&f, 1, 8)), -ENOSPC);
    cr_assert_eq(canp_rowbuf_put_frame(&rb, 0, 0, make_frame(&f, 1, 9)), -EINVAL);
    cr_assert_eq(rb.used_bytes, 24);
    cr_assert_eq(canp_rows_check(block, rb.used_bytes), 1);
}

Test(rows, gaps_count_as_lost)
{
    cr_assert_eq(canp_rowbuf_put_gap(&rb, 3, CANP_LAYER_SOCKET, 17, 100, 200), 0);
    cr_assert_eq(rb.lost, 17);
    cr_assert_eq(rb.frames, 0);
    cr_assert_eq(rb.records, 1);
    struct canp_record r;
    canp_row_read(block, rb.base_ns, &r);
    cr_assert_eq(r.kind, CANP_KIND_GAP);
    cr_assert_eq(r.gap->lost, 17);
    cr_assert_eq(r.time_ns, 200);
    cr_assert_eq(canp_rows_check(block, rb.used_bytes), 1);
}

Test(rows, hardware_stamps_and_xl_survive_a_copy)
{
    union canp_xl_frame_store xl = {.xl = {.prio = 0x123, .flags = 0x80, .sdt = 3, .len = 2045, .af = 7}};
    memset(xl.xl.data, 0x5A, 2045);
    struct canp_record in = {
        .time_ns = 5, .kind = CANP_KIND_XL, .channel = 1, .has_hw_time = true, .hw_time_ns = -77};
    in.xl = &xl.xl;
    cr_assert_eq(canp_rowbuf_put_record(&rb, &in), 0);
    cr_assert_eq(canp_rows_check(block, rb.used_bytes), 1);
    struct canp_record out;
    canp_row_read(block, rb.base_ns, &out);
    cr_assert(out.has_hw_time && out.hw_time_ns == -77);
    cr_assert_eq(memcmp(out.xl, &xl, 12 + 2045), 0);
    cr_assert_eq(((const uint8_t *)out.xl)[12 + 2045], 0, "padding is zero");
}

Test(rows, malformed_rows_are_refused)
{
    union canp_frame_store f;
    canp_rowbuf_put_frame(&rb, 0, 0, make_frame(&f, 1, 8));
    for (size_t cut = 1; cut < 24; cut++)
        cr_assert_eq(canp_rows_check(block, cut), -CANP_E_DAMAGED, "cut at %zu", cut);
    uint8_t good[24];
    memcpy(good, block, 24);
    block[12] = 9; /* classic frame of 9 bytes */
    cr_assert_eq(canp_rows_check(block, 24), -CANP_E_DAMAGED);
    memcpy(block, good, 24);
    block[1] = 5; /* unknown kind */
    cr_assert_eq(canp_rows_check(block, 24), -CANP_E_DAMAGED);
    memcpy(block, good, 24);
    block[1] = 0x30; /* direction 3 */
    cr_assert_eq(canp_rows_check(block, 24), -CANP_E_DAMAGED);
    memcpy(block, good, 24);
    block[1] = CANP_KIND_GAP; /* a gap of too few bytes */
    cr_assert_eq(canp_rows_check(block, 24), -CANP_E_DAMAGED);
}

/* By the words of canp/rows.h, for a row that holds zeros but for its tag and the length of its frame. */
static bool is_sound(uint16_t tag, uint8_t len, uint32_t row_bytes)
{
    unsigned kind = tag >> CANP_TAG_KIND_SHIFT & 15, dir = tag >> CANP_TAG_DIR_SHIFT & 3;
    uint32_t hw_bytes = tag & CANP_TAG_HW_TIME ? 8 : 0;
    if ((tag & CANP_TAG_ZERO) || dir == 3 || kind > CANP_KIND_FD || len > (kind == CANP_KIND_FD ? 64 : 8))
        return false; /* an XL frame of 0 bytes, an event of `len` bytes: too short for any */
    return 16 + canp_align8(len) + hw_bytes == row_bytes;
}

/* The usual blocks are checked in a faster way than others: one odd row among eight is found in both. */
static void check_one_odd_row(uint16_t tag, uint8_t len, uint32_t stride)
{
    uint8_t *odd = block + 3UL * stride;
    memset(block, 0, 8UL * stride);
    for (unsigned i = 0; i < 8; i++)
        block[i * stride + 12] = stride == 24 ? 8 : 0;
    memcpy(odd, &tag, sizeof(tag));
    odd[12] = len;
    bool sound = is_sound(tag, len, stride);
    cr_assert_eq(canp_rows_are_sound(block, 8 * stride, 8, stride), sound, "tag %x, %u bytes", tag, len);
    if (sound)
        cr_assert_eq(canp_rows_check(block, 8UL * stride), 8);
}

Test(rows, an_odd_row_among_alike_ones_is_found)
{
    for (uint32_t tag = 0; tag <= UINT16_MAX; tag++) {
        check_one_odd_row((uint16_t)tag, 7, 24);
        check_one_odd_row((uint16_t)tag, 0, 16);
        check_one_odd_row((uint16_t)tag, 0, 24);
    }
    for (unsigned len = 0; len <= UINT8_MAX; len++) {
        check_one_odd_row(0x2005, (uint8_t)len, 24);
        check_one_odd_row(0x2005, (uint8_t)len, 16);
    }
}

/* The same where sizes differ: the check that goes from row to row. */
Test(rows, an_odd_row_among_others_is_found)
{
    union canp_frame_store f;
    for (uint32_t tag = 0; tag <= UINT16_MAX; tag++) {
        canp_rowbuf_init(&rb, block, sizeof(block));
        for (uint8_t len = 0; len <= 8; len++)
            canp_rowbuf_put_frame(&rb, 0, 0, make_frame(&f, 0, len));
        uint16_t odd_tag = (uint16_t)tag;
        memcpy(block + 16, &odd_tag, sizeof(odd_tag)); /* the row with one byte, 24 in all */
        memset(block + 24, 0, 8);
        block[28] = 1;
        bool sound = is_sound(odd_tag, 1, 24);
        bool longer = odd_tag & CANP_TAG_HW_TIME; /* that takes in the next row's start: not looked at here */
        if (!longer)
            cr_assert_eq(canp_rows_check(block, rb.used_bytes) == 9, sound, "tag %x", tag);
    }
}
