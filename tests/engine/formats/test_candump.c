/* Candump log lines: what we print, we read; what candump's tools write, we read; the rest is named. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <canp/candump.h>

static struct canp_candump_line line;
static const char vcan0[CANP_IFACE_NAME_BYTES] = "vcan0";

static int parse(const char *text)
{
    memset(&line, 0xA5, sizeof(line));
    return canp_candump_parse(text, strlen(text), &line);
}

/* Formats what `line` holds. */
static const char *print(unsigned style)
{
    static char out[CANP_CANDUMP_LINE_BYTES + 1];
    struct canp_record record;
    canp_candump_record(&line, 0, &record);
    size_t bytes = canp_candump_format(&record, line.iface, style, out);
    cr_assert_lt(bytes, sizeof(out));
    out[bytes] = '\0';
    return out;
}

static const char *const canonical[] = {
    "(1700000000.123456789) vcan0 123#\n",
    "(1700000000.000000001) vcan0 7FF#DEADBEEF\n",
    "(0000000001.999999999) can12 000#0011223344556677\n",
    "(1700000000.123456789) vcan0 123#1122334455667788_9\n",
    "(1700000000.123456789) vcan0 123#1122334455667788_F\n",
    "(1700000000.123456789) vcan0 123#R\n",
    "(1700000000.123456789) vcan0 123#R3\n",
    "(1700000000.123456789) vcan0 123#R8_C\n",
    "(1700000000.123456789) vcan0 18FEF100#FF\n",
    "(1700000000.123456789) vcan0 00000001#R1\n",
    "(1700000000.123456789) abcdefghijklmno 123##5AABB\n",
    "(1700000000.123456789) vcan0 12345678##3\n",
    "(1700000000.123456789) vcan0 20000004#0004000000000000\n",
    "(1700000000.123456789) vcan0 200000FF#\n",
    "(1700000000.123456789) vcan0 00123#80:01:00000000#AABBCC\n",
    "(1700000000.123456789) vcan0 FE7FF#81:FF:DEADBEEF#00\n",
    "(-0000000012.500000000) vcan0 123#01\n",
    "# GAP vcan0 socket lost 17 from 1700000000.100000000 to 1700000000.200000000\n",
    "# GAP can0 recorder lost 18446744073709551615 from 0000000000.000000000 to 9000000000.000000000\n",
};

Test(candump, canonical_lines_come_back_as_they_were)
{
    for (size_t i = 0; i < sizeof(canonical) / sizeof(canonical[0]); i++) {
        cr_assert_eq(parse(canonical[i]), 1, "%s", canonical[i]);
        cr_assert_str_eq(print(0), canonical[i]);
    }
}

Test(candump, fields_land_where_the_kernel_has_them)
{
    cr_assert_eq(parse("(1.000000002) can1 1ABCDEF0##7"
                       "0102"),
                 1);
    cr_assert_eq(line.time_ns, 1000000002);
    cr_assert_eq(line.kind, CANP_KIND_FD);
    cr_assert_eq(line.can.frame.id, 0x1ABCDEF0U | CANP_ID_EFF);
    cr_assert_eq(line.can.frame.flags, 7);
    cr_assert_eq(line.can.frame.len, 2);
    cr_assert_eq(line.can.frame.data[1], 2);
    cr_assert_eq(line.can.frame.data[2], 0);
    cr_assert_str_eq(line.iface, "can1");
    cr_assert_eq(parse("(1.000000002) can1 20000004#0004000000000000"), 1);
    cr_assert_eq(line.can.frame.id, 0x20000004U);
    cr_assert_eq(parse("(1.000000002) can1 AB123#80:01:00000002#FF"), 1);
    cr_assert_eq(line.xl.xl.prio, 0x00AB0123U);
    cr_assert_eq(line.xl.xl.af, 2);
    cr_assert_eq(line.xl.xl.len, 1);
}

