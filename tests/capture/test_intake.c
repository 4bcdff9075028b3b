/* From received messages to rows: kinds, directions, stamps, drops, missing slabs; without a socket. */
#include <criterion/criterion.h>

#include "fake_recorder.h"
#include "seed.h"

#define T0 INT64_C(1700000000000000000)

/* The rows of the oldest committed slab; counts what is in them. */
struct seen {
    unsigned frames;
    unsigned gaps;
    uint64_t lost[GAP_LAYERS];
    struct canp_record last_gap;
    struct canp_gap gap;
};

static void look(struct canp_recorder *rec, struct seen *seen)
{
    struct canp_slab *slab;
    while ((slab = canp_slabring_take(rec->in.ring)) != NULL) {
        const struct canp_rowbuf *rows = &((struct slab_head *)slab->user)->rows;
        cr_assert_eq(canp_rows_check(rows->data, rows->used_bytes), rows->records);
        for (size_t at = 0; at < rows->used_bytes;) {
            struct canp_record r;
            canp_row_read(rows->data + at, rows->base_ns, &r);
            at += r.row_bytes;
            seen->frames += canp_kind_is_frame(r.kind);
            if (r.kind == CANP_KIND_GAP) {
                seen->gaps++;
                seen->lost[r.gap->layer] += r.gap->lost;
                seen->gap = *r.gap;
            }
        }
        canp_slabring_give_back(rec->in.ring, slab);
    }
}

static struct canp_recorder *open_plain(unsigned slabs, size_t bytes)
{
    return fake_open(&(struct fake_opts){.chan_count = 2, .slab_count = slabs, .slab_bytes = bytes});
}

Test(intake, kinds_directions_and_stamps)
{
    struct canp_recorder *rec = open_plain(2, 65536);
    uint8_t fd[72] = {0}, xl[2060] = {0};
    uint16_t xl_len = 60; /* 12 + 60 = 72 bytes: as long as an FD frame */
    fd[4] = 12;
    xl[4] = 0x80;
    memcpy(xl + 6, &xl_len, 2);
    fake_receive_number(rec, 1, T0, 0, 7);
    fake_receive(rec, 0, T0 + 1, 0, fd, 72, MSG_DONTROUTE);
    fake_receive(rec, 0, T0 + 2, 0, xl, 12 + xl_len, MSG_DONTROUTE | MSG_CONFIRM);
    const struct canp_rowbuf *rows = &((struct slab_head *)rec->in.slab->user)->rows;
    cr_assert_eq(rows->frames, 3);
    struct canp_record r;
    canp_row_read(rows->data, rows->base_ns, &r);
    cr_assert(r.kind == CANP_KIND_CAN && r.channel == 1 && r.dir == CANP_DIR_RX && r.time_ns == T0);
    cr_assert_eq(r.frame->data[0], 7);
    uint32_t at = r.row_bytes;
    canp_row_read(rows->data + at, rows->base_ns, &r);
    cr_assert(r.kind == CANP_KIND_FD && r.channel == 0 && r.dir == CANP_DIR_TX && r.time_ns == T0 + 1);
    canp_row_read(rows->data + at + r.row_bytes, rows->base_ns, &r);
    cr_assert(r.kind == CANP_KIND_XL && r.dir == CANP_DIR_OWN && r.time_ns == T0 + 2);
    cr_assert_eq(r.xl->len, xl_len);
    fake_close(rec);
}

/* 13 bytes with one of data: shorter than a classic frame. */
Test(intake, the_shortest_xl_frames)
{
    struct canp_recorder *rec = open_plain(2, 65536);
    uint8_t xl[2060] = {[4] = 0x80};
    for (uint16_t len = 1; len <= 4; len++) {
        memcpy(xl + 6, &len, 2);
        fake_receive(rec, 0, T0 + len, 0, xl, 12U + len, 0);
    }
    const struct canp_rowbuf *rows = &((struct slab_head *)rec->in.slab->user)->rows;
    cr_assert_eq(rows->frames, 4);
    cr_assert_eq(canp_rows_check(rows->data, rows->used_bytes), 4);
    fake_close(rec);
}

Test(intake, socket_drops_become_a_gap_where_they_happened)
{
    struct canp_recorder *rec = open_plain(2, 65536);
    struct seen seen = {0};
    rec->in.chans[0].drops_seen = 0xFFFFFFF0U; /* the counter wraps */
    fake_receive_number(rec, 0, T0, 0xFFFFFFF0U, 0);
    fake_receive_number(rec, 0, T0 + 500, 4, 1);
    fake_receive_number(rec, 0, T0 + 600, 4, 2);
    canp_intake_commit(&rec->in);
    look(rec, &seen);
    cr_assert(seen.frames == 3 && seen.gaps == 1);
    cr_assert(seen.gap.lost == 20 && seen.gap.layer == CANP_LAYER_SOCKET);
    cr_assert(seen.gap.from_ns == T0 && seen.gap.to_ns == T0 + 500);
    cr_assert_eq(counter_get(&rec->in.chans[0].lost_socket), 20);
    fake_close(rec);
}

Test(intake, no_free_slab_is_counted_and_told_as_soon_as_there_is_one)
{
    struct canp_recorder *rec = open_plain(2, 4096);
    struct seen seen = {0};
    const unsigned sent = 1000; /* 24 bytes each: two slabs hold 340 */
    for (unsigned i = 0; i < sent; i++)
        fake_receive_number(rec, i % 2, T0 + i, 0, i);
    uint64_t lost =
        counter_get(&rec->in.chans[0].lost_unslabbed) + counter_get(&rec->in.chans[1].lost_unslabbed);
    cr_assert_eq(rec->in.chans[0].taken + rec->in.chans[1].taken + lost, sent);
    cr_assert_eq(lost, 660);
    cr_assert(rec->in.gaps_pending);
    look(rec, &seen);
    cr_assert_eq(seen.frames, 340);
    fake_receive_number(rec, 0, T0 + sent, 0, sent);
    canp_intake_commit(&rec->in);
    look(rec, &seen);
    cr_assert(seen.frames == 341 && seen.gaps == 2);
    cr_assert_eq(seen.lost[CANP_LAYER_RECORDER], lost);
    cr_assert_not(rec->in.gaps_pending);
    fake_close(rec);
}

