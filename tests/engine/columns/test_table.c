/* Tables of records against reading them one by one, tables of values against decoding, and what Arrow gets
 * of them. */
#include <canp/table.h>
#include <canp/writer.h>
#include <criterion/criterion.h>
#include <string.h>

#include "seed.h"
#include "temp_dir.h"

#define BASE_NS INT64_C(1700000000000000000)
#define RECORDS 20000

static const char text[] = "BO_ 256 Plain: 8 A\n SG_ Little : 4|12@1+ (0.5,-10) [0|100] \"V\" A\n"
                           " SG_ Byte : 40|8@1- (1,0) [0|0] \"\" A\nBO_ 257 Other: 8 A\n"
                           " SG_ All : 0|64@1+ (1,0) [0|0] \"\" A\n"
                           "BO_ 2566848254 Long: 20 A\n SG_ Last : 152|8@1+ (2,0) [0|0] \"\" A\n"
                           "BA_DEF_ \"ProtocolType\" STRING ;\nBA_ \"ProtocolType\" \"J1939\";\n";

static void setup(void)
{
    temp_dir_make();
}

static void teardown(void)
{
    temp_dir_remove();
}

TestSuite(table, .init = setup, .fini = teardown, .timeout = 120);

/* ---- a recording -------------------------------------------------------------------------------------- */

static void put_frame(struct test_random *random, struct canp_writer *w, int64_t time_ns)
{
    union canp_frame_store store = {0};
    struct canp_record r = {.time_ns = time_ns, .frame = &store.frame};
    r.kind = test_random_below(random, 10) ? CANP_KIND_CAN : CANP_KIND_FD;
    store.frame.id = 256 + (uint32_t)test_random_below(random, 3);
    store.frame.len = r.kind == CANP_KIND_FD ? 48 : (uint8_t)test_random_below(random, 9);
    if (r.kind == CANP_KIND_FD)
        store.frame.flags = CANP_FD_FDF;
    else if (test_random_below(random, 20) == 0)
        store.frame.id |= CANP_ID_RTR;
    else if (store.frame.len == 8)
        store.frame.len8_dlc = test_random_below(random, 2) ? 0 : 13;
    for (unsigned i = 0; i < store.frame.len && !(store.frame.id & CANP_ID_RTR); i++)
        store.frame.data[i] = (uint8_t)test_random_below(random, 256);
    r.channel = (uint8_t)test_random_below(random, 2);
    r.dir = (uint8_t)test_random_below(random, 3);
    r.has_hw_time = test_random_below(random, 8) == 0;
    r.hw_time_ns = time_ns - 77;
    cr_assert_eq(canp_writer_put(w, &r), 0);
}

static void put_other(struct canp_writer *w, int64_t time_ns, unsigned which)
{
    union canp_xl_frame_store store = {.xl = {.prio = 5, .flags = 0x81, .sdt = 3, .len = 700, .af = 77}};
    struct canp_gap gap = {.layer = CANP_LAYER_SOCKET, .bytes = sizeof(gap), .lost = 9};
    struct canp_record r = {.time_ns = time_ns, .kind = CANP_KIND_XL, .xl = &store.xl};
    memset(store.xl.data, 0x5A, 700);
    if (which) {
        r.kind = CANP_KIND_GAP;
        r.gap = &gap;
    }
    cr_assert_eq(canp_writer_put(w, &r), 0);
}

static void record(bool pack)
{
    static const struct canp_iface ifaces[] = {{.name = "can0"}, {.name = "vcan1"}};
    struct canp_writer_opts opts = CANP_WRITER_OPTS_INIT;
    struct test_random random = test_random_start("table");
    struct canp_why why = {""};
    struct canp_writer *w;
    opts.no_sync = true;
    opts.pack = pack;
    cr_assert_eq(canp_writer_open(dir, &opts, &w, &why), 0, "%s", why.text);
    for (uint8_t i = 0; i < 2; i++)
        cr_assert_eq(canp_writer_add_iface(w, i, &ifaces[i], BASE_NS), 0);
    for (unsigned i = 0; i < RECORDS; i++) {
        if (i % 1000 == 999)
            put_other(w, BASE_NS + i * INT64_C(1000000), i / 1000 % 2);
        else
            put_frame(&random, w, BASE_NS + i * INT64_C(1000000));
    }
    cr_assert_eq(canp_writer_finish(w), 0);
    canp_writer_close(w);
}

