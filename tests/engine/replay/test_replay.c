/* Pace and replay: never early, in order, and no more than was asked for. How late is measured elsewhere. */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <canp/pools/clock.h>
#include <canp/replay.h>
#include <canp/writer.h>

#define START_NS INT64_C(1700000000000000000)
#define MS       INT64_C(1000000)

Test(histogram, quantiles_are_within_a_bucket)
{
    static struct canp_histogram h;
    cr_assert_eq(canp_histogram_quantile(&h, 0.5), 0);
    for (uint64_t i = 1; i <= 1000000; i++)
        canp_histogram_add(&h, i);
    for (double q = 0.01; q < 1; q += 0.01) {
        double got = (double)canp_histogram_quantile(&h, q);
        cr_assert(got >= q * 1e6 - 1 && got <= q * 1e6 * 1.04, "%f: %f", q, got);
    }
    cr_assert_eq(canp_histogram_quantile(&h, 1), 1000000);
    cr_assert_eq(h.max, 1000000);
    canp_histogram_add(&h, UINT64_MAX);
    cr_assert_eq(canp_histogram_quantile(&h, 1), UINT64_MAX);
    memset(&h, 0, sizeof(h));
    canp_histogram_add(&h, 7);
    cr_assert_eq(canp_histogram_quantile(&h, 0.5), 7);
    for (unsigned bit = 0; bit < 64; bit++)
        canp_histogram_add(&h, UINT64_C(1) << bit);
    cr_assert_eq(h.count, 65);
}

Test(pace, is_never_early)
{
    for (uint64_t spin_ns = 0; spin_ns <= 100000; spin_ns += 100000) {
        struct canp_pace pace;
        canp_pace_init(&pace, spin_ns);
        int64_t due_ns = pace.now_ns;
        for (unsigned i = 0; i < 100; i++) {
            due_ns += MS / 2;
            cr_assert_eq(canp_pace_wait(&pace, due_ns), 0);
            cr_assert_geq((int64_t)canp_monotonic_ns(), due_ns);
            cr_assert_geq(pace.now_ns, due_ns);
            canp_pace_count(&pace, due_ns);
        }
        cr_assert_eq(pace.late_ns.count, 100);
        cr_assert_eq(canp_pace_wait(&pace, due_ns - 1000 * MS), 0);
    }
}

static struct canp_stop stop;

static void on_alarm(int signal)
{
    (void)signal;
    canp_stop_set(&stop);
}

static void alarm_in_ms(unsigned ms)
{
    struct sigaction action = {.sa_handler = on_alarm};
    struct itimerval timer = {.it_value = {.tv_usec = ms * 1000}};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
}

Test(pace, a_signal_ends_the_wait)
{
    struct canp_pace pace;
    canp_pace_init(&pace, 0);
    int64_t due_ns = pace.now_ns + 20000 * MS;
    alarm_in_ms(30);
    cr_assert_eq(canp_pace_wait(&pace, due_ns), -EINTR);
    cr_assert_lt((int64_t)canp_monotonic_ns(), due_ns);
}

/* ---- replay ------------------------------------------------------------------------------------ */

static char dir[64];
static struct canp_reader *reader;
static struct canp_replay_stats stats;
static struct canp_replay_opts opts;

struct seen {
    uint64_t count;
    uint64_t unflushed, flushes;
    int64_t put_ns[1000];
    uint8_t number[1000];
    unsigned interrupt_every; /* puts that fail with -EINTR first */
    unsigned calls;
    int fail_at; /* the put that fails with -EIO, 0 = none */
};
static struct seen seen;

static int put(void *self, const struct canp_record *record)
{
    struct seen *s = self;
    s->calls++;
    if (s->interrupt_every && s->calls % s->interrupt_every == 0)
        return -EINTR;
    if (s->fail_at && s->count + 1 == (uint64_t)s->fail_at)
        return -EIO;
    s->put_ns[s->count % 1000] = (int64_t)canp_monotonic_ns();
    s->number[s->count % 1000] = record->frame->data[0];
    s->count++;
    s->unflushed++;
    return 0;
}

