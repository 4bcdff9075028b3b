/*
 * canp replay: a recording or log back onto buses, in its own time or as fast as they take it.
 *
 * The engine's replay says when (canp/replay.h), a sender per interface sends (canp/sender.h), a table of
 * routes says whose frames go where. Main thread.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <canp/replay.h>
#include <canp/sender.h>

#include "lib/commands.h"
#include "lib/manners.h"
#include "lib/opts.h"
#include "lib/stop.h"
#include "lib/text.h"
#include "live/keys.h"
#include "live/open_sender.h"
#include "live/tx_watch.h"
#include "logs/log_open.h"
#include "logs/log_report.h"
#include "logs/log_summary.h"
#include "logs/select.h"

#define SPIN_NS        100000 /* about twice how late a sleep ends */
#define TARGETS_MAX    64     /* interfaces replayed onto: bits of a route */
#define MAPPINGS_MAX   64
#define CHANNELS_MAX   256
#define AHEAD_NS       10000000 /* --txtime: handed over so much earlier; at a full bus 80 frames */
#define STOP_ANSWER_NS 20000000U
#define ANSWER_NS      2000000000 /* and so long the kernel may take to tell when it sent the last ones */

struct mapping {
    char from[CANP_IFACE_NAME_BYTES]; /* "*" = any */
    const char *to;                   /* within argv */
};

struct replay {
    const char *command;
    bool json;
    bool txtime;
    struct canp_reader *reader;  /* a recording, */
    struct canp_log_reader *log; /* or any other log: one of both is NULL */
    struct selection selection;
    struct canp_replay_opts opts;
    unsigned mapping_count;
    struct mapping mappings[MAPPINGS_MAX];
    unsigned target_count;
    struct canp_sender *targets[TARGETS_MAX];
    struct tx_watch watches[TARGETS_MAX]; /* of the targets */
    uint64_t give_up_ns;
    bool wait;
    bool known[CHANNELS_MAX];      /* routes[channel] is worked out */
    uint64_t routes[CHANNELS_MAX]; /* bit t: to targets[t] */
    uint64_t unmapped;             /* frames of interfaces that go nowhere */
    uint64_t handed_late;          /* --txtime: see take_txtime() */
    uint64_t early;
    uint64_t put_done;   /* bits of the frame being put that are done, after -EINTR */
    struct canp_why why; /* of a target that cannot be opened */
    int failed;          /* the error that goes with it */
    bool paused;         /* by the keyboard */
    unsigned asked;      /* times that idle() was called */
};

/* ---- routes ------------------------------------------------------------------------------------ */

/* FROM=TO. 0 or an exit status. */
static int add_mapping(struct replay *p, const char *text)
{
    char from[CANP_IFACE_NAME_BYTES];
    const char *to = text_take_name(text, from, sizeof(from));
    if (!to || *to == '\0')
        return opts_fail(p->command, CANP_EXIT_USAGE,
                         "'%s' is no mapping: FROM=TO (a = of a name is written ==)", text);
    if (p->mapping_count == MAPPINGS_MAX)
        return opts_fail(p->command, CANP_EXIT_USAGE, "more than %d mappings", MAPPINGS_MAX);
    struct mapping *m = &p->mappings[p->mapping_count++];
    memcpy(m->from, from, sizeof(from));
    m->to = to;
    return 0;
}

/* The index of the sender for an interface, opened if need be; or a negative error, and p->why says it. */
static int target_of(struct replay *p, const char *name)
{
    for (unsigned i = 0; i < p->target_count; i++) {
        if (strcmp(canp_sender_iface(p->targets[i])->name, name) == 0)
            return (int)i;
    }
    if (p->target_count == TARGETS_MAX)
        return canp_fail(&p->why, -CANP_E_TOO_MANY, "more than %d interfaces", TARGETS_MAX);
    struct canp_sender *sender;
    int r = open_sender(p->command, name, p->wait, &sender, &p->why);
    if (r < 0)
        return r;
    for (unsigned i = 0; i < p->target_count; i++) { /* under another name of it */
        if (canp_sender_iface(p->targets[i])->ifindex == canp_sender_iface(sender)->ifindex) {
            canp_sender_close(sender);
            return (int)i;
        }
    }
    p->targets[p->target_count] = sender;
    r = p->txtime ? canp_sender_use_txtime(p->targets[p->target_count], &p->why) : 0;
    int index = (int)p->target_count++;
    tx_watch_begin(&p->watches[index], p->command, p->targets[index], p->give_up_ns);
    return r < 0 ? r : index;
}

