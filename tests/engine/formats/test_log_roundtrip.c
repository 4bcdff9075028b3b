/*
 * Records of every kind, from a seed, written in each format that can be written and read, and read back:
 * identical up to what the writer counted as lost and what the format's capabilities say. A new format is
 * tested by being in the table.
 */
#include <criterion/criterion.h>
#include <unistd.h>

#include <canp/log.h>
#include <canp/rows.h>

#include "body.h"
#include "seed.h"
#include "temp_dir.h"

TestSuite(log_roundtrip, .init = temp_dir_make, .fini = temp_dir_remove);

#define RECORDS 2000
#define IFACES  3

static const char iface_names[IFACES][CANP_IFACE_NAME_BYTES] = {"can0", "can1", "vcan0"}; /* 1, 2, 3 */

union store {
    struct canp_frame frame;
    struct canp_xl_frame xl;
    struct canp_event event;
    struct canp_gap gap;
    struct canp_link_event link;
    struct canp_iface iface;
    uint8_t bytes[2064 + 16];
};

struct sample {
    struct canp_record record;
    union store store;
};

static const char *path(const char *name)
{
    static char paths[4][64];
    static unsigned next;
    char *out = paths[next++ % 4];
    snprintf(out, sizeof(paths[0]), "%s/%s", dir, name);
    return out;
}

static void fill_bytes(struct test_random *r, uint8_t *data, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        data[i] = (uint8_t)test_random_u64(r);
}

static void make_can(struct test_random *r, struct sample *s)
{
    struct canp_frame *f = &s->store.frame;
    bool is_extended = test_random_below(r, 2);
    f->id =
        (uint32_t)test_random_below(r, is_extended ? 0x20000000 : 0x800) | (is_extended ? CANP_ID_EFF : 0);
    f->len = (uint8_t)test_random_below(r, 9);
    if (f->len == 8 && test_random_below(r, 4) == 0)
        f->len8_dlc = (uint8_t)(9 + test_random_below(r, 7));
    if (test_random_below(r, 8) == 0)
        f->id |= CANP_ID_RTR;
    else
        fill_bytes(r, f->data, f->len);
    s->record.kind = CANP_KIND_CAN;
}

static void make_fd(struct test_random *r, struct sample *s)
{
    static const uint8_t lengths[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64};
    struct canp_frame *f = &s->store.frame;
    bool is_extended = test_random_below(r, 2);
    f->id =
        (uint32_t)test_random_below(r, is_extended ? 0x20000000 : 0x800) | (is_extended ? CANP_ID_EFF : 0);
    f->len = lengths[test_random_below(r, 16)];
    f->flags = (uint8_t)(CANP_FD_FDF | test_random_below(r, 4));
    fill_bytes(r, f->data, f->len);
    s->record.kind = CANP_KIND_FD;
}

static void make_xl(struct test_random *r, struct sample *s)
{
    struct canp_xl_frame *f = &s->store.xl;
    f->prio = (uint32_t)(test_random_below(r, 0x800) | test_random_below(r, 256) << 16);
    f->flags = (uint8_t)(0x80 | test_random_below(r, 2));
    f->sdt = (uint8_t)test_random_u64(r);
    f->af = (uint32_t)test_random_u64(r);
    f->len = (uint16_t)(1 + test_random_below(r, test_random_below(r, 4) ? 64 : 2048));
    fill_bytes(r, f->data, f->len);
    s->record.kind = CANP_KIND_XL;
}

/* Classes as the kernel's drivers make them: 8 bytes. */
static void make_error(struct test_random *r, struct sample *s)
{
    s->store.frame.id = CANP_ID_ERR | (uint32_t)(1 + test_random_below(r, 0x3FF));
    s->store.frame.len = 8;
    fill_bytes(r, s->store.frame.data, 8);
    s->record.kind = CANP_KIND_CAN;
}

static void make_gap(struct test_random *r, struct sample *s)
{
    s->store.gap = (struct canp_gap){.layer = 1 + (uint32_t)test_random_below(r, 4),
                                     .bytes = sizeof(struct canp_gap),
                                     .lost = 1 + test_random_below(r, 1000),
                                     .from_ns = s->record.time_ns - (int64_t)test_random_below(r, 1000000),
                                     .to_ns = s->record.time_ns};
    s->record.kind = CANP_KIND_GAP;
}

static void make_mark(struct test_random *r, struct sample *s)
{
    static const char text[] = "driver=\xC3\xA9lan, \"quoted\"";
    s->store.event.code = (uint32_t)test_random_below(r, 2);
    s->store.event.bytes = (uint16_t)(sizeof(s->store.event) + sizeof(text) - 1);
    memcpy(s->store.event.payload, text, sizeof(text) - 1);
    s->record.kind = CANP_KIND_MARK;
}