static int flush(void *self)
{
    struct seen *s = self;
    s->unflushed = 0;
    s->flushes++;
    return 0;
}

static int run(void)
{
    static const struct canp_replay_sink sink = {.self = &seen, .put = put, .flush = flush};
    return canp_replay_run(reader, &opts, &sink, &stats);
}

/* A recording of frames numbered in data[0], id 0x100 + number, at the given offsets; -1 stands for a gap. */
static void record(const int64_t *offsets_ns, unsigned count)
{
    struct canp_writer *w;
    struct canp_iface iface = {.bytes = sizeof(iface), .mtu = 16, .name = "vcan0"};
    strcpy(dir, "/tmp/canp-replay-XXXXXX");
    cr_assert(mkdtemp(dir));
    cr_assert_eq(canp_writer_open(dir, NULL, &w, NULL), 0);
    cr_assert_eq(canp_writer_add_iface(w, 0, &iface, START_NS), 0);
    for (unsigned i = 0; i < count; i++) {
        union canp_frame_store f = {.frame = {.id = 0x100 + i, .len = 1}};
        f.frame.data[0] = (uint8_t)i;
        struct canp_gap gap = {.layer = 1, .bytes = sizeof(gap), .lost = 5};
        struct canp_record r = {.time_ns = START_NS + offsets_ns[i], .frame = &f.frame};
        if (offsets_ns[i] == -1) {
            r.kind = CANP_KIND_GAP;
            r.gap = &gap;
        }
        cr_assert_eq(canp_writer_put(w, &r), 0);
    }
    cr_assert_eq(canp_writer_finish(w), 0);
    canp_writer_close(w);
    struct canp_why why;
    cr_assert_eq(canp_reader_open(dir, &reader, &why), 0);
    opts = (struct canp_replay_opts)CANP_REPLAY_OPTS_INIT;
}

static void remove_recording(void)
{
    char command[100];
    canp_reader_close(reader);
    if (dir[0]) {
        snprintf(command, sizeof(command), "rm -r %s", dir);
        cr_assert_eq(system(command), 0);
    }
}

TestSuite(replay, .fini = remove_recording);

static const int64_t steady[] = {0, 5 * MS, 10 * MS, 15 * MS, 20 * MS, 25 * MS};

Test(replay, keeps_the_recorded_distances)
{
    static const int64_t offsets[] = {0, 5 * MS, -1, 5 * MS, 20 * MS, 18 * MS, 30 * MS};
    record(offsets, 7);
    cr_assert_eq(run(), 0);
    cr_assert_eq(seen.count, 6);
    cr_assert_eq(seen.unflushed, 0);
    static const int64_t due[] = {0, 5, 5, 20, 20, 30}; /* a step back is due at once */
    static const uint8_t number[] = {0, 1, 3, 4, 5, 6};
    for (unsigned i = 0; i < 6; i++) {
        cr_assert_eq(seen.number[i], number[i]);
        cr_assert_geq(seen.put_ns[i] - seen.put_ns[0], due[i] * MS - MS, "early"); /* the first may be late */
    }
    cr_assert_eq(stats.frames, 6);
    cr_assert_eq(stats.lost, 5);
    cr_assert_eq(stats.late_ns.count, 6);
    cr_assert_eq(stats.scheduled_ns, 30 * MS);
    cr_assert_geq(stats.elapsed_ns, 30 * MS);
    cr_assert_eq(stats.loops, 1);
}

Test(replay, a_clock_that_was_set_takes_no_time)
{
    const int64_t year = INT64_C(31557600000) * MS;
    const int64_t offsets[] = {0, 5 * MS, year, year + 5 * MS, -year, -year + 10 * MS, -year + 20 * MS};
    record(offsets, 7);
    cr_assert_eq(run(), 0);
    cr_assert_eq(seen.count, 7);
    cr_assert_eq(stats.scheduled_ns, 30 * MS);
}