Test(intake, a_time_step_beyond_a_block_starts_another)
{
    struct canp_recorder *rec = open_plain(4, 65536);
    struct seen seen = {0};
    fake_receive_number(rec, 0, T0, 0, 0);
    fake_receive_number(rec, 0, T0 + INT64_C(400000) * 1000000000, 0, 1);
    fake_receive_number(rec, 0, T0, 0, 2);
    canp_intake_commit(&rec->in);
    cr_assert_eq(rec->in.slabs_committed, 3);
    look(rec, &seen);
    cr_assert_eq(seen.frames, 3);
    fake_close(rec);
}

Test(intake, flush_waits_for_the_spill_thread)
{
    struct canp_recorder *rec = open_plain(4, 4096);
    fake_receive_number(rec, 0, T0, 0, 0);
    canp_intake_flush_if_due(&rec->in);
    cr_assert_not_null(rec->in.slab, "not before the deadline");
    rec->in.now_ns += rec->in.commit_after_ns;
    canp_intake_flush_if_due(&rec->in);
    cr_assert_null(rec->in.slab);
    fake_receive_number(rec, 0, T0, 0, 1);
    rec->in.now_ns += rec->in.commit_after_ns;
    canp_intake_flush_if_due(&rec->in);
    cr_assert_not_null(rec->in.slab, "spill is behind: the slab goes on filling");
    rec->in.slabs_flushed = 1;
    canp_intake_flush_if_due(&rec->in);
    cr_assert_null(rec->in.slab);
    fake_close(rec);
}

Test(intake, frames_max_is_exact)
{
    struct canp_recorder *rec = open_plain(2, 4096);
    rec->in.frames_left = 10;
    for (unsigned i = 0; i < 50; i++)
        fake_receive_number(rec, 0, T0 + i, 0, i);
    cr_assert(rec->in.chans[0].taken == 10 && rec->in.frames_left == 0);
    fake_close(rec);
}

Test(intake, odd_control_messages_are_survived)
{
    struct canp_recorder *rec = open_plain(2, 4096);
    uint8_t control[64], frame[16] = {0};
    for (size_t length = 0; length < 64; length++) {
        struct cmsghdr h = {.cmsg_len = length, .cmsg_level = SOL_SOCKET, .cmsg_type = SO_TIMESTAMPNS};
        memset(control, 0, sizeof(control));
        memcpy(control, &h, sizeof(h));
        for (uint32_t bytes = 0; bytes < 64; bytes += 8)
            intake_frame(&rec->in, &rec->in.chans[0], frame, 16, 0, control, bytes);
    }
    intake_frame(&rec->in, &rec->in.chans[0], frame, 15, 0, control, 0);
    frame[4] = 9; /* a length that no classic frame has */
    uint64_t before = rec->in.chans[0].taken;
    intake_frame(&rec->in, &rec->in.chans[0], frame, 16, 0, control, 0);
    cr_assert_eq(rec->in.chans[0].taken, before);
    cr_assert_gt(counter_get(&rec->in.chans[0].lost_unslabbed), 0);
    fake_close(rec);
}

/* The short cut for classic frames leaves the same bytes and the same header behind as the engine's own way.
 */
Test(intake, the_short_cut_is_the_same)
{
    struct test_random random = test_random_start("intake.the_short_cut_is_the_same");
    _Alignas(8) static uint8_t a_bytes[65536], b_bytes[65536];
    unsigned taken = 0;
    for (unsigned round = 0; round < 200; round++) {
        struct canp_rowbuf a, b;
        int64_t time_ns = T0;
        canp_rowbuf_init(&a, a_bytes, 4096 + 8 * test_random_below(&random, 100));
        canp_rowbuf_init(&b, b_bytes, a.capacity_bytes);
        memset(a_bytes, 0xAA, sizeof(a_bytes));
        memset(b_bytes, 0xAA, sizeof(b_bytes));
        for (int r = 0; r == 0;) {
            uint64_t words[2] = {test_random_u64(&random), test_random_u64(&random)};
            _Alignas(8) uint8_t frame[16];
            memcpy(frame, words, 16);
            frame[4] = (uint8_t)(round < 50 ? 8 : test_random_below(&random, 9));
            time_ns += (int64_t)test_random_below(&random, 1000) - (round % 3 == 0 ? 5 : 0);
            uint16_t tag = canp_tag((uint8_t)test_random_below(&random, 256), CANP_KIND_CAN, CANP_DIR_TX);
            r = canp_rowbuf_put_frame(&b, time_ns, tag, (const struct canp_frame *)frame);
            bool done = intake_classic(&a, time_ns, tag, frame);
            taken += done;
            if (!done)
                cr_assert_eq(canp_rowbuf_put_frame(&a, time_ns, tag, (const struct canp_frame *)frame), r);
        }
        cr_assert_eq(a.used_bytes, b.used_bytes);
        cr_assert_eq(memcmp(a_bytes, b_bytes, a.used_bytes), 0);
        b.data = a.data;
        cr_assert_eq(memcmp(&a, &b, sizeof(a)), 0);
    }
    cr_assert_gt(taken, 20000);
}
