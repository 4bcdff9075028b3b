/* Signal databases: what a DBC file says, and what is said of one that is broken. */
#include <canp/dbc.h>
#include <canp/frame.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct canp_why why;

static struct canp_dbc *parse(const char *text)
{
    struct canp_dbc *dbc;
    int r = canp_dbc_parse(text, strlen(text), "test.dbc", NULL, &dbc, &why);
    cr_assert_eq(r, 0, "%s", why.text);
    return dbc;
}

static const struct canp_dbc_signal *signal_of(const struct canp_dbc *dbc, const char *message,
                                               const char *name)
{
    const struct canp_dbc_message *m = canp_dbc_message_by_name(dbc, message);
    cr_assert_not_null(m, "%s", message);
    const struct canp_dbc_signal *s = canp_dbc_signal_by_name(dbc, m, name);
    cr_assert_not_null(s, "%s.%s", message, name);
    return s;
}

static void no_errors(const struct canp_dbc *dbc)
{
    const struct canp_dbc_error *kept;
    uint32_t count;
    uint64_t errors = canp_dbc_errors(dbc, &kept, &count);
    cr_assert_eq(errors, 0, "%u:%u: %s", kept[0].line, kept[0].column, kept[0].text);
}

#define HEAD "VERSION \"1.0\"\n\nNS_ :\n\tCM_\n\tBA_\n\nBS_:\n\nBU_: ECU1 ECU2\n\n"

Test(dbc, messages_and_signals)
{
    struct canp_dbc *dbc =
        parse(HEAD "BO_ 100 Engine: 8 ECU1\n"
                   " SG_ Speed : 0|16@1+ (0.25,-10) [0|8000] \"rpm\"  ECU2,ECU1\n"
                   " SG_ Temp m0 : 23|8@0- (1E0,-40.5) [-1.5|+100] \"\\\"C\\\"\" Vector__XXX\n"
                   " SG_ Sel M:24|4@1+ (1,0)[0|0]\"\"X\r\n"
                   "\n"
                   "BO_ 2566844926 Wheel: 64 Vector__XXX\n"
                   "BO_ 5 Nothing: 0 ECU2\n"
                   "BO_TX_BU_ 100 : ECU1,ECU2;\n");
    no_errors(dbc);
    const struct canp_dbc_contents *c = canp_dbc_contents(dbc);
    cr_assert_str_eq(c->version, "1.0");
    cr_assert_eq(c->message_count, 3);
    cr_assert_eq(c->node_count, 2);
    cr_assert_eq(c->signal_count, 3);
    const struct canp_dbc_message *m = canp_dbc_message_by_id(dbc, 100);
    cr_assert_str_eq(m->name, "Engine");
    cr_assert_str_eq(m->sender, "ECU1");
    cr_assert_eq(m->transmitter_count, 2);
    cr_assert_eq(m->format, CANP_DBC_STANDARD);
    const struct canp_dbc_signal *s = signal_of(dbc, "Engine", "Speed");
    cr_assert(s->message == m && s->start_bit == 0 && s->bits == 16 && !s->big_endian && !s->is_signed);
    cr_assert(s->factor == 0.25 && s->offset == -10 && s->minimum == 0 && s->maximum == 8000);
    cr_assert_str_eq(s->unit, "rpm");
    cr_assert_eq(s->receiver_count, 2);
    cr_assert_str_eq(s->receivers[1], "ECU1");
    s = signal_of(dbc, "Engine", "Temp");
    cr_assert(s->start_bit == 23 && s->big_endian && s->is_signed && s->is_muxed && s->offset == -40.5);
    cr_assert(s->muxer == signal_of(dbc, "Engine", "Sel") && s->range_count == 1 && s->ranges[0].last == 0);
    cr_assert(s->minimum == -1.5 && s->maximum == 100);
    cr_assert_str_eq(s->unit, "\"C\"");
    cr_assert(signal_of(dbc, "Engine", "Sel")->is_muxer);
    m = canp_dbc_message_by_name(dbc, "Wheel");
    cr_assert(m->id == (CANP_ID_EFF | 0x18FEF1FE) && m->format == CANP_DBC_EXTENDED_FD && m->bytes == 64);
    cr_assert_eq(canp_dbc_message_by_name(dbc, "Nothing")->bytes, 0);
    cr_assert_null(canp_dbc_message_by_id(dbc, 101));
    canp_dbc_release(dbc);
}

