/*
 * Replay: computes deadlines from a recording's times (canp/replay.h).
 *
 * Invariants: a frame is never put before its deadline; deadlines never run backwards, even where the
 * recording does; rows are flushed before the cursor leaves their block, or the next ones of a log are read.
 * One thread.
 *
 * Distances between deadlines are those of bus time. Where bus time runs back a little, because interfaces
 * were recorded in turn, the frame is due at once.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <canp/busclock.h>
#include <canp/log.h>
#include <canp/private/opts.h>
#include <canp/replay.h>
#include <canp/rows.h>

#define IDLE_NS       50000000           /* idle() is asked so often, and whether to stop */
#define HOLD_NS       20000000           /* and so often while holding */
#define AHEAD_BYTES   16384              /* of a log that are read ahead: 700 frames, 0.1 ms */
#define OFFSET_MAX_NS (INT64_C(1) << 61) /* 73 years: for ever */

struct run {
    const struct canp_replay_opts *opts;
    const struct canp_replay_sink *sink;
    struct canp_replay_stats *stats;
    struct canp_pace pace;
    bool started;          /* the first frame of all was put */
    bool anchored;         /* the first frame of this loop was met */
    bool holding;          /* paused by idle() */
    int64_t ask_ns;        /* when idle() is asked next */
    bool pending;          /* frames were put since the last flush */
    int64_t first_due_ns;  /* of all loops */
    int64_t anchor_due_ns; /* when this loop's first frame is due */
    int64_t offset_ns;     /* of the frame before from this loop's first, less what was cut off */
    int64_t last_bus_ns;   /* bus time of the frame before */
    int64_t due_ns;        /* deadline of the frame before */
    struct canp_drift drift;
    struct canp_busclock clock; /* of this loop */
};

static bool must_stop(const struct run *run)
{
    return canp_stop_is_set(run->opts->stop);
}

static int64_t ahead_ns(const struct run *run)
{
    return run->sink->put_at ? (int64_t)run->opts->ahead_ns : 0;
}

static int flush(struct run *run)
{
    int r = 0;
    if (!run->pending || !run->sink->flush)
        return 0;
    while ((r = run->sink->flush(run->sink->self)) == -EINTR && !must_stop(run))
        ;
    run->pending = false;
    run->pace.now_ns = 0; /* flushing took its time */
    return r;
}

/* How far the recording moves on to this frame: what is cut off is left out. Recorded times may be anything.
 */
static int64_t step_to(const struct run *run, int64_t bus_ns)
{
    uint64_t max_gap_ns = run->opts->max_gap_ns;
    int64_t step_ns;
    if (__builtin_sub_overflow(bus_ns, run->last_bus_ns, &step_ns))
        step_ns = bus_ns > run->last_bus_ns ? OFFSET_MAX_NS : 0;
    return max_gap_ns && step_ns > 0 && (uint64_t)step_ns > max_gap_ns ? (int64_t)max_gap_ns : step_ns;
}

/* The deadline of a frame with this bus time. */
static int64_t deadline(struct run *run, int64_t bus_ns)
{
    if (!run->anchored) {
        run->anchored = true;
        run->offset_ns = 0;
        run->last_bus_ns = bus_ns;
        run->anchor_due_ns = run->started ? run->due_ns : canp_pace_now(&run->pace) + ahead_ns(run);
    }
    if (__builtin_add_overflow(run->offset_ns, step_to(run, bus_ns), &run->offset_ns) ||
        run->offset_ns > OFFSET_MAX_NS)
        run->offset_ns = OFFSET_MAX_NS;
    run->last_bus_ns = bus_ns;
    int64_t offset_ns = run->offset_ns;
    if (run->opts->speed != 1) {
        double scaled_ns = (double)offset_ns / run->opts->speed;
        offset_ns = scaled_ns < (double)OFFSET_MAX_NS ? (int64_t)scaled_ns : OFFSET_MAX_NS;
    }
    int64_t due_ns = run->anchor_due_ns + offset_ns;
    if (run->started && due_ns < run->due_ns)
        due_ns = run->due_ns;
    return due_ns;
}

