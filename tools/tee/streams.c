/*
 * Streams of a recording that grows (streams.h).
 *
 * The recording is the queue: a thread that does not keep up reads later. Only where it cannot keep up since
 * its pipe takes too little it begins to leave frames out: it reads on, counts, and writes nothing until the
 * pipe's queue is half empty. So it is never further behind than CATCH_UP_NS, and what retention removes it
 * has read.
 *
 * Invariant: each frame of the recording was handed to the format or is counted in `missed`, and so is each
 * loss. A stream's fields are its thread's from streams_start() to streams_stop(), but for `ended`.
 */
#include "tee/streams.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <canp/log.h>
#include <canp/pools/clock.h>
#include <canp/private/threads.h>

#include "lib/commands.h"
#include "lib/opts.h"
#include "lib/program.h"
#include "lib/text.h"
#include "live/speaker.h"
#include "tee/pipe_out.h"

#ifndef CATCH_UP_NS                      /* tests have no time */
#define CATCH_UP_NS UINT64_C(5000000000) /* a pipe has so long to take what came at once */
#endif
#define END_NS  UINT64_C(2000000000) /* and at the end, for anything at all */
#define OPEN_MS 50                   /* looks for the reader of a named pipe */

struct missed {
    uint64_t frames;
    int64_t from_ns, to_ns;
};

struct stream {
    const char *format, *path;
    const struct canp_log_format_info *info;
    bool is_pipe;
    struct pipe_out pipe;
    struct canp_log_reader *reader;
    struct canp_log_writer *writer;
    int wake; /* eventfd */
    pthread_t thread;
    bool runs;
    _Atomic bool ended; /* the recording is complete */
    int error;          /* negative: it ended before the recording did */
    struct canp_why why;
    uint64_t behind_ns; /* CLOCK_MONOTONIC since when the pipe's queue is full; 0: it is not */
    bool leaves_out;
    uint64_t missed_frames; /* in all */
    uint64_t missed_events; /* link events, notes and clock records */
    struct missed missed[256];
};

static struct {
    const char *command;
    struct stream of[STREAMS_MAX];
    unsigned count;
    void (*gone)(const char *path);
} self;

static const char *name_of(const struct stream *s)
{
    return strcmp(s->path, "-") == 0 ? "standard output" : s->path;
}

/* ---- what the pipe cannot take ------------------------------------------------------------------- */

static void leave_out(struct stream *s, const struct canp_record *record)
{
    struct missed *m = &s->missed[record->channel];
    uint64_t frames = record->kind == CANP_KIND_GAP ? record->gap->lost : 1;
    if (record->kind != CANP_KIND_GAP && !canp_kind_is_frame(record->kind)) {
        s->missed_events++;
        return;
    }
    if (!m->frames)
        m->from_ns = record->kind == CANP_KIND_GAP ? record->gap->from_ns : record->time_ns;
    m->to_ns = record->time_ns;
    m->frames += frames;
    s->missed_frames += frames;
}

static int tell_missed(struct stream *s)
{
    int r = 0;
    for (unsigned i = 0; i < 256 && r == 0; i++) {
        struct missed *m = &s->missed[i];
        if (!m->frames)
            continue;
        struct canp_gap gap = {CANP_LAYER_STREAM, sizeof(gap), 0, m->frames, m->from_ns, m->to_ns};
        struct canp_record record = {
            .time_ns = m->to_ns, .kind = CANP_KIND_GAP, .channel = (uint8_t)i, .gap = &gap};
        r = canp_log_write(s->writer, &record);
        *m = (struct missed){0};
    }
    return r;
}

/* Waits until the pipe takes something; false: its time is over. */
static bool wait_for_room(struct stream *s)
{
    uint64_t now_ns = canp_monotonic_ns();
    if (!s->behind_ns)
        s->behind_ns = now_ns;
    /* relaxed: nothing is read that the flag would hand over */
    uint64_t most_ns = atomic_load_explicit(&s->ended, memory_order_relaxed) ? END_NS : CATCH_UP_NS;
    uint64_t waited_ns = now_ns - s->behind_ns;
    if (waited_ns >= most_ns)
        return false;
    struct pollfd out = {.fd = s->pipe.fd, .events = POLLOUT};
    uint64_t ms = (most_ns - waited_ns) / 1000000 + 1;
    poll(&out, 1, s->pipe.fd < 0 || ms > OPEN_MS ? OPEN_MS : (int)ms);
    return true;
}

/* Is there room for a record? Where there is none the pipe gets some time, and then frames are left out until
 * its queue is half empty. */
static int find_room(struct stream *s)
{
    if (s->leaves_out && pipe_out_used(&s->pipe) > PIPE_OUT_LIMIT / 2)
        return 0;
    if (s->leaves_out) {
        int r = tell_missed(s);
        s->leaves_out = false;
        s->behind_ns = 0;
        return r < 0 ? r : 1;
    }
    while (pipe_out_is_full(&s->pipe)) {
        int r = pipe_out_push(&s->pipe);
        if (r < 0)
            return r;
        if (pipe_out_is_full(&s->pipe) && !wait_for_room(s)) {
            s->leaves_out = true;
            return 0;
        }
    }
    return 1;
}