Test(dbc, attributes_comments_and_values)
{
    struct canp_dbc *dbc = parse(
        HEAD "VAL_TABLE_ OnOff 1 \"on\" 0 \"off\" ;\n"
             "BO_ 2364540158 EEC1: 8 ECU1\n SG_ A : 0|8@1+ (1,0) [0|0] \"\" ECU2\n SG_ B : 8|8@1- (1,0) "
             "[0|0] \"\" "
             "ECU2\n"
             "BO_ 7 Plain: 8 ECU1\n"
             "EV_ Env: 0 [0|10] \"V\" 2.5 3 DUMMY_NODE_VECTOR0 ECU1,ECU2;\n"
             "CM_ \"of all\";\nCM_ BU_ ECU1 \"a \\\"node\\\"\";\nCM_ BO_ 2364540158 \"two\nlines\";\n"
             "CM_ SG_ 2364540158 A \"BO_ 1 no: message\";\nCM_ EV_ Env \"variable\";\n"
             "BA_DEF_ BO_ \"VFrameFormat\" ENUM \"StandardCAN\",\"ExtendedCAN\",\"reserved\",\"J1939PG\";\n"
             "BA_DEF_ BO_ \"GenMsgCycleTime\" INT 0 1000;\nBA_DEF_ SG_ \"SPN\" INT 0 524287;\n"
             "BA_DEF_ SG_ \"GenSigStartValue\" FLOAT 0 100;\nBA_DEF_ \"BusType\" STRING ;\n"
             "BA_DEF_ SG_ \"SystemSignalLongSymbol\" STRING ;\n"
             "BA_DEF_REL_ BU_SG_REL_ \"Timeout\" INT 0 1;\n"
             "BA_DEF_DEF_ \"VFrameFormat\" \"J1939PG\";\nBA_DEF_DEF_ \"GenMsgCycleTime\" 50;\n"
             "BA_DEF_DEF_ \"SPN\" 0;\nBA_DEF_DEF_REL_ \"Timeout\" 0;\n"
             "BA_ \"BusType\" \"CAN FD\";\nBA_ \"SPN\" SG_ 2364540158 A 190;\n"
             "BA_ \"GenMsgCycleTime\" BO_ 2364540158 20;\nBA_ \"GenSigStartValue\" SG_ 2364540158 A 7.5;\n"
             "BA_ \"SystemSignalLongSymbol\" SG_ 2364540158 B \"B_with_a_long_name\";\n"
             "BA_REL_ \"Timeout\" BU_SG_REL_ ECU2 SG_ 2364540158 A 200;\n"
             "VAL_ 2364540158 A 3 \"three\" 1 \"one\" 2 \"two\" 1 \"uno\" ;\nVAL_ 2364540158 B OnOff ;\n"
             "VAL_ Env 0 \"zero\" ;\nSIG_GROUP_ 2364540158 G 1 : B A;\n");
    no_errors(dbc);
    const struct canp_dbc_contents *c = canp_dbc_contents(dbc);
    const struct canp_dbc_message *m = canp_dbc_message_by_name(dbc, "EEC1");
    const struct canp_dbc_signal *a = signal_of(dbc, "EEC1", "A"), *b = signal_of(dbc, "EEC1", "B");
    cr_assert_str_eq(c->comment, "of all");
    cr_assert_str_eq(canp_dbc_node_by_name(dbc, "ECU1")->comment, "a \"node\"");
    cr_assert_str_eq(m->comment, "two\nlines");
    cr_assert_str_eq(a->comment, "BO_ 1 no: message");
    cr_assert_eq(c->message_count, 2);
    cr_assert_eq(m->format, CANP_DBC_J1939);
    cr_assert_eq(canp_dbc_message_by_name(dbc, "Plain")->format, CANP_DBC_STANDARD);
    cr_assert_eq(m->cycle_ms, 20);
    cr_assert_eq(canp_dbc_message_by_name(dbc, "Plain")->cycle_ms, 50);
    cr_assert(a->spn == 190 && a->has_start && a->start_value == 7.5 && !b->has_start);
    cr_assert_str_eq(b->long_name, "B_with_a_long_name");
    cr_assert_str_eq(canp_dbc_attribute(dbc, CANP_DBC_NETWORK, c->attributes, "BusType")->text, "CAN FD");
    cr_assert_eq(canp_dbc_attribute(dbc, CANP_DBC_SIGNAL, b->attributes, "SPN")->integer, 0);
    cr_assert_eq(canp_dbc_attribute(dbc, CANP_DBC_MESSAGE, m->attributes, "VFrameFormat")->integer, 3);
    cr_assert_null(canp_dbc_attribute(dbc, CANP_DBC_SIGNAL, NULL, "GenSigStartValue"));
    cr_assert_eq(a->values->count, 3);
    cr_assert_str_eq(canp_dbc_value_text(a->values, 1), "one");
    cr_assert_str_eq(canp_dbc_value_text(a->values, 3), "three");
    cr_assert_null(canp_dbc_value_text(a->values, 4));
    cr_assert_null(canp_dbc_value_text(NULL, 4));
    cr_assert_str_eq(canp_dbc_value_text(b->values, 0), "off");
    cr_assert(c->environment_count == 1 && c->environments[0]->initial == 2.5 && c->environments[0]->values);
    cr_assert(c->relation_count == 1 && c->relations[0]->signal == a &&
              c->relations[0]->attribute.value.integer == 200);
    cr_assert(m->groups && m->groups->signal_count == 2 && m->groups->signals[0] == b && !m->groups->next);
    canp_dbc_release(dbc);
}