static int add_route(struct replay *p, uint8_t channel, const char *to)
{
    int target = target_of(p, to);
    if (target < 0)
        return p->failed = target;
    p->routes[channel] |= UINT64_C(1) << target;
    return 0;
}

/* Its name; of a log all channels that were met have one. */
static const char *name_of(const struct replay *p, uint8_t channel)
{
    return p->log ? canp_log_iface(p->log, channel)->name : select_iface_name(p->reader, channel);
}

/* By its name, or by the number that the log gives it. */
static bool is_from(const struct replay *p, const struct mapping *m, uint8_t channel)
{
    char number[16] = "";
    uint32_t n = p->log ? canp_log_iface_number(p->log, channel) : UINT32_MAX;
    if (n != UINT32_MAX)
        snprintf(number, sizeof(number), "%u", n);
    return strcmp(m->from, "*") == 0 || strcmp(m->from, name_of(p, channel)) == 0 ||
           strcmp(m->from, number) == 0;
}

/* A recorded name as the sender takes it: all of it is the name. */
static const char *sent_to(const char *name, char quoted[1 + CANP_IFACE_NAME_BYTES])
{
    if (name[0] != '@' && strcmp(name, "any") != 0)
        return name;
    snprintf(quoted, 1 + CANP_IFACE_NAME_BYTES, "@%s", name);
    return quoted;
}

/* Where a channel's frames go: as the mappings say, or to the interface of the same name. */
static int find_routes(struct replay *p, uint8_t channel)
{
    char quoted[1 + CANP_IFACE_NAME_BYTES];
    int r = 0;
    p->known[channel] = true;
    if (p->mapping_count == 0)
        return add_route(p, channel, sent_to(name_of(p, channel), quoted));
    for (unsigned i = 0; i < p->mapping_count && r == 0; i++) {
        if (is_from(p, &p->mappings[i], channel))
            r = add_route(p, channel, p->mappings[i].to);
    }
    return r;
}

/* Opens what is known to be needed before the first frame is sent. Most logs name channels as they go. */
static int open_targets(struct replay *p)
{
    int r = 0;
    for (unsigned i = 0; i < p->mapping_count && r >= 0; i++)
        r = target_of(p, p->mappings[i].to);
    if (p->log)
        return r < 0 ? r : 0;
    for (unsigned i = 0; i < canp_reader_iface_count(p->reader) && i < CHANNELS_MAX && r >= 0; i++) {
        struct canp_record any = {.kind = CANP_KIND_GAP}; /* passes every filter but the interface's */
        if (select_match(&p->selection, &any, select_iface_name(p->reader, (uint8_t)i)))
            r = find_routes(p, (uint8_t)i);
    }
    return r < 0 ? r : 0;
}

/* ---- the sink ---------------------------------------------------------------------------------- */

static bool want(void *self, const struct canp_record *record)
{
    struct replay *p = self;
    if (p->reader && !select_match(&p->selection, record, name_of(p, record->channel)))
        return false; /* a log was selected from already */
    if (!p->known[record->channel])
        find_routes(p, record->channel); /* an error is told by put() */
    p->unmapped += p->routes[record->channel] == 0 && !p->failed;
    return p->routes[record->channel] != 0 || p->failed;
}

/* The sender's queue takes nothing: what goes on meanwhile. -EINTR, so that it is tried again, or an error.
 */
static int look(struct replay *p, unsigned target)
{
    if (keys_next() == 'q')
        canp_stop_set(&stop_wish);
    if (stop_is_requested())
        return -EINTR;
    int r = tx_watch_wait(&p->watches[target]);
    if (r < 0)
        canp_fail(&p->why, r, "%s: given up: its queue took nothing for %.3g s",
                  canp_sender_iface(p->targets[target])->name, (double)p->give_up_ns / 1e9);
    p->failed = r;
    return r < 0 ? r : -EINTR;
}