static enum canp_replay_wish ask(const struct run *run, int64_t time_ns)
{
    const struct canp_replay_sink *sink = run->sink;
    return sink->idle ? sink->idle(sink->self, run->stats->frames, time_ns) : CANP_REPLAY_GO;
}

/* Asks idle() when it is time to, and holds as long as it wants. 0, -EINTR when stopped (by idle(), too, or
 * by a signal that no wait was interrupted by), or an error. */
static int consult(struct run *run, int64_t time_ns)
{
    if (!run->holding && run->pace.now_ns < run->ask_ns)
        return 0;
    bool held = run->holding;
    enum canp_replay_wish wish;
    while ((wish = ask(run, time_ns)) == CANP_REPLAY_PAUSE) {
        int r = flush(run);
        if (r < 0)
            return r;
        held = run->holding = true;
        canp_pace_wait(&run->pace, canp_pace_now(&run->pace) + HOLD_NS);
        if (must_stop(run))
            return -EINTR;
    }
    run->holding = wish == CANP_REPLAY_STEP;
    run->ask_ns = canp_pace_now(&run->pace) + IDLE_NS;
    if (held || run->holding) { /* time stood still: this frame is due now */
        run->anchored = false;
        run->due_ns = run->pace.now_ns + ahead_ns(run);
    }
    return must_stop(run) ? -EINTR : 0;
}

/* Waits for the deadline, in slices: between them idle() is asked, and whether to stop. Ahead of deadlines,
 * what is due within that time goes together, and then nothing for the half of it. */
static int await_due(struct run *run, int64_t time_ns, int64_t bus_ns, int64_t *due_ns)
{
    int64_t ahead = ahead_ns(run);
    int r = consult(run, time_ns);
    *due_ns = deadline(run, bus_ns);
    if (r < 0 || run->pace.now_ns >= *due_ns - ahead || canp_pace_now(&run->pace) >= *due_ns - ahead)
        return r;
    r = flush(run);
    while (r == 0) {
        int64_t wake_ns = *due_ns - ahead / 2;
        bool sliced = wake_ns > run->ask_ns;
        r = canp_pace_wait(&run->pace, sliced ? run->ask_ns : wake_ns);
        if (r == -EINTR && !must_stop(run)) {
            r = 0;
            continue;
        }
        if (r < 0 || !sliced)
            break;
        r = consult(run, time_ns);
        if (!run->anchored)
            *due_ns = deadline(run, bus_ns);
    }
    return r;
}

/* Waits until the frame is due; what is pending goes out first. */
static int await(struct run *run, int64_t time_ns, int64_t bus_ns)
{
    int64_t due_ns;
    int r = await_due(run, time_ns, bus_ns, &due_ns);
    if (r < 0)
        return r;
    if (!run->started) {
        run->started = true;
        run->first_due_ns = due_ns;
    }
    run->due_ns = due_ns;
    canp_drift_add(&run->drift, canp_pace_count(&run->pace, due_ns));
    return 0;
}

static int put(const struct run *run, const struct canp_record *record)
{
    const struct canp_replay_sink *sink = run->sink;
    return sink->put_at && run->opts->speed > 0 ? sink->put_at(sink->self, record, run->due_ns)
                                                : sink->put(sink->self, record);
}

static int play_frame(struct run *run, const struct canp_record *record, int64_t bus_ns)
{
    int r = run->opts->speed > 0 ? await(run, record->time_ns, bus_ns) : 0;
    if (r < 0)
        return r;
    run->pending = true;
    r = put(run, record);
    while (r == -EINTR && !must_stop(run))
        r = put(run, record);
    if (r < 0)
        return r;
    run->stats->frames++;
    return 0;
}

/* Of a block that reaches beyond the window all rows are here. */
static bool is_in_window(const struct run *run, const struct canp_record *record, int64_t bus_ns)
{
    int64_t ns = run->opts->bus_window ? bus_ns : record->time_ns;
    return ns >= run->opts->from_ns && ns <= run->opts->to_ns;
}

/* At full speed nobody asks for it. */
static int64_t bus_time(struct run *run, struct canp_cursor *cursor, const struct canp_record *record)
{
    bool needed = run->opts->speed > 0 || run->opts->bus_window;
    return needed ? canp_busclock_time(&run->clock, cursor, record) : record->time_ns;
}