Test(dbc, nested_multiplexing)
{
    struct canp_dbc *dbc =
        parse("BO_ 1 X: 8 N\n SG_ R M : 0|8@1+ (1,0) [0|0] \"\" N\n"
              " SG_ S m1M : 8|8@1+ (1,0) [0|0] \"\" N\n SG_ T m2 : 16|8@1+ (1,0) [0|0] \"\" N\n"
              "BO_ 2 Y: 8 N\n SG_ P m1 : 0|8@1+ (1,0) [0|0] \"\" N\n"
              "BO_ 3 Z: 8 N\n SG_ P m1M : 0|8@1+ (1,0) [0|0] \"\" N\n"
              " SG_ Q m1M : 8|8@1+ (1,0) [0|0] \"\" N\n"
              "SG_MUL_VAL_ 1 S R 1-1;\nSG_MUL_VAL_ 1 T S 2-3, 7-9;\n"
              "SG_MUL_VAL_ 3 P Q 1-1;\nSG_MUL_VAL_ 3 Q P 1-1;\n");
    no_errors(dbc);
    const struct canp_dbc_signal *t = signal_of(dbc, "X", "T");
    cr_assert(t->muxer == signal_of(dbc, "X", "S") && t->muxer->muxer == signal_of(dbc, "X", "R"));
    cr_assert(t->range_count == 2 && t->ranges[1].first == 7 && t->ranges[1].last == 9);
    cr_assert_eq(t->marks, 0);
    cr_assert_eq(signal_of(dbc, "Y", "P")->marks, CANP_DBC_NO_MUXER);
    cr_assert_eq(signal_of(dbc, "Z", "P")->marks, CANP_DBC_NO_MUXER); /* a circle */
    cr_assert_null(signal_of(dbc, "Z", "Q")->muxer);
    canp_dbc_release(dbc);
}

Test(dbc, encodings)
{
    struct canp_dbc *dbc = parse("\xEF\xBB\xBF"
                                 "BO_ 1 X: 8 N\n SG_ A : 0|8@1+ (1,0) [0|0] \"\xC2\xB0"
                                 "C\" N\n");
    cr_assert_str_eq(signal_of(dbc, "X", "A")->unit, "\xC2\xB0"
                                                     "C");
    cr_assert(canp_dbc_contents(dbc)->was_utf8);
    canp_dbc_release(dbc);
    dbc = parse("BO_ 1 X: 8 N\n SG_ A : 0|8@1+ (1,0) [0|0] \"\xB0"
                "C \x80\" N\n");
    cr_assert_str_eq(signal_of(dbc, "X", "A")->unit, "\xC2\xB0"
                                                     "C \xE2\x82\xAC");
    cr_assert_not(canp_dbc_contents(dbc)->was_utf8);
    canp_dbc_release(dbc);
}