static void make_link(struct test_random *r, struct sample *s)
{
    s->store.link = (struct canp_link_event){.code = 1 + (uint32_t)test_random_below(r, 6),
                                             .bytes = sizeof(struct canp_link_event),
                                             .name = "can7",
                                             .state = (uint32_t)test_random_below(r, 6),
                                             .tx_errors = 3,
                                             .rx_errors = 200};
    s->record.kind = CANP_KIND_LINK;
}

static void make_sample(struct test_random *r, struct sample *s, int64_t time_ns)
{
    static void (*const makers[])(struct test_random *, struct sample *) = {
        make_can, make_can,   make_can, make_can,  make_fd,  make_fd,
        make_xl,  make_error, make_gap, make_mark, make_link};
    memset(s, 0, sizeof(*s));
    s->record.time_ns = time_ns;
    s->record.channel = (uint8_t)test_random_below(r, IFACES);
    s->record.event = &s->store.event;
    makers[test_random_below(r, sizeof(makers) / sizeof(makers[0]))](r, s);
    if (canp_kind_is_frame(s->record.kind) && test_random_below(r, 4) == 0)
        s->record.dir = CANP_DIR_TX;
    if (canp_kind_is_frame(s->record.kind) && test_random_below(r, 10) == 0) {
        s->record.has_hw_time = true;
        s->record.hw_time_ns = time_ns - 12345;
    }
}

static void define_ifaces(struct canp_log_writer *writer)
{
    for (uint8_t i = 0; i < IFACES; i++) {
        struct canp_iface iface = {.bytes = sizeof(iface), .mtu = 72, .bitrate = 500000};
        struct canp_record record = {.time_ns = 1700000000000000000, .kind = CANP_KIND_IFACE, .channel = i};
        memcpy(iface.name, iface_names[i], sizeof(iface.name));
        record.iface = &iface;
        cr_assert_eq(canp_log_write(writer, &record), 0);
    }
}

/* Does the reader yield such records at all? */
static bool is_kept(const struct canp_log_format_info *f, const struct canp_record *r)
{
    uint32_t both = f->reads & f->writes;
    switch (r->kind) {
    case CANP_KIND_CAN:
        return (r->frame->id & CANP_ID_ERR)   ? both & CANP_LOG_ERRORS
               : (r->frame->id & CANP_ID_RTR) ? both & CANP_LOG_REMOTE
                                              : true;
    case CANP_KIND_FD:
        return both & CANP_LOG_FD;
    case CANP_KIND_XL:
        return both & CANP_LOG_XL;
    case CANP_KIND_GAP:
        return both & CANP_LOG_GAPS;
    case CANP_KIND_MARK:
        return both & CANP_LOG_MARKS;
    case CANP_KIND_LINK:
        return both & CANP_LOG_LINKS;
    default:
        return false;
    }
}

static void compare(struct canp_log_reader *reader, const struct canp_log_format_info *f,
                    const struct canp_log_write_stats *stats, const struct sample *want,
                    const struct canp_record *got, unsigned n)
{
    const struct canp_record *r = &want->record;
    uint32_t both = f->reads & f->writes;
    union store expected = want->store;
    int64_t unit = (both & CANP_LOG_NANOS) ? 1 : 1000;
    /* Without its flags a short FD frame is a classic one: that was said to be lost. */
    bool is_short_fd = r->kind == CANP_KIND_FD && got->kind == CANP_KIND_CAN && r->frame->len <= 8 &&
                       stats->losses[CANP_LOG_LOSS_FD_FLAGS];
    cr_assert(got->kind == r->kind || is_short_fd, "%s: record %u is of kind %u, not %u", f->name, n,
              got->kind, r->kind);
    if (both & CANP_LOG_EPOCH)
        cr_assert_eq(got->time_ns / unit, r->time_ns / unit, "%s: record %u: time", f->name, n);
    if (both & CANP_LOG_NAMES)
        cr_assert_str_eq(canp_log_iface(reader, got->channel)->name, iface_names[r->channel], "%s: %u",
                         f->name, n);
    else if (both & CANP_LOG_NUMBERED)
        cr_assert_eq(canp_log_iface_number(reader, got->channel), r->channel + 1U, "%s: %u", f->name, n);
    bool is_error = r->kind == CANP_KIND_CAN && (r->frame->id & CANP_ID_ERR);
    bool is_usual = canp_kind_is_frame(r->kind) && !is_error;
    if (is_usual && (both & CANP_LOG_DIRECTION))
        cr_assert_eq(got->dir, r->dir, "%s: record %u: direction", f->name, n);
    else if (is_error && (both & CANP_LOG_DIRECTION) && !stats->losses[CANP_LOG_LOSS_DIRECTION])
        cr_assert_eq(got->dir, r->dir, "%s: record %u: direction", f->name, n);
    if (both & CANP_LOG_HW_TIME)
        cr_assert(got->has_hw_time == r->has_hw_time && got->hw_time_ns == r->hw_time_ns, "%s: %u: hw",
                  f->name, n);
    if (r->kind == CANP_KIND_CAN && !(both & CANP_LOG_RAW_DLC))
        expected.frame.len8_dlc = 0;
    if (r->kind == CANP_KIND_FD && stats->losses[CANP_LOG_LOSS_FD_FLAGS])
        expected.frame.flags = got->frame->flags;
    if (is_error && stats->losses[CANP_LOG_LOSS_ERROR_CLASS])
        return; /* an error stands there: which one was said to be lost */
    if (r->kind == CANP_KIND_XL && stats->losses[CANP_LOG_LOSS_XL_FIELDS])
        return;
    if (r->kind == CANP_KIND_CAN && (r->frame->id & CANP_ID_RTR) && stats->losses[CANP_LOG_LOSS_REMOTE_DLC])
        expected.frame.len = got->frame->len;
    if (!canp_kind_is_frame(r->kind) && unit > 1)
        return; /* times within an event are cut */
    cr_assert_eq(memcmp(got->event, &expected, test_body_bytes(r)), 0, "%s: record %u: differs", f->name, n);
}