Test(candump, what_others_write_is_read)
{
    static const struct {
        const char *text, *canonical;
    } cases[] = {
        {"(1700000000) vcan0 123#11", "(1700000000.000000000) vcan0 123#11\n"},
        {"(1700000000.5) vcan0 123#11", "(1700000000.500000000) vcan0 123#11\n"},
        {"(1700000000.12345678) vcan0 123#11", "(1700000000.123456780) vcan0 123#11\n"},
        {"(1700000000.123456) vcan0 123#11", "(1700000000.123456000) vcan0 123#11\n"},
        {"(1700000000.123456)    vcan0  123#11.22.33 ", "(1700000000.123456000) vcan0 123#112233\n"},
        {"(1700000000.123456)  can1 1ab#de.AD\r", "(1700000000.123456000) can1 1AB#DEAD\n"},
        {"  (1700000000.123456) can1   123#r2", "(1700000000.123456000) can1 123#R2\n"},
        {"(1700000000.123456) can1 123##0.11.22", "(1700000000.123456000) can1 123##01122\n"},
        {"(1700000000.123456) can1 98FEF100#00", "(1700000000.123456000) can1 18FEF100#00\n"},
        {"(1648574057.733906(1648575604.162655) can0 123#01", "(1648575604.162655000) can0 123#01\n"},
        {"(1700000000.1234(1700000000.2(1700000001.000000) can0 123#01",
         "(1700000001.000000000) can0 123#01\n"},
        {"(1700000000.123456) can1 123#11 // note", "(1700000000.123456000) can1 123#11\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cr_assert_eq(parse(cases[i].text), 1, "%s", cases[i].text);
        cr_assert_str_eq(print(0), cases[i].canonical);
        cr_assert_eq(line.torn, i == 9 || i == 10);
    }
}

Test(candump, directions)
{
    cr_assert_eq(parse("(1700000000.123456) can1 123#11 R"), 1);
    cr_assert(line.has_dir && line.dir == CANP_DIR_RX);
    cr_assert_eq(parse("(1700000000.123456) can1 123#11 T "), 1);
    cr_assert(line.has_dir && line.dir == CANP_DIR_TX);
    cr_assert_str_eq(print(CANP_CANDUMP_DIRECTION | CANP_CANDUMP_MICROS),
                     "(1700000000.123456) can1 123#11 T\n");
    cr_assert_eq(parse("(1700000000.123456) can1 123#11"), 1);
    cr_assert(!line.has_dir);
}

Test(candump, a_dropcount_is_a_gap)
{
    cr_assert_eq(parse("DROPCOUNT: dropped 3 CAN frames on 'vcan0' socket (total drops 5)"), 1);
    cr_assert_eq(line.kind, CANP_KIND_GAP);
    cr_assert_eq(line.gap.lost, 3);
    cr_assert_eq(line.time_ns, INT64_MIN);
    cr_assert_str_eq(line.iface, "vcan0");
    cr_assert_eq(parse("DROPCOUNT: dropped 1 CAN frame on 'can1' socket (total drops 5)"), 1);
}

Test(candump, comments_are_no_records)
{
    static const char *const cases[] = {"",    "   ",  "\r",    "# hello",     "#",
                                        "; x", "// x", "# GAP", "# GAP a b c", "# LINK vcan0 down"};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        cr_assert_eq(parse(cases[i]), 0, "'%s'", cases[i]);
}

Test(candump, malformed_lines_are_refused)
{
    static const char *const cases[] = {
        "(1700000000.) can0 123#11",
        "(.123456) can0 123#11",
        "(99999999999.123456) can0 123#11", /* beyond the year 2255 */
        "(1700000000.123456 can0 123#11",
        "(1700000000.123456) can0",
        "(1700000000.123456) can0 ",
        "(1700000000.123456) abcdefghijklmnop 123#11",
        "(1700000000.123456) can0 12#11",
        "(1700000000.123456) can0 1234#11",
        "(1700000000.123456) can0 800#11",
        "(1700000000.123456) can0 40000001#11",
        "(1700000000.123456) can0 123456789#11",
        "(1700000000.123456) can0 123#1",
        "(1700000000.123456) can0 123#112233445566778899",
        "(1700000000.123456) can0 123#11_9",
        "(1700000000.123456) can0 123#1122334455667788_8",
        "(1700000000.123456) can0 123#1122334455667788_",
        "(1700000000.123456) can0 123#R9",
        "(1700000000.123456) can0 123#RR",
        "(1700000000.123456) can0 123#11 22",
        "(1700000000.123456) can0 123#11X",
        "(1700000000.123456) can0 123##",
        "(1700000000.123456) can0 123##1A",
        "(1700000000.123456) can0 20000004##1",
        "(1700000000.123456) can0 20000004#R",
        "(1700000000.123456) can0 00123#80:01:00000000#",
        "(1700000000.123456) can0 00123#00:01:00000000#11",
        "(1700000000.123456) can0 00923#80:01:00000000#11",
        "(1700000000.123456) can0 00123#80:01:0000000#11",
        "(1700000000.123456) can0 123-11",
        "hello",
        "<0x18eeff01> [8] 05 a0",
        "(",
        "((((",
        "DROPCOUNT: ",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        cr_assert_eq(parse(cases[i]), -CANP_E_SYNTAX, "'%s'", cases[i]);
}

Test(candump, the_longest_frames_fit)
{
    char text[CANP_CANDUMP_LINE_BYTES];
    size_t at = (size_t)sprintf(text, "(1700000000.123456789) abcdefghijklmno FF7FF#80:01:00000000#");
    for (unsigned i = 0; i < 2048; i++)
        at += (size_t)sprintf(text + at, "%02X", i & 255);
    cr_assert_eq(parse(text), 1);
    cr_assert_eq(line.xl.xl.len, 2048);
    strcat(text, "\n");
    cr_assert_str_eq(print(0), text);
    text[at] = '\0';
    strcat(text, "00");
    cr_assert_eq(parse(text), -CANP_E_SYNTAX);
}

/* Every prefix, with the memory right behind it unreadable for ASan. */
Test(candump, truncated_lines_never_read_on)
{
    for (size_t i = 0; i < sizeof(canonical) / sizeof(canonical[0]); i++) {
        for (size_t bytes = 0; bytes <= strlen(canonical[i]); bytes++) {
            char *copy = malloc(bytes ? bytes : 1);
            memcpy(copy, canonical[i], bytes);
            (void)canp_candump_parse(copy, bytes, &line);
            free(copy);
        }
    }
}

Test(candump, random_frames_round_trip)
{
    srandom(20240101);
    for (unsigned round = 0; round < 20000; round++) {
        struct canp_candump_line in = {.kind = round % 2 ? CANP_KIND_FD : CANP_KIND_CAN};
        strcpy(in.iface, "vcan0");
        struct canp_frame *f = &in.can.frame;
        in.time_ns = (int64_t)random() * 1000000007;
        f->id =
            random() % 2 ? (uint32_t)random() % 0x800 : ((uint32_t)random() & CANP_ID_EFF_MASK) | CANP_ID_EFF;
        f->len = (uint8_t)(random() % (in.kind == CANP_KIND_FD ? 65 : 9));
        if (in.kind == CANP_KIND_FD)
            f->flags = random() % 16;
        else if (random() % 8 == 0)
            f->id |= CANP_ID_RTR;
        for (unsigned i = 0; i < f->len && !(f->id & CANP_ID_RTR); i++)
            f->data[i] = (uint8_t)random();
        line = in;
        char text[CANP_CANDUMP_LINE_BYTES];
        strcpy(text, print(0));
        cr_assert_eq(parse(text), 1, "%s", text);
        cr_assert_eq(line.time_ns, in.time_ns);
        cr_assert_eq(line.kind, in.kind);
        cr_assert_arr_eq(&line.can, &in.can, sizeof(in.can), "%s", text);
    }
}

Test(candump, events_are_comments)
{
    char out[CANP_CANDUMP_LINE_BYTES];
    struct canp_link_event link = {
        .code = CANP_LINK_STATE, .bytes = sizeof(link), .state = 3, .tx_errors = 255};
    struct canp_record record = {.kind = CANP_KIND_LINK, .time_ns = 1500000000, .link = &link};
    size_t bytes = canp_candump_format(&record, vcan0, 0, out);
    out[bytes] = '\0';
    cr_assert_str_eq(out, "# LINK vcan0 state bus-off txerr 255 rxerr 0 at 0000000001.500000000\n");
    union {
        struct canp_event event;
        char bytes[24];
    } mark = {.event = {.bytes = sizeof(mark)}};
    strcpy(mark.bytes + sizeof(struct canp_event), "two\nlines");
    record = (struct canp_record){.kind = CANP_KIND_MARK, .event = &mark.event};
    bytes = canp_candump_format(&record, vcan0, 0, out);
    out[bytes] = '\0';
    cr_assert_str_eq(out, "# MARK two\\x0Alines\n");
}

/* ---- the reader ------------------------------------------------------------------------------- */

static struct canp_candump_reader *open_text(const char *text, size_t bytes)
{
    char path[] = "/tmp/canp-candump-XXXXXX";
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    unlink(path);
    cr_assert_eq(write(fd, text, bytes), (ssize_t)bytes);
    cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
    struct canp_candump_reader *reader;
    cr_assert_eq(canp_candump_open(fd, &reader), 0);
    return reader; /* the fd goes with the process */
}

Test(candump_reader, names_and_counts_what_it_cannot_read)
{
    const char *text = "\xEF\xBB\xBF(1.000000) can0 123#01\r\n"
                       "# comment\n"
                       "nonsense\x01\n"
                       "\n"
                       "(1648574057.733906(1648575604.162655) can0 123#02\n"
                       "DROPCOUNT: dropped 3 CAN frames on 'can0' socket (total drops 5)\n"
                       "(3.000000) can0 123#03";
    struct canp_candump_reader *reader = open_text(text, strlen(text));
    cr_assert_eq(canp_candump_next(reader, &line), 1);
    cr_assert_eq(line.can.frame.data[0], 1);
    cr_assert_eq(canp_candump_next(reader, &line), 1);
    cr_assert_eq(line.can.frame.data[0], 2);
    cr_assert_eq(canp_candump_next(reader, &line), 1);
    cr_assert_eq(line.time_ns, 1648575604162655000);
    cr_assert_eq(line.gap.to_ns, 1648575604162655000);
    cr_assert_eq(canp_candump_next(reader, &line), 1);
    cr_assert_eq(line.can.frame.data[0], 3);
    cr_assert_eq(canp_candump_next(reader, &line), 0);
    cr_assert_eq(canp_candump_next(reader, &line), 0);
    const struct canp_candump_stats *s = canp_candump_stats(reader);
    cr_assert_eq(s->lines, 7);
    cr_assert_eq(s->records, 4);
    cr_assert_eq(s->comments, 2);
    cr_assert_eq(s->bad, 2);
    cr_assert_eq(s->first[0].line, 3);
    cr_assert_str_eq(s->first[0].text, "nonsense.");
    cr_assert_eq(s->first[1].line, 5);
    canp_candump_close(reader);
}

Test(candump_reader, long_lines_and_many_lines)
{
    enum { COUNT = 20000, LONG = 600000 };
    char *text = malloc(COUNT * 40 + LONG + 2);
    size_t at = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        if (i == COUNT / 2) {
            memset(text + at, '(', LONG);
            at += LONG;
            text[at++] = '\n';
        }
        at += (size_t)sprintf(text + at, "(%u.000000) can0 123#%08X\n", i, i);
    }
    struct canp_candump_reader *reader = open_text(text, at);
    for (unsigned i = 0; i < COUNT; i++) {
        cr_assert_eq(canp_candump_next(reader, &line), 1);
        cr_assert_eq(line.time_ns, (int64_t)i * 1000000000);
    }
    cr_assert_eq(canp_candump_next(reader, &line), 0);
    cr_assert_eq(canp_candump_stats(reader)->lines, COUNT + 1);
    cr_assert_eq(canp_candump_stats(reader)->bad, 1);
    cr_assert_eq(canp_candump_stats(reader)->first[0].line, COUNT / 2 + 1);
    canp_candump_close(reader);
    free(text);
}

Test(candump_reader, a_read_error_is_told)
{
    struct canp_candump_reader *reader;
    cr_assert_eq(canp_candump_open(-1, &reader), 0);
    cr_assert_eq(canp_candump_next(reader, &line), -9);
    canp_candump_close(reader);
    canp_candump_close(NULL);
}

/* A name or note of whoever made the recording stays one word or one line, and comes back as it was. */
Test(candump, text_cannot_forge_a_line)
{
    static const char names[][CANP_IFACE_NAME_BYTES] = {
        "a 7DF#02010C\n;", "\033]0;P\007\033[2J", "\302\23331m", "back\\slash\\x0A", "\x80\xFF", "usual0"};
    union {
        struct canp_frame frame;
        uint8_t bytes[16];
    } f = {.frame = {.id = 0x123, .len = 2}};
    struct canp_record r = {.time_ns = 1700000000000000000, .frame = &f.frame};
    static char out[CANP_CANDUMP_LINE_BYTES];
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t bytes = canp_candump_format(&r, names[i], 0, out);
        cr_assert_eq(memchr(out, '\n', bytes), out + bytes - 1, "%u", i);
        cr_assert_eq(memchr(out, '\033', bytes), NULL);
        cr_assert_eq(canp_candump_parse(out, bytes, &line), 1, "%.*s", (int)bytes, out);
        cr_assert_eq(line.can.frame.id, 0x123);
        cr_assert_str_eq(line.iface, names[i]);
    }
    static const char forged[] = "(1.000000) \\x00 123#", longer[] = "(1.000000) a\\x20bcdefghijklmnop 123#";
    cr_assert_lt(canp_candump_parse(forged, sizeof(forged) - 1, &line), 0);
    cr_assert_lt(canp_candump_parse(longer, sizeof(longer) - 1, &line), 0);
}