static int put_at(void *self, const struct canp_record *record, int64_t due_ns)
{
    struct replay *p = self;
    if (p->failed)
        return p->failed;
    uint64_t route = p->routes[record->channel];
    for (unsigned i = 0; i < p->target_count; i++) {
        uint64_t bit = UINT64_C(1) << i;
        if (!(route & bit) || (p->put_done & bit))
            continue;
        int r = p->txtime ? canp_sender_put_at(p->targets[i], record, due_ns)
                          : canp_sender_put(p->targets[i], record);
        if (r < 0)
            return r == -EINTR ? look(p, i) : r;
        p->put_done |= bit;
    }
    p->put_done = 0;
    return 0;
}

static int put(void *self, const struct canp_record *record)
{
    return put_at(self, record, 0);
}

static int flush(void *self)
{
    struct replay *p = self;
    for (unsigned i = 0; i < p->target_count; i++) {
        int r = canp_sender_flush(p->targets[i]);
        if (r < 0)
            return r == -EINTR ? look(p, i) : r;
    }
    return 0;
}

/* space: pause and resume; . or s: one frame; q: end. */
static enum canp_replay_wish idle(void *self, uint64_t frames, int64_t time_ns)
{
    struct replay *p = self;
    char text[TEXT_BYTES], count[TEXT_BYTES];
    char key = keys_next();
    if (key == ' ')
        p->paused = !p->paused;
    if (key == 'q')
        canp_stop_set(&stop_wish);
    if (p->asked++ % 8 == 0 || key)
        keys_progress("%s frames, at %s%s", text_count(count, frames), text_time(text, time_ns),
                      p->paused ? "  paused: space goes on, . steps, q ends" : "");
    if (key == '.' || key == 's') {
        p->paused = true;
        return CANP_REPLAY_STEP;
    }
    return p->paused && !stop_is_requested() ? CANP_REPLAY_PAUSE : CANP_REPLAY_GO;
}

/* ---- the summary ------------------------------------------------------------------------------- */

static struct canp_sender_stats sum_targets(const struct replay *p)
{
    struct canp_sender_stats sum = {0}, s;
    for (unsigned i = 0; i < p->target_count; i++) {
        canp_sender_stats(p->targets[i], &s);
        sum.frames += s.frames;
        sum.calls += s.calls;
        sum.waits += s.waits;
        sum.wait_ns += s.wait_ns;
        sum.refused_fd += s.refused_fd;
        sum.refused_xl += s.refused_xl;
        sum.refused_error += s.refused_error;
    }
    return sum;
}

/*
 * With --txtime the replay's own histogram says how late frames were handed over, the kernel when they were
 * sent: that takes its place, the drift that of the interface where it is largest. The first is told beside.
 */
static void take_txtime(struct replay *p, struct canp_replay_stats *stats)
{
    for (unsigned i = 0; i < p->target_count; i++)
        canp_sender_await_txtime(p->targets[i], stop_is_requested() ? STOP_ANSWER_NS : ANSWER_NS);
    p->handed_late = stats->late_ns.count - stats->late_ns.buckets[0];
    memset(&stats->late_ns, 0, sizeof(stats->late_ns));
    stats->drift_ns = 0;
    for (unsigned i = 0; i < p->target_count; i++) {
        const struct canp_sender_txtime_stats *t = canp_sender_txtime_stats(p->targets[i]);
        int64_t drift_ns = canp_drift_ns(&t->drift);
        canp_histogram_merge(&stats->late_ns, &t->late_ns);
        p->early += t->early;
        if (llabs(drift_ns) > llabs(stats->drift_ns))
            stats->drift_ns = drift_ns;
    }
}

