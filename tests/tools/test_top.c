/* The numbers of canp top: counts, periods, jitter, load, order. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "top/top_stats.h"

#define MS INT64_C(1000000)

static struct top_stats s;
static const struct top_id *ids[TOP_IDS_MAX];

static void feed(int64_t time_ns, uint8_t channel, uint32_t id, uint8_t len)
{
    union canp_frame_store store = {.bytes = {0}};
    store.frame.id = id;
    store.frame.len = len;
    store.bytes[8] = (uint8_t)(time_ns / MS);
    struct canp_record r = {
        .time_ns = time_ns, .kind = CANP_KIND_CAN, .channel = channel, .frame = &store.frame};
    top_feed(&s, &r);
}

Test(top, period_jitter_and_last_data)
{
    top_init(&s);
    for (int i = 0; i < 1000; i++) {
        feed(i * 10 * MS, 0, 0x100, 8);
        feed(i * 10 * MS + (i % 2 ? MS : -MS), 0, 0x200, 1); /* 12 and 8 ms in turn */
    }
    cr_assert_eq(top_sorted(&s, TOP_BY_ID, ids), 2);
    cr_assert(ids[0]->id == 0x100 && ids[0]->count == 1000);
    cr_assert_float_eq(ids[0]->period_ns, 1e7, 1);
    cr_assert_float_eq(ids[0]->jitter_ns, 0, 1);
    cr_assert_eq(ids[0]->data[0], 9990 % 256);
    cr_assert_float_eq(ids[1]->period_ns, 1e7, 3e5);
    cr_assert_float_eq(ids[1]->jitter_ns, 2e6, 2e5);
}

Test(top, load_is_a_share_of_the_bit_rate)
{
    top_init(&s);
    top_name(&s, 0, "can0", 500000, 0);
    top_name(&s, 1, "vcan0", 0, 0);
    top_look(&s, 0);
    for (int i = 0; i < 1000; i++) { /* 1000 frames of some 115 bits in a second: about 23 % of 500 kbit/s */
        feed(i * MS, 0, 0x100, 8);
        feed(i * MS, 1, 0x100, 8);
    }
    top_look(&s, 1000 * MS);
    cr_assert_float_eq(s.ifaces[0].rate, 1000, 0.01);
    cr_assert(s.ifaces[0].load > 210 && s.ifaces[0].load < 260, "%f", s.ifaces[0].load);
    cr_assert_eq(s.ifaces[1].load, 0);
    top_look(&s, 2000 * MS);
    cr_assert_float_eq(s.ifaces[0].rate, 500, 0.01);
    for (int i = 0; i < 20; i++)
        top_look(&s, (3000 + i * 1000) * MS);
    cr_assert_eq(s.ifaces[0].rate, 0);
    top_average(&s);
    cr_assert_float_eq(s.ifaces[0].rate, 1000 / 0.999, 0.1);
}

Test(top, order)
{
    top_init(&s);
    for (int i = 0; i < 100; i++) {
        feed(i * MS, 0, 0x300, 8);
        if (i % 2 == 0)
            feed(i * MS, 0, 0x200, 8);
        if (i % 10 == 0)
            feed(i * MS, 1, 0x200, 8);
    }
    feed(200 * MS, 0, 0x100, 8);
    static const struct {
        enum top_sort sort;
        uint32_t first;
    } orders[] = {{TOP_BY_COUNT, 0x300}, {TOP_BY_ID, 0x100}, {TOP_BY_PERIOD, 0x300}, {TOP_BY_TIME, 0x100}};
    for (unsigned i = 0; i < 4; i++) {
        cr_assert_eq(top_sorted(&s, orders[i].sort, ids), 4);
        cr_assert_eq(ids[0]->id, orders[i].first, "sort %u: %X", orders[i].sort, ids[0]->id);
    }
    top_sorted(&s, TOP_BY_PERIOD, ids);
    cr_assert_eq(ids[3]->id, 0x100, "one frame has no period");
}

Test(top, events)
{
    struct canp_gap gap = {.layer = CANP_LAYER_DEVICE, .bytes = sizeof(gap), .lost = 5};
    struct canp_link_event down = {
        .code = CANP_LINK_DOWN, .bytes = sizeof(down), .state = 3, .tx_errors = 255};
    struct canp_record r = {.kind = CANP_KIND_GAP, .gap = &gap};
    top_init(&s);
    top_feed(&s, &r);
    gap.layer = CANP_LAYER_STORE;
    top_feed(&s, &r);
    r = (struct canp_record){.kind = CANP_KIND_LINK, .link = &down};
    top_feed(&s, &r);
    cr_assert(s.ifaces[0].lost_device == 5 && s.ifaces[0].lost_other == 5 && s.ifaces[0].lost_socket == 0);
    cr_assert(s.ifaces[0].link == 0 && s.ifaces[0].state == 3 && s.ifaces[0].tx_errors == 255);
    cr_assert_eq(s.frames, 0);
    top_name(&s, 0, "can0", 500000, 0);
    top_reset(&s);
    cr_assert(s.ifaces[0].lost_device == 0 && s.ifaces[0].link == 0);
    cr_assert_str_eq(s.ifaces[0].name, "can0");
}

Test(top, more_ids_than_it_lists)
{
    top_init(&s);
    for (unsigned i = 0; i < TOP_IDS_MAX + 100; i++)
        feed(i, 0, i | CANP_ID_EFF, 8);
    cr_assert_eq(s.id_count, TOP_IDS_MAX);
    cr_assert_eq(s.unlisted, 100);
    cr_assert_eq(top_sorted(&s, TOP_BY_COUNT, ids), TOP_IDS_MAX);
    feed(0, 0, 5 | CANP_ID_EFF, 8);
    cr_assert_eq(s.unlisted, 100, "one that is listed");
}
