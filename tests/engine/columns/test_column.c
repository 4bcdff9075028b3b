/* Columns of a recording, raw and packed, against decoding each of its frames. */
#include <canp/column.h>
#include <canp/writer.h>
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "seed.h"
#include "temp_dir.h"

#define BASE_NS   INT64_C(1700000000000000000)
#define FRAMES    6000
#define SOURCES   3
#define ROOM      (FRAMES + 1)
#define NS_PER_MS INT64_C(1000000)

static const char text[] = "BO_ 256 Plain: 8 A\n"
                           " SG_ Little : 4|12@1+ (0.5,-10) [0|100] \"V\" A\n"
                           " SG_ Big : 23|16@0- (1,0) [0|0] \"\" A\n"
                           " SG_ All : 0|64@1+ (1,0) [0|0] \"\" A\n"
                           " SG_ Signed : 0|64@1- (1,0) [0|0] \"\" A\n"
                           " SG_ Single : 32|32@1- (2,1) [0|0] \"\" A\n"
                           "BO_ 257 Mux: 8 A\n"
                           " SG_ Sel M : 0|4@1+ (1,0) [0|0] \"\" A\n"
                           " SG_ Two m2 : 8|8@1+ (1,0) [0|0] \"\" A\n"
                           " SG_ Many m0M : 4|4@1+ (1,0) [0|0] \"\" A\n"
                           " SG_ Deep m0 : 24|8@1+ (1,0) [0|0] \"\" A\n"
                           "BO_ 2364540158 Engine: 8 A\n"
                           " SG_ Speed : 24|16@1+ (0.125,0) [0|8031.875] \"rpm\" A\n"
                           "BO_ 2565537790 Request: 3 A\n"
                           " SG_ Group : 0|24@1+ (1,0) [0|0] \"\" A\n"
                           "BO_ 300 Large: 64 A\n"
                           " SG_ Far : 487|20@0- (0.25,3) [0|0] \"\" A\n"
                           "BO_ 258 Text: 16 A\n"
                           " SG_ Name : 8|96@1+ (1,0) [0|0] \"\" A\n"
                           "BO_ 259 Lost: 8 A\n"
                           " SG_ NoMuxer m1 : 8|8@1+ (1,0) [0|0] \"\" A\n"
                           "BO_ 256 Again: 8 A\n"
                           " SG_ Hidden : 0|8@1+ (1,0) [0|0] \"\" A\n"
                           "BA_DEF_ \"ProtocolType\" STRING ;\n"
                           "BA_ \"ProtocolType\" \"J1939\";\n"
                           "BA_DEF_ SG_ \"SIG_VALTYPE\" INT 0 3;\n"
                           "SIG_VALTYPE_ 256 Single : 1;\n"
                           "SG_MUL_VAL_ 257 Many Sel 5-9, 7-12;\n"
                           "SG_MUL_VAL_ 257 Deep Many 1-5, 9-9;\n";

static struct canp_dbc *dbc;
static struct canp_decoder *decoder;

static void setup(void)
{
    struct canp_why why;
    temp_dir_make();
    cr_assert_eq(canp_dbc_parse(text, sizeof(text) - 1, "test.dbc", NULL, &dbc, &why), 0, "%s", why.text);
    cr_assert_eq(canp_decoder_open(dbc, NULL, &decoder, &why), 0);
}

static void teardown(void)
{
    canp_decoder_close(decoder);
    canp_dbc_release(dbc);
    temp_dir_remove();
}

TestSuite(column, .init = setup, .fini = teardown, .timeout = 120);

/* ---- a recording -------------------------------------------------------------------------------------- */

static uint32_t draw_id(struct test_random *random)
{
    static const uint32_t ids[] = {256,        257,        258,        259,        300,
                                   0x8CF00400, 0x98F00400, 0x98EA00F9, 0x8CF00300, 400};
    uint32_t id = ids[test_random_below(random, sizeof(ids) / sizeof(ids[0]))];
    if (id & CANP_ID_EFF)
        id |= (uint32_t)test_random_below(random, SOURCES);
    if ((id & ~0xFFU) == 0x98EA0000) /* to one: any destination */
        id |= (uint32_t)test_random_below(random, SOURCES) << 8;
    if (test_random_below(random, 30) == 0)
        id |= CANP_ID_RTR;
    return id;
}