/* ---- from the recording to the format ------------------------------------------------------------ */

static int take_record(struct stream *s, const struct canp_record *record)
{
    bool is_tight = s->is_pipe && (s->leaves_out || pipe_out_is_full(&s->pipe));
    if (__builtin_expect(!is_tight, 1) || record->kind == CANP_KIND_IFACE)
        return canp_log_write(s->writer, record);
    int r = find_room(s);
    if (r == 0)
        leave_out(s, record);
    return r == 1 ? canp_log_write(s->writer, record) : r;
}

static int fail_to_write(struct stream *s, int error)
{
    return canp_fail(&s->why, error, "%s: %s", name_of(s), canp_strerror(error));
}

/* All there is now. 0 or an error. */
static int take_all(struct stream *s)
{
    struct canp_record record;
    int r = canp_log_refresh(s->reader);
    while (r >= 0 && (r = canp_log_next(s->reader, &record)) == 1) {
        r = take_record(s, &record);
        if (r < 0)
            return fail_to_write(s, r);
    }
    if (r < 0)
        return canp_fail(&s->why, r, "%s: the recording cannot be followed: %s", name_of(s),
                         *canp_log_why(s->reader) ? canp_log_why(s->reader) : canp_strerror(r));
    if (!s->leaves_out)
        s->behind_ns = 0;
    r = canp_log_flush(s->writer);
    if (r == 0 && s->is_pipe)
        r = pipe_out_push(&s->pipe);
    return r < 0 ? fail_to_write(s, r) : 0;
}

/* Until there is more, the pipe takes more, or its reader goes. */
static void wait_for_more(const struct stream *s)
{
    struct pollfd polls[2] = {{.fd = s->wake, .events = POLLIN}, {.fd = -1}};
    bool is_unopened = s->is_pipe && s->pipe.fd < 0;
    if (s->is_pipe)
        polls[1] = (struct pollfd){.fd = s->pipe.fd, .events = pipe_out_events(&s->pipe)};
    poll(polls, 2, is_unopened ? OPEN_MS : -1);
    uint64_t count;
    if (polls[0].revents && read(s->wake, &count, sizeof(count)) < 0)
        return; /* it does not wait; nothing was there */
}

/* A reader that has gone is noticed by poll() alone while there is nothing to be written. */
static int look_for_reader(struct stream *s)
{
    struct pollfd out = {.fd = s->is_pipe ? s->pipe.fd : -1};
    if (out.fd >= 0 && poll(&out, 1, 0) == 1 && (out.revents & (POLLERR | POLLHUP)))
        return fail_to_write(s, -EPIPE);
    return 0;
}

/* What waits in the queue, as long as the pipe takes some of it. */
static int drain(struct stream *s)
{
    uint64_t until_ns = canp_monotonic_ns() + END_NS;
    while (pipe_out_used(&s->pipe)) {
        size_t before = pipe_out_used(&s->pipe);
        int r = pipe_out_push(&s->pipe);
        uint64_t now_ns = canp_monotonic_ns();
        if (r < 0)
            return fail_to_write(s, r);
        if (pipe_out_used(&s->pipe) < before)
            until_ns = now_ns + END_NS;
        else if (now_ns >= until_ns)
            return canp_fail(&s->why, -ETIMEDOUT,
                             "%s: its reader takes nothing: the last %zu bytes were not written", name_of(s),
                             pipe_out_used(&s->pipe));
        struct pollfd out = {.fd = s->pipe.fd, .events = POLLOUT};
        if (pipe_out_used(&s->pipe))
            poll(&out, 1, OPEN_MS);
    }
    return 0;
}

static int complete(struct stream *s)
{
    struct canp_log_writer *writer = s->writer;
    int r = tell_missed(s);
    s->writer = NULL;
    if (r < 0) {
        canp_log_abandon(writer);
        return fail_to_write(s, r);
    }
    r = canp_log_finish(writer, &s->why);
    return r == 0 && s->is_pipe ? drain(s) : r;
}

static void *run(void *arg)
{
    struct stream *s = arg;
    bool ended = false;
    while (!ended && s->error == 0) {
        /* acquire: pairs with the release in streams_stop(); before the look, so that nothing is missed */
        ended = atomic_load_explicit(&s->ended, memory_order_acquire);
        s->error = take_all(s);
        if (s->error == 0 && !ended) {
            wait_for_more(s);
            s->error = look_for_reader(s);
        }
    }
    if (s->error == 0)
        s->error = complete(s);
    if (s->error == -EPIPE && self.gone)
        self.gone(s->path);
    return NULL;
}

/* ---- begin and end ------------------------------------------------------------------------------- */

static int open_writer(struct stream *s, struct canp_why *why)
{
    struct canp_log_write_opts opts = CANP_LOG_WRITE_OPTS_INIT;
    opts.style = CANP_LOG_EVENTS; /* or gaps would be missing from candump's lines */
    if (!s->is_pipe)
        return canp_log_writer_open(s->path, s->format, &opts, &s->writer, why);
    int r = pipe_out_open(&s->pipe, s->path);
    if (r < 0)
        return canp_fail(why, r, "%s: %s", name_of(s), canp_strerror(r));
    return canp_log_writer_open_to(pipe_out_put, &s->pipe, name_of(s), s->format, &opts, &s->writer, why);
}