static bool is_wanted(const struct run *run, const struct canp_record *record)
{
    const struct canp_replay_opts *opts = run->opts;
    return canp_kind_is_frame(record->kind) && (!opts->filters || canp_filter_match(opts->filters, record)) &&
           (!run->sink->want || run->sink->want(run->sink->self, record));
}

static int play_batch(struct run *run, struct canp_cursor *cursor, const struct canp_batch *batch)
{
    struct canp_record record;
    if (run->opts->speed == 0 && run->sink->idle) {
        canp_pace_now(&run->pace);
        int r = consult(run, batch->base_ns);
        if (r < 0)
            return r;
    }
    for (size_t at = 0; at < batch->bytes; at += record.row_bytes) {
        canp_row_read(batch->rows + at, batch->base_ns, &record);
        int64_t bus_ns = bus_time(run, cursor, &record);
        if (!is_in_window(run, &record, bus_ns))
            continue;
        if (record.kind == CANP_KIND_GAP)
            run->stats->lost += record.gap->lost;
        if (!is_wanted(run, &record))
            continue;
        if (must_stop(run))
            return -EINTR;
        int r = play_frame(run, &record, bus_ns);
        if (r < 0)
            return r;
    }
    return flush(run);
}

static int play_recording(struct run *run, struct canp_reader *reader)
{
    struct canp_cursor_opts where = CANP_CURSOR_OPTS_INIT;
    struct canp_cursor *cursor;
    struct canp_batch batch;
    if (!run->opts->bus_window) {
        where.from_ns = run->opts->from_ns;
        where.to_ns = run->opts->to_ns;
    }
    where.filter = run->opts->filters;
    int r = canp_cursor_open(reader, &where, &cursor);
    if (r < 0)
        return r;
    while (!must_stop(run) && (r = canp_cursor_next_batch(cursor, &batch)) == 1) {
        r = play_batch(run, cursor, &batch);
        if (r < 0)
            break;
    }
    run->stats->damaged = canp_cursor_damaged(cursor);
    canp_cursor_close(cursor);
    return r < 0 ? r : 0;
}

/* Rows of a log that were read ahead. */
struct ahead {
    struct canp_log_reader *log;
    struct canp_record kept; /* found no room among the rows before */
    bool has_kept;
    struct canp_rowbuf rows;
    _Alignas(8) uint8_t bytes[AHEAD_BYTES];
};

/* What has no time and is not counted is left out; so what is left fits into an empty buffer. */
static bool matters(const struct canp_record *record)
{
    return canp_kind_is_frame(record->kind) || record->kind == CANP_KIND_GAP ||
           record->kind == CANP_KIND_CLOCK;
}

/* As many rows as there is room for; of a pipe one. 1, 0 at the end, or an error, each with rows or without.
 */
static int read_ahead(struct ahead *a)
{
    size_t enough = canp_log_can_rewind(a->log) ? SIZE_MAX : 1;
    int r = 1;
    canp_rowbuf_init(&a->rows, a->bytes, sizeof(a->bytes));
    while (a->rows.records < enough) {
        if (!a->has_kept)
            r = canp_log_next(a->log, &a->kept);
        if (r != 1)
            return r;
        a->has_kept = matters(&a->kept) && canp_rowbuf_put_record(&a->rows, &a->kept) == -ENOSPC;
        if (a->has_kept)
            return 1;
    }
    return 1;
}

static int play_log(struct run *run, struct ahead *a)
{
    int more = 1, r = 0;
    a->has_kept = false;
    while (!must_stop(run) && more == 1 && r == 0) {
        more = read_ahead(a);
        const struct canp_batch batch = {
            .rows = a->bytes, .bytes = a->rows.used_bytes, .base_ns = a->rows.base_ns};
        r = a->rows.records ? play_batch(run, NULL, &batch) : 0;
    }
    uint64_t bad = canp_log_reader_stats(a->log)->bad;
    run->stats->damaged = bad < UINT32_MAX ? (uint32_t)bad : UINT32_MAX;
    return more < 0 && r == 0 ? more : r;
}