static struct canp_reader *open_reader(void)
{
    struct canp_reader *reader;
    struct canp_why why = {""};
    cr_assert_eq(canp_reader_open(dir, &reader, &why), 0, "%s", why.text);
    return reader;
}

/* ---- records ------------------------------------------------------------------------------------------ */

static void check_data(const struct canp_table_arrays *a, size_t i, const void *data, size_t bytes)
{
    cr_assert_eq((size_t)(a->starts[i + 1] - a->starts[i]), bytes);
    cr_assert_eq(memcmp(a->bytes + a->starts[i], data, bytes), 0);
}

static void check_row(const struct canp_table_arrays *a, size_t i, const struct canp_record *r)
{
    cr_assert_eq(a->times_ns[i], r->time_ns);
    cr_assert_eq(a->channels[i], r->channel);
    cr_assert_eq(a->kinds[i], r->kind);
    cr_assert_eq(a->dirs[i], r->dir);
    cr_assert_eq(a->hw_times_ns[i], r->has_hw_time ? r->hw_time_ns : INT64_MIN);
    if (r->kind == CANP_KIND_XL) {
        cr_assert_eq(a->ids[i], r->xl->prio);
        cr_assert_eq(a->lengths[i], r->xl->len);
        cr_assert_eq(a->flags[i], r->xl->flags);
        cr_assert_eq(a->extras[i], (uint64_t)r->xl->sdt << 32 | r->xl->af);
        check_data(a, i, r->xl->data, r->xl->len);
    } else if (canp_kind_is_frame(r->kind)) {
        cr_assert_eq(a->ids[i], r->frame->id);
        cr_assert_eq(a->lengths[i], r->frame->len);
        cr_assert_eq(a->flags[i], r->kind == CANP_KIND_FD ? r->frame->flags : 0);
        cr_assert_eq(a->extras[i], r->kind == CANP_KIND_CAN ? r->frame->len8_dlc : 0);
        check_data(a, i, r->frame->data, r->frame->id & CANP_ID_RTR ? 0 : r->frame->len);
    } else {
        cr_assert_eq(a->ids[i], r->event->code);
        check_data(a, i, r->event->payload, r->event->bytes - 8U);
    }
}

/* All rows of the tables against what a cursor with the same options lends. */
static void compare(const struct canp_cursor_opts *what, uint64_t rows_max, uint64_t bytes_max)
{
    struct canp_reader *reader = open_reader();
    struct canp_table_opts opts = CANP_TABLE_OPTS_INIT;
    struct canp_table_reader *tables;
    struct canp_table_arrays a;
    struct canp_table *table;
    struct canp_cursor *cursor;
    struct canp_record r;
    uint64_t rows = 0;
    opts.rows_max = rows_max;
    opts.bytes_max = bytes_max;
    cr_assert_eq(canp_table_reader_open(reader, what, &opts, &tables), 0);
    cr_assert_eq(canp_cursor_open(reader, what, &cursor), 0);
    while (canp_table_reader_next(tables, &table) == 1) {
        canp_table_arrays(table, &a);
        cr_assert(a.rows > 0 && (!rows_max || a.rows <= rows_max));
        cr_assert(!bytes_max || a.starts[a.rows - 1] < (int64_t)bytes_max);
        cr_assert_str_eq(canp_table_iface(table, 1), "vcan1");
        for (size_t i = 0; i < a.rows; i++) {
            cr_assert_eq(canp_cursor_next(cursor, &r), 1);
            check_row(&a, i, &r);
        }
        rows += a.rows;
        canp_table_release(table);
    }
    cr_assert_eq(canp_cursor_next(cursor, &r), 0);
    cr_assert(rows > 10);
    cr_assert_eq(canp_table_reader_damaged(tables), 0);
    canp_cursor_close(cursor);
    canp_table_reader_close(tables);
    canp_reader_close(reader);
}

