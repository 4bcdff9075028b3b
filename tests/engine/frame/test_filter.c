/* Filters: candump's syntax, the kernel's semantics (net/can/af_can.c). */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include <canp/filter.h>

static struct canp_filter_set set;
static struct canp_why why;

static int parse(const char *text)
{
    memset(&set, 0, sizeof(set));
    return canp_filter_parse(&set, text, &why);
}

#define EFF CANP_ID_EFF
#define RTR CANP_ID_RTR
#define ERR CANP_ID_ERR

Test(filter, which_ids_pass)
{
    static const struct {
        const char *text;
        uint32_t id;
        bool pass;
    } cases[] = {
        {"error", 0x123, false},
        {"error", 0x123 | EFF, false},
        {"error", 0x4 | ERR, true},
        {"error", 0x200 | ERR, true},
        {"error,123:7FF", 0x123, true},
        {"error,123:7FF", 0x124, false},
        {"123:7FF", 0x123, true},
        {"123:7FF", 0x124, false},
        {"123:7FF", 0x123 | RTR, true},
        {"123:7FF", 0x123 | EFF, true}, /* bit 31 is not in the mask */
        {"123:7FF", 0x00000923 | EFF, true},
        {"123:C00007FF", 0x123 | EFF, false},
        {"123:C00007FF", 0x123, true},
        {"123:C00007FF", 0x123 | RTR, false},
        {"123:7FF", 0x123 | ERR, false}, /* error frames only by an error mask */
        {"123~7FF", 0x123, false},
        {"123~7FF", 0x124, true},
        {"123~7FF", 0x124 | ERR, false},
        {"0~0", 0x124, false},
        {"0:0", 0x124, true},
        {"12345678:DFFFFFFF", 0x12345678 | EFF, true},
        {"12345678:1FFFFFFF", 0x12345678 | EFF, true},
        {"12345678:1FFFFFFF", 0x12345679 | EFF, false},
        {"00000123:9FFFFFFF", 0x123 | EFF, true},
        {"00000123:9FFFFFFF", 0x123, false},
        {"123:9FFFFFFF", 0x123, true}, /* the mask is cut to the standard id's bits */
        {"92345678:DFFFFFFF", 0x12345678 | EFF, true},
        {"#FFFFFFFF", 0x4 | ERR, true},
        {"#FFFFFFFF", 0x123, true}, /* no id filter: all data frames */
        {"#000000FB", 0x4 | ERR, false},
        {"0~0,#FFFFFFFF", 0x123, false},
        {"0~0,#FFFFFFFF", 0x44 | ERR, true},
        {"100:700,200:700", 0x1AB, true},
        {"100:700,200:700", 0x2AB, true},
        {"100:700,200:700", 0x3AB, false},
        {"100:700,1A0~7F0,j", 0x1B0, true},
        {"100:700,1A0~7F0,j", 0x1A3, false},
        {"100:700,1A0~7F0,J", 0x2B0, false},
        {"j", 0x2B0, true},
        {"7ff:7FF,#4", 0x4 | ERR, true},
        {"pgn:FEF1", 0x18FEF100 | EFF, true}, /* any priority, any source */
        {"pgn:FEF1", 0x0CFEF1AA | EFF, true},
        {"pgn:FEF1", 0x18FEF200 | EFF, false},
        {"pgn:FEF1", 0x19FEF100 | EFF, false}, /* data page 1: another group */
        {"pgn:FEF1", 0x6F1, false},
        {"pgn:EA00", 0x18EAFF27 | EFF, true}, /* PDU1: any destination */
        {"pgn:EA00", 0x18EB0027 | EFF, false},
        {"pgn:1F801", 0x09F80103 | EFF, true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cr_assert_eq(parse(cases[i].text), 0, "%s", cases[i].text);
        cr_assert_eq(canp_filter_match_id(&set, cases[i].id), cases[i].pass, "%s %08X", cases[i].text,
                     cases[i].id);
    }
}

Test(filter, what_is_no_filter_is_refused_and_changes_nothing)
{
    static const char *const cases[] = {"",
                                        ",",
                                        "123",
                                        "123:",
                                        ":7FF",
                                        "123:7FFx",
                                        "#",
                                        "#xyz",
                                        "123:7FF,",
                                        "123456789:7FF",
                                        "123:123456789",
                                        "jj",
                                        "g:7FF",
                                        "1 :7FF",
                                        "0x12:7FF",
                                        "123:7FF,nonsense"};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cr_assert_eq(parse(cases[i]), -CANP_E_SYNTAX, "'%s'", cases[i]);
        cr_assert_eq(set.count, 0);
    }
    cr_assert_eq(parse("1:2,j,#1,nonsense,3:4"), -CANP_E_SYNTAX);
    cr_assert(set.count == 0 && !set.join && !set.error_mask);
    cr_assert(strstr(why.text, "'nonsense'"), "%s", why.text);
}

Test(filter, the_bound)
{
    char text[CANP_FILTERS_MAX * 4 + 8] = "";
    for (unsigned i = 0; i < CANP_FILTERS_MAX; i++)
        strcat(text, i ? ",1:1" : "1:1");
    cr_assert_eq(parse(text), 0);
    cr_assert_eq(set.count, CANP_FILTERS_MAX);
    cr_assert_eq(canp_filter_parse(&set, "2:2", &why), -CANP_E_TOO_MANY);
    cr_assert_eq(set.count, CANP_FILTERS_MAX);
    cr_assert_eq(canp_filter_parse(&set, "#2,j", &why), 0);
}

Test(filter, texts_add_up_and_records_match)
{
    cr_assert_eq(parse("100:7FF"), 0);
    cr_assert_eq(canp_filter_parse(&set, "200:7FF", NULL), 0);
    cr_assert_eq(set.count, 2);
    union canp_frame_store store = {.frame = {.id = 0x200}};
    struct canp_record record = {.kind = CANP_KIND_CAN, .frame = &store.frame};
    cr_assert(canp_filter_match(&set, &record));
    store.frame.id = 0x300;
    cr_assert_not(canp_filter_match(&set, &record));
    record.kind = CANP_KIND_GAP;
    cr_assert(canp_filter_match(&set, &record));
    union canp_xl_frame_store xl = {.xl = {.prio = 0x00070100}};
    record.kind = CANP_KIND_XL;
    record.xl = &xl.xl;
    cr_assert(canp_filter_match(&set, &record));
}
