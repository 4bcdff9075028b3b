/*
 * A recording by triggers tells what it let go: of each interface, frames stored + frames lost + frames
 * outside of windows = frames on the bus, by the recording alone. The recorder is real but for its sockets;
 * the test plays the flush thread.
 */
#include <criterion/criterion.h>

#include <canp/reader.h>

#include "fake_recorder.h"
#include "record/losses/outside_windows.h"
#include "seed.h"
#include "temp_dir.h"

#define MS    INT64_C(1000000)
#define T0    INT64_C(1700000000000000000)
#define CHANS 3U

static struct canp_recorder *rec;
static struct test_random rnd;
static uint64_t on_bus[CHANS], number;

struct told {
    uint64_t frames[CHANS], lost[CHANS], outside[CHANS];
    unsigned windows, gaps, gaps_outside;
};

static void begin(size_t memory_bytes)
{
    static const char *const triggers[] = {"7DF:7FF"};
    struct window_opts w = {.triggers = triggers,
                            .trigger_count = 1,
                            .pre_ns = 100 * MS,
                            .post_ns = 50 * MS,
                            .memory_bytes = memory_bytes,
                            .block_bytes = 4096,
                            .store = canp_flush_store,
                            .let_go = canp_flush_let_go,
                            .begins = canp_flush_window_begins,
                            .short_of_memory = canp_flush_short_of_memory};
    struct canp_why why;
    temp_dir_make();
    rec = fake_open(&(struct fake_opts){
        .dir = dir, .no_spill = true, .chan_count = CHANS, .slab_count = 2, .slab_bytes = 4096});
    w.user = rec;
    cr_assert_eq(canp_window_open(&w, &rec->window, &why), 0);
    memset(on_bus, 0, sizeof(on_bus));
    number = 0;
}

/* A block of 10 ms: frames of all channels, the first one a trigger if so wished, and a loss before one. */
static void block(unsigned turn, bool trigger, uint64_t lost)
{
    _Alignas(8) static uint8_t room[4096];
    struct canp_rowbuf rows;
    int64_t time_ns = T0 + turn * 10 * MS;
    unsigned gap_at = (unsigned)test_random_below(&rnd, 20);
    canp_rowbuf_init(&rows, room, sizeof(room));
    for (unsigned i = 0; i < 20; i++, number++, time_ns += MS / 2) {
        unsigned c = (unsigned)(number % CHANS);
        union canp_frame_store store = {.frame = {.id = trigger && i == 0 ? 0x7DF : 0x100, .len = 8}};
        if (lost && i == gap_at) {
            cr_assert_eq(
                canp_rowbuf_put_gap(&rows, (uint8_t)c, CANP_LAYER_SOCKET, lost, time_ns - 1000, time_ns), 0);
            on_bus[c] += lost;
        }
        memcpy(store.bytes + 8, &number, 8);
        cr_assert_eq(canp_rowbuf_put_frame(&rows, time_ns, (uint16_t)c, &store.frame), 0);
        on_bus[c]++;
    }
    canp_window_feed(rec->window, &rows, (struct slab_time){time_ns - T0, T0});
}

static void note(struct told *told, const struct canp_record *r, bool *in_window)
{
    if (canp_kind_is_frame(r->kind)) {
        cr_assert(*in_window);
        told->frames[r->channel]++;
    }
    if (r->kind == CANP_KIND_GAP) {
        told->lost[r->channel] += r->gap->lost;
        told->gaps++;
        told->gaps_outside += !*in_window;
    }
    if (r->kind != CANP_KIND_MARK)
        return;
    if (r->event->code == CANP_MARK_OUTSIDE) {
        cr_assert_not(*in_window, "told before the window begins");
        told->outside[r->channel] += strtoull((const char *)r->event->payload, NULL, 10);
    }
    *in_window =
        r->event->code == CANP_MARK_WINDOW_BEGIN || (*in_window && r->event->code != CANP_MARK_WINDOW_END);
    told->windows += r->event->code == CANP_MARK_WINDOW_BEGIN;
}

