/*
 * canp record: records CAN interfaces. canp/recorder.h does the recording; this file reads the options and
 * prints messages. Main thread, which becomes the capture thread.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <canp/link.h>
#include <canp/recorder.h>

#include "lib/commands.h"
#include "lib/config.h"
#include "lib/manners.h"
#include "lib/opts.h"
#include "lib/text.h"
#include "live/live.h"
#include "live/record_live.h"
#include "live/record_metrics.h"
#include "live/record_stats.h"
#include "live/record_summary.h"
#include "live/service.h"
#include "live/speaker.h"
#include "signals/signal_trigger.h"
#include "tee/scratch.h"
#include "tee/streams.h"

#define NAMES_MAX 1000U /* directories of one second */

static struct canp_recorder *running; /* for the signal handler; set before the signals are caught */

static void on_signal(int number)
{
    (void)number;
    canp_recorder_stop(running);
}

static bool had_terminal;

/* SIGHUP closes the segment and begins the next; but where it says that our terminal went, it ends the
 * recording. */
static void on_hangup(int number)
{
    int saved = errno;
    (void)number;
    if (had_terminal && tcgetpgrp(STDERR_FILENO) < 0)
        canp_recorder_stop(running);
    else
        canp_recorder_rotate(running);
    errno = saved;
}

static void on_trigger(int number)
{
    (void)number;
    canp_recorder_trigger(running);
}

/* One that comes while the recording is opened waits until it can be heeded, and does not kill. */
static void hold_signals(sigset_t *caught)
{
    sigemptyset(caught);
    sigaddset(caught, SIGINT);
    sigaddset(caught, SIGTERM);
    sigaddset(caught, SIGHUP);
    sigaddset(caught, SIGUSR1);
    had_terminal = tcgetpgrp(STDERR_FILENO) >= 0;
    sigprocmask(SIG_BLOCK, caught, NULL);
}

/* SIGINT and SIGTERM end the recording, also in a script's background job, which has SIGINT ignored; and
 * where whoever started us had them blocked. */
static void catch_signals(const sigset_t *caught)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    action.sa_handler = on_hangup;
    sigaction(SIGHUP, &action, NULL);
    action.sa_handler = on_trigger;
    sigaction(SIGUSR1, &action, NULL);
    signal(SIGPIPE, SIG_IGN); /* who reads our notices may go; the recording goes on */
    sigprocmask(SIG_UNBLOCK, caught, NULL);
}

struct face {
    struct record_summary summary;
    struct signal_trigger *signals;
};

static const char *ask_signals(void *user, const char *iface, const struct canp_record *record)
{
    const struct face *face = user;
    return signal_trigger_ask(face->signals, iface, record);
}

static void say_notice(void *user, const char *text)
{
    (void)user;
    speaker_say("canp record: %s", text);
}

static void say_ready(void *user, const struct canp_recorder *rec)
{
    const struct face *face = user;
    struct canp_recorder_stats stats;
    canp_recorder_stats(rec, &stats);
    char names[CANP_RECORDER_IFACES_MAX * (CANP_IFACE_NAME_BYTES + 1) + 1] = "";
    size_t used = 0;
    for (unsigned i = 0; i < stats.iface_count; i++)
        used += (size_t)snprintf(names + used, sizeof(names) - used, " %s", stats.ifaces[i].name);
    speaker_inform("canp record: recording%s -> %s", names, face->summary.dir);
    if (manners.verbose)
        speaker_inform("canp record: by %s, %u slabs of memory before the disk", stats.io, stats.slab_count);
    char status[sizeof(names) + TEXT_BYTES];
    snprintf(status, sizeof(status), "recording%s", names);
    service_ready(status);
}

/* What is wrong with the request itself is usage, everything else the environment. */
static int status_of(int error)
{
    return error == -EINVAL || error == -CANP_E_TOO_MANY ? CANP_EXIT_USAGE : CANP_EXIT_ENVIRONMENT;
}

/* What runs beside the capture, as the options ask for it. */
struct beside {
    uint64_t stats_ns;
    const char *metrics; /* file, or NULL */
    bool json;
    bool is_scratch;                    /* only the stream is wanted */
    struct canp_dbc_manager *databases; /* of the triggers, or NULL */
};

