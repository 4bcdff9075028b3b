/* Triggers and windows: which rows a recording by triggers keeps. Pure logic, fed with blocks of rows. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "record/windows/window.h"
#include "seed.h"

#define MS     INT64_C(1000000)
#define OFFSET INT64_C(1700000000000000000) /* CLOCK_REALTIME ahead of CLOCK_MONOTONIC */
#define IDS    0x100U

enum { STREAM_MAX = 4000 };

/* What came out: the numbers of the frames stored and let go, in order, and the marks. */
struct out {
    unsigned stored[STREAM_MAX], stored_count;
    unsigned gone[STREAM_MAX], gone_count;
    unsigned begins, ends, holes; /* holes: frames missing between two that no end and begin stand between */
    unsigned shorts, asked, long_ones;
    int64_t end_ns; /* of the last window */
    bool in_window;
};

static void on_store(void *user, const struct canp_rowbuf *rows)
{
    struct out *out = user;
    struct canp_record r;
    for (size_t at = 0; at < rows->used_bytes; at += r.row_bytes) {
        canp_row_read(rows->data + at, rows->base_ns, &r);
        if (r.kind == CANP_KIND_MARK) {
            cr_assert_neq(out->in_window, r.event->code == CANP_MARK_WINDOW_BEGIN,
                          "begins and ends take turns");
            out->in_window = r.event->code == CANP_MARK_WINDOW_BEGIN;
            *(out->in_window ? &out->begins : &out->ends) += 1;
            if (!out->in_window)
                out->end_ns = r.time_ns;
            continue;
        }
        unsigned number;
        memcpy(&number, r.frame->data, sizeof(number));
        cr_assert(out->in_window);
        if (out->stored_count && out->stored[out->stored_count - 1] + 1 != number)
            out->holes++;
        out->stored[out->stored_count++] = number;
    }
}

static void on_let_go(void *user, const struct canp_rowbuf *rows)
{
    struct out *out = user;
    struct canp_record r;
    for (size_t at = 0; at < rows->used_bytes; at += r.row_bytes) {
        canp_row_read(rows->data + at, rows->base_ns, &r);
        memcpy(&out->gone[out->gone_count++], r.frame->data, sizeof(unsigned));
    }
}

static void on_short(void *user, uint64_t held_ns)
{
    struct out *out = user;
    cr_assert_lt(held_ns, UINT64_C(1) << 40);
    out->shorts++;
}

static void on_goes_on(void *user, const char *trigger, uint64_t open_ns)
{
    struct out *out = user;
    cr_assert_str_eq(trigger, "123:7FF");
    cr_assert(open_ns >= UINT64_C(10000000000) && open_ns < UINT64_C(10100000000), "%llu",
              (unsigned long long)open_ns);
    out->long_ones++;
}

static struct window *open_with(struct out *out, const char *const *triggers, unsigned count, int64_t pre_ns,
                                int64_t post_ns, size_t memory_bytes)
{
    struct window *w;
    struct canp_why why;
    struct window_opts opts = {.triggers = triggers,
                               .trigger_count = count,
                               .pre_ns = (uint64_t)pre_ns,
                               .post_ns = (uint64_t)post_ns,
                               .memory_bytes = memory_bytes,
                               .block_bytes = 4096,
                               .store = on_store,
                               .let_go = on_let_go,
                               .short_of_memory = on_short,
                               .goes_on = on_goes_on,
                               .user = out};
    memset(out, 0, sizeof(*out));
    cr_assert_eq(canp_window_open(&opts, &w, &why), 0);
    return w;
}