Test(replay, a_single_odd_stamp_takes_no_time)
{
    static const int64_t offsets[] = {0, 6200 * MS, 5 * MS, 10 * MS, -9000 * MS, 15 * MS, 20 * MS};
    record(offsets, 7);
    cr_assert_eq(run(), 0);
    cr_assert_eq(seen.count, 7);
    for (unsigned i = 0; i < 7; i++)
        cr_assert_eq(seen.number[i], i);
    cr_assert_eq(stats.scheduled_ns, 20 * MS);
}

/* All of the recording is read: its stamps run back. */
Test(replay, a_window_of_bus_time)
{
    static const int64_t offsets[] = {0, 5 * MS, -3600000 * MS, -3599990 * MS, -3599980 * MS};
    record(offsets, 5);
    opts.bus_window = true;
    opts.from_ns = START_NS + 10 * MS;
    opts.to_ns = START_NS + 15 * MS;
    cr_assert_eq(run(), 0);
    cr_assert_eq(stats.frames, 1);
    cr_assert_eq(seen.number[0], 3);
}

Test(replay, any_recorded_time_at_all)
{
    static const int64_t offsets[] = {INT64_MIN, 0, INT64_MAX - START_NS, 5, INT64_MIN, INT64_MAX - START_NS};
    record(offsets, 6);
    opts.speed = 1e9;
    opts.max_gap_ns = UINT64_MAX;
    opts.stop = &stop;
    alarm_in_ms(50);
    cr_assert_eq(run(), 0);
    cr_assert_geq(stats.frames, 1);
    opts.max_gap_ns = MS;
    opts.speed = 1;
    canp_stop_clear(&stop);
    cr_assert_eq(run(), 0);
    cr_assert_eq(stats.frames, 6);
}

Test(replay, speed_and_gaps)
{
    static const int64_t offsets[] = {0, 10 * MS, 3600000 * MS, 3600010 * MS};
    record(offsets, 4);
    opts.max_gap_ns = 20 * MS;
    opts.speed = 2;
    cr_assert_eq(run(), 0);
    cr_assert_eq(seen.count, 4);
    cr_assert_eq(stats.scheduled_ns, 20 * MS);
    opts.speed = 0.5;
    cr_assert_eq(run(), 0);
    cr_assert_eq(stats.scheduled_ns, 80 * MS);
}

Test(replay, loops_windows_and_filters)
{
    record(steady, 6);
    opts.loops = 3;
    cr_assert_eq(run(), 0);
    cr_assert_eq(stats.frames, 18);
    cr_assert_eq(stats.scheduled_ns, 75 * MS);
    opts.loops = 1;
    opts.from_ns = START_NS + 5 * MS;
    opts.to_ns = START_NS + 20 * MS;
    cr_assert_eq(run(), 0);
    cr_assert_eq(stats.frames, 4);
    static struct canp_filter_set filters;
    cr_assert_eq(canp_filter_parse(&filters, "103:7FF", NULL), 0);
    opts.filters = &filters;
    seen.count = 0;
    cr_assert_eq(run(), 0);
    cr_assert_eq(seen.count, 1);
    cr_assert_eq(seen.number[0], 3);
    opts.to_ns = START_NS + 10 * MS;
    opts.loops = CANP_REPLAY_FOREVER; /* for ever, of nothing */
    cr_assert_eq(run(), 0);
    cr_assert_eq(stats.frames, 0);
}

/* All lies in one block. The gap is stamped START_NS - 1. */
Test(replay, gaps_outside_the_window_are_not_missed)
{
    const int64_t offsets_ns[] = {-1, 0, 5 * MS};
    record(offsets_ns, 3);
    opts.from_ns = START_NS;
    cr_assert_eq(run(), 0);
    cr_assert(stats.frames == 2 && stats.lost == 0, "%llu", (unsigned long long)stats.lost);
    opts.from_ns = START_NS - 1;
    opts.to_ns = START_NS;
    cr_assert_eq(run(), 0);
    cr_assert(stats.frames == 1 && stats.lost == 5);
}