Test(dbc, a_broken_line_costs_itself)
{
    static const char text[] = HEAD "BO_ 1 X: 8 N\n"
                                    " SG_ A : 0|8@1+ (1,0) [0|0] \"\" N\n"
                                    " SG_ B : 0|8@3+ (1,0) [0|0] \"\" N\n"
                                    " SG_ C : 8|8@1+ (1,0) [0|0] \"open N\n"
                                    " SG_ D : 16|8@1+ (1,0) [0|0] \"\" N\n"
                                    "CM_ BO_ 99 \"of nobody\";\n"
                                    "BO_ 2 Y: 8 N\n"
                                    "WHAT is this\n";
    struct canp_dbc_opts opts = CANP_DBC_OPTS_INIT;
    const struct canp_dbc_error *kept;
    uint32_t count;
    struct canp_dbc *dbc = parse(text);
    cr_assert_eq(canp_dbc_errors(dbc, &kept, &count), 4);
    cr_assert_eq(count, 4);
    cr_assert(kept[0].line == 13 && kept[0].column == 14, "%u:%u", kept[0].line, kept[0].column);
    cr_assert_str_eq(kept[0].text, "expected the byte order, 0 or 1, found '3+ (1,0) [0|0] \"\" N'");
    cr_assert_eq(kept[1].line, 14);
    cr_assert_str_eq(kept[1].text, "expected a text that ends with a quote in this line, found '\"open N'");
    cr_assert_eq(kept[2].line, 16);
    cr_assert_eq(kept[3].line, 18);
    cr_assert_eq(canp_dbc_message_by_name(dbc, "X")->signal_count, 2);
    cr_assert_not_null(canp_dbc_message_by_name(dbc, "Y"));
    canp_dbc_release(dbc);

    opts.errors_kept = 1;
    cr_assert_eq(canp_dbc_parse(text, strlen(text), "t", &opts, &dbc, NULL), 0);
    cr_assert_eq(canp_dbc_errors(dbc, &kept, &count), 4);
    cr_assert_eq(count, 1);
    canp_dbc_release(dbc);
    opts.strict = true;
    cr_assert_eq(canp_dbc_parse(text, strlen(text), "t.dbc", &opts, &dbc, &why), -CANP_E_SYNTAX);
    cr_assert_eq(strncmp(why.text, "t.dbc:13:14: expected the byte order", 36), 0, "%s", why.text);
}

Test(dbc, what_is_no_database)
{
    struct canp_dbc *dbc;
    struct canp_dbc_opts opts = CANP_DBC_OPTS_INIT;
    cr_assert_eq(canp_dbc_parse("hello\n", 6, "t", NULL, &dbc, &why), -CANP_E_SYNTAX);
    cr_assert_eq(canp_dbc_parse("", 0, "t", NULL, &dbc, &why), -CANP_E_SYNTAX);
    cr_assert_eq(canp_dbc_open("/nonexistent/x.dbc", NULL, &dbc, &why), -ENOENT);
    cr_assert_eq(canp_dbc_open("/tmp", NULL, &dbc, &why), -EISDIR);
    opts.file_bytes_max = 3;
    cr_assert_eq(canp_dbc_parse("VERSION", 7, "t", &opts, &dbc, &why), -EFBIG);
    canp_dbc_release(NULL);
}