/* A block of frames, one a millisecond, that ends when its last frame comes. */
static void feed(struct window *w, unsigned from, unsigned count, unsigned id)
{
    _Alignas(8) static uint8_t room[4096];
    struct canp_rowbuf rows;
    canp_rowbuf_init(&rows, room, sizeof(room));
    for (unsigned n = from; n < from + count; n++) {
        union canp_frame_store store = {.bytes = {0}};
        store.frame.id = n == from ? id : IDS;
        store.frame.len = 8;
        memcpy(store.bytes + 8, &n, sizeof(n));
        cr_assert_eq(canp_rowbuf_put_frame(&rows, OFFSET + n * MS, 0, &store.frame), 0);
    }
    canp_window_feed(w, &rows, (struct slab_time){(int64_t)(from + count - 1) * MS, OFFSET});
}

static const char *const on_123[] = {"123:7FF"};

Test(window, without_a_trigger_nothing_is_stored)
{
    struct out out;
    struct window *w = open_with(&out, on_123, 1, 100 * MS, 50 * MS, 1 << 20);
    for (unsigned n = 0; n < 1000; n += 10)
        feed(w, n, 10, IDS);
    cr_assert_eq(out.gone_count, 890, "the last 100 ms are held, with the block that they begin in");
    canp_window_finish(w);
    cr_assert(out.stored_count == 0 && out.gone_count == 1000 && out.begins == 0 && out.ends == 0);
    canp_window_close(w);
}

static const char *ask_for_234(void *user, const struct canp_record *record)
{
    struct out *out = user;
    out->asked++;
    return record->frame->id == 0x234 ? "speed > 6000" : NULL;
}

Test(window, asks_the_program_of_every_record)
{
    struct out out = {0};
    struct window *w;
    struct canp_why why;
    struct window_opts opts = {.triggers = on_123,
                               .trigger_count = 1,
                               .ask = ask_for_234,
                               .pre_ns = 100 * MS,
                               .post_ns = 50 * MS,
                               .memory_bytes = 1 << 20,
                               .block_bytes = 4096,
                               .store = on_store,
                               .let_go = on_let_go,
                               .short_of_memory = on_short,
                               .user = &out};
    cr_assert_eq(canp_window_open(&opts, &w, &why), 0);
    for (unsigned n = 0; n < 1000; n += 10)
        feed(w, n, 10, n == 200 ? 0x123 : n == 500 ? 0x234 : IDS);
    canp_window_finish(w);
    cr_assert_eq(out.asked, 1000);
    cr_assert(out.begins == 2 && out.ends == 2 && out.stored_count + out.gone_count == 1000);
    cr_assert_eq(canp_window_count(w), 2);
    canp_window_close(w);
}

Test(window, holds_the_time_before_and_behind)
{
    struct out out;
    struct window *w = open_with(&out, on_123, 1, 100 * MS, 50 * MS, 1 << 20);
    for (unsigned n = 0; n < 1000; n += 10)
        feed(w, n, 10, n == 500 ? 0x123 : IDS);
    canp_window_finish(w);
    cr_assert(out.begins == 1 && out.ends == 1 && out.holes == 0 && out.shorts == 0);
    cr_assert_eq(out.stored[0], 400);
    unsigned last = out.stored[out.stored_count - 1];
    cr_assert(last >= 550 && last < 560, "%u", last);
    cr_assert_eq(out.stored_count + out.gone_count, 1000);
    cr_assert_eq(canp_window_count(w), 1);
    canp_window_close(w);
}

Test(window, a_flood_of_triggers_is_told_once)
{
    struct out out;
    struct window *w = open_with(&out, on_123, 1, 100 * MS, 50 * MS, 1 << 20);
    for (unsigned n = 0; n < 9990; n += 30)
        feed(w, n, 1, 0x123);
    cr_assert_eq(out.long_ones, 0, "it may end yet");
    for (unsigned n = 9990; n < 25000; n += 30)
        feed(w, n, 1, 0x123);
    cr_assert(out.long_ones == 1 && out.begins == 1 && out.ends == 0);
    feed(w, 30000, 1, 0x123);
    cr_assert(out.long_ones == 1 && out.begins == 2, "another window");
    canp_window_finish(w);
    canp_window_close(w);
}