static void print_json(const struct replay *p, const struct canp_replay_stats *stats)
{
    struct canp_sender_stats sum = sum_targets(p), s;
    const struct canp_histogram *late = &stats->late_ns;
    printf("{\"frames\":%llu,\"loops\":%llu,\"duration_ns\":%llu,\"scheduled_ns\":%llu",
           (unsigned long long)sum.frames, (unsigned long long)stats->loops,
           (unsigned long long)stats->elapsed_ns, (unsigned long long)stats->scheduled_ns);
    printf(",\"late_p50_ns\":%llu,\"late_p99_ns\":%llu,\"late_max_ns\":%llu,\"drift_ns\":%lld",
           (unsigned long long)canp_histogram_quantile(late, 0.5),
           (unsigned long long)canp_histogram_quantile(late, 0.99), (unsigned long long)late->max,
           (long long)stats->drift_ns);
    printf(
        ",\"refused\":{\"fd\":%llu,\"xl\":%llu,\"error\":%llu},\"unmapped\":%llu,\"lost_in_recording\":%llu",
        (unsigned long long)sum.refused_fd, (unsigned long long)sum.refused_xl,
        (unsigned long long)sum.refused_error, (unsigned long long)p->unmapped,
        (unsigned long long)stats->lost);
    printf(",\"waits\":%llu,\"wait_ns\":%llu,\"calls\":%llu,\"interfaces\":[", (unsigned long long)sum.waits,
           (unsigned long long)sum.wait_ns, (unsigned long long)sum.calls);
    for (unsigned i = 0; i < p->target_count; i++) {
        canp_sender_stats(p->targets[i], &s);
        fputs(i ? ",{\"name\":" : "{\"name\":", stdout);
        text_json_string(stdout, canp_sender_iface(p->targets[i])->name);
        printf(",\"frames\":%llu}", (unsigned long long)s.frames);
    }
    putchar(']');
    if (p->txtime)
        printf(",\"txtime\":{\"stamped\":%llu,\"handed_late\":%llu,\"early\":%llu}",
               (unsigned long long)late->count, (unsigned long long)p->handed_late,
               (unsigned long long)p->early);
    puts("}");
}

/* "12.3 us", "4.56 ms" */
static const char *short_time(char out[TEXT_BYTES], double ns)
{
    double size = ns < 0 ? -ns : ns;
    if (size < 1e6)
        snprintf(out, TEXT_BYTES, "%.1f us", ns / 1e3);
    else if (size < 1e9)
        snprintf(out, TEXT_BYTES, "%.2f ms", ns / 1e6);
    else
        snprintf(out, TEXT_BYTES, "%.3f s", ns / 1e9);
    return out;
}

static void print_text(const struct replay *p, const struct canp_replay_stats *stats)
{
    struct canp_sender_stats sum = sum_targets(p), s;
    char a[TEXT_BYTES], b[TEXT_BYTES], c[TEXT_BYTES], d[TEXT_BYTES];
    for (unsigned i = 0; i < p->target_count; i++) {
        canp_sender_stats(p->targets[i], &s);
        printf("%-16s %14s frames\n", SAFE(canp_sender_iface(p->targets[i])->name), text_count(a, s.frames));
    }
    double seconds = (double)stats->elapsed_ns / 1e9;
    printf("sent %s frames in %.3f s, %.1f/s\n", text_count(a, sum.frames), seconds,
           seconds > 0 ? (double)sum.frames / seconds : 0);
    if (stats->late_ns.count)
        printf("lateness p50 %s, p99 %s, max %s; drift %s\n",
               short_time(a, (double)canp_histogram_quantile(&stats->late_ns, 0.5)),
               short_time(b, (double)canp_histogram_quantile(&stats->late_ns, 0.99)),
               short_time(c, (double)stats->late_ns.max), short_time(d, (double)stats->drift_ns));
    if (p->txtime)
        printf("by the kernel's stamps of %s frames; %s were handed over late, %s sent early\n",
               text_count(a, stats->late_ns.count), text_count(b, p->handed_late), text_count(c, p->early));
    if (sum.waits)
        printf("waited %s times, %s, for a full queue\n", text_count(a, sum.waits),
               short_time(b, (double)sum.wait_ns));
    if (sum.refused_fd || sum.refused_xl || sum.refused_error)
        printf("not sent, as the interface cannot take them: %s FD, %s XL, %s error frames\n",
               text_count(a, sum.refused_fd), text_count(b, sum.refused_xl),
               text_count(c, sum.refused_error));
    if (p->unmapped)
        printf("not sent, as their interface is not mapped: %s frames\n", text_count(a, p->unmapped));
    if (stats->lost)
        printf("missing in the recording: %s frames\n", text_count(a, stats->lost));
}

/* ---- the command ------------------------------------------------------------------------------- */