Test(dbc, numbers)
{
    static const struct {
        const char *text;
        double value;
    } cases[] = {{"0", 0},
                 {"-0.001", -0.001},
                 {"1.7976931348623157E308", 1.7976931348623157E308},
                 {"5e-324", 5e-324},
                 {"-9.22337203685478E+018", -9.22337203685478E+018},
                 {".5", .5},
                 {"1.", 1},
                 {"0.1000000000000000055511151231257827021181583404541015625", 0.1},
                 {"123456789012345678901234567890", 123456789012345678901234567890.0},
                 {"4294967295", 4294967295},
                 {"9007199254740993", 9007199254740993.0},
                 {"1.#INF", INFINITY}};
    char text[256];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(text, sizeof(text), "BO_ 1 X: 8 N\n SG_ A : 0|8@1+ (%s,0) [0|0] \"\" N\n", cases[i].text);
        struct canp_dbc *dbc = parse(text);
        no_errors(dbc);
        double factor = signal_of(dbc, "X", "A")->factor;
        cr_assert(memcmp(&factor, &cases[i].value, sizeof(factor)) == 0, "%s: %.17g", cases[i].text, factor);
        canp_dbc_release(dbc);
    }
}

static void count_kind(void *user, const struct canp_dbc_finding *finding)
{
    ((unsigned *)user)[finding->kind]++;
}

Test(dbc, findings)
{
    struct canp_dbc *dbc =
        parse("BO_ 1 X: 2 N\n SG_ A : 0|8@1+ (1,0) [0|0] \"\" N\n SG_ B : 7|8@0+ (1,0) [0|0] \"\" N\n"
              " SG_ C : 15|8@0+ (1,0) [5|1] \"\" N\n SG_ C : 16|8@1+ (1,0) [0|300] \"\" N\n"
              "BO_ 1 Y: 8 N\n SG_ M M : 0|8@1+ (1,0) [0|0] \"\" N\n SG_ P m0 : 8|8@1+ (1,0) [0|0] \"\" N\n"
              " SG_ Q m1 : 8|8@1+ (1,0) [0|0] \"\" N\n SG_ R m1 : 15|1@0+ (1,0) [0|0] \"\" N\n"
              "BO_ 4096 Y: 8 N\n SG_ A m0 : 0|2@1- (1,0) [0|0] \"\" N\n SG_ F : 8|16@1- (1,0) [0|0] \"\" N\n"
              "SIG_VALTYPE_ 4096 F : 1;\nVAL_ 4096 A 2 \"two\" ;\nbroken\n");
    unsigned found[16] = {0};
    cr_assert_eq(canp_dbc_check(dbc, count_kind, found), 13);
    static const unsigned expected[16] = {
        [CANP_DBC_FINDS_SYNTAX] = 1, [CANP_DBC_FINDS_DUPLICATE_ID] = 1, [CANP_DBC_FINDS_DUPLICATE_NAME] = 2,
        [CANP_DBC_FINDS_BEYOND] = 1, [CANP_DBC_FINDS_NO_MUXER] = 1,     [CANP_DBC_FINDS_OVERLAP] = 2,
        [CANP_DBC_FINDS_RANGE] = 2,  [CANP_DBC_FINDS_VALUE_TEXT] = 1,   [CANP_DBC_FINDS_FLOAT] = 1,
        [CANP_DBC_FINDS_ID] = 1};
    for (int i = 0; i < 16; i++)
        cr_assert_eq(found[i], expected[i], "%s: %u", canp_dbc_finding_name((enum canp_dbc_finding_kind)i),
                     found[i]);
    canp_dbc_release(dbc);
}

/* Real files, where they are: each is read without one error. */
Test(dbc, real_files)
{
    static const char *const patterns[] = {"/*/*.dbc", "/*/*/*.dbc", "/*/*/*/*.dbc", "/*/*/*/*/*.dbc",
                                           "/*/*/*/*/*/*.dbc"};
    const char *data = getenv("CANP_DATA");
    char pattern[512];
    size_t files = 0;
    for (size_t i = 0; data && i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        glob_t found;
        snprintf(pattern, sizeof(pattern), "%s%s", data, patterns[i]);
        if (glob(pattern, 0, NULL, &found) != 0)
            continue;
        for (size_t k = 0; k < found.gl_pathc; k++, files++) {
            struct canp_dbc *dbc;
            cr_assert_eq(canp_dbc_open(found.gl_pathv[k], NULL, &dbc, &why), 0, "%s", why.text);
            no_errors(dbc);
            cr_assert_gt(canp_dbc_contents(dbc)->message_count, 0);
            canp_dbc_release(dbc);
        }
        globfree(&found);
    }
    if (files == 0)
        cr_skip_test("CANP_DATA names no directory with DBC files");
}
