/* Frames into values: by hand what tests/dbc/reference.py compares at random, and the rows of recordings. */
#include <canp/decode.h>
#include <canp/rows.h>
#include <criterion/criterion.h>
#include <string.h>

static struct canp_dbc *dbc;
static struct canp_decoder *decoder;
static struct canp_decode_counts counts;
static struct canp_value values[64];

static const char text[] = "BO_ 256 Plain: 8 A\n"
                           " SG_ Little : 4|12@1+ (0.5,-10) [0|100] \"V\" A\n"
                           " SG_ Big : 23|16@0- (1,0) [0|0] \"\" A\n"
                           " SG_ All : 0|64@1+ (1,0) [0|0] \"\" A\n"
                           " SG_ Signed : 0|64@1- (1,0) [0|0] \"\" A\n"
                           "BO_ 257 Mux: 8 A\n"
                           " SG_ Sel M : 0|8@1- (1,0) [0|0] \"\" A\n"
                           " SG_ Two m2 : 8|8@1+ (1,0) [0|0] \"\" A\n"
                           " SG_ High m200 : 8|8@1+ (1,0) [0|0] \"\" A\n"
                           " SG_ Many m0M : 16|8@1+ (1,0) [0|0] \"\" A\n"
                           " SG_ Deep m0 : 24|8@1+ (1,0) [0|0] \"\" A\n"
                           "BO_ 2364540158 Engine: 8 A\n"
                           " SG_ Speed : 24|16@1+ (0.125,0) [0|8031.875] \"rpm\" A\n"
                           " SG_ Mode : 0|4@1+ (1,0) [0|15] \"\" A\n"
                           " SG_ Bit : 8|2@1+ (1,0) [0|3] \"\" A\n"
                           "BO_ 2565537790 Request: 3 A\n"
                           " SG_ Group : 0|24@1+ (1,0) [0|0] \"\" A\n"
                           "BO_ 258 Text: 16 A\n"
                           " SG_ Name : 8|96@1+ (1,0) [0|0] \"\" A\n"
                           "BA_DEF_ \"ProtocolType\" STRING ;\n"
                           "BA_ \"ProtocolType\" \"J1939\";\n"
                           "VAL_ 2364540158 Bit 0 \"off\" 1 \"on\" ;\n"
                           "SG_MUL_VAL_ 257 Many Sel 5-9, 7-12, 100-100;\n"
                           "SG_MUL_VAL_ 257 Deep Many 1-1;\n";

static void setup(void)
{
    struct canp_why why;
    memset(&counts, 0, sizeof(counts));
    cr_assert_eq(canp_dbc_parse(text, sizeof(text) - 1, "test.dbc", NULL, &dbc, &why), 0, "%s", why.text);
    cr_assert_eq(canp_dbc_errors(dbc, NULL, NULL), 0);
    cr_assert_eq(canp_decoder_open(dbc, NULL, &decoder, &why), 0);
}

static void teardown(void)
{
    canp_dbc_release(dbc); /* the decoder is an owner, too */
    canp_decoder_close(decoder);
}

TestSuite(decode, .init = setup, .fini = teardown);

static uint32_t decode(uint32_t id, const char *bytes, size_t count)
{
    const struct canp_plan *plan = canp_decoder_plan(decoder, id);
    cr_assert_not_null(plan, "%x", id);
    return canp_plan_decode(plan, (const uint8_t *)bytes, count, values, &counts);
}

static const struct canp_value *value_of(uint32_t count, const char *name)
{
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(values[i].signal->name, name) == 0)
            return &values[i];
    return NULL;
}

Test(decode, orders_signs_and_sizes)
{
    uint32_t n = decode(256, "\x50\xF0\xFF\xFE\x00\x00\x00\x80", 8);
    cr_assert_eq(n, 4);
    cr_assert(value_of(n, "Little")->raw == 0xF05 && value_of(n, "Little")->value == 0xF05 * 0.5 - 10);
    cr_assert_eq(value_of(n, "Little")->flags, CANP_VALUE_OUT_OF_RANGE);
    cr_assert(value_of(n, "Big")->raw == (uint64_t)-2 && value_of(n, "Big")->value == -2);
    cr_assert(value_of(n, "All")->raw == 0x80000000FEFFF050 &&
              value_of(n, "All")->value == 9223372041132961872.0);
    cr_assert(value_of(n, "Signed")->raw == 0x80000000FEFFF050 && value_of(n, "Signed")->value < 0);
    cr_assert(counts.frames == 1 && counts.values == 4 && counts.short_values == 0);
}

Test(decode, short_frames)
{
    uint32_t n = decode(256, "\x50\x00\x01", 3);
    cr_assert_eq(n, 1);
    cr_assert_eq(value_of(n, "Little")->raw, 5);
    cr_assert_eq(counts.short_values, 3);
    cr_assert_eq(decode(256, "", 0), 0);
    cr_assert_eq(decode(257, "", 0), 0);
    cr_assert_eq(counts.short_values, 3 + 4 + 1); /* of a muxer that is missing it alone */
}

Test(decode, multiplexing)
{
    uint32_t n = decode(257, (const char[8]){"\x02\x07"}, 8);
    cr_assert(n == 2 && value_of(n, "Two")->raw == 7);
    n = decode(257, (const char[8]){"\xC8\x07"}, 8); /* the muxer is signed: its bits count */
    cr_assert(n == 2 && value_of(n, "High") && value_of(n, "Sel")->value == -56);
    n = decode(257, (const char[8]){"\x08\x00\x02\x07"}, 8); /* in two ranges, given once */
    cr_assert(n == 2 && value_of(n, "Many"));
    n = decode(257, (const char[8]){"\x64\x00\x01\x07"}, 8);
    cr_assert(n == 3 && value_of(n, "Deep")->raw == 7);
    n = decode(257, (const char[8]){"\x0D\x00\x01\x07"}, 8);
    cr_assert_eq(n, 1);
}