static void put_frame(struct test_random *random, struct canp_writer *w, int64_t time_ns, uint64_t *last)
{
    uint8_t room[80] = {0};
    struct canp_frame *frame = (struct canp_frame *)room;
    struct canp_record r = {.time_ns = time_ns, .frame = frame};
    frame->id = draw_id(random);
    frame->len = (frame->id & 0x7FFFFFFF) == 300 ? (uint8_t)(test_random_below(random, 2) * 16 + 48) : 8;
    if (test_random_below(random, 10) == 0)
        frame->len = (uint8_t)test_random_below(random, 9);
    if (frame->id & CANP_ID_RTR)
        frame->len = 0;
    for (unsigned i = 0; i < frame->len; i += 8) { /* some bytes change seldom, as on a bus */
        *last = test_random_below(random, 3) ? *last + 0x10100 : test_random_u64(random);
        memcpy(frame->data + i, last, frame->len - i < 8 ? frame->len - i : 8U);
    }
    r.kind = frame->len > 8 ? CANP_KIND_FD : CANP_KIND_CAN;
    r.channel = (uint8_t)test_random_below(random, 3);
    r.dir = (uint8_t)test_random_below(random, 2);
    r.has_hw_time = test_random_below(random, 8) == 0;
    r.hw_time_ns = time_ns - 77;
    cr_assert_eq(canp_writer_put(w, &r), 0);
}

static void record(struct test_random *random, bool pack)
{
    static const struct canp_iface ifaces[] = {{.name = "a"}, {.name = "b"}, {.name = "c"}};
    struct canp_writer_opts opts = CANP_WRITER_OPTS_INIT;
    struct canp_why why = {""};
    struct canp_writer *w;
    uint64_t last = 0;
    opts.no_sync = true;
    opts.pack = pack;
    cr_assert_eq(canp_writer_open(dir, &opts, &w, &why), 0, "%s", why.text);
    for (uint8_t i = 0; i < 3; i++)
        cr_assert_eq(canp_writer_add_iface(w, i, &ifaces[i], BASE_NS), 0);
    for (unsigned i = 0; i < FRAMES; i++) {
        int64_t back_ns = test_random_below(random, 20) ? 0 : 5 * NS_PER_MS;
        put_frame(random, w, BASE_NS + i * NS_PER_MS - back_ns, &last);
        if (test_random_below(random, 700) == 0)
            cr_assert_eq(canp_writer_flush(w), 0);
    }
    cr_assert_eq(canp_writer_finish(w), 0);
    canp_writer_close(w);
}

/* ---- the slow way ------------------------------------------------------------------------------------- */

static bool passes(const struct canp_column_opts *o, const struct canp_record *r)
{
    bool chosen = o->channels[0] == 0 || (o->channels[0] >> r->channel & 1);
    bool in_time = (!o->from_ns || r->time_ns >= o->from_ns) && (!o->to_ns || r->time_ns <= o->to_ns);
    return canp_kind_is_frame(r->kind) && chosen && in_time && (!o->dirs || (o->dirs >> r->dir & 1));
}

static struct canp_column_arrays expected, found;
static int64_t times[2][ROOM];
static double numbers[2][ROOM];
static uint64_t raws[2][ROOM];
static uint8_t marks[2][ROOM], channels[2][ROOM];

static struct canp_column_arrays arrays(unsigned i, size_t room)
{
    return (struct canp_column_arrays){room, 0, times[i], numbers[i], raws[i], marks[i], channels[i]};
}

static void add_values(const struct canp_record *r, const struct canp_dbc_signal *signal)
{
    struct canp_value values[16];
    struct canp_decode_counts counts = {0};
    const struct canp_plan *plan = canp_decoder_plan(decoder, r->frame->id);
    if (!plan || canp_plan_message(plan) != signal->message)
        return;
    uint32_t count = canp_plan_decode(plan, r->frame->data, r->frame->len, values, &counts);
    for (uint32_t i = 0; i < count; i++) {
        if (values[i].signal != signal)
            continue;
        size_t at = expected.count++;
        times[0][at] = r->time_ns;
        numbers[0][at] = values[i].value;
        raws[0][at] = values[i].raw;
        marks[0][at] = (uint8_t)values[i].flags;
        channels[0][at] = r->channel;
    }
}

static void expect(struct canp_reader *reader, const struct canp_dbc_signal *signal,
                   const struct canp_column_opts *opts)
{
    struct canp_cursor *cursor;
    struct canp_record r;
    int more;
    expected = arrays(0, ROOM);
    cr_assert_eq(canp_cursor_open(reader, NULL, &cursor), 0);
    while ((more = canp_cursor_next(cursor, &r)) == 1)
        if (passes(opts, &r))
            add_values(&r, signal);
    cr_assert_eq(more, 0);
    canp_cursor_close(cursor);
}

