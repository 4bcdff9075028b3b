/*
 * A segment that was put into a recording from elsewhere is no part of it: its channels are others and its
 * times are elsewhere. It is named as damage, never read as if it were, and never packed over another. Its
 * file alone can be read.
 */
#include <canp/error.h>
#include <canp/reader.h>
#include <canp/repack.h>
#include <canp/writer.h>
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEGMENTS       4U
#define SEGMENT_FRAMES 10U

static char top[64];

static void setup(void)
{
    strcpy(top, "/tmp/canp-foreign-XXXXXX");
    cr_assert_not_null(mkdtemp(top));
}

static void run(const char *format, ...)
{
    char shell[512], text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    snprintf(shell, sizeof(shell), "cd %s && %s", top, text);
    cr_assert_eq(system(shell), 0, "%s", shell);
}

static void teardown(void)
{
    run("rm -rf %s", top);
}

TestSuite(foreign, .init = setup, .fini = teardown, .timeout = 120);

/* A recording of SEGMENTS segments whose one interface has the recording's name. */
static void record(const char *name)
{
    struct canp_writer_opts opts = CANP_WRITER_OPTS_INIT;
    struct canp_iface iface = {.bytes = sizeof(iface)};
    struct canp_writer *w;
    char dir[96];

    snprintf(dir, sizeof(dir), "%s/%s", top, name);
    snprintf(iface.name, sizeof(iface.name), "%s", name);
    opts.segment_bytes = 64 << 10;
    opts.no_sync = true;
    cr_assert_eq(canp_writer_open(dir, &opts, &w, NULL), 0);
    cr_assert_eq(canp_writer_add_iface(w, 0, &iface, 0), 0);
    for (unsigned i = 0; i < SEGMENTS * SEGMENT_FRAMES; i++) {
        union canp_frame_store f = {.frame = {.id = 0x123, .len = 8}};
        struct canp_record r = {.time_ns = i * 1000, .frame = &f.frame};
        memcpy(f.frame.data, &i, sizeof(i));
        if (i && i % SEGMENT_FRAMES == 0)
            cr_assert_eq(canp_writer_rotate(w), 0);
        cr_assert_eq(canp_writer_put(w, &r), 0);
        cr_assert_eq(canp_writer_flush(w), 0);
    }
    cr_assert_eq(canp_writer_finish(w), 0);
    canp_writer_close(w);
}

struct found {
    unsigned frames;
    uint64_t sum; /* of what the frames hold, by their order */
    unsigned foreign;
    unsigned other_damage;
};

static void on_damage(void *user, const struct canp_damage *damage)
{
    struct found *found = user;

    found->foreign += damage->error == -CANP_E_FOREIGN;
    found->other_damage += damage->error != -CANP_E_FOREIGN;
}

static struct found read_all(const char *name, const char *iface)
{
    struct canp_cursor_opts opts = CANP_CURSOR_OPTS_INIT;
    struct found found = {0};
    struct canp_reader *reader;
    struct canp_cursor *c;
    struct canp_record r;
    char path[96];

    snprintf(path, sizeof(path), "%s/%s", top, name);
    opts.on_damage = on_damage;
    opts.user = &found;
    opts.frames_only = true;
    cr_assert_eq(canp_reader_open(path, &reader, NULL), 0);
    cr_assert_eq(canp_cursor_open(reader, &opts, &c), 0);
    while (canp_cursor_next(c, &r) == 1) {
        unsigned data;
        memcpy(&data, r.frame->data, sizeof(data));
        found.sum = found.sum * 31 + data;
        found.frames++;
    }
    cr_expect_str_eq(canp_reader_iface(reader, 0)->name, iface);
    canp_cursor_close(c);
    canp_reader_close(reader);
    return found;
}

static void expect(const char *when, unsigned foreign)
{
    struct found found = read_all("a", "a");

    cr_expect_eq(found.frames, (SEGMENTS - foreign) * SEGMENT_FRAMES, "%s: %u frames", when, found.frames);
    cr_expect_eq(found.foreign, foreign, "%s: %u foreign", when, found.foreign);
    cr_expect_eq(found.other_damage, 0, "%s", when);
}

Test(foreign, of_another_recording_wherever_it_stands)
{
    record("a");
    record("b");
    for (unsigned i = 1; i <= SEGMENTS; i++) {
        run("cp -r a saved && cp b/%08u.canp a", i);
        expect("one of another", 1);
        run("rm -r a && mv saved a");
    }
    run("cp b/00000004.canp a/00000007.canp && rm a/00000004.canp");
    struct found found = read_all("a/00000007.canp", "b");
    cr_expect_eq(found.frames, SEGMENT_FRAMES, "its file alone is a recording");
}

/* Of the same recording: read in the order of their names. */
Test(foreign, two_that_changed_their_names)
{
    record("a");
    run("mv a/00000002.canp x && mv a/00000003.canp a/00000002.canp && mv x a/00000003.canp");
    expect("changed names", 0);
}

Test(foreign, is_never_packed_over_another)
{
    struct canp_repack_opts opts = CANP_REPACK_OPTS_INIT;
    struct canp_repack_stats stats;
    char dir[96];

    record("a");
    record("b");
    run("cp b/00000002.canp a/00000005.canp && cp a/00000002.canp a/00000003.canp && cp -r a packed");
    snprintf(dir, sizeof(dir), "%s/packed", top);
    for (unsigned round = 0; round < 2; round++) {
        opts.unpack = round == 1;
        cr_assert_eq(canp_repack(dir, &opts, &stats, NULL), 0);
        cr_expect_eq(stats.damaged, 0);
        cr_expect_eq(stats.changed, SEGMENTS + 1);
        struct found before = read_all("a", "a"), after = read_all("packed", "a");
        cr_expect_eq(after.frames, SEGMENTS * SEGMENT_FRAMES);
        cr_expect_eq(after.frames, before.frames);
        cr_expect_eq(after.foreign, 1);
        cr_expect_eq(after.sum, before.sum);
        cr_expect_eq(read_all("packed/00000005.canp", "b").sum, read_all("b/00000002.canp", "b").sum);
    }
}