static bool ends_with_its_stream; /* -o -: without a reader there is nothing to record for */

/* By a stream's thread. */
static void say_gone(const char *path)
{
    if (ends_with_its_stream && strcmp(path, "-") == 0)
        canp_recorder_stop(running);
    else
        speaker_say("canp record: %s: its reader has gone; the recording goes on",
                    strcmp(path, "-") == 0 ? "standard output" : SAFE(path));
}

static void tell_others(const struct canp_recorder_opts *opts)
{
    uint32_t pid, uid;
    int r = record_live_start(running, opts);
    if (r == -EADDRINUSE && live_holder(opts->dir, &pid, &uid) == 0)
        speaker_say(
            "canp record: process %u of user %u holds this recording's name: what `canp top` shows of it is "
            "theirs, and `canp ctl` does not reach this recorder",
            pid, uid);
    else if (r < 0)
        speaker_say("canp record: neither `canp top` nor `canp ctl` will find this recorder: %s",
                    canp_strerror(r));
}

static void start_beside(const struct canp_recorder_opts *opts, const struct beside *beside)
{
    int r = 0;
    if (beside->stats_ns > 0 &&
        (r = record_stats_start(running, beside->databases, beside->stats_ns, beside->json)) < 0)
        speaker_say("canp record: no statistics: %s", canp_strerror(r));
    if (beside->metrics && (r = record_metrics_start(running, opts, beside->metrics)) < 0)
        speaker_say("canp record: no metrics: %s", canp_strerror(r));
    if ((r = service_watch_start(running)) < 0)
        speaker_say("canp record: no watchdog: %s", canp_strerror(r));
    tell_others(opts);
}

static void stop_beside(void)
{
    service_watch_stop();
    record_live_stop();
    record_stats_stop();
    record_metrics_stop();
}

static int record(struct canp_recorder_opts *opts, struct signal_trigger *signals,
                  const struct beside *beside)
{
    struct canp_why why = {""};
    bool is_streaming = streams_use_standard_output();
    struct face face = {{beside->is_scratch ? "standard output" : opts->dir, is_streaming ? stderr : stdout,
                         opts->pre_trigger_ns > 0},
                        signals};
    opts->trigger = signals->count ? ask_signals : NULL;
    opts->notice = say_notice;
    opts->ready = say_ready;
    opts->stored = streams_count() ? streams_wake : NULL;
    opts->user = &face;
    sigset_t caught;
    hold_signals(&caught);
    int r = speaker_start(); /* before the recorder's threads, which must not wait for stderr */
    r = r < 0 ? canp_fail(&why, r, "cannot start a thread: %s", canp_strerror(r))
              : canp_recorder_open(opts, &running, &why);
    if (r < 0) {
        speaker_stop();
        streams_stop();
    }
    if (r < 0)
        /* NOLINTNEXTLINE(clang-analyzer-core.StackAddressEscape): the options are not used again */
        return opts_fail("record", status_of(r), "%s", why.text);
    catch_signals(&caught);
    ends_with_its_stream = beside->is_scratch;
    int streamed = streams_start(opts->dir, say_gone);
    if (streamed)
        canp_recorder_stop(running);
    start_beside(opts, beside);
    r = canp_recorder_run(running, &why);
    stop_beside();
    int ended = streams_stop();
    struct canp_recorder_stats stats;
    canp_recorder_stats(running, &stats);
    if (beside->json)
        record_summary_print_json(&face.summary, &stats);
    else if (!manners.quiet)
        record_summary_print(&face.summary, &stats);
    int status = fflush(face.summary.out) == 0 ? CANP_EXIT_DONE : CANP_EXIT_ENVIRONMENT;
    if (streamed || ended)
        status = CANP_EXIT_ENVIRONMENT;
    if (r < 0) {
        speaker_say("canp record: %s", why.text);
        status = CANP_EXIT_ENVIRONMENT;
    }
    speaker_stop();
    /* running stays: a signal may still come */
    return status; /* NOLINT(clang-analyzer-core.StackAddressEscape): the options are not used again */
}