/* ---- the same ----------------------------------------------------------------------------------------- */

static void assert_same(const struct canp_dbc_signal *s)
{
    cr_assert_eq(found.count, expected.count, "%s: %zu, expected %zu", s->name, found.count, expected.count);
    for (size_t i = 0; i < found.count; i++) {
        cr_assert_eq(found.times_ns[i], expected.times_ns[i], "%s: time %zu", s->name, i);
        cr_assert_eq(found.raw[i], expected.raw[i], "%s: raw value %zu", s->name, i);
        cr_assert_eq(memcmp(&found.values[i], &expected.values[i], sizeof(double)), 0, "%s: value %zu",
                     s->name, i);
        cr_assert_eq(found.flags[i], expected.flags[i], "%s: flags %zu", s->name, i);
        cr_assert_eq(found.channels[i], expected.channels[i], "%s: channel %zu", s->name, i);
    }
}

static struct canp_column_opts draw_opts(struct test_random *random)
{
    struct canp_column_opts opts = CANP_COLUMN_OPTS_INIT;
    if (test_random_below(random, 3) == 0)
        opts.from_ns = BASE_NS + (int64_t)test_random_below(random, FRAMES) * NS_PER_MS;
    if (test_random_below(random, 3) == 0)
        opts.to_ns = BASE_NS + (int64_t)test_random_below(random, FRAMES) * NS_PER_MS;
    if (test_random_below(random, 3) == 0)
        opts.channels[0] = 1 + test_random_below(random, 7);
    if (test_random_below(random, 4) == 0)
        opts.dirs = (uint8_t)(1 + test_random_below(random, 3));
    opts.with = CANP_COLUMN_RAW | CANP_COLUMN_FLAGS | CANP_COLUMN_CHANNELS;
    return opts;
}

/* By pieces of any size. */
static void read_pieces(struct test_random *random, struct canp_reader *reader,
                        const struct canp_dbc_signal *s, const struct canp_column_opts *opts)
{
    struct canp_column *column;
    struct canp_column_counts counts;
    int64_t n;
    size_t count = 0, most = 1 + test_random_below(random, 900);
    cr_assert_eq(canp_column_open(reader, decoder, s, opts, &column, NULL), 0);
    do {
        struct canp_column_arrays piece = arrays(1, ROOM);
        piece.times_ns += count;
        piece.values += count;
        piece.raw += count;
        piece.flags += count;
        piece.channels += count;
        piece.room = 1 + test_random_below(random, most);
        piece.room = piece.room < ROOM - count ? piece.room : ROOM - count;
        n = canp_column_read(column, &piece);
        cr_assert(n >= 0 && (size_t)n <= piece.room && (size_t)n == piece.count);
        count += piece.count;
    } while (n > 0);
    found = arrays(1, ROOM);
    found.count = count;
    canp_column_counts(column, &counts);
    cr_assert_eq(counts.values, count);
    cr_assert_eq(counts.frames, counts.values + counts.short_frames + counts.unselected);
    cr_assert_eq(canp_column_damaged(column), 0);
    canp_column_close(column);
    assert_same(s);
}

static void check_signal(struct test_random *random, struct canp_reader *reader,
                         const struct canp_dbc_signal *s)
{
    struct canp_why why;
    struct canp_column_opts opts = draw_opts(random);
    expect(reader, s, &opts);
    read_pieces(random, reader, s, &opts);
    cr_assert_eq(canp_signal_column(reader, decoder, s, &opts, &found, NULL, NULL, &why), 0, "%s", why.text);
    assert_same(s);
    canp_column_arrays_release(&found);
    cr_assert_null(found.values);
}

static const char *const names[] = {"Plain.Little", "Plain.Big",    "Plain.All",     "Plain.Signed",
                                    "Plain.Single", "Mux.Sel",      "Mux.Two",       "Mux.Many",
                                    "Mux.Deep",     "Engine.Speed", "Request.Group", "Large.Far"};

static const struct canp_dbc_signal *find(const char *name)
{
    char message[32];
    const char *dot = strchr(name, '.');
    snprintf(message, sizeof(message), "%.*s", (int)(dot - name), name);
    const struct canp_dbc_message *m = canp_dbc_message_by_name(dbc, message);
    const struct canp_dbc_signal *s = m ? canp_dbc_signal_by_name(dbc, m, dot + 1) : NULL;
    cr_assert_not_null(s, "%s", name);
    return s;
}