static void tell_unknown(const struct replay *p)
{
    if (p->log)
        select_tell_unknown_in_log(&p->selection, p->command, p->log);
    else
        select_tell_unknown(&p->selection, p->command, p->reader);
}

static int finish(struct replay *p, const char *path, int r, const struct canp_replay_stats *stats)
{
    if (p->json)
        print_json(p, stats);
    else if (!manners.quiet)
        print_text(p, stats);
    if (p->failed)
        return opts_fail(p->command, CANP_EXIT_ENVIRONMENT, "%s", p->why.text);
    if (r < 0)
        return opts_fail(p->command, CANP_EXIT_ENVIRONMENT, "ended early: %s",
                         p->log ? log_why(p->log, r) : canp_strerror(r));
    if (!stats->stopped)
        tell_unknown(p);
    if (stats->damaged && p->log)
        return log_report_bad(p->command, path, p->log);
    if (stats->damaged)
        return opts_fail(p->command, CANP_EXIT_FINDING, "%u damaged places skipped; `canp verify` names them",
                         stats->damaged);
    if (stats->frames == 0 && !stats->stopped)
        return opts_fail(p->command, CANP_EXIT_FINDING, "no frame to send");
    if (sum_targets(p).frames == 0 && !stats->stopped)
        return opts_fail(p->command, CANP_EXIT_FINDING, "no frame that an interface can take");
    int status = CANP_EXIT_DONE;
    for (unsigned i = 0; i < p->target_count; i++) {
        int found = tx_watch_end(&p->watches[i]);
        status = found > status ? found : status;
    }
    return status;
}

static int open_log(struct replay *p, const char *path)
{
    int r = log_open(p->command, path, NULL, &p->log);
    if (r)
        return r;
    if (p->opts.loops != 1 && !canp_log_can_rewind(p->log))
        return opts_fail(p->command, CANP_EXIT_USAGE, "--loop: %s is a pipe and cannot be read twice",
                         strcmp(path, "-") == 0 ? "stdin" : path);
    return select_log(&p->selection, p->command, p->log);
}

/* A recording, or any other log. 0 or an exit status; with neither open: stopped before. */
static int open_source(struct replay *p, const char *path)
{
    int r = recording_open(path, &p->reader, &p->why);
    if (is_stop_error(r) && stop_is_requested())
        return CANP_EXIT_DONE;
    if (r < 0 && log_summary_is_worth_trying(path, r))
        return open_log(p, path);
    if (r < 0)
        return opts_fail(p->command, CANP_EXIT_ENVIRONMENT, "%s", p->why.text);
    r = select_window(&p->selection, p->command, p->reader);
    p->opts.from_ns = p->selection.from_ns;
    p->opts.to_ns = p->selection.to_ns;
    p->opts.bus_window = p->selection.bus_window;
    return r;
}

static int open_and_run(struct replay *p, const char *path)
{
    static struct canp_replay_stats stats; /* large: the histogram */
    const struct canp_replay_sink sink = {.self = p,
                                          .want = want,
                                          .put = put,
                                          .put_at = p->txtime ? put_at : NULL,
                                          .flush = flush,
                                          .idle = idle};
    int r = open_source(p, path);
    if (r || !(p->reader || p->log))
        return r;
    if (open_targets(p) < 0)
        return opts_fail(p->command, CANP_EXIT_ENVIRONMENT, "%s", p->why.text);
    p->opts.stop = &stop_wish;
    keys_begin();
    r = p->log ? canp_replay_log(p->log, &p->opts, &sink, &stats)
               : canp_replay_run(p->reader, &p->opts, &sink, &stats);
    keys_end();
    if (p->txtime)
        take_txtime(p, &stats);
    return finish(p, path, r, &stats);
}

static int parse_speed(struct replay *p, const char *text)
{
    char *end;
    if (!text)
        return 0;
    if (strcmp(text, "max") == 0) {
        p->opts.full_speed = true;
        return 0;
    }
    p->opts.speed = opts_decimal(text, &end);
    if (*end == 'x')
        end++;
    if (end == text || *end || !(p->opts.speed >= 1e-6 && p->opts.speed <= 1e9))
        return opts_fail(p->command, CANP_EXIT_USAGE, "option --speed: '%s' is no factor", text);
    return 0;
}