/* --bitrate: brings each interface up. One that has no controller has no bit rate: it is left as it is. */
static int bring_up(const struct canp_recorder_opts *o, uint64_t bitrate, uint64_t dbitrate)
{
    struct canp_link link;
    struct canp_why why;
    for (unsigned i = 0; i < o->iface_count; i++) {
        char name[160];
        bool quoted = o->ifaces[i][0] == '@';
        const char *text = o->ifaces[i] + quoted;
        snprintf(name, sizeof(name), "%.*s", (int)(quoted ? strlen(text) : strcspn(text, ",")), text);
        if (!quoted && strcmp(name, "any") == 0)
            return opts_fail("record", CANP_EXIT_USAGE, "--bitrate needs interfaces by name, not `any`");
        int r = canp_link_find(name, &link, &why);
        if (r == -ENODEV && o->wait_absent)
            continue; /* it is brought up when it comes */
        if (r == 0 && strcmp(link.kind, "can") == 0)
            r = canp_link_up(name, (uint32_t)bitrate, (uint32_t)dbitrate, &why);
        else if (r == 0)
            opts_fail("record", 0, "%s: has no bit rate: --bitrate is not for it", name);
        if (r < 0)
            return opts_fail("record", status_of(r), "%s", why.text);
    }
    return 0;
}

static int check_bitrates(uint64_t bitrate, uint64_t dbitrate)
{
    if (bitrate > UINT32_MAX || dbitrate > UINT32_MAX)
        return opts_fail("record", CANP_EXIT_USAGE, "a bit rate is a number of bit/s, such as 500000");
    if (dbitrate && !bitrate)
        return opts_fail("record", CANP_EXIT_USAGE, "--dbitrate needs --bitrate");
    return 0;
}

/* canp-YYYYMMDD-HHMMSS in local time; where that is taken (a clock that was set back, another recorder of
 * this very second) with -2 and so on behind it. The directory is made here, so that nobody else takes the
 * name. */
static void name_after_now(char *name, size_t size)
{
    time_t now = time(NULL);
    struct tm tm;
    localtime_r(&now, &tm);
    size_t used = strftime(name, size, "canp-%Y%m%d-%H%M%S", &tm);
    for (unsigned n = 2; mkdir(name, 0777) < 0 && errno == EEXIST && n <= NAMES_MAX; n++)
        snprintf(name + used, size - used, "-%u", n);
}

/* --io, or what CANP_IO says in the environment. */
static int read_io(const char *text, enum canp_recorder_io *io)
{
    if (!text || strcmp(text, "auto") == 0)
        *io = CANP_RECORDER_IO_AUTO;
    else if (strcmp(text, "uring") == 0)
        *io = CANP_RECORDER_IO_URING;
    else if (strcmp(text, "mmsg") == 0)
        *io = CANP_RECORDER_IO_MMSG;
    else
        return -EINVAL;
    return 0;
}

static int read_sync(const char *text, struct canp_recorder_opts *o)
{
    o->no_sync = strcmp(text, "none") == 0;
    o->sync_at_segments = strcmp(text, "segment") == 0;
    if (o->no_sync || o->sync_at_segments)
        return 0;
    return opts_duration(text, &o->sync_ns) == 0 && o->sync_ns ? 0 : -EINVAL;
}

static const char epilogue[] =
    "Ends on SIGINT or SIGTERM, or by -d or -n, and prints a summary: frames, frames lost by layer, rate.\n"
    "An interface that is down is recorded when it is up. One that goes is recorded again when it is back.\n"
    "A line on stderr says when frames are really being received. SIGHUP closes the segment\n"
    "and begins the next.\n"
    "On a disk that is full or fails frames are counted as lost, and recording resumes when it can;\n"
    "with --keep or --keep-bytes the oldest segment goes instead.\n\n"
    "FILTER is candump's, kept by the kernel: 123:7FF, 123~7FF (all but), 8 digits = extended,\n"
    "pgn:FEF1 (a J1939 group), #FF (error frames by mask), error (error frames alone), j (join: all must\n"
    "match). Behind `any` it holds for each. Without filters everything is recorded; with filters, error "
    "frames by # or error\n"
    "alone, and losses of the socket are those of what they let through.\n"
    "Behind an @ all is a name: @any, @a,b.\n\n"
    "TRIGGER is a FILTER (123:7FF; #40: error frames by mask), a filter and the bytes that a frame\n"
    "begins with (123:7FF#11.22, of a mask: 123:7FF#11.22/FF.0F), `error` (any error frame), `bus-off`\n"
    "`gap` (frames were lost), or with --dbc a condition on a signal: 'EngineSpeed > 6000',\n"
    "'Gearbox.Mode == \"reverse\"' (< <= > >= == !=; a number, or the text of a value). A window begins "
    "--pre-trigger before a trigger and ends --post-trigger\n"
    "behind the last one; windows that meet are one. At either end it may hold 50 ms more. What memory\n"
    "holds is 2.6 million frames in 64 MiB; where that is less than the time asked for, windows begin\n"
    "later, and a line says so. Frames in no window are let go and counted apart: they are no loss.\n";

