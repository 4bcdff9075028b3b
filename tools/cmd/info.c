/* canp info: what a recording holds, for people or as one JSON object. */
#include <canp/busclock.h>
#include <canp/pools/ledger.h>
#include <canp/pools/monitor.h>
#include <canp/pools/profile.h>
#include <canp/reader.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/commands.h"
#include "lib/memory_report.h"
#include "lib/opts.h"
#include "lib/text.h"
#include "logs/info_events.h"
#include "logs/log_open.h"
#include "logs/log_report.h"
#include "logs/log_summary.h"

#if defined(__has_include)
#if __has_include(<execinfo.h>)
#include <execinfo.h>
#define HAS_BACKTRACE 1
#endif
#endif

#define CHANNELS_MAX 256

struct summary {
    const char *path;
    bool quick;
    const struct log_summary *log; /* NULL: a recording */
    struct canp_info info;
    struct canp_bus_span span;
    struct canp_iface_info ifaces[CHANNELS_MAX];
    unsigned iface_count;
    struct info_events events;
};

/* Of bus time. INT64_MAX when it is more: the clock of a log may be anything. */
static int64_t duration_ns(const struct canp_bus_span *span)
{
    int64_t ns;
    return __builtin_sub_overflow(span->last_ns, span->first_ns, &ns) ? INT64_MAX : ns;
}

/* By its channel's number, as canp dump has it, where the recording has no name for it. */
static const char *name_of(const struct summary *s, unsigned channel)
{
    static char unnamed[CANP_IFACE_NAME_BYTES];
    return text_iface(unnamed, s->ifaces[channel].iface.name, channel);
}

/* Channels are numbers: some may be of no interface. */
static bool is_shown(const struct canp_iface_info *i)
{
    return i->iface.name[0] || i->frames || i->lost;
}

/* "null" when only what blocks say of themselves was read: they do not tell. */
static void print_error_frames_json(const struct summary *s, uint64_t count)
{
    if (s->quick)
        fputs(",\"error_frames\":null", stdout);
    else
        printf(",\"error_frames\":%llu", (unsigned long long)count);
}

static uint64_t error_frames(const struct summary *s)
{
    uint64_t sum = 0;
    for (unsigned n = 0; n < s->iface_count; n++)
        sum += s->ifaces[n].error_frames;
    return sum;
}

static void print_iface_json(const struct summary *s, const struct canp_iface_info *i, const char *name)
{
    fputs("{\"name\":", stdout);
    text_json_string(stdout, name);
    printf(",\"frames\":%llu,\"lost\":%llu,\"bitrate\":%u,\"dbitrate\":%u,\"mtu\":%u",
           (unsigned long long)i->frames, (unsigned long long)i->lost, i->iface.bitrate, i->iface.dbitrate,
           i->iface.mtu);
    print_error_frames_json(s, i->error_frames);
    putchar('}');
}

static void print_json(const struct summary *s)
{
    const struct canp_info *i = &s->info;
    fputs("{\"recording\":", stdout);
    text_json_string(stdout, s->path);
    if (s->log)
        printf(",\"format\":\"%s\",\"passed_over\":%llu", s->log->format,
               (unsigned long long)s->log->stats.passed);
    printf(",\"frames\":%llu,\"lost\":%llu,\"first_ns\":%lld,\"last_ns\":%lld,\"duration_ns\":%lld",
           (unsigned long long)i->frames, (unsigned long long)i->lost, (long long)i->first_ns,
           (long long)i->last_ns, (long long)duration_ns(&s->span));
    printf(",\"clock_sets\":%llu,\"odd_stamps\":%llu", (unsigned long long)s->span.sets,
           (unsigned long long)s->span.odd);
    printf(",\"segments\":%llu,\"blocks\":%llu,\"bytes\":%llu,\"packed_bytes\":%llu",
           (unsigned long long)i->segments, (unsigned long long)i->blocks, (unsigned long long)i->bytes,
           (unsigned long long)i->packed_bytes);
    s->quick ? printf(",\"ids\":null") : printf(",\"ids\":%u", i->ids);
    print_error_frames_json(s, error_frames(s));
    printf(",\"records\":%llu,\"damaged\":%u,\"torn_bytes\":%llu,\"sealed\":%s,\"interfaces\":[",
           (unsigned long long)i->records, i->damaged, (unsigned long long)i->torn_bytes,
           i->live ? "false" : "true");
    const char *comma = "";
    for (unsigned n = 0; n < s->iface_count; n++) {
        if (!is_shown(&s->ifaces[n]))
            continue;
        fputs(comma, stdout);
        print_iface_json(s, &s->ifaces[n], name_of(s, n));
        comma = ",";
    }
    putchar(']');
    info_events_print_json(&s->events);
    puts("}");
}