Test(candump, the_longest_mark_fits)
{
    static union {
        struct canp_event event;
        uint8_t bytes[UINT16_MAX];
    } mark = {.event = {.code = CANP_MARK_NOTE, .bytes = UINT16_MAX}};
    struct canp_record r = {.kind = CANP_KIND_MARK, .event = &mark.event};
    static char out[CANP_CANDUMP_LINE_BYTES + 1];
    memset(mark.event.payload, '\n', sizeof(mark) - sizeof(mark.event));
    out[CANP_CANDUMP_LINE_BYTES] = '!';
    size_t bytes = canp_candump_format(&r, "vcan0", 0, out);
    cr_assert(bytes > 4 * 2048 && bytes <= CANP_CANDUMP_LINE_BYTES);
    cr_assert_eq(out[CANP_CANDUMP_LINE_BYTES], '!');
    cr_assert_eq(memcmp(out, "# NOTE \\x0A\\x0A", 15), 0);
    cr_assert_eq(memchr(out, '\n', bytes), out + bytes - 1);
}

/* Eight characters of a name are looked at at once: any byte at any place. */
Test(candump, any_byte_at_any_place_of_a_name)
{
    struct canp_record r = {.kind = CANP_KIND_GAP};
    struct canp_gap gap = {.layer = 1};
    static char out[CANP_CANDUMP_LINE_BYTES];
    r.gap = &gap;
    for (unsigned length = 1; length < CANP_IFACE_NAME_BYTES; length++) {
        for (unsigned at = 0; at < length * 255; at++) {
            char name[CANP_IFACE_NAME_BYTES] = "";
            memset(name, 'x', length);
            name[at / 255] = (char)(at % 255 + 1);
            memset(name + length + 1, 0xFF, sizeof(name) - length - 1); /* behind the zero: nobody cares */
            size_t bytes = canp_candump_format(&r, name, 0, out);
            cr_assert_eq(canp_candump_parse(out, bytes, &line), 1, "%.*s", (int)bytes, out);
            cr_assert_str_eq(line.iface, name);
            bool plain = name[at / 255] > ' ' && name[at / 255] < 0x7F && name[at / 255] != '\\';
            cr_assert_eq(memchr(out, '\\', bytes) == NULL, plain);
        }
    }
}