static void compare_all(void)
{
    struct canp_cursor_opts what = CANP_CURSOR_OPTS_INIT;
    struct canp_filter_set filter = {.count = 0};
    compare(NULL, 0, 0);
    compare(NULL, 777, 0);
    compare(NULL, 0, 3000);
    what.from_ns = BASE_NS + INT64_C(3000000000);
    what.to_ns = BASE_NS + INT64_C(4000000000);
    compare(&what, 0, 0);
    what.to_ns = 0;
    what.dirs = 1U << CANP_DIR_TX;
    canp_cursor_opts_add_channel(&what, 1);
    compare(&what, 100, 0);
    what = (struct canp_cursor_opts)CANP_CURSOR_OPTS_INIT;
    cr_assert_eq(canp_filter_parse(&filter, "101:C00007FF", NULL), 0);
    what.filter = &filter;
    compare(&what, 0, 0);
    what.kinds = 1U << CANP_KIND_GAP | 1U << CANP_KIND_XL;
    what.filter = NULL;
    compare(&what, 0, 0);
    what.frames_only = true;
    what.kinds = 0;
    compare(&what, 0, 0);
}

Test(table, records_of_plain_rows)
{
    record(false);
    compare_all();
}

Test(table, records_of_packed_rows)
{
    record(true);
    compare_all();
}

Test(table, of_a_log_is_the_same)
{
    struct canp_log_reader *log;
    struct canp_table_reader *tables;
    struct canp_table_arrays a, b;
    struct canp_table *whole, *other;
    struct canp_why why;
    record(false);
    struct canp_reader *reader = open_reader();
    cr_assert_eq(canp_table_reader_open(reader, NULL, NULL, &tables), 0);
    cr_assert_eq(canp_table_reader_rest(tables, &whole), 0);
    canp_table_reader_close(tables);
    cr_assert_eq(canp_log_open(dir, NULL, &log, &why), 0);
    cr_assert_eq(canp_table_reader_open_log(log, NULL, &tables), 0);
    cr_assert_eq(canp_table_reader_rest(tables, &other), 0);
    canp_table_reader_close(tables);
    canp_table_arrays(whole, &a);
    canp_table_arrays(other, &b);
    cr_assert_eq(a.rows, b.rows);
    cr_assert_eq(memcmp(a.times_ns, b.times_ns, a.rows * sizeof(*a.times_ns)), 0);
    cr_assert_eq(memcmp(a.starts, b.starts, (a.rows + 1) * sizeof(*a.starts)), 0);
    cr_assert_eq(memcmp(a.bytes, b.bytes, (size_t)a.starts[a.rows]), 0);
    canp_log_close(log);
    struct canp_table_opts frames = CANP_TABLE_OPTS_INIT;
    frames.frames_only = true;
    cr_assert_eq(canp_log_open(dir, NULL, &log, &why), 0);
    cr_assert_eq(canp_table_reader_open_log(log, &frames, &tables), 0);
    canp_table_release(other);
    cr_assert_eq(canp_table_reader_rest(tables, &other), 0);
    canp_table_reader_close(tables);
    canp_table_arrays(other, &b);
    cr_assert(b.rows < a.rows);
    for (size_t i = 0; i < b.rows; i++)
        cr_assert(canp_kind_is_frame(b.kinds[i]));
    canp_log_close(log);
    canp_table_release(whole);
    canp_table_release(other);
    canp_reader_close(reader);
}

Test(table, only_the_fields_that_were_asked_for)
{
    struct canp_table_opts opts = CANP_TABLE_OPTS_INIT;
    struct canp_table_reader *tables;
    struct canp_table_arrays a;
    struct canp_table *table;
    record(false);
    struct canp_reader *reader = open_reader();
    opts.fields = CANP_TABLE_TIME | CANP_TABLE_LENGTH | CANP_TABLE_VALUE;
    cr_assert_eq(canp_table_reader_open(reader, NULL, &opts, &tables), 0);
    cr_assert_eq(canp_table_reader_rest(tables, &table), 0);
    canp_table_arrays(table, &a);
    cr_assert(a.times_ns && a.lengths && !a.ids && !a.bytes && !a.starts && !a.values && !a.channels);
    cr_assert(a.rows >= RECORDS);
    canp_table_release(table);
    cr_assert_eq(canp_table_reader_rest(tables, &table), 0); /* nothing is left: a table without rows */
    canp_table_arrays(table, &a);
    cr_assert_eq(a.rows, 0);
    canp_table_release(table);
    canp_table_reader_close(tables);
    canp_reader_close(reader);
    opts.size = 3;
    cr_assert_eq(canp_table_reader_open(NULL, NULL, &opts, &tables), -EINVAL);
}