static void print_iface_text(const struct canp_iface_info *i, const char *name, double duration)
{
    char count[TEXT_BYTES], lost[TEXT_BYTES];
    printf("  %-12s %14s frames", SAFE(name), text_count(count, i->frames));
    if (duration > 0)
        printf("  %10.1f/s", (double)i->frames / duration);
    printf("  %s lost", text_count(lost, i->lost));
    if (i->error_frames)
        printf("  %s error frames", text_count(count, i->error_frames));
    if (i->iface.bitrate)
        printf("  %u bit/s", i->iface.bitrate);
    if (i->iface.dbitrate)
        printf(" (data %u bit/s)", i->iface.dbitrate);
    putchar('\n');
}

/* First and last are stamps; the span between them is not that of stamps where the clock was set. */
static void print_bus_time(const struct canp_bus_span *span)
{
    char sets[TEXT_BYTES], odd[TEXT_BYTES];
    if (span->sets || span->odd)
        printf("bus time     not counted in the span: steps of the clock (%s), odd stamps (%s)\n",
               text_count(sets, span->sets), text_count(odd, span->odd));
}

/* Segments of a recording; of a log its format, and what it holds beside CAN. */
static void print_size(const struct summary *s)
{
    const struct canp_info *i = &s->info;
    char a[TEXT_BYTES], b[TEXT_BYTES];
    if (s->log)
        printf("format       %s, %s", s->log->title, text_bytes(b, i->bytes));
    else
        printf("segments     %s, %s", text_count(a, i->segments), text_bytes(b, i->bytes));
    if (i->frames)
        printf(", %.2f bytes/frame", (double)i->bytes / (double)i->frames);
    if (!s->log)
        fputs(i->live ? ", the last one not sealed (being written, or its recorder was killed)" : ", sealed",
              stdout);
    putchar('\n');
    for (unsigned p = 0; s->log && p < CANP_LOG_PASSED_MAX && s->log->stats.passed_over[p].what; p++)
        printf("passed over  %s %s\n", text_count(a, s->log->stats.passed_over[p].count),
               s->log->stats.passed_over[p].what);
}

static void print_text(const struct summary *s)
{
    const struct canp_info *i = &s->info;
    char a[TEXT_BYTES], b[TEXT_BYTES];
    fputs(s->log ? "log          " : "recording    ", stdout);
    text_put_safe(stdout, s->path);
    putchar('\n');
    printf("frames       %s", text_count(a, i->frames));
    s->quick ? putchar('\n') : printf(", %u IDs\n", i->ids);
    printf("lost         %s\n", text_count(a, i->lost));
    if (error_frames(s))
        printf("error frames %s; `canp dump RECORDING error` prints them\n", text_count(a, error_frames(s)));
    if (i->frames) {
        printf("first        %s\n", text_time(a, i->first_ns));
        printf("last         %s (%s)\n", text_time(a, i->last_ns), text_duration(b, duration_ns(&s->span)));
        print_bus_time(&s->span);
    }
    print_size(s);
    if (i->torn_bytes)
        printf("torn         %s of an unfinished block at the end, not part of the recording\n",
               text_bytes(a, i->torn_bytes));
    if (i->damaged)
        printf("damaged      %u places skipped\n", i->damaged);
    puts("interfaces");
    for (unsigned n = 0; n < s->iface_count; n++) {
        if (is_shown(&s->ifaces[n]))
            print_iface_text(&s->ifaces[n], name_of(s, n), (double)duration_ns(&s->span) / 1e9);
    }
    info_events_print_text(&s->events);
}

/* ---- --memory: what reading it took ------------------------------------------------------------------- */

static struct canp_memprofile reading = CANP_MEMPROFILE_INIT("reading");