static void check_all(bool pack)
{
    struct test_random random = test_random_start("column");
    struct canp_reader *reader;
    size_t values = 0;
    record(&random, pack);
    cr_assert_eq(canp_reader_open(dir, &reader, NULL), 0);
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        for (unsigned draws = 0; draws < 4; draws++) {
            check_signal(&random, reader, find(names[i]));
            values += expected.count;
        }
    cr_assert_gt(values, FRAMES); /* it was no comparison of nothing */
    canp_reader_close(reader);
}

Test(column, raw_blocks)
{
    check_all(false);
}

Test(column, packed_blocks)
{
    check_all(true);
}

/* ---- counts, errors ----------------------------------------------------------------------------------- */

Test(column, counts_what_gives_no_value)
{
    struct test_random random = {15};
    struct canp_column_arrays all;
    struct canp_column_counts counts;
    struct canp_reader *reader;
    uint32_t damaged = 1;
    record(&random, true);
    cr_assert_eq(canp_reader_open(dir, &reader, NULL), 0);
    cr_assert_eq(canp_signal_column(reader, decoder, find("Mux.Two"), NULL, &all, &counts, &damaged, NULL),
                 0);
    cr_assert_eq(damaged, 0);
    cr_assert_null(all.raw); /* not asked for */
    cr_assert_eq(counts.values, all.count);
    cr_assert(counts.values > 0 && counts.short_frames > 0 && counts.unselected > counts.values);
    cr_assert_eq(counts.frames, counts.values + counts.short_frames + counts.unselected);
    canp_column_arrays_release(&all);
    canp_reader_close(reader);
}

Test(column, goes_on_as_the_recording_grows)
{
    struct canp_writer_opts opts = CANP_WRITER_OPTS_INIT;
    static _Alignas(8)
        const uint8_t bytes[] = {0, 1, 0, 0, 8, 0, 0, 0, 0x10, 0x02, 0, 0, 0, 0, 0, 0}; /* id 256 */
    const struct canp_frame *frame = (const struct canp_frame *)bytes;
    struct canp_record r = {.time_ns = BASE_NS, .frame = frame, .kind = CANP_KIND_CAN};
    struct canp_column *column;
    struct canp_reader *reader;
    struct canp_writer *w;
    opts.no_sync = true;
    cr_assert_eq(canp_writer_open(dir, &opts, &w, NULL), 0);
    cr_assert(canp_writer_put(w, &r) == 0 && canp_writer_flush(w) == 0);
    cr_assert_eq(canp_reader_open(dir, &reader, NULL), 0);
    cr_assert_eq(canp_column_open(reader, decoder, find("Plain.Little"), NULL, &column, NULL), 0);
    for (unsigned i = 0; i < 3; i++) {
        struct canp_column_arrays two = arrays(1, 2);
        cr_assert_eq(canp_column_read(column, &two), 1);
        cr_assert_float_eq(two.values[0], 0x21 * 0.5 - 10, 0);
        cr_assert_eq(canp_column_read(column, &two), 0);
        r.time_ns += NS_PER_MS;
        cr_assert(canp_writer_put(w, &r) == 0 && canp_writer_flush(w) == 0);
        cr_assert_eq(canp_reader_refresh(reader), 1);
    }
    canp_column_close(column);
    canp_reader_close(reader);
    canp_writer_close(w);
}

Test(column, refuses_what_has_no_column)
{
    static const char *const bad[] = {"Text.Name", "Lost.NoMuxer", "Again.Hidden"};
    struct test_random random = {15};
    struct canp_column_opts newer = CANP_COLUMN_OPTS_INIT;
    struct canp_column *column;
    struct canp_column_arrays all;
    struct canp_reader *reader;
    struct canp_why why;
    record(&random, false);
    cr_assert_eq(canp_reader_open(dir, &reader, NULL), 0);
    for (unsigned i = 0; i < 3; i++) {
        cr_assert_eq(canp_column_open(reader, decoder, find(bad[i]), NULL, &column, &why), -EINVAL, "%s",
                     bad[i]);
        cr_assert_not_null(strstr(why.text, find(bad[i])->name), "%s", why.text);
    }
    cr_assert_eq(canp_signal_column(reader, decoder, find(bad[0]), NULL, &all, NULL, NULL, &why), -EINVAL);
    cr_assert(all.room == 0 && !all.times_ns);
    newer.size = 3;
    cr_assert_eq(canp_column_open(reader, decoder, find("Plain.All"), &newer, &column, &why), -EINVAL);
    canp_column_close(NULL);
    canp_reader_close(reader);
}