static int say_checked(const struct canp_recorder_opts *o)
{
    fputs("the options are in order; it would record", stdout);
    for (unsigned i = 0; i < o->iface_count; i++)
        printf(" %s", SAFE(o->ifaces[i]));
    putchar('\n');
    return CANP_EXIT_DONE;
}

static int check_keep(const struct canp_recorder_opts *o)
{
    if (o->keep_segments && o->keep_bytes)
        return opts_fail("record", CANP_EXIT_USAGE, "--keep and --keep-bytes: one of them");
    return 0;
}

/* What the command line and its file ask for. */
static struct {
    struct canp_recorder_opts o;
    struct opt_list notes, triggers, databases, tees;
    struct signal_trigger signals; /* those triggers that are conditions on signals */
    uint64_t stats_ns, bitrate, dbitrate;
    const char *sync, *io;
    const char *metrics;
    const char *format; /* of standard output */
    const char *config; /* config_expand() takes it */
    bool json, check;
} asked = {.o = CANP_RECORDER_OPTS_INIT, .sync = "1s"};

static const struct opt options[] = {
    {'o', "output", OPT_TEXT, &asked.o.dir, "DIR",
     "directory of the recording (canp-YYYYMMDD-HHMMSS); `-`: none, only a stream on stdout"},
    {'f', "format", OPT_TEXT, &asked.format, "FORMAT", "-o -: what is streamed: pcapng, candump, json ..."},
    {0, "tee", OPT_LIST, &asked.tees, "FORMAT:FILE",
     "stream to a file, a pipe or `-` (stdout), too, while it is recorded; may be repeated"},
    {'d', "duration", OPT_DURATION, &asked.o.duration_ns, "TIME", "end after this time"},
    {'n', "frames", OPT_COUNT, &asked.o.frames_max, "FRAMES", "end after so many frames"},
    {0, "segment-size", OPT_SIZE, &asked.o.segment_bytes, "SIZE", "size of a segment file (64M)"},
    {0, "segment-time", OPT_DURATION, &asked.o.segment_ns, "TIME", "begin the next segment after this time"},
    {0, "keep", OPT_COUNT, &asked.o.keep_segments, "N", "keep so many segments, remove the oldest"},
    {0, "keep-bytes", OPT_SIZE, &asked.o.keep_bytes, "SIZE",
     "keep so many bytes of segments, remove the oldest"},
    {0, "flush", OPT_DURATION, &asked.o.flush_ns, "TIME",
     "readable by others at most so long after reception (100ms)"},
    {0, "sync", OPT_TEXT, &asked.sync, "none|segment|TIME", "what a power cut can take at most (1s)"},
    {0, "pack", OPT_FLAG, &asked.o.pack, NULL, "pack segments in the background once they are full"},
    {0, "latency", OPT_DURATION, &asked.o.latency_ns, "TIME", "longest sleep on a busy bus (20ms)"},
    {0, "stall", OPT_DURATION, &asked.o.stall_ns, "TIME",
     "disk stall that costs no frame at 170,000/s; takes up to 5 MB of memory a second (10s)"},
    {0, "prealloc", OPT_FLAG, &asked.o.prealloc, NULL,
     "take this memory at the start, not once the disk stalls"},
    {0, "rcvbuf", OPT_SIZE, &asked.o.rcvbuf_bytes, "SIZE", "receive buffer asked for per interface (16M)"},
    {0, "io", OPT_TEXT, &asked.io, "auto|uring|mmsg",
     "how frames are received: io_uring, recvmmsg, or whichever this kernel has (auto)"},
    {0, "bitrate", OPT_COUNT, &asked.bitrate, "N",
     "bring the interfaces up with this bit rate, again when they come back"},
    {0, "dbitrate", OPT_COUNT, &asked.dbitrate, "N", "and, for CAN FD, this one of the data phase"},
    {0, "wait", OPT_FLAG, &asked.o.wait_absent, NULL,
     "an interface that is absent is recorded when it comes"},
    {0, "no-wait", OPT_FLAG, &asked.o.no_wait, NULL, "an interface that is down is an error"},
    {0, "hw-timestamps", OPT_FLAG, &asked.o.hw_timestamps, NULL,
     "keep the adapter's own stamps beside the kernel's"},
    {0, "note", OPT_LIST, &asked.notes, "KEY=VALUE",
     "keep this in the recording; `canp info` shows it; may be repeated"},
    {0, "pre-trigger", OPT_DURATION, &asked.o.pre_trigger_ns, "TIME",
     "record by triggers: hold the last TIME in memory, keep it when a trigger comes"},
    {0, "trigger", OPT_LIST, &asked.triggers, "TRIGGER",
     "what triggers (see below); may be repeated; SIGUSR1 does, too"},
    {0, "dbc", OPT_LIST, &asked.databases, "[IFACE=]FILE", "a signal database for triggers; may be repeated"},
    {0, "j1939", OPT_FLAG, &asked.signals.choice.j1939, NULL,
     "all 29 bit messages are J1939's, where a database does not say so"},
    {0, "post-trigger", OPT_DURATION, &asked.o.post_trigger_ns, "TIME",
     "and keep what follows for TIME (10s)"},
    {0, "trigger-memory", OPT_SIZE, &asked.o.trigger_memory_bytes, "SIZE",
     "memory for the time before a trigger (64M)"},
    {0, "no-error-frames", OPT_FLAG, &asked.o.no_error_frames, NULL, "leave error frames out"},
    {0, "stats", OPT_DURATION, &asked.stats_ns, "TIME",
     "print frames, losses, slabs and memory on stderr so often (with --json as objects)"},
    {0, "metrics", OPT_TEXT, &asked.metrics, "FILE",
     "keep the state as OpenMetrics text in FILE, for node_exporter's textfile collector"},
    {0, "json", OPT_FLAG, &asked.json, NULL, "print the summary as one JSON object"},
    {0, "config", OPT_TEXT, &asked.config, "FILE",
     "take options from FILE, one per line: `flush = 50ms`, `interface = can0`"},
    {0, "check", OPT_FLAG, &asked.check, NULL, "only check the options and the file"},
    {0, NULL, OPT_FLAG, NULL, NULL, NULL},
};