static void print_held(void *user, const struct canp_ledger_item *item)
{
    (void)user;
    fprintf(stderr, "  held       %zu bytes (%s), since %s, %s:%d\n", item->bytes,
            canp_memtag_name(item->tag), item->site->function, item->site->file, item->site->line);
    fflush(stderr);
#ifdef HAS_BACKTRACE       /* musl has none */
    if (item->frame_count) /* with CANP_LEDGER=stacks */
        backtrace_symbols_fd(item->frames, (int)item->frame_count, STDERR_FILENO);
#endif
}

static void print_report(void *user, const struct canp_monitor_report *report)
{
    (void)user;
    memory_report_print(stderr, report);
}

/* On stderr, so that it can stand beside the JSON; while the reader is still open. */
static void print_memory(struct canp_monitor *monitor)
{
    memory_report_print_profile(stderr, &reading);
    canp_monitor_report(monitor);
    canp_ledger_each(0, print_held, NULL);
}

static int watch(struct canp_reader *reader, struct canp_monitor **out)
{
    struct canp_monitor_opts opts = CANP_MONITOR_OPTS_INIT;
    opts.report = print_report;
    int r = canp_monitor_open(&opts, out);
    return r < 0 ? r : canp_reader_watch(reader, *out);
}

static int read_summary(struct canp_reader *reader, struct summary *s)
{
    CANP_MEMPROFILE_SCOPE(&reading);
    int r = canp_reader_info_ifaces(reader, s->quick, &s->info, s->ifaces, CHANNELS_MAX);
    if (r < 0)
        return r;
    s->iface_count = (unsigned)r;
    r = canp_busclock_span(reader, &s->info, &s->span);
    return r == 0 && !s->quick ? info_events_read(reader, &s->events) : r;
}

static int read_and_report(struct canp_reader *reader, struct summary *s, bool memory)
{
    struct canp_monitor *monitor = NULL;
    int r = memory ? watch(reader, &monitor) : 0;
    if (r == 0)
        r = read_summary(reader, s);
    if (r == 0 && monitor)
        print_memory(monitor);
    canp_monitor_close(monitor);
    return r;
}

/* What is no recording may be a log. */
static int summarise_log(struct summary *s)
{
    static struct log_summary log;
    struct canp_why why;
    int r = log_summary_read(s->path, &log, &why);
    if (r < 0)
        return log_open_fail("info", r, &why);
    s->log = &log;
    s->info = log.info;
    s->span = log.span;
    s->events = log.events;
    s->iface_count = log.iface_count;
    memcpy(s->ifaces, log.ifaces, sizeof(s->ifaces));
    s->quick = false;
    log_report_places("info", s->path, &log.stats);
    return CANP_EXIT_DONE;
}

static int summarise(struct summary *s, bool memory)
{
    struct canp_reader *reader;
    struct canp_why why;
    int r = recording_open(s->path, &reader, &why);
    if (r < 0 && log_summary_is_worth_trying(s->path, r))
        return summarise_log(s);
    if (r < 0)
        return log_open_fail("info", r, &why);
    r = read_and_report(reader, s, memory);
    canp_reader_close(reader);
    if (r < 0)
        canp_fail(&why, r, "cannot read %s: %s", s->path, canp_strerror(r));
    return r < 0 ? log_open_fail("info", r, &why) : 0;
}

int canp_cmd_info(int argc, char **argv)
{
    static struct summary s;
    bool json = false, memory = false;
    const struct opt options[] = {
        {0, "json", OPT_FLAG, &json, NULL, "one JSON object instead of text"},
        {0, "quick", OPT_FLAG, &s.quick, NULL, "from what blocks say of themselves: no IDs, no notes"},
        {0, "memory", OPT_FLAG, &memory, NULL, "say on stderr what reading it took: time, mappings, pools"},
        {0},
    };
    const struct opt_spec spec = {
        "info", "RECORDING",
        "Summarises a recording (a directory of segments, or one segment file) or a log in any format.",
        options, NULL};
    int n = opts_parse(&spec, argc, argv);
    if (n < 0)
        return OPTS_EXIT(n);
    if (n != 1)
        return opts_fail("info", CANP_EXIT_USAGE, "expected one RECORDING; `canp info --help` says more");
    s.path = argv[1];
    int status = summarise(&s, memory);
    if (status != 0)
        return status;
    json ? print_json(&s) : print_text(&s);
    return s.info.damaged ? CANP_EXIT_FINDING : CANP_EXIT_DONE;
}