static void write_all(const char *name, const char *format, struct test_random seed,
                      struct canp_log_write_stats *stats)
{
    static struct sample s;
    struct canp_log_write_opts opts = {.size = sizeof(opts), .style = CANP_LOG_EVENTS | CANP_LOG_DIRECTION};
    struct canp_log_writer *writer = NULL;
    struct canp_why why = {{0}};
    int64_t time_ns = 1700000000000000000;
    cr_assert_eq(canp_log_writer_open(path(name), format, &opts, &writer, &why), 0, "%s", why.text);
    define_ifaces(writer);
    for (unsigned i = 0; i < RECORDS; i++) {
        time_ns +=
            1000 * (int64_t)test_random_below(&seed, 100000) + (int64_t)test_random_below(&seed, 2) * 123;
        make_sample(&seed, &s, time_ns);
        cr_assert_eq(canp_log_write(writer, &s.record), 0, "%s: record %u", format, i);
    }
    canp_log_writer_stats(writer, stats);
    cr_assert_eq(canp_log_finish(writer, &why), 0, "%s: %s", format, why.text);
}

/* The next record that is none of bookkeeping. */
static int next_of(struct canp_log_reader *reader, struct canp_record *record)
{
    int r;
    do
        r = canp_log_next(reader, record);
    while (r == 1 && (record->kind == CANP_KIND_IFACE || record->kind == CANP_KIND_CLOCK));
    return r;
}

static void read_all(const char *name, const struct canp_log_format_info *f, struct test_random seed,
                     const struct canp_log_write_stats *stats)
{
    static struct sample s;
    struct canp_log_reader *reader = NULL;
    struct canp_record record;
    struct canp_why why = {{0}};
    int64_t time_ns = 1700000000000000000;
    cr_assert_eq(canp_log_open(path(name), NULL, &reader, &why), 0, "%s: %s", f->name, why.text);
    cr_assert_str_eq(canp_log_reader_format(reader)->name, f->name, "recognised as %s, not %s",
                     canp_log_reader_format(reader)->name, f->name);
    for (unsigned i = 0; i < RECORDS; i++) {
        time_ns +=
            1000 * (int64_t)test_random_below(&seed, 100000) + (int64_t)test_random_below(&seed, 2) * 123;
        make_sample(&seed, &s, time_ns);
        s.record.event = &s.store.event;
        if (!is_kept(f, &s.record))
            continue;
        cr_assert_eq(next_of(reader, &record), 1, "%s: record %u: %s", f->name, i, canp_log_why(reader));
        compare(reader, f, stats, &s, &record, i);
    }
    cr_assert_eq(next_of(reader, &record), 0);
    cr_assert_eq(canp_log_reader_stats(reader)->bad, 0);
    canp_log_close(reader);
}

Test(log_roundtrip, every_format_keeps_what_it_says_it_keeps)
{
    const struct canp_log_format_info *f;
    struct test_random start = test_random_start("log_roundtrip");
    unsigned tried = 0;
    for (unsigned i = 0; (f = canp_log_format_at(i)) != NULL; i++) {
        if (!f->writes || !f->reads)
            continue;
        for (unsigned round = 0; round < 3; round++) {
            struct test_random seed = {start.state + round};
            struct canp_log_write_stats stats;
            char name[32];
            snprintf(name, sizeof(name), "%s-%u", f->name, round);
            write_all(name, f->name, seed, &stats);
            read_all(name, f, seed, &stats);
        }
        tried++;
    }
    cr_assert_geq(tried, 2);
}
