/* Any log through one API: copies between formats, selection, what is lost, what is foreign. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <canp/log.h>

#include "temp_dir.h"

TestSuite(log, .init = temp_dir_make, .fini = temp_dir_remove);

static const char frames[] = "(1700000000.000000001) vcan0 123#11\n"
                             "(1700000000.100000000) can1 18FEF100#1122334455667788\n"
                             "(1700000000.200000000) vcan0 123##5AABB\n"
                             "(1700000000.300000000) vcan0 02123#80:01:DEADBEEF#AABB\n";

static const char *path(const char *name)
{
    static char paths[4][64];
    static unsigned next;
    char *out = paths[next++ % 4];
    snprintf(out, sizeof(paths[0]), "%s/%s", dir, name);
    return out;
}

static void put(const char *name, const char *text)
{
    FILE *f = fopen(path(name), "w");
    cr_assert_not_null(f);
    fputs(text, f);
    fclose(f);
}

static const char *get(const char *name)
{
    static char text[65536];
    FILE *f = fopen(path(name), "r");
    cr_assert_not_null(f, "%s", name);
    text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
    fclose(f);
    return text;
}

static struct canp_log_reader *open_log(const char *name)
{
    struct canp_log_reader *reader = NULL;
    struct canp_why why = {{0}};
    cr_assert_eq(canp_log_open(path(name), NULL, &reader, &why), 0, "%s", why.text);
    return reader;
}

static struct canp_log_copy_result copy_to(struct canp_log_reader *reader, const char *out, unsigned style)
{
    struct canp_log_write_opts opts = {.size = sizeof(opts), .style = style};
    struct canp_log_copy_result result;
    struct canp_log_writer *writer = NULL;
    struct canp_why why = {{0}};
    cr_assert_eq(canp_log_writer_open(path(out), NULL, &opts, &writer, &why), 0, "%s", why.text);
    cr_assert_eq(canp_log_copy(reader, writer, NULL, &result, &why), 0, "%s", why.text);
    cr_assert_eq(canp_log_finish(writer, &why), 0, "%s", why.text);
    return result;
}

Test(log, a_log_goes_through_a_recording_unchanged)
{
    put("in.log", frames);
    struct canp_log_reader *reader = open_log("in.log");
    cr_assert_str_eq(canp_log_reader_format(reader)->name, "candump");
    cr_assert_eq(copy_to(reader, "drive", 0).frames, 4);
    canp_log_close(reader);
    reader = open_log("drive");
    cr_assert_str_eq(canp_log_reader_format(reader)->name, "canp");
    cr_assert_eq(canp_log_iface_count(reader), 2);
    copy_to(reader, "out.log", 0);
    canp_log_close(reader);
    cr_assert_str_eq(get("out.log"), frames);
}

Test(log, definitions_come_before_their_channels)
{
    put("in.log", frames);
    struct canp_log_reader *reader = open_log("in.log");
    static const uint8_t kinds[] = {CANP_KIND_IFACE, CANP_KIND_CAN, CANP_KIND_IFACE,
                                    CANP_KIND_CAN,   CANP_KIND_FD,  CANP_KIND_XL};
    struct canp_record record;
    for (unsigned i = 0; i < sizeof(kinds); i++) {
        cr_assert_eq(canp_log_next(reader, &record), 1);
        cr_assert_eq(record.kind, kinds[i]);
        if (i == 2)
            cr_assert_str_eq(record.iface->name, "can1");
    }
    cr_assert_eq(canp_log_next(reader, &record), 0);
    canp_log_close(reader);
}

Test(log, a_selection_by_interface_and_relative_time)
{
    static const char *const ifaces[] = {"vcan0"};
    struct canp_log_selection selection = {.size = sizeof(selection), .ifaces = ifaces, .iface_count = 1};
    selection.has_from = selection.from_is_relative = true;
    selection.from_ns = 50000000;
    put("in.log", frames);
    struct canp_log_reader *reader = open_log("in.log");
    cr_assert_eq(canp_log_select(reader, &selection), 0);
    cr_assert_eq(copy_to(reader, "out.log", 0).frames, 2);
    canp_log_close(reader);
    cr_assert_eq(strncmp(get("out.log"), "(1700000000.200000000) vcan0 123##5AABB\n", 40), 0);
}

Test(log, an_unfinished_file_has_no_name)
{
    struct canp_log_writer *writer = NULL;
    cr_assert_eq(canp_log_writer_open(path("out.log"), NULL, NULL, &writer, NULL), 0);
    cr_assert_eq(access(path("out.log"), F_OK), -1);
    canp_log_abandon(writer);
    cr_assert_eq(access(path("out.log"), F_OK), -1);
    put("out.log", "mine");
    struct canp_why why;
    cr_assert_eq(canp_log_writer_open(path("out.log"), NULL, NULL, &writer, &why), -EEXIST);
    cr_assert_str_eq(get("out.log"), "mine");
}

Test(log, text_is_taken_from_memory)
{
    struct canp_log_reader *reader;
    struct canp_log_writer *writer = NULL;
    struct canp_record record;
    const char *text, *want = frames;
    size_t bytes;

    put("a.log", frames);
    reader = open_log("a.log");
    cr_assert_eq(canp_log_writer_open_fd(-1, "memory", "candump", NULL, &writer, NULL), 0);
    while (canp_log_next(reader, &record) == 1) {
        cr_assert_eq(canp_log_write(writer, &record), 0);
        cr_assert_eq(canp_log_take(writer, &text, &bytes), 0);
        cr_assert(bytes <= strlen(want) && memcmp(text, want, bytes) == 0, "%.*s", (int)bytes, text);
        cr_assert_eq(bytes > 0, canp_kind_is_frame(record.kind));
        want += bytes;
    }
    cr_assert_eq(*want, '\0');
    cr_assert_eq(canp_log_take(writer, &text, &bytes), 0);
    cr_assert_eq(bytes, 0);
    canp_log_abandon(writer);
    canp_log_close(reader);
}

Test(log, what_is_foreign_is_named)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"},
        {"", "is empty"},
        {"what is this\n", "begins with: what is this"},
        {"PK\x03\x04 and so on", "a zip archive"},
        {"\x01\x02\x7F", "bytes 01 02"},
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct canp_log_reader *reader = NULL;
        struct canp_why why = {{0}};
        put("x", cases[i].text);
        cr_assert_eq(canp_log_open(path("x"), NULL, &reader, &why), -CANP_E_FORMAT);
        cr_assert_not_null(strstr(why.text, cases[i].says), "%s", why.text);
    }
}

Test(log, bad_lines_are_counted_and_the_first_named)
{
    put("in.log", "# hello\n(1.000000) can0 123#11\r\nwhat?\r\n\r\n(1.5(2.000000) can0 123#22");
    struct canp_log_reader *reader = open_log("in.log");
    cr_assert_eq(copy_to(reader, "out.log", 0).frames, 2);
    const struct canp_log_stats *s = canp_log_reader_stats(reader);
    cr_assert_eq(s->lines, 5);
    cr_assert_eq(s->bad, 2);
    cr_assert_eq(s->passed, 2);
    cr_assert_eq(s->first_bad[0].line, 3);
    cr_assert_str_eq(s->first_bad[0].text, "what?");
    cr_assert_eq(s->first_bad[1].line, 5);
    canp_log_close(reader);
}

Test(log, lines_that_end_in_a_carriage_return_alone)
{
    put("in.log", "(1.000000) can0 123#11\r(2.000000) can0 123#22\r");
    struct canp_log_reader *reader = open_log("in.log");
    cr_assert_eq(copy_to(reader, "out.log", CANP_LOG_MICROS).frames, 2);
    canp_log_close(reader);
    cr_assert_str_eq(get("out.log"), "(0000000001.000000) can0 123#11\n(0000000002.000000) can0 123#22\n");
}

Test(log, an_option_of_a_newer_library_is_refused)
{
    struct {
        struct canp_log_read_opts opts;
        uint64_t newer;
    } later = {.opts.size = sizeof(later), .newer = 1};
    struct canp_log_reader *reader = NULL;
    struct canp_why why;

    cr_expect_eq(canp_log_open("/dev/null", &later.opts, &reader, &why), -E2BIG);
    cr_expect_null(reader);
}

static void put_bytes(const char *name, const void *bytes, size_t length)
{
    FILE *f = fopen(path(name), "wb");
    cr_assert_not_null(f);
    cr_assert_eq(fwrite(bytes, 1, length, f), length);
    fclose(f);
}

/* Both byte orders, a pair of surrogates in a comment, an odd byte at the end. */
Test(log, utf16_is_read)
{
    static const char text[] = "# \xF0\x9F\x98\x80\n(1.000000) can0 123#11\r\n(2.000000) can0 123#22\n";
    static const uint16_t smile[] = {0xD83D, 0xDE00};
    for (int big = 0; big < 2; big++) {
        uint8_t out[512] = {big ? 0xFE : 0xFF, big ? 0xFF : 0xFE};
        size_t n = 2;
        for (size_t i = 0; text[i]; i++) {
            uint16_t units[2] = {(uint8_t)text[i], 0};
            unsigned count = 1;
            if ((uint8_t)text[i] == 0xF0) {
                memcpy(units, smile, sizeof(units));
                count = 2;
                i += 3;
            }
            for (unsigned u = 0; u < count; u++) {
                out[n++] = (uint8_t)(big ? units[u] >> 8 : units[u]);
                out[n++] = (uint8_t)(big ? units[u] : units[u] >> 8);
            }
        }
        out[n++] = '(';
        put_bytes("in.log", out, n);
        struct canp_log_reader *reader = open_log("in.log");
        cr_assert_eq(copy_to(reader, big ? "big.log" : "little.log", CANP_LOG_MICROS).frames, 2);
        canp_log_close(reader);
    }
    cr_assert_str_eq(get("big.log"), "(0000000001.000000) can0 123#11\n(0000000002.000000) can0 123#22\n");
}