Test(window, the_first_frame_after_a_silence_is_outside)
{
    struct out out;
    struct window *w = open_with(&out, on_123, 1, 100 * MS, 50 * MS, 1 << 20);
    feed(w, 500, 10, 0x123);
    feed(w, 3000, 1, IDS);
    cr_assert(out.ends == 1 && out.stored_count == 10, "not part of a window that ended at 550");
    cr_assert_eq(out.end_ns, OFFSET + 550 * MS);
    feed(w, 3001, 1, 0x123);
    canp_window_finish(w);
    cr_assert(out.begins == 2 && out.ends == 2);
    cr_assert(out.stored_count == 12 && out.stored[10] == 3000, "it lies before the second trigger");
    canp_window_close(w);
}

Test(window, a_trigger_after_a_silence_begins_another)
{
    struct out out;
    struct window *w = open_with(&out, on_123, 1, 100 * MS, 50 * MS, 1 << 20);
    feed(w, 500, 10, 0x123);
    feed(w, 3000, 1, 0x123);
    cr_assert(out.begins == 2 && out.ends == 1);
    cr_assert_eq(out.end_ns, OFFSET + 550 * MS);
    canp_window_trigger(w, (struct slab_time){9000 * MS, OFFSET});
    cr_assert(out.begins == 3 && out.ends == 2);
    cr_assert_eq(out.end_ns, OFFSET + 3050 * MS);
    canp_window_finish(w);
    cr_assert_eq(canp_window_count(w), 3);
    canp_window_close(w);
}

Test(window, windows_that_meet_are_one)
{
    struct out out;
    struct window *w = open_with(&out, on_123, 1, 100 * MS, 50 * MS, 1 << 20);
    for (unsigned n = 0; n < 2000; n += 10) /* 50 after and 100 before: 140 apart meet, 300 apart do not */
        feed(w, n, 10, n == 500 || n == 520 || n == 660 || n == 1200 ? 0x123 : IDS);
    canp_window_finish(w);
    cr_assert(out.begins == 2 && out.ends == 2 && out.holes == 1);
    cr_assert_eq(out.stored[0], 400);
    cr_assert_eq(out.stored_count + out.gone_count, 2000);
    canp_window_close(w);
}

Test(window, short_memory_is_said_and_the_newest_is_kept)
{
    struct out out;
    struct window *w = open_with(&out, on_123, 1, 1000 * MS, 50 * MS, 16384);
    for (unsigned n = 0; n < 2000; n += 10)
        feed(w, n, 10, n == 1500 ? 0x123 : IDS);
    canp_window_finish(w);
    cr_assert(out.begins == 1 && out.shorts == 1 && out.holes == 0);
    cr_assert(out.stored[0] > 500 && out.stored[0] < 1400);
    cr_assert_eq(out.stored_count + out.gone_count, 2000);
    canp_window_close(w);
}

Test(window, a_signal_and_the_end_within_a_window)
{
    struct out out;
    struct window *w = open_with(&out, NULL, 0, 100 * MS, 500 * MS, 1 << 20);
    for (unsigned n = 0; n < 1000; n += 10) {
        feed(w, n, 10, IDS);
        if (n == 800)
            canp_window_trigger(w, (struct slab_time){811 * MS, OFFSET});
    }
    canp_window_finish(w);
    cr_assert(out.begins == 1 && out.ends == 1 && out.holes == 0);
    cr_assert(out.stored[0] == 710 && out.stored[out.stored_count - 1] == 999, "%u", out.stored[0]);
    canp_window_close(w);
}