static int check_format(const struct stream *s, const char *command)
{
    if (!s->info || !s->info->writes)
        return opts_fail(command, CANP_EXIT_USAGE,
                         "no format '%s' that can be written; `canp convert --help` lists them", s->format);
    if (strcmp(s->info->name, "canp") == 0)
        return opts_fail(command, CANP_EXIT_USAGE,
                         "a recording is no stream: choose pcapng, candump, json ...");
    if (strcmp(s->path, "-") == 0 && isatty(STDOUT_FILENO) && !(s->info->writes & CANP_LOG_TEXT))
        return opts_fail(command, CANP_EXIT_USAGE,
                         "%s is no text, and standard output a terminal: give it to a program or a file",
                         s->format);
    if (strcmp(s->path, "-") == 0 && streams_use_standard_output())
        return opts_fail(command, CANP_EXIT_USAGE, "two streams cannot both go to standard output");
    return 0;
}

int streams_add(const char *command, const char *format, const char *path)
{
    struct canp_why why;
    self.command = command;
    if (self.count == STREAMS_MAX)
        return opts_fail(command, CANP_EXIT_USAGE, "%d streams at most", STREAMS_MAX);
    struct stream *s = &self.of[self.count];
    *s = (struct stream){.format = format, .path = path, .info = canp_log_format_named(format), .wake = -1};
    int status = check_format(s, command);
    if (status)
        return status;
    s->is_pipe = pipe_out_is_for(path);
    s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); /* before the recorder's threads, which read it */
    int r = s->wake < 0 ? canp_fail(&why, -errno, "no stream: %s", canp_strerror(-errno)) : 0;
    if (r == 0)
        r = open_writer(s, &why);
    if (r < 0) {
        pipe_out_close(&s->pipe);
        return opts_fail(command, CANP_EXIT_ENVIRONMENT, "%s", why.text);
    }
    self.count++;
    return 0;
}

bool streams_use_standard_output(void)
{
    for (unsigned i = 0; i < self.count; i++) {
        if (strcmp(self.of[i].path, "-") == 0)
            return true;
    }
    return false;
}

unsigned streams_count(void)
{
    return self.count;
}

static int start(struct stream *s, const char *dir, struct canp_why *why)
{
    struct canp_log_read_opts opts = CANP_LOG_READ_OPTS_INIT;
    opts.damage_as_gaps = true;
    int r = canp_log_open(dir, &opts, &s->reader, why);
    if (r < 0)
        return r;
    r = canp_thread_start_quiet(&s->thread, run, s); /* signals end the capture thread's sleep */
    s->runs = r == 0;
    if (s->runs)
        pthread_setname_np(s->thread, "canp-stream");
    return r < 0 ? canp_fail(why, r, "no stream: %s", canp_strerror(r)) : 0;
}

int streams_start(const char *dir, void (*gone)(const char *path))
{
    struct canp_why why;
    self.gone = gone;
    for (unsigned i = 0; i < self.count; i++) {
        if (start(&self.of[i], dir, &why) < 0)
            return opts_fail(self.command, CANP_EXIT_ENVIRONMENT, "%s", why.text);
    }
    return 0;
}

void streams_wake(void *user)
{
    static const uint64_t one = 1;
    (void)user;
    for (unsigned i = 0; i < self.count; i++) {
        if (self.of[i].wake >= 0 && write(self.of[i].wake, &one, sizeof(one)) < 0)
            continue; /* its count is full: the thread wakes */
    }
}

static void say_missed(const struct stream *s)
{
    char frames[TEXT_BYTES];
    if (s->missed_frames || s->missed_events)
        speaker_say("%s%s: %s: its reader did not take %s frames; they stand in the stream as gaps",
                    program_prefix, self.command, name_of(s), text_count(frames, s->missed_frames));
}

static void release(struct stream *s)
{
    canp_log_abandon(s->writer);
    canp_log_close(s->reader);
    pipe_out_close(&s->pipe);
    if (s->wake >= 0)
        close(s->wake);
    s->wake = -1;
}

int streams_stop(void)
{
    int status = 0;
    for (unsigned i = 0; i < self.count; i++) {
        /* release: pairs with the acquire in run(): all of the recording is there */
        atomic_store_explicit(&self.of[i].ended, true, memory_order_release);
    }
    streams_wake(NULL);
    for (unsigned i = 0; i < self.count; i++) {
        struct stream *s = &self.of[i];
        if (s->runs)
            pthread_join(s->thread, NULL);
        say_missed(s);
        if (s->error < 0 && s->error != -EPIPE) {
            speaker_say("%s%s: %s", program_prefix, self.command, s->why.text);
            status = CANP_EXIT_ENVIRONMENT;
        }
        release(s);
    }
    self.count = 0;
    return status;
}
