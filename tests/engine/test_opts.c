/* The public options structs: a zeroed one is the defaults, and one of a newer release is refused when it
 * asks for something that this release does not know. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <canp/merge.h>
#include <canp/reader.h>
#include <canp/repack.h>
#include <canp/replay.h>
#include <canp/writer.h>

#include "temp_dir.h"

#define TIMES 3
static const int64_t times_ns[TIMES] = {-5, 0, 5};

TestSuite(opts, .init = temp_dir_make, .fini = temp_dir_remove);

static char path[64];

static void record(void)
{
    struct canp_writer_opts zeroed;
    struct canp_writer *w;
    struct canp_why why = {""};
    union canp_frame_store store = {.frame = {.id = 0x123, .len = 1}};
    struct canp_record r = {.kind = CANP_KIND_CAN, .frame = &store.frame};
    struct canp_iface iface = {.name = "can0"};

    snprintf(path, sizeof(path), "%s/made", dir); /* by default a directory is made */
    memset(&zeroed, 0, sizeof(zeroed));
    cr_assert_eq(canp_writer_open(path, &zeroed, &w, &why), 0, "%s", why.text);
    cr_assert_eq(canp_writer_segment_bytes(&zeroed), canp_writer_segment_bytes(NULL));
    cr_assert_eq(canp_writer_add_iface(w, 0, &iface, times_ns[0]), 0);
    for (unsigned i = 0; i < TIMES; i++) {
        r.time_ns = times_ns[i];
        cr_assert_eq(canp_writer_put(w, &r), 0);
    }
    cr_assert_eq(canp_writer_finish(w), 0);
    canp_writer_close(w);
}

static unsigned frames_of(struct canp_reader *reader, const struct canp_cursor_opts *opts)
{
    struct canp_cursor *c;
    struct canp_record r;
    unsigned frames = 0;
    cr_assert_eq(canp_cursor_open(reader, opts, &c), 0);
    while (canp_cursor_next(c, &r) == 1)
        frames += r.kind == CANP_KIND_CAN;
    canp_cursor_close(c);
    return frames;
}

static int count_put(void *self, const struct canp_record *r)
{
    (void)r;
    ++*(unsigned *)self;
    return 0;
}

Test(opts, zeroed_structs_are_the_defaults)
{
    struct canp_reader_opts zeroed = {0};
    struct canp_cursor_opts all = {0}, bounded = CANP_CURSOR_OPTS_INIT;
    struct canp_replay_opts replay = {0};
    struct canp_repack_opts pack = {0};
    struct canp_repack_stats packed;
    static struct canp_replay_stats stats;
    unsigned put = 0;
    const struct canp_replay_sink sink = {.self = &put, .put = count_put};
    struct canp_reader *reader;

    record();
    cr_assert_eq(canp_reader_open_opts(path, &zeroed, &reader, NULL), 0);
    cr_assert_eq(frames_of(reader, NULL), TIMES);
    cr_assert_eq(frames_of(reader, &all), TIMES);
    cr_assert_eq(frames_of(reader, &bounded), TIMES);
    bounded.from_ns = -1;
    cr_assert_eq(frames_of(reader, &bounded), 2, "a window from -1 ns has the frame at 0");
    bounded.to_ns = 1;
    cr_assert_eq(frames_of(reader, &bounded), 1);
    cr_assert_eq(canp_replay_run(reader, &replay, &sink, &stats), 0);
    cr_assert(put == TIMES && stats.loops == 1 && stats.late_ns.count == TIMES, "once, in its own time");
    canp_reader_close(reader);
    cr_assert_eq(canp_repack(path, &pack, &packed, NULL), 0);
    cr_assert_eq(packed.changed, 1);
}

/* A struct of a later release: one option more than this one knows. */
#define NEWER(type)                                                                                          \
    struct {                                                                                                 \
        struct type opts;                                                                                    \
        uint64_t unknown;                                                                                    \
    }

Test(opts, an_unknown_option_is_refused)
{
    NEWER(canp_writer_opts) writer = {.opts.size = sizeof(writer), .unknown = 1};
    NEWER(canp_reader_opts) newer = {.opts.size = sizeof(newer), .unknown = 1};
    NEWER(canp_cursor_opts) cursor = {.opts.size = sizeof(cursor), .unknown = 1};
    NEWER(canp_replay_opts) replay = {.opts.size = sizeof(replay), .unknown = 1};
    NEWER(canp_repack_opts) pack = {.opts.size = sizeof(pack), .unknown = 1};
    static struct canp_replay_stats stats;
    struct canp_repack_stats packed;
    struct canp_reader *reader, *none = NULL;
    struct canp_writer *w = NULL;
    struct canp_cursor *c = NULL;
    struct canp_merge *m = NULL;
    const struct canp_replay_sink sink = {.put = count_put};
    struct canp_why why;

    record();
    cr_assert_eq(canp_reader_open(path, &reader, NULL), 0);
    cr_assert_eq(canp_writer_open(path, &writer.opts, &w, &why), -E2BIG);
    cr_assert_not_null(strstr(why.text, "does not know"));
    cr_assert_eq(canp_writer_segment_bytes(&writer.opts), 0);
    cr_assert_eq(canp_reader_open_opts(path, &newer.opts, &none, NULL), -E2BIG);
    cr_assert_eq(canp_cursor_open(reader, &cursor.opts, &c), -E2BIG);
    cr_assert_eq(canp_merge_open(&reader, 1, &cursor.opts, &m), -E2BIG);
    cr_assert_eq(canp_replay_run(reader, &replay.opts, &sink, &stats), -E2BIG);
    cr_assert_eq(canp_repack(path, &pack.opts, &packed, NULL), -E2BIG);
    cr_assert(!w && !none && !c && !m, "untouched");
    cursor.unknown = 0;
    cr_assert_eq(canp_cursor_open(reader, &cursor.opts, &c), 0, "what is not asked for does not matter");
    canp_cursor_close(c);
    canp_reader_close(reader);
}