static void end(struct told *told)
{
    struct canp_reader *reader;
    struct canp_cursor *cursor;
    struct canp_record r;
    bool in_window = false;
    canp_window_finish(rec->window);
    canp_outside_windows_tell(&rec->outside, canp_flush_store, rec);
    cr_assert_eq(canp_writer_finish(rec->writer), 0);
    *told = (struct told){.windows = 0};
    cr_assert_eq(canp_reader_open(dir, &reader, NULL), 0);
    cr_assert_eq(canp_cursor_open(reader, NULL, &cursor), 0);
    while (canp_cursor_next(cursor, &r) == 1)
        note(told, &r, &in_window);
    canp_cursor_close(cursor);
    canp_reader_close(reader);
    for (unsigned c = 0; c < CHANS; c++) {
        cr_assert_eq(told->frames[c] + told->lost[c] + told->outside[c], on_bus[c],
                     "channel %u: %llu stored, %llu lost, %llu outside, %llu on the bus", c,
                     (unsigned long long)told->frames[c], (unsigned long long)told->lost[c],
                     (unsigned long long)told->outside[c], (unsigned long long)on_bus[c]);
        cr_assert_eq(told->outside[c], counter_get(&rec->in.chans[c].outside));
    }
    canp_window_close(rec->window);
    rec->window = NULL;
    fake_close(rec);
    temp_dir_remove();
}

Test(outside, a_loss_in_no_window_is_in_the_recording)
{
    struct told told;
    rnd = test_random_start("outside.a_loss_in_no_window_is_in_the_recording");
    begin(1 << 20);
    for (unsigned turn = 0; turn < 200; turn++)
        block(turn, turn == 100, turn == 10 ? 17 : turn == 12 || turn == 180 ? 5 : 0);
    end(&told);
    cr_assert(told.windows == 1 && told.gaps >= 2 && told.gaps == told.gaps_outside);
}

Test(outside, a_recording_without_a_window_tells_it_too)
{
    struct told told;
    rnd = test_random_start("outside.a_recording_without_a_window_tells_it_too");
    begin(1 << 20);
    for (unsigned turn = 0; turn < 50; turn++)
        block(turn, false, turn == 3 ? 99 : 0);
    end(&told);
    cr_assert(told.windows == 0 && told.gaps == 1);
}

/* Nobody waits longer than a minute for a loss, be there a window or not. */
Test(outside, a_loss_is_told_in_time)
{
    struct told told;
    struct canp_writer_stats before, after;
    rnd = test_random_start("outside.a_loss_is_told_in_time");
    begin(1 << 20);
    for (unsigned turn = 0; turn < 50; turn++)
        block(turn, false, turn == 3 ? 99 : 0);
    canp_writer_stats(rec->writer, &before);
    cr_assert_neq(rec->outside.due_ns, 0);
    block(50, false, 0);
    canp_writer_stats(rec->writer, &after);
    cr_assert_eq(after.blocks, before.blocks);
    rec->outside.due_ns = 1; /* long ago */
    block(51, false, 0);
    canp_writer_stats(rec->writer, &after);
    cr_assert_gt(after.blocks, before.blocks);
    cr_assert_eq(rec->outside.due_ns, 0);
    end(&told);
    cr_assert_eq(told.gaps, 1);
}

Test(outside, adds_up_whatever_comes)
{
    rnd = test_random_start("outside.adds_up_whatever_comes");
    for (unsigned round = 0; round < 60; round++) {
        struct told told;
        unsigned often = 2 + (unsigned)test_random_below(&rnd, 60);
        begin(16384 + test_random_below(&rnd, 1 << 18));
        for (unsigned turn = 0; turn < 300; turn++)
            block(turn, test_random_below(&rnd, 50) == 0,
                  test_random_below(&rnd, often) ? 0 : 1 + test_random_below(&rnd, 1000));
        end(&told);
    }
}