Test(decode, j1939)
{
    uint32_t n = decode(CANP_ID_EFF | 0x0CF00417, "\x0F\xFD\x00\xFF\xFF\x00\x00\x00", 8); /* another source */
    cr_assert_eq(n, 3);
    cr_assert_eq(value_of(n, "Speed")->flags, CANP_VALUE_NOT_AVAILABLE | CANP_VALUE_OUT_OF_RANGE);
    cr_assert_eq(value_of(n, "Mode")->flags, CANP_VALUE_NOT_AVAILABLE);
    cr_assert_eq(value_of(n, "Bit")->flags, 0);
    cr_assert_str_eq(canp_value_text(value_of(n, "Bit")), "on");
    n = decode(CANP_ID_EFF | 0x18F00400, "\x0E\x02\x00\x34\xFE\x00\x00\x00", 8);
    cr_assert_eq(value_of(n, "Speed")->flags, CANP_VALUE_ERROR | CANP_VALUE_OUT_OF_RANGE);
    cr_assert_eq(value_of(n, "Mode")->flags, CANP_VALUE_ERROR);
    cr_assert_eq(value_of(n, "Bit")->flags, CANP_VALUE_ERROR);
    cr_assert_null(canp_value_text(value_of(n, "Bit")));
    cr_assert_eq(decode(CANP_ID_EFF | 0x18EA1703, "\xCA\xFE\x00", 3), 1); /* to any destination */
    cr_assert_eq(canp_j1939_pgn(CANP_ID_EFF | 0x18EA1703), 0xEA00);
    cr_assert_eq(canp_j1939_pgn(CANP_ID_EFF | 0x19F11203), 0x1F112);
    cr_assert_null(canp_decoder_plan(decoder, 0x0CF00417));
    cr_assert_null(canp_decoder_plan(decoder, CANP_ID_EFF | 0x0CF00517));
    cr_assert_null(canp_decoder_plan(decoder, 256 | CANP_ID_RTR));
}

Test(decode, j1939_by_option)
{
    struct canp_decoder_opts opts = {.j1939 = CANP_J1939_NEVER};
    struct canp_decoder *plain;
    cr_assert_eq(canp_decoder_open(dbc, &opts, &plain, NULL), 0);
    cr_assert_null(canp_decoder_plan(plain, CANP_ID_EFF | 0x0CF00417));
    const struct canp_plan *plan = canp_decoder_plan(plain, CANP_ID_EFF | 0x0CF004FE);
    cr_assert_not_null(plan);
    uint32_t n =
        canp_plan_decode(plan, (const uint8_t *)"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 8, values, &counts);
    cr_assert_eq(value_of(n, "Mode")->flags, 0);
    canp_decoder_close(plain);
    canp_decoder_close(NULL);
}

Test(decode, more_than_64_bits)
{
    uint32_t n = decode(258, "0123456789abcdef", 16);
    cr_assert(n == 1 && values[0].flags == CANP_VALUE_BYTES && values[0].raw == 1 &&
              values[0].value != values[0].value);
    cr_assert_eq(decode(258, "0123456789abcdef", 12), 0);
}

static void put(struct canp_rowbuf *rows, int64_t time_ns, uint32_t id, uint8_t first)
{
    union canp_frame_store store = {0};
    store.frame.id = id;
    store.frame.len = 8;
    store.frame.data[0] = first;
    cr_assert_eq(canp_rowbuf_put_frame(rows, time_ns, canp_tag(0, CANP_KIND_CAN, 0), &store.frame), 0);
}

Test(decode, rows_in_parts)
{
    static uint64_t space[512];
    struct canp_rowbuf rows;
    struct canp_decoded frames[3];
    uint64_t seen = 0, seen_values = 0;
    canp_rowbuf_init(&rows, space, sizeof(space));
    for (int i = 0; i < 10; i++) {
        put(&rows, 1000 + i, i % 2 ? 257 : 999, 2);
        if (i == 5) {
            put(&rows, 1005, 257 | CANP_ID_RTR, 2);
            canp_rowbuf_put_gap(&rows, 0, CANP_LAYER_SOCKET, 1, 1, 1005);
        }
    }
    for (size_t at = 0, used; at < rows.used_bytes; at += used) {
        uint32_t n = canp_decoder_rows(decoder, rows.data + at, rows.used_bytes - at, rows.base_ns, values,
                                       11, frames, 3, &used, &counts);
        cr_assert(n > 0 || at + used == rows.used_bytes);
        for (uint32_t i = 0; i < n; i++, seen++, seen_values += frames[i - 1].value_count) {
            cr_assert_eq(frames[i].time_ns, 1001 + 2 * (int64_t)seen);
            cr_assert_str_eq(canp_plan_message(frames[i].plan)->name, "Mux");
            cr_assert_str_eq(values[frames[i].first_value + 1].signal->name, "Two");
        }
    }
    cr_assert(seen == 5 && seen_values == 10 && counts.frames == 5 && counts.values == 10);
    cr_assert(counts.frames_unknown == 5 && counts.not_data == 2);
}