/* ---- values ------------------------------------------------------------------------------------------- */

static const struct canp_dbc_signal *signal_named(const struct canp_dbc *dbc, const char *message,
                                                  const char *name)
{
    return canp_dbc_signal_by_name(dbc, canp_dbc_message_by_name(dbc, message), name);
}

static struct canp_table *decode(struct canp_reader *reader, const struct canp_table_values *values,
                                 struct canp_decode_counts *counts)
{
    struct canp_table_reader *tables;
    struct canp_table *table;
    cr_assert_eq(canp_table_reader_open(reader, NULL, NULL, &tables), 0);
    cr_assert_eq(canp_table_reader_decode(tables, values), 0);
    cr_assert_eq(canp_table_reader_decode(tables, values), -EINVAL); /* once only */
    cr_assert_eq(canp_table_reader_rest(tables, &table), 0);
    canp_table_reader_counts(tables, counts);
    canp_table_reader_close(tables);
    return table;
}

Test(table, values_are_those_of_the_columns)
{
    struct canp_dbc *dbc;
    struct canp_decoder *decoder;
    struct canp_table_values values = CANP_TABLE_VALUES_INIT;
    struct canp_decode_counts counts;
    record(true);
    cr_assert_eq(canp_dbc_parse(text, sizeof(text) - 1, "test.dbc", NULL, &dbc, NULL), 0);
    cr_assert_eq(canp_decoder_open(dbc, NULL, &decoder, NULL), 0);
    const struct canp_dbc_signal *wanted[] = {signal_named(dbc, "Other", "All"),
                                              signal_named(dbc, "Plain", "Byte")};
    struct canp_reader *reader = open_reader();
    values.decoder = decoder;
    values.signals = wanted;
    values.signal_count = 2;
    struct canp_table *table = decode(reader, &values, &counts);
    struct canp_table_arrays a;
    canp_table_arrays(table, &a);
    cr_assert(a.rows > 100 && counts.values > a.rows);
    for (uint32_t k = 0; k < 2; k++) {
        struct canp_column_arrays column;
        size_t at = 0;
        cr_assert_eq(canp_signal_column(reader, decoder, wanted[k], NULL, &column, NULL, NULL, NULL), 0);
        for (size_t i = 0; i < a.rows; i++) {
            if (a.signals[i] != k)
                continue;
            cr_assert_eq(a.times_ns[i], column.times_ns[at]);
            cr_assert_eq(a.values[i], column.values[at]);
            at++;
        }
        cr_assert_eq(at, column.count);
        canp_column_arrays_release(&column);
    }
    canp_table_release(table);
    canp_reader_close(reader);
    canp_decoder_close(decoder);
    canp_dbc_release(dbc);
}

static void put_extended(struct canp_writer *w, int64_t time_ns, uint32_t id, const uint8_t data[8])
{
    union canp_frame_store store = {.frame = {.id = id | CANP_ID_EFF, .len = 8}};
    struct canp_record r = {.time_ns = time_ns, .frame = &store.frame};
    memcpy(store.frame.data, data, 8);
    cr_assert_eq(canp_writer_put(w, &r), 0);
}