Test(replay, full_speed_does_not_wait)
{
    static const int64_t offsets[] = {0, 3600000 * MS, 7200000 * MS};
    record(offsets, 3);
    opts.full_speed = true;
    opts.loops = 1000;
    cr_assert_eq(run(), 0);
    cr_assert_eq(stats.frames, 3000);
    cr_assert_eq(stats.late_ns.count, 0);
    cr_assert_eq(seen.unflushed, 0);
}

Test(replay, a_signal_stops_it)
{
    static const int64_t offsets[] = {0, 20000 * MS};
    record(offsets, 2);
    opts.stop = &stop;
    alarm_in_ms(50);
    cr_assert_eq(run(), 0);
    cr_assert(stats.stopped);
    cr_assert_eq(stats.frames, 1);
    canp_stop_clear(&stop);
    opts.full_speed = true;
    opts.loops = CANP_REPLAY_FOREVER;
    alarm_in_ms(50);
    cr_assert_eq(run(), 0);
    cr_assert(stats.stopped);
}

static enum canp_replay_wish stop_by_key(void *self, uint64_t frames, int64_t time_ns)
{
    (void)self;
    (void)time_ns;
    if (frames == 1)
        canp_stop_set(&stop);
    return CANP_REPLAY_GO;
}

static void *stop_in_30_ms(void *self)
{
    usleep(30000);
    canp_stop_set(&stop);
    return self;
}

/* No wait is interrupted: idle() sets it, or another thread gets the signal. */
Test(replay, it_stops_in_a_long_silence_without_a_signal)
{
    static const struct canp_replay_sink asked = {
        .self = &seen, .put = put, .flush = flush, .idle = stop_by_key};
    const int64_t offsets_ns[] = {0, 20000 * MS};
    pthread_t thread;
    record(offsets_ns, 2);
    opts.stop = &stop;
    cr_assert_eq(canp_replay_run(reader, &opts, &asked, &stats), 0);
    cr_assert(stats.stopped && seen.count == 1);
    canp_stop_clear(&stop);
    cr_assert_eq(pthread_create(&thread, NULL, stop_in_30_ms, NULL), 0);
    cr_assert_eq(run(), 0);
    cr_assert(stats.stopped && seen.count == 2);
    pthread_join(thread, NULL);
}

Test(replay, interrupted_puts_are_repeated_and_errors_end_it)
{
    record(steady, 6);
    seen.interrupt_every = 2;
    cr_assert_eq(run(), 0);
    cr_assert_eq(seen.count, 6);
    for (unsigned i = 0; i < 6; i++)
        cr_assert_eq(seen.number[i], i);
    seen = (struct seen){.fail_at = 3};
    cr_assert_eq(run(), -EIO);
    cr_assert_eq(stats.frames, 2);
}

Test(replay, an_empty_recording)
{
    record(steady, 0);
    opts.loops = CANP_REPLAY_FOREVER;
    cr_assert_eq(run(), 0);
    cr_assert_eq(stats.frames, 0);
}

/* ---- held by idle() ---------------------------------------------------------------------------- */

static unsigned asked, pauses_left, steps_left;
static uint64_t frames_when_held;

static enum canp_replay_wish idle(void *self, uint64_t frames, int64_t time_ns)
{
    (void)self;
    (void)time_ns;
    asked++;
    if (frames < 2)
        return CANP_REPLAY_GO;
    if (steps_left) {
        steps_left--;
        return CANP_REPLAY_STEP;
    }
    if (pauses_left) {
        frames_when_held = frames;
        pauses_left--;
        return CANP_REPLAY_PAUSE;
    }
    return CANP_REPLAY_GO;
}