static void shell(const char *command)
{
    char whole[256];
    snprintf(whole, sizeof(whole), "cd %s && %s", dir, command);
    cr_assert_eq(system(whole), 0, "%s", command);
}

/* Two frames of compression one behind the other (both.SUFFIX: 8 frames) and one that was cut (cut.SUFFIX).
 */
static void undo(const char *both, const char *cut, const char *built_without)
{
    struct canp_log_reader *reader = NULL;
    struct canp_log_writer *writer;
    struct canp_log_copy_result result;
    struct canp_why why = {{0}};
    if (canp_log_open(path(both), NULL, &reader, &why) == -CANP_E_FORMAT) {
        cr_assert_not_null(strstr(why.text, built_without), "%s", why.text);
        return;
    }
    cr_assert_eq(copy_to(reader, "out.log", 0).frames, 8);
    canp_log_close(reader);
    reader = open_log(cut);
    cr_assert_eq(canp_log_writer_open(path("cut.log"), NULL, NULL, &writer, &why), 0);
    cr_assert_eq(canp_log_copy(reader, writer, NULL, &result, &why), -CANP_E_DAMAGED);
    cr_assert_not(result.is_write_error);
    cr_assert_geq(result.frames, 3); /* what came before is kept */
    canp_log_abandon(writer);
    canp_log_close(reader);
}