static int open_signals(void)
{
    unsigned count = asked.signals.count;
    if (count && !asked.databases.count)
        return opts_fail("record", CANP_EXIT_USAGE, "trigger '%s' needs a database: --dbc FILE",
                         asked.signals.conditions[0].typed);
    if (!count && (asked.databases.count || asked.signals.choice.j1939))
        return opts_fail("record", CANP_EXIT_USAGE,
                         "--dbc and --j1939 are for triggers: --trigger 'SIGNAL > NUMBER'");
    return count ? signal_trigger_open(&asked.signals, "record", &asked.databases) : 0;
}

static int take_triggers(void)
{
    static const char *others[OPT_LIST_MAX]; /* for the recorder */
    struct canp_recorder_opts *o = &asked.o;
    bool any = asked.triggers.count || o->post_trigger_ns || o->trigger_memory_bytes;
    if (!o->pre_trigger_ns && any)
        return opts_fail("record", CANP_EXIT_USAGE,
                         "--trigger, --post-trigger and --trigger-memory need --pre-trigger TIME");
    o->triggers = others;
    for (unsigned i = 0; i < asked.triggers.count; i++) {
        const char *text = asked.triggers.texts[i];
        int status = 0;
        if (signal_trigger_is(text))
            status = signal_trigger_add(&asked.signals, "record", text);
        else
            others[o->trigger_count++] = text;
        if (status)
            return status;
    }
    return open_signals();
}