static int take_arguments(struct replay *p, int arguments, char **argv)
{
    int r = 0;
    for (int i = 2; i <= arguments && r == 0; i++)
        r = argv[i][0] != '@' && strchr(argv[i], '=') ? add_mapping(p, argv[i])
                                                      : select_add(&p->selection, p->command, argv[i]);
    return r;
}

static void close_all(struct replay *p)
{
    for (unsigned i = 0; i < p->target_count; i++)
        canp_sender_close(p->targets[i]);
    canp_reader_close(p->reader);
    canp_log_close(p->log);
}

int canp_cmd_replay(int argc, char **argv)
{
    static struct replay p; /* large: filters, routes */
    const char *speed = NULL;
    uint64_t loops = 1;
    p = (struct replay){.command = argv[0], .opts = CANP_REPLAY_OPTS_INIT};
    p.opts.spin_ns = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? SPIN_NS : 0;
    const struct opt options[] = {
        {'s', "speed", OPT_TEXT, &speed, "X", "times the recorded speed, or max"},
        {'l', "loop", OPT_NUMBER, &loops, "N", "play it N times; 0 = until stopped"},
        {0, "from", OPT_TEXT, &p.selection.from, "T",
         "from this point in time on: @1700000000.5, RFC 3339 or +12.5s"},
        {0, "to", OPT_TEXT, &p.selection.to, "T", "up to this point in time"},
        {'g', "max-gap", OPT_DURATION, &p.opts.max_gap_ns, "TIME", "shorten longer silences to this"},
        {0, "spin", OPT_DELAY, &p.opts.spin_ns, "TIME",
         "wake so much earlier and spin: precise, costs CPU (default 100us, on one CPU 0)"},
        {0, "txtime", OPT_FLAG, &p.txtime, NULL,
         "have the kernel send each frame at its time (SO_TXTIME), where its queue is fq"},
        {0, "give-up", OPT_DURATION, &p.give_up_ns, "TIME", "end when a queue took nothing for so long"},
        {0, "wait", OPT_FLAG, &p.wait, NULL, "wait for an interface that is absent or down"},
        {0, "json", OPT_FLAG, &p.json, NULL, "print the summary as JSON"},
        {0},
    };
    const struct opt_spec spec = {
        argv[0], "RECORDING [FROM=TO]... [FILTER|IFACE]...",
        "Sends the frames of a recording or log file, in their own time.", options,
        "RECORDING: a recording, or a log in any format that canp convert reads; `-` is stdin.\n"
        "FROM=TO: what was recorded on FROM goes to TO; *=TO: everything; several for one FROM are\n"
        "fine; FROM may be the number of a channel (1=vcan0). Without any, frames go to the interface of the "
        "same name.\n"
        "FILTER: candump's, a bare ID (7DF), rx, tx. @IFACE is an interface whatever its name looks like "
        "(@j);\n"
        "in FROM == stands for a = of the name.\n"
        "A full queue is waited for. Frames that an interface cannot take are counted.\n"
        "--txtime: lateness is what the kernel's transmit stamps say. Who listens on this host's own "
        "interface then\n"
        "gets the kernel's send time (CLOCK_MONOTONIC) as time stamp of these frames.\n"
        "On a terminal: space pauses and resumes, . sends one frame, q ends.\n"};
    int arguments = opts_parse(&spec, argc, argv);
    if (arguments < 0)
        return OPTS_EXIT(arguments);
    if (arguments < 1)
        return opts_fail(p.command, CANP_EXIT_USAGE, "which RECORDING? `canp replay --help` says more");
    p.opts.loops = loops ? loops : CANP_REPLAY_FOREVER;
    int r = parse_speed(&p, speed);
    if (r == 0 && p.txtime && p.opts.full_speed)
        r = opts_fail(p.command, CANP_EXIT_USAGE, "--txtime needs times: not with --speed max");
    p.opts.ahead_ns = p.txtime ? AHEAD_NS : 0;
    if (r == 0)
        r = take_arguments(&p, arguments, argv);
    if (r)
        return r;
    r = open_and_run(&p, argv[1]);
    close_all(&p);
    return r;
}