Test(replay, pause_step_and_on)
{
    static const int64_t offsets[] = {0, 60 * MS, 180 * MS, 3600000 * MS, 3600001 * MS, 3600100 * MS};
    static const struct canp_replay_sink sink = {.self = &seen, .put = put, .flush = flush, .idle = idle};
    record(offsets, 6);
    steps_left = 2; /* the third frame, and the fourth without its hour */
    pauses_left = 3;
    cr_assert_eq(canp_replay_run(reader, &opts, &sink, &stats), 0);
    cr_assert_eq(seen.count, 6);
    cr_assert_eq(frames_when_held, 4);
    cr_assert_eq(pauses_left, 0);
    cr_assert_geq(asked, 7);
    cr_assert_geq(seen.put_ns[4] - seen.put_ns[3], 3 * 20 * MS, "held");
    cr_assert_geq(seen.put_ns[5] - seen.put_ns[4], 99 * MS - 20 * MS, "time runs on");
    cr_assert_lt(stats.scheduled_ns, 3600000 * MS);
    for (unsigned i = 0; i < 6; i++)
        cr_assert_eq(seen.number[i], i);
    steps_left = 0;
    pauses_left = 1000000000;
    seen.count = 0;
    canp_stop_clear(&stop);
    opts.stop = &stop;
    alarm_in_ms(300);
    cr_assert_eq(canp_replay_run(reader, &opts, &sink, &stats), 0);
    cr_assert(stats.stopped);
    cr_assert_eq(seen.count, 2);
}

/* ---- a sink that keeps the time itself ----------------------------------------------------------- */

static int64_t due_ns[8], given_ns[8];
static unsigned given;

static int put_at(void *self, const struct canp_record *record, int64_t frame_due_ns)
{
    (void)self;
    (void)record;
    given_ns[given] = (int64_t)canp_monotonic_ns();
    due_ns[given++] = frame_due_ns;
    return 0;
}

Test(replay, ahead_of_time)
{
    static const int64_t offsets[] = {0, 1, 30 * MS, 35 * MS, 33 * MS, 200 * MS};
    static const int64_t distances[] = {0, 1, 30 * MS, 35 * MS, 35 * MS, 200 * MS};
    static const struct canp_replay_sink sink = {.self = &seen, .put = put, .put_at = put_at, .flush = flush};
    record(offsets, 6);
    opts.ahead_ns = 20 * MS;
    int64_t start_ns = (int64_t)canp_monotonic_ns();
    cr_assert_eq(canp_replay_run(reader, &opts, &sink, &stats), 0);
    cr_assert_geq((int64_t)canp_monotonic_ns(), due_ns[5], "it ends when the last one is due");
    cr_assert_eq(given, 6);
    cr_assert_eq(seen.count, 0);
    cr_assert_geq(due_ns[0], start_ns + 20 * MS);
    for (unsigned i = 0; i < 6; i++) {
        cr_assert_eq(due_ns[i] - due_ns[0], distances[i]);
        cr_assert_geq(given_ns[i], due_ns[i] - 20 * MS, "not earlier than so");
    }
    cr_assert_eq(stats.frames, 6);
    cr_assert_eq(stats.scheduled_ns, 200 * MS);
    cr_assert_gt(seen.flushes, 1);
    opts.full_speed = true;
    cr_assert_eq(canp_replay_run(reader, &opts, &sink, &stats), 0);
    cr_assert_eq(seen.count, 6, "at full speed there are no times");
}

Test(histogram, merges)
{
    static struct canp_histogram a, b;
    canp_histogram_add(&a, 5);
    canp_histogram_add(&b, 7);
    canp_histogram_add(&b, 1000000);
    canp_histogram_merge(&a, &b);
    cr_assert_eq(a.count, 3);
    cr_assert_eq(a.max, 1000000);
    cr_assert_eq(canp_histogram_quantile(&a, 0.7), 7);
}

Test(drift, is_that_of_the_least)
{
    struct canp_drift d = {0};
    for (uint64_t i = 0; i < 128; i++)
        canp_drift_add(&d, 50 + i % 7);
    cr_assert_eq(canp_drift_ns(&d), 0, "too few");
    for (uint64_t i = 0; i < 1000; i++)
        canp_drift_add(&d, (i % 50 == 0 ? 60 : 100000) + i);
    cr_assert(canp_drift_ns(&d) >= 60 + 744 - 50 && canp_drift_ns(&d) < 60 + 1000 - 50);
}
