/* Replay of logs that are no recordings: in order and in time, again where they can be read again, and from a
 * pipe as the frames come. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <canp/replay.h>

#include "temp_dir.h"

#define MS INT64_C(1000000)

static struct canp_log_reader *log_reader;
static struct canp_replay_stats stats;
static struct canp_replay_opts opts = CANP_REPLAY_OPTS_INIT;

struct seen {
    unsigned count, unflushed, unflushed_most;
    uint32_t out_of_order;
    int next_line_fd; /* a pipe that is fed with a line by each flush, until none are left */
    unsigned lines_left;
};
static struct seen seen = {.next_line_fd = -1};

static int put(void *self, const struct canp_record *record)
{
    struct seen *s = self;
    uint32_t number = record->frame->id & CANP_ID_EFF_MASK;
    s->out_of_order += number != s->count % 5000 || record->frame->data[0] != (uint8_t)number;
    s->count++;
    s->unflushed++;
    s->unflushed_most = s->unflushed > s->unflushed_most ? s->unflushed : s->unflushed_most;
    return 0;
}

static void feed(struct seen *s)
{
    if (s->lines_left) {
        unsigned n = 6 - s->lines_left;
        cr_assert_gt(dprintf(s->next_line_fd, "(5.%06u) can0 %08X#%02X\n", n * 1000, n, n), 0);
        s->lines_left--;
    } else if (s->next_line_fd >= 0) {
        close(s->next_line_fd);
        s->next_line_fd = -1;
    }
}

static int flush(void *self)
{
    struct seen *s = self;
    s->unflushed = 0;
    feed(s);
    return 0;
}

static const struct canp_replay_sink sink = {.self = &seen, .put = put, .flush = flush};

static const char *write_log(unsigned count)
{
    static char path[300];
    snprintf(path, sizeof(path), "%s/x.log", dir);
    FILE *f = fopen(path, "w");
    cr_assert_not_null(f);
    for (unsigned i = 0; i < count; i++)
        fprintf(f, "(1700000000.%06u) can%u %08X#%02X\n", i * 10, i % 3, i, i & 0xFF);
    fclose(f);
    return path;
}

static void open_log(const char *path)
{
    struct canp_why why;
    cr_assert_eq(canp_log_open(path, NULL, &log_reader, &why), 0, "%s", why.text);
}

static void close_all(void)
{
    canp_log_close(log_reader);
    temp_dir_remove();
}

TestSuite(replay_log, .init = temp_dir_make, .fini = close_all);

Test(replay_log, in_its_own_time)
{
    open_log(write_log(5000));
    cr_assert_eq(canp_replay_log(log_reader, &opts, &sink, &stats), 0);
    cr_assert(seen.count == 5000 && seen.out_of_order == 0 && seen.unflushed == 0);
    cr_assert_eq(stats.scheduled_ns, 4999 * MS / 100);
    cr_assert_geq(stats.elapsed_ns, stats.scheduled_ns);
    cr_assert_eq(stats.late_ns.count, 5000);
}

Test(replay_log, again_and_at_full_speed)
{
    open_log(write_log(5000));
    opts.full_speed = true;
    opts.loops = 3;
    cr_assert_eq(canp_replay_log(log_reader, &opts, &sink, &stats), 0);
    cr_assert(seen.count == 15000 && seen.out_of_order == 0, "%u, %u", seen.count, seen.out_of_order);
    cr_assert(stats.loops == 3 && seen.unflushed_most > 100 && stats.damaged == 0);
    cr_assert_eq(canp_log_iface_count(log_reader), 3, "channels are met once");
}

Test(replay_log, a_selection_stays)
{
    struct canp_log_selection selection = {
        .size = sizeof(selection), .has_from = true, .from_is_relative = true, .from_ns = 48 * MS};
    open_log(write_log(5000));
    cr_assert_eq(canp_log_select(log_reader, &selection), 0);
    opts.full_speed = true;
    opts.loops = 2;
    seen.count = 4800; /* the first number that comes; and it comes again */
    cr_assert_eq(canp_replay_log(log_reader, &opts, &sink, &stats), 0);
    cr_assert_eq(stats.frames, 400);
    cr_assert_eq(seen.out_of_order, 200, "of the first loop none");
}

Test(replay_log, what_cannot_be_read_is_counted)
{
    const char *path = write_log(10);
    FILE *f = fopen(path, "a");
    fputs("(1700000001.000000) can0 nonsense\n# GAP can0 socket lost 7 from 1700000000.0 to 1700000001.0\n",
          f);
    fclose(f);
    open_log(path);
    opts.full_speed = true;
    opts.loops = 2;
    cr_assert_eq(canp_replay_log(log_reader, &opts, &sink, &stats), 0);
    cr_assert_eq(stats.damaged, 1, "of the last loop");
    cr_assert_eq(stats.frames, 20);
    cr_assert_eq(stats.lost, 7);
}

/* Each line is written when the frame before it was flushed: who waits for more would wait for ever. */
Test(replay_log, a_pipe_as_it_comes, .timeout = 60)
{
    int ends[2];
    struct canp_why why;
    cr_assert_eq(pipe(ends), 0);
    seen.next_line_fd = ends[1];
    seen.lines_left = 6;
    feed(&seen);
    cr_assert_eq(canp_log_open_fd(ends[0], "pipe", NULL, &log_reader, &why), 0, "%s", why.text);
    cr_assert_not(canp_log_can_rewind(log_reader));
    opts.loops = 2;
    cr_assert_eq(canp_replay_log(log_reader, &opts, &sink, &stats), -ESPIPE);
    opts.loops = 1;
    cr_assert_eq(canp_replay_log(log_reader, &opts, &sink, &stats), 0);
    cr_assert(seen.count == 6 && seen.out_of_order == 0, "%u", seen.count);
    cr_assert_eq(canp_log_rewind(log_reader, &why), -ESPIPE);
    close(ends[0]);
}

Test(replay_log, a_file_that_went_away)
{
    const char *path = write_log(10);
    struct canp_record record;
    struct canp_why why;
    open_log(path);
    cr_assert_eq(canp_log_next(log_reader, &record), 1);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(canp_log_rewind(log_reader, &why), -ENOENT);
    cr_assert_eq(canp_log_next(log_reader, &record), -ENOENT, "nothing more is read");
}