/* Against a model that knows the whole stream: what has to be kept is, in order, and all is accounted for. */
Test(window, is_what_the_model_says)
{
    struct test_random random = test_random_start("window.is_what_the_model_says");
    for (unsigned round = 0; round < 300; round++) {
        static struct out out;
        static unsigned triggers[STREAM_MAX];
        unsigned pre = (unsigned)test_random_below(&random, 300),
                 post = (unsigned)test_random_below(&random, 300);
        unsigned n = 0, trigger_count = 0, block_max = 1 + (unsigned)test_random_below(&random, 100);
        struct window *w = open_with(&out, on_123, 1, (pre + 1) * MS, (post + 1) * MS, 1 << 16);
        while (n < STREAM_MAX - 200) {
            unsigned count = 1 + (unsigned)test_random_below(&random, block_max);
            bool hit = test_random_below(&random, 40) == 0;
            if (hit)
                triggers[trigger_count++] = n;
            feed(w, n, count, hit ? 0x123 : IDS);
            n += count;
        }
        canp_window_finish(w);
        cr_assert_eq(out.stored_count + out.gone_count, n);
        cr_assert(out.begins == out.ends && out.holes < out.begins + 1 && out.begins == canp_window_count(w));
        static bool kept[STREAM_MAX];
        memset(kept, 0, sizeof(kept));
        for (unsigned i = 0; i < out.stored_count; i++) {
            cr_assert(i == 0 || out.stored[i] > out.stored[i - 1]);
            kept[out.stored[i]] = true;
        }
        for (unsigned i = 0; i < trigger_count; i++) {
            unsigned from = triggers[i] > pre + 1 ? triggers[i] - pre - 1 : 0, to = triggers[i] + post + 1;
            for (unsigned k = from; k <= to && k < n; k++)
                cr_assert(kept[k], "round %u: %u of the window of %u", round, k, triggers[i]);
        }
        for (unsigned k = 0; k < n;
             k++) { /* and nothing is kept that is no part of a window and a block's time */
            bool near = false;
            for (unsigned i = 0; i < trigger_count && kept[k]; i++)
                near = near || (k + pre + 2 + block_max >= triggers[i] &&
                                k <= triggers[i] + post + 2 + 2 * block_max);
            cr_assert(near || !kept[k], "round %u: %u is in no window", round, k);
        }
        canp_window_close(w);
    }
}

/* ---- triggers ----------------------------------------------------------------------------------- */

static bool matches(const char *trigger, uint32_t id, uint8_t kind, uint8_t len, const char *data)
{
    static struct trigger t;
    struct canp_why why;
    union canp_frame_store store = {.bytes = {0}};
    cr_assert_eq(canp_trigger_parse(trigger, &t, &why), 0, "%s: %s", trigger, why.text);
    store.frame.id = id;
    store.frame.len = len;
    memcpy(store.bytes + 8, data, strlen(data));
    struct canp_record r = {.kind = kind, .frame = &store.frame};
    return canp_trigger_matches(&t, &r);
}

Test(trigger, filters_and_data)
{
    cr_assert(matches("123:7FF", 0x123, CANP_KIND_CAN, 0, ""));
    cr_assert_not(matches("123:7FF", 0x124, CANP_KIND_CAN, 0, ""));
    cr_assert(matches("123:7FF,124:7FF", 0x124, CANP_KIND_FD, 0, ""));
    cr_assert(matches("123~7FF", 0x124, CANP_KIND_CAN, 0, ""));
    cr_assert(matches("123:7FF#11.22", 0x123, CANP_KIND_CAN, 3, "\x11\x22\x33"));
    cr_assert(matches("123:7FF#1122", 0x123, CANP_KIND_FD, 2, "\x11\x22"));
    cr_assert_not(matches("123:7FF#11.22", 0x123, CANP_KIND_CAN, 1, "\x11\x22"), "too short");
    cr_assert_not(matches("123:7FF#11.22", 0x123 | CANP_ID_RTR, CANP_KIND_CAN, 2, "\x11\x22"), "remote");
    cr_assert_not(matches("123:7FF#11.22", 0x123, CANP_KIND_CAN, 2, "\x11\x23"));
    cr_assert(matches("123:7FF#11.F2/FF.0F", 0x123, CANP_KIND_CAN, 2, "\x11\x02"));
    cr_assert_not(matches("123:7FF#11.22/0F", 0x123, CANP_KIND_CAN, 2, "\x01\x02"),
                  "no mask: the whole byte");
    cr_assert_not(matches("123:7FF#11", 0x124, CANP_KIND_CAN, 1, "\x11"));
}