Test(table, values_of_messages_of_several_frames)
{
    static const struct canp_iface iface = {.name = "can0"};
    struct canp_writer *w;
    struct canp_dbc *dbc;
    struct canp_decoder *decoder;
    struct canp_transport *transport;
    struct canp_table_values values = CANP_TABLE_VALUES_INIT;
    struct canp_decode_counts counts;
    struct canp_table_arrays a;
    cr_assert_eq(canp_writer_open(dir, NULL, &w, NULL), 0);
    cr_assert_eq(canp_writer_add_iface(w, 0, &iface, 1), 0);
    put_extended(w, 1, 0x1CECFF02,
                 (const uint8_t[8]){32, 20, 0, 3, 0xFF, 0xFE, 0xFE, 0}); /* BAM: group FEFE */
    put_extended(w, 2, 0x1CEBFF02, (const uint8_t[8]){1, 1, 2, 3, 4, 5, 6, 7});
    put_extended(w, 3, 0x1CEBFF02, (const uint8_t[8]){2, 8, 9, 10, 11, 12, 13, 14});
    put_extended(w, 4, 0x1CEBFF02, (const uint8_t[8]){3, 15, 16, 17, 18, 19, 100, 0xFF});
    cr_assert_eq(canp_writer_finish(w), 0);
    canp_writer_close(w);
    cr_assert_eq(canp_dbc_parse(text, sizeof(text) - 1, "test.dbc", NULL, &dbc, NULL), 0);
    cr_assert_eq(canp_decoder_open(dbc, NULL, &decoder, NULL), 0);
    cr_assert_eq(canp_transport_open(NULL, &transport), 0);
    const struct canp_dbc_signal *wanted[] = {signal_named(dbc, "Long", "Last")};
    values.decoder = decoder;
    values.signals = wanted;
    values.signal_count = 1;
    values.transport = transport;
    struct canp_reader *reader = open_reader();
    struct canp_table *table = decode(reader, &values, &counts);
    canp_table_arrays(table, &a);
    cr_assert_eq(a.rows, 1);
    cr_assert_eq(a.values[0], 200.0);
    cr_assert_eq(a.times_ns[0], 4);
    canp_table_release(table);
    canp_reader_close(reader);
    canp_transport_close(transport);
    canp_decoder_close(decoder);
    canp_dbc_release(dbc);
}

/* ---- Arrow -------------------------------------------------------------------------------------------- */

Test(table, arrow_holds_the_table)
{
    struct canp_table_reader *tables;
    struct canp_table *table;
    struct canp_table_arrays a;
    struct ArrowSchema schema;
    struct ArrowArray array, child;
    record(false);
    struct canp_reader *reader = open_reader();
    cr_assert_eq(canp_table_reader_open(reader, NULL, NULL, &tables), 0);
    cr_assert_eq(canp_table_reader_rest(tables, &table), 0);
    canp_table_reader_close(tables);
    canp_reader_close(reader);
    canp_table_arrays(table, &a);
    cr_assert_eq(canp_table_arrow(table, NULL, 0, &schema, &array), 0);
    canp_table_release(table); /* the array is an owner */
    cr_assert_str_eq(schema.format, "+s");
    cr_assert_eq(schema.n_children, 10);
    cr_assert_eq(array.n_children, 10);
    cr_assert_eq(array.length, (int64_t)a.rows);
    cr_assert_str_eq(schema.children[0]->name, "time");
    cr_assert_str_eq(schema.children[9]->format, "Z");
    cr_assert_eq(array.children[9]->n_buffers, 3);
    cr_assert_str_eq(schema.children[1]->dictionary->format, "u");
    const int32_t *starts = array.children[1]->dictionary->buffers[1];
    cr_assert_eq(array.children[1]->dictionary->length, 2);
    cr_assert_eq(memcmp((const char *)array.children[1]->dictionary->buffers[2] + starts[1], "vcan1", 5), 0);
    child = *array.children[0]; /* moved out, as the interface permits */
    array.children[0]->release = NULL;
    array.release(&array);
    schema.release(&schema);
    cr_assert(!array.release && !schema.release);
    cr_assert_eq(((const int64_t *)child.buffers[1])[0], BASE_NS);
    child.release(&child);
}

Test(table, arrow_stream)
{
    struct canp_table_reader *tables;
    struct canp_table *table;
    struct ArrowArrayStream stream;
    struct ArrowSchema schema;
    struct ArrowArray array;
    record(false);
    struct canp_reader *reader = open_reader();
    cr_assert_eq(canp_table_reader_open(reader, NULL, NULL, &tables), 0);
    for (int taken = 0; taken < 3; taken++) {
        cr_assert_eq(canp_table_reader_rest(tables, &table), 0);
        cr_assert_eq(canp_table_arrow_stream(table, NULL, 0, &stream), 0);
        canp_table_release(table);
        cr_assert_eq(stream.get_schema(&stream, &schema), 0);
        schema.release(&schema);
        for (int i = 0; i < taken; i++) {
            cr_assert_eq(stream.get_next(&stream, &array), 0);
            cr_assert_eq(array.release != NULL, i == 0); /* then the end */
            if (array.release)
                array.release(&array);
        }
        stream.release(&stream);
    }
    canp_table_reader_close(tables);
    canp_reader_close(reader);
}
