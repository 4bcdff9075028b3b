/* Clock records: one at the start, two where the clock was set, none where it only slewed. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "fake_recorder.h"

static unsigned clocks(struct canp_recorder *rec, struct canp_clock *out, unsigned max)
{
    unsigned n = 0;
    if (!rec->in.slab)
        return 0;
    const struct canp_rowbuf *rows = &((struct slab_head *)rec->in.slab->user)->rows;
    struct canp_record r;
    for (size_t at = 0; at < rows->used_bytes; at += r.row_bytes) {
        canp_row_read(rows->data + at, rows->base_ns, &r);
        if (r.kind == CANP_KIND_CLOCK && n < max)
            out[n++] = *r.clock;
    }
    return n;
}

static struct canp_recorder *open_anchored(void)
{
    struct canp_recorder *rec =
        fake_open(&(struct fake_opts){.chan_count = 1, .slab_count = 4, .slab_bytes = 65536});
    canp_clock_records_anchor(rec);
    return rec;
}

Test(clock, a_clock_that_runs_leaves_one_record)
{
    struct canp_recorder *rec = open_anchored();
    struct canp_clock c[4];
    for (int i = 0; i < 1000; i++)
        canp_clock_records_look(rec);
    cr_assert_eq(clocks(rec, c, 4), 1);
    fake_close(rec);
}

Test(clock, a_step_is_two_records_of_one_moment)
{
    const int64_t steps_ns[] = {3600000000000, -5000000, 5000000};
    for (unsigned i = 0; i < 3; i++) {
        struct canp_recorder *rec = open_anchored();
        struct canp_clock c[4];
        rec->in.clock_offset_ns -= steps_ns[i]; /* as if the clock had been set meanwhile */
        for (int tries = 0; tries < 1000 && clocks(rec, c, 4) == 1; tries++)
            canp_clock_records_look(rec);
        cr_assert_eq(clocks(rec, c, 4), 3);
        cr_assert_eq(c[1].monotonic_ns, c[2].monotonic_ns);
        int64_t told_ns = c[2].realtime_ns - c[1].realtime_ns;
        cr_assert_lt(llabs(told_ns - steps_ns[i]), 1000000);
        cr_assert_not_null(canp_notices_peek(&rec->in.notices));
        canp_clock_records_look(rec);
        cr_assert_eq(clocks(rec, c, 4), 3, "told once");
        fake_close(rec);
    }
}

/* As if the machine had slept meanwhile: CLOCK_REALTIME and CLOCK_BOOTTIME went on. */
static unsigned after_a_sleep(int64_t slept_ns, int64_t set_ns, struct canp_clock out[5])
{
    struct canp_recorder *rec = open_anchored();
    rec->in.clock_offset_ns -= slept_ns + set_ns;
    rec->boottime_offset_ns -= slept_ns;
    for (int tries = 0; tries < 1000 && clocks(rec, out, 5) == 1; tries++)
        canp_clock_records_look(rec);
    canp_clock_records_look(rec);
    unsigned n = clocks(rec, out, 5);
    fake_close(rec);
    return n;
}

Test(clock, a_suspend_is_a_record_of_its_own)
{
    const int64_t slept_ns = 8 * INT64_C(3600000000000);
    struct canp_clock c[5];
    cr_assert_eq(after_a_sleep(slept_ns, 0, c), 2, "a suspend is no step");
    cr_assert(c[0].code == CANP_CLOCK_ANCHOR && c[0].suspended_ns == 0);
    cr_assert(c[1].code == CANP_CLOCK_SUSPEND && canp_clock_has_boottime(&c[1]));
    cr_assert_lt(llabs(c[1].suspended_ns - slept_ns), 1000000);
    int64_t ahead_ns = canp_boottime_ns() - (int64_t)canp_monotonic_ns();
    cr_assert_lt(llabs(c[1].boottime_ns - c[1].monotonic_ns - ahead_ns), 1000000);
}

Test(clock, a_clock_set_while_the_machine_slept_is_both)
{
    const int64_t slept_ns = 8 * INT64_C(3600000000000), set_ns = -INT64_C(5000000000);
    struct canp_clock c[5];
    cr_assert_eq(after_a_sleep(slept_ns, set_ns, c), 4);
    cr_assert_eq(c[1].code, CANP_CLOCK_SUSPEND);
    cr_assert(c[2].code == CANP_CLOCK_ANCHOR && c[3].code == CANP_CLOCK_ANCHOR);
    cr_assert_lt(llabs(c[1].suspended_ns - slept_ns), 1000000);
    cr_assert_lt(llabs(c[3].realtime_ns - c[2].realtime_ns - set_ns), 1000000);
}

Test(clock, the_boot_is_the_one_that_the_kernel_names)
{
    char said[40] = "", made[40] = "";
    uint8_t id[16];
    FILE *f = fopen("/proc/sys/kernel/random/boot_id", "r");
    cr_assert(f && fgets(said, sizeof(said), f));
    fclose(f);
    said[36] = '\0';
    canp_boot_id(id);
    for (unsigned i = 0, at = 0; i < 16; i++) {
        at += (unsigned)sprintf(made + at, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", id[i]);
    }
    cr_assert_str_eq(made, said);
}

Test(clock, slewing_is_no_step_and_an_hour_has_its_anchors)
{
    struct canp_recorder *rec = open_anchored();
    struct canp_clock c[4];
    uint64_t hour_ns = UINT64_C(3600000000000);
    rec->clock_ns -= hour_ns;              /* the last look was an hour ago */
    rec->in.clock_offset_ns -= 1800000000; /* 500 ppm of it */
    rec->anchor_ns -= hour_ns;
    for (int tries = 0; tries < 1000 && clocks(rec, c, 4) == 1; tries++)
        canp_clock_records_look(rec);
    cr_assert_eq(clocks(rec, c, 4), 2);
    cr_assert_null(canp_notices_peek(&rec->in.notices));
    fake_close(rec);
}