Test(trigger, error_frames)
{
    cr_assert(matches("#4", CANP_ID_ERR | 4, CANP_KIND_CAN, 8, ""));
    cr_assert_not(matches("#4", CANP_ID_ERR | 2, CANP_KIND_CAN, 8, ""));
    cr_assert_not(matches("#4", 4, CANP_KIND_CAN, 8, ""), "a data frame");
    cr_assert(matches("error", CANP_ID_ERR | 2, CANP_KIND_CAN, 8, ""));
    cr_assert_not(matches("error", 2, CANP_KIND_CAN, 8, ""));
    cr_assert_not(matches("error", 2 | CANP_ID_EFF, CANP_KIND_CAN, 8, ""));
    cr_assert(matches("bus-off", CANP_ID_ERR | 0x40, CANP_KIND_CAN, 8, ""));
    cr_assert_not(matches("bus-off", CANP_ID_ERR | 4, CANP_KIND_CAN, 8, ""));
    cr_assert_not(matches("gap", 0x123, CANP_KIND_CAN, 8, ""));
}

Test(trigger, events)
{
    static struct trigger t;
    struct canp_link_event off = {.code = CANP_LINK_STATE, .bytes = sizeof(off), .state = 3};
    struct canp_gap gap = {.layer = CANP_LAYER_SOCKET, .bytes = sizeof(gap), .lost = 1};
    struct canp_record link = {.kind = CANP_KIND_LINK, .link = &off},
                       lost = {.kind = CANP_KIND_GAP, .gap = &gap};
    cr_assert_eq(canp_trigger_parse("bus-off", &t, NULL), 0);
    cr_assert(canp_trigger_matches(&t, &link) && !canp_trigger_matches(&t, &lost));
    off.state = 2;
    cr_assert_not(canp_trigger_matches(&t, &link));
    cr_assert_eq(canp_trigger_parse("gap", &t, NULL), 0);
    cr_assert(canp_trigger_matches(&t, &lost) && !canp_trigger_matches(&t, &link));
    cr_assert_eq(canp_trigger_parse("123~7FF", &t, NULL), 0);
    cr_assert(!canp_trigger_matches(&t, &lost) && !canp_trigger_matches(&t, &link), "events are no frames");
}

Test(trigger, what_is_none)
{
    static const char *const bad[] = {"",           "123",         "errors",      "123:7FF#",
                                      "123:7FF#1",  "123:7FF#11.", "123:7FF#11/", "123:7FF#11/FF.FF",
                                      "123:7FF#GG", "x:7FF#11"};
    static struct trigger t;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct canp_why why = {""};
        cr_assert_eq(canp_trigger_parse(bad[i], &t, &why), -EINVAL, "'%s'", bad[i]);
        cr_assert(strstr(why.text, "trigger"), "%s", why.text);
    }
}

/* The least that is said is enough, and what is refused is said as it was asked for. */
Test(window, too_little_memory_is_named)
{
    struct window_opts opts = {.pre_ns = 1, .memory_bytes = 1, .block_bytes = 4096};
    struct canp_why why;
    struct window *w;
    size_t asked, least;

    cr_assert_eq(canp_window_open(&opts, &w, &why), -EINVAL);
    cr_assert_eq(
        sscanf(why.text, "memory before a trigger: %zu bytes are too few, the least is %zu", &asked, &least),
        2);
    cr_expect_eq(asked, 1);
    opts.memory_bytes = least - 1;
    cr_expect_eq(canp_window_open(&opts, &w, &why), -EINVAL);
    opts.memory_bytes = least;
    cr_assert_eq(canp_window_open(&opts, &w, &why), 0);
    canp_window_close(w);
}