/* One of the two, once from its beginning. */
static int play_once(struct run *run, struct canp_reader *recording, struct ahead *a)
{
    run->anchored = false;
    run->clock = (struct canp_busclock)CANP_BUSCLOCK_INIT;
    if (recording)
        return play_recording(run, recording);
    int r = run->stats->loops ? canp_log_rewind(a->log, NULL) : 0;
    return r < 0 ? r : play_log(run, a);
}

/* What was put ahead of its time becomes due. */
static void await_last(struct run *run)
{
    while (run->started && !must_stop(run) && canp_pace_wait(&run->pace, run->due_ns) == -EINTR)
        ;
}

/* From here on a speed of 0 is full speed, and 0 loops are for ever. */
static int take_opts(struct canp_replay_opts *taken, const struct canp_replay_opts *opts)
{
    int r = canp_opts_take(taken, sizeof(*taken), sizeof(*taken), opts);
    if (r < 0)
        return r;
    if (taken->full_speed)
        taken->speed = 0;
    else if (taken->speed == 0)
        taken->speed = 1;
    if (taken->loops == 0)
        taken->loops = 1;
    else if (taken->loops == CANP_REPLAY_FOREVER)
        taken->loops = 0;
    taken->from_ns = taken->from_ns ? taken->from_ns : INT64_MIN;
    taken->to_ns = taken->to_ns ? taken->to_ns : INT64_MAX;
    return 0;
}

static void sum_up(struct run *run, int64_t start_ns)
{
    struct canp_replay_stats *stats = run->stats;
    stats->stopped = must_stop(run);
    int64_t elapsed_ns = canp_pace_now(&run->pace) - (run->started ? run->first_due_ns : start_ns);
    stats->elapsed_ns = elapsed_ns > 0 ? (uint64_t)elapsed_ns : 0;
    stats->scheduled_ns = run->started ? (uint64_t)(run->due_ns - run->first_due_ns) : 0;
    stats->drift_ns = canp_drift_ns(&run->drift);
    stats->late_ns = run->pace.late_ns;
}

/* The options are taken. */
static int play_all(struct run *run, struct canp_reader *recording, struct ahead *a)
{
    struct canp_replay_stats *stats = run->stats;
    uint64_t loops = run->opts->loops;
    int r;
    canp_pace_init(&run->pace, run->opts->spin_ns);
    int64_t start_ns = run->pace.now_ns;
    do {
        uint64_t before = stats->frames;
        stats->lost = 0;
        r = play_once(run, recording, a);
        stats->loops++;
        if (stats->frames == before)
            break; /* nothing to play: no endless loop */
    } while (r == 0 && !must_stop(run) && (loops == 0 || stats->loops < loops));
    if (r == 0 && ahead_ns(run))
        await_last(run);
    sum_up(run, start_ns);
    return stats->stopped && (r == -EINTR || r == -ECANCELED) ? 0 : r;
}

int canp_replay_run(struct canp_reader *reader, const struct canp_replay_opts *opts,
                    const struct canp_replay_sink *sink, struct canp_replay_stats *stats)
{
    struct canp_replay_opts taken;
    struct run run = {.opts = &taken, .sink = sink, .stats = stats};
    memset(stats, 0, sizeof(*stats));
    int r = take_opts(&taken, opts);
    return r < 0 ? r : play_all(&run, reader, NULL);
}

int canp_replay_log(struct canp_log_reader *reader, const struct canp_replay_opts *opts,
                    const struct canp_replay_sink *sink, struct canp_replay_stats *stats)
{
    struct canp_replay_opts taken;
    struct run run = {.opts = &taken, .sink = sink, .stats = stats};
    memset(stats, 0, sizeof(*stats));
    int r = take_opts(&taken, opts);
    if (r == 0 && taken.loops != 1 && !canp_log_can_rewind(reader))
        return -ESPIPE;
    struct ahead *a = r == 0 ? malloc(sizeof(*a)) : NULL;
    if (!a)
        return r < 0 ? r : -ENOMEM;
    a->log = reader;
    r = play_all(&run, NULL, a);
    free(a);
    return r;
}