/* As `cat a.gz b.gz` makes them. */
Test(log, gzip_is_undone)
{
    put("a", frames);
    put("b", frames);
    shell("gzip -k a && gzip -k -1 b && cat a.gz b.gz >both.gz && head -c -9 a.gz >cut.gz");
    undo("both.gz", "cut.gz", "built without zlib");
}

/* A cut frame gives up to its last whole block: here the first of two. */
Test(log, zstd_is_undone)
{
    FILE *f;
    put("a", frames);
    put("b", frames);
    put("long", frames);
    f = fopen(path("long"), "a");
    for (unsigned i = 0; i < 5000; i++)
        fprintf(f, "(1700000001.%06u) can0 %08X#%08X\n", i, i * 7919, i * 2654435761U);
    fclose(f);
    shell("zstd -q a && zstd -q -19 b && cat a.zst b.zst >both.zst && zstd -q long && head -c -9 long.zst "
          ">cut.zst");
    undo("both.zst", "cut.zst", "built without libzstd");
}

/* A frame may ask for a window of 2 GiB: more than is given to any file. */
Test(log, zstd_with_a_giant_window_is_refused)
{
    struct canp_log_reader *reader = NULL;
    struct canp_why why = {{0}};
    put("a", frames);
    shell("cat a | zstd -q --ultra --long=31 >giant.zst");
    int r = canp_log_open(path("giant.zst"), NULL, &reader, &why);
    cr_assert(r == -CANP_E_DAMAGED || r == -CANP_E_FORMAT || r == -ENOMEM, "%d", r);
    cr_assert_not_null(strstr(why.text, "giant.zst"), "%s", why.text);
}