/* --tee FORMAT:FILE: the parts of what was typed. */
static int add_tee(const char *text)
{
    static char formats[STREAMS_MAX][16];
    const char *colon = strchr(text, ':');
    size_t bytes = colon ? (size_t)(colon - text) : 0;
    char *format = formats[streams_count() % STREAMS_MAX];
    if (!bytes || bytes >= sizeof(formats[0]) || !colon[1])
        return opts_fail("record", CANP_EXIT_USAGE, "option --tee: '%s' is not FORMAT:FILE, as pcapng:fifo",
                         text);
    memcpy(format, text, bytes);
    format[bytes] = '\0';
    return streams_add("record", format, colon + 1);
}

/* Opens the streams. With `-o -` the recording itself is in a directory that goes with us. */
static int open_streams(bool *is_scratch)
{
    struct canp_recorder_opts *o = &asked.o;
    int status = 0;
    *is_scratch = o->dir && strcmp(o->dir, "-") == 0;
    if (*is_scratch != (asked.format != NULL))
        return opts_fail("record", CANP_EXIT_USAGE,
                         "-o - and -f FORMAT (pcapng, candump, json ...) go together");
    if (*is_scratch)
        status = streams_add("record", asked.format, "-");
    for (unsigned i = 0; i < asked.tees.count && status == 0; i++)
        status = add_tee(asked.tees.texts[i]);
    if (status == 0 && streams_count() && !o->flush_ns)
        o->flush_ns = STREAM_FLUSH_NS;
    if (status || !*is_scratch)
        return status;
    o->no_sync = true;
    if (!o->keep_bytes && !o->keep_segments)
        o->keep_bytes = SCRATCH_KEEP_BYTES;
    o->dir = scratch_make();
    return o->dir ? 0
                  : opts_fail("record", CANP_EXIT_ENVIRONMENT,
                              "no directory can be made: %s; choose one by $TMPDIR", canp_strerror(-errno));
}

/* What the options say, beyond what each says for itself. 0 or an exit status, which was told. */
static int take_asked(char **ifaces, int count)
{
    struct canp_recorder_opts *o = &asked.o;
    if (read_sync(asked.sync, o) < 0)
        return opts_fail("record", CANP_EXIT_USAGE, "option --sync: '%s' is neither none, segment nor a TIME",
                         asked.sync);
    const char *io = asked.io ? asked.io : getenv("CANP_IO");
    if (read_io(io, &o->io) < 0)
        return opts_fail("record", CANP_EXIT_USAGE, "option --io: '%s' is neither auto, uring nor mmsg", io);
    if (count == 0)
        return opts_fail("record", CANP_EXIT_USAGE,
                         "name an interface, or `any`; `canp record --help` says more");
    o->ifaces = (const char *const *)ifaces;
    o->iface_count = (unsigned)count;
    o->notes = asked.notes.texts;
    o->note_count = asked.notes.count;
    int status = check_keep(o);
    if (status == 0)
        status = take_triggers();
    if (status == 0)
        status = check_bitrates(asked.bitrate, asked.dbitrate);
    o->bitrate = (uint32_t)asked.bitrate;
    o->dbitrate = (uint32_t)asked.dbitrate;
    return status;
}

int canp_cmd_record(int argc, char **argv)
{
    const struct opt_spec spec = {
        "record", "IFACE[,FILTER]...",
        "Record CAN interfaces; `any` is every CAN interface that is up, now or later.", options, epilogue};
    char name[64];
    int count = config_expand(&spec, &argc, &argv);
    if (count == 0)
        count = opts_parse(&spec, argc, argv);
    if (count < 0)
        return OPTS_EXIT(count);
    int status = take_asked(argv + 1, count);
    if (status == 0 && asked.check)
        return say_checked(&asked.o);
    if (status == 0 && asked.bitrate)
        status = bring_up(&asked.o, asked.bitrate, asked.dbitrate);
    struct beside beside = {.stats_ns = asked.stats_ns, .metrics = asked.metrics, .json = asked.json};
    if (status == 0)
        status = open_streams(&beside.is_scratch);
    if (status)
        return status;
    bool ours = !asked.o.dir;
    if (ours)
        name_after_now(name, sizeof(name));
    asked.o.dir = ours ? name : asked.o.dir;
    beside.databases = asked.signals.choice.manager;
    status = record(&asked.o, &asked.signals, &beside);
    scratch_remove();
    if (ours && status)
        rmdir(name); /* fails where it holds a recording */
    return status;
}
