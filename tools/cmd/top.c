/* canp top: a live view of interfaces, or of a recording while it grows. Main thread. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <canp/busclock.h>
#include <canp/listener.h>
#include <canp/pools/clock.h>
#include <canp/reader.h>

#include <ncurses.h>

#include "lib/commands.h"
#include "lib/opts.h"
#include "lib/stop.h"
#include "lib/text.h"
#include "logs/log_open.h"
#include "signals/decode_open.h"
#include "top/top_recorders.h"

#define FEED_MAX   200000 /* records of a recording between two looks at the keyboard */
#define REFRESH_NS 1000000000

struct source {
    struct canp_listener *listener; /* one of the two */
    struct canp_reader *reader;
    struct canp_cursor *cursor;
    bool caught_up;    /* of a recording: everything there was has been read */
    uint64_t bytes;    /* of a recording's files, at the last look */
    int64_t looked_ns; /* when that was */
    double bytes_per_s;
    uint64_t segments;
    int64_t refreshed_ns; /* the interfaces */
    const char *dir;      /* of a recording */
    struct top_recorders recorders;
};

static struct top_stats stats;
static struct top_signals signals;
static bool has_signals;
static struct canp_busclock bus_clock; /* rates and periods are of bus time */

/* ---- interfaces --------------------------------------------------------------------------------- */

static void feed_signals(const struct canp_record *r, const char *iface)
{
    if (has_signals && (r->kind == CANP_KIND_CAN || r->kind == CANP_KIND_FD))
        top_signals_feed(&signals, iface, r); /* no memory for an interface now: its next frame tries again */
}

static void feed(void *user, const struct canp_record *r)
{
    const struct source *src = user;
    struct canp_record record = *r;
    record.time_ns = canp_busclock_time(&bus_clock, NULL, r);
    top_feed(&stats, &record);
    feed_signals(&record, canp_listener_iface(src->listener, r->channel)->name);
}

static void show_links(struct source *src)
{
    for (unsigned i = 0; i < canp_listener_iface_count(src->listener); i++) {
        const struct canp_listener_iface *f = canp_listener_iface(src->listener, i);
        struct top_iface *t = &stats.ifaces[i];
        top_name(&stats, i, f->name, f->link.bitrate, f->link.dbitrate);
        t->link = f->gone ? -1 : canp_link_is_up(&f->link);
        t->state = f->link.state;
        t->tx_errors = f->link.tx_errors;
        t->rx_errors = f->link.rx_errors;
        t->lost_socket = f->lost;
        t->lost_device = f->device;
    }
}

static void step_listener(struct source *src)
{
    int64_t now = (int64_t)canp_monotonic_ns();
    canp_listener_take(src->listener, feed, src);
    if (now - src->refreshed_ns >= REFRESH_NS) {
        canp_listener_refresh(src->listener);
        src->refreshed_ns = now;
    }
    show_links(src);
    top_look(&stats, now);
}

/* ---- a recording -------------------------------------------------------------------------------- */

static void look_at_files(struct source *src)
{
    int64_t now = (int64_t)canp_monotonic_ns();
    struct canp_info info;
    if (now - src->looked_ns < REFRESH_NS || canp_reader_info(src->reader, &info) < 0)
        return;
    if (src->looked_ns && info.bytes >= src->bytes)
        src->bytes_per_s = (double)(info.bytes - src->bytes) * 1e9 / (double)(now - src->looked_ns);
    src->bytes = info.bytes;
    src->segments = info.segments;
    src->looked_ns = now;
}

static void step_recording(struct source *src)
{
    struct canp_record r;
    int left = FEED_MAX, result = 1;
    while (left-- > 0 && (result = canp_cursor_next(src->cursor, &r)) == 1) {
        r.time_ns = canp_busclock_time(&bus_clock, src->cursor, &r);
        top_feed(&stats, &r);
        feed_signals(&r, stats.ifaces[r.channel].name);
    }
    if (result == 1)
        return; /* there is more */
    if (canp_reader_is_live(src->reader))
        top_look(&stats, (int64_t)canp_monotonic_ns());
    else
        top_average(&stats);
    src->caught_up = true;
    canp_reader_refresh(src->reader);
}

static void describe_listener(const struct source *src, struct top_view *view)
{
    unsigned left_out = canp_listener_left_out(src->listener);
    view->status[0] = '\0';
    if (left_out)
        snprintf(view->status, sizeof(view->status), "left out: %u interfaces more than %u", left_out,
                 CANP_LISTENER_IFACES_MAX);
    else if (canp_listener_iface_count(src->listener) == 0)
        snprintf(view->status, sizeof(view->status), "waiting for an interface");
}

static void describe(const struct source *src, struct top_view *view)
{
    char bytes[TEXT_BYTES], per_s[TEXT_BYTES];
    if (!src->reader) {
        describe_listener(src, view);
        return;
    }
    if (!src->caught_up)
        snprintf(view->status, sizeof(view->status), "reading what is there");
    else if (canp_reader_is_live(src->reader))
        snprintf(view->status, sizeof(view->status), "growing: %s in %llu segment%s, %s/s",
                 text_bytes(bytes, src->bytes), (unsigned long long)src->segments,
                 src->segments == 1 ? "" : "s", text_bytes(per_s, (uint64_t)src->bytes_per_s));
    else
        snprintf(view->status, sizeof(view->status), "complete: %s in %llu segment%s; rates are of all of it",
                 text_bytes(bytes, src->bytes), (unsigned long long)src->segments,
                 src->segments == 1 ? "" : "s");
}

/* ---- the loop ----------------------------------------------------------------------------------- */

/* False: quit. */
static bool take_key(int key, struct top_view *view)
{
    static const char sorts[] = "cipjl";
    const char *sort = key > 0 && key < 128 ? strchr(sorts, key) : NULL;
    unsigned page = LINES > 4 ? (unsigned)LINES / 2 : 1;
    if (sort)
        view->sort = (enum top_sort)(sort - sorts);
    if (key == ' ')
        view->paused = !view->paused;
    if (key == KEY_DOWN)
        view->scroll++;
    if (key == KEY_NPAGE)
        view->scroll += page;
    if (key == KEY_UP && view->scroll)
        view->scroll--;
    if (key == KEY_PPAGE)
        view->scroll = view->scroll > page ? view->scroll - page : 0;
    if (key == KEY_HOME)
        view->scroll = 0;
    if (key == 's' && view->signals) {
        view->shows_signals = !view->shows_signals;
        view->scroll = 0;
    }
    if (key == 'r') {
        top_reset(&stats);
        if (has_signals)
            top_signals_reset(&signals);
    }
    return key != 'q' && key != 'Q';
}

static void loop(struct source *src, struct top_view *view, int interval_ms)
{
    bool goes_on = true;
    while (goes_on && !stop_is_requested()) {
        if (src->listener)
            step_listener(src);
        else
            step_recording(src);
        if (src->caught_up)
            look_at_files(src);
        describe(src, view);
        top_recorders_look(&src->recorders, src->dir, &stats, (int64_t)canp_monotonic_ns(), view);
        if (!view->paused)
            top_screen_draw(&stats, view);
        goes_on = take_key(top_screen_key(src->reader && !src->caught_up ? 1 : interval_ms), view);
    }
}

/* ---- what is looked at -------------------------------------------------------------------------- */

static bool is_recording(const char *text)
{
    struct stat st;
    return stat(text, &st) == 0 && (S_ISDIR(st.st_mode) || S_ISREG(st.st_mode));
}

static int open_recording(struct source *src, const char *path)
{
    struct canp_why why;
    src->dir = path;
    int r = recording_open(path, &src->reader, &why);
    if (r == 0 && (r = canp_cursor_open(src->reader, NULL, &src->cursor)) < 0)
        canp_fail(&why, r, "%s: %s", path, canp_strerror(r));
    return r < 0 && !stop_is_requested() ? opts_fail("top", CANP_EXIT_ENVIRONMENT, "%s", why.text) : 0;
}

static int open_source(struct source *src, const struct canp_listener_opts *opts)
{
    const char *const *arguments = opts->ifaces;
    unsigned count = opts->iface_count;
    struct canp_why why;
    if (count == 1 && strcmp(arguments[0], "any") != 0 && is_recording(arguments[0]))
        return open_recording(src, arguments[0]);
    stop_catch_signals();
    int r = canp_listener_open(opts, &src->listener, &why);
    return r < 0 ? opts_fail("top",
                             r == -EINVAL || r == -CANP_E_TOO_MANY ? CANP_EXIT_USAGE : CANP_EXIT_ENVIRONMENT,
                             "%s", why.text)
                 : 0;
}

static void close_source(struct source *src)
{
    canp_listener_close(src->listener);
    if (src->cursor)
        canp_cursor_close(src->cursor);
    if (src->reader)
        canp_reader_close(src->reader);
}

static int watch(const struct canp_listener_opts *opts, int interval_ms)
{
    struct source src = {.reader = NULL};
    char names[256] = "";
    struct top_view view = {.source = names};
    for (unsigned i = 0; i < opts->iface_count; i++)
        snprintf(names + strlen(names), sizeof(names) - strlen(names), i ? " %s" : "%s", opts->ifaces[i]);
    top_init(&stats);
    view.signals = has_signals ? &signals : NULL;
    view.shows_signals = has_signals;
    int status = open_source(&src, opts);
    if (status == 0 && !stop_is_requested())
        status = top_screen_begin();
    if (status == 0 && !stop_is_requested()) {
        loop(&src, &view, interval_ms);
        top_screen_end();
    }
    close_source(&src);
    return status;
}

/* 0 or an exit status. */
static int open_signals(const struct opt_list *databases, const struct opt_list *patterns)
{
    char *names[OPT_LIST_MAX];
    for (unsigned i = 0; i < patterns->count; i++)
        names[i] = (char *)(uintptr_t)patterns->texts[i]; /* of argv: only read */
    if (!databases->count && (patterns->count || signals.choice.j1939))
        return opts_fail("top", CANP_EXIT_USAGE, "--signal and --j1939 go with --dbc FILE");
    if (!databases->count)
        return 0;
    int status = decode_open(&signals.choice, "top", databases, names, (int)patterns->count);
    if (status == 0 && top_signals_open(&signals) < 0)
        status = opts_fail("top", CANP_EXIT_ENVIRONMENT, "no memory for signals");
    has_signals = status == 0;
    return status;
}

int canp_cmd_top(int argc, char **argv)
{
    uint64_t interval_ns = 200000000;
    struct canp_listener_opts listen = CANP_LISTENER_OPTS_INIT;
    struct opt_list databases = {0}, patterns = {0};
    const struct opt options[] = {
        {0, "dbc", OPT_LIST, &databases, "[IFACE=]FILE",
         "show signals by this database; several are allowed"},
        {0, "signal", OPT_LIST, &patterns, "MESSAGE.SIGNAL|GLOB", "of these alone; may be repeated"},
        {0, "j1939", OPT_FLAG, &signals.choice.j1939, NULL,
         "all 29 bit messages are J1939's, where a database does not say so"},
        {'i', "interval", OPT_DURATION, &interval_ns, "TIME", "between two looks (200ms)"},
        {0, "wait", OPT_FLAG, &listen.wait_absent, NULL,
         "an interface that is absent is shown when it comes"},
        {0, "no-wait", OPT_FLAG, &listen.no_wait, NULL, "an interface that is down is an error"},
        {0},
    };
    const struct opt_spec spec = {
        "top", "IFACE[,FILTER]...|RECORDING",
        "Live view of CAN interfaces, or of a recording, also while it grows.", options,
        "Above: each interface's rate, bus load in % of its bit rate, frames, error frames, losses by layer, "
        "error "
        "counters.\n"
        "A line for each recorder on this machine that records what is shown: slabs that wait for the disk,\n"
        "bytes stored each second.\n"
        "Below: the IDs with count, period, jitter and last data. Rates are those of the last 10 looks.\n"
        "With --dbc: the signals, each with its last value and its history, a column for each quarter of a "
        "second;\n"
        "s changes between them and the IDs.\n"
        "@any, @a,b: behind an @ all is a name.\n"
        "Keys: q quits; c i p j l sort by count, id, period, jitter, last seen; arrows and page keys "
        "scroll;\n"
        "space pauses; r counts anew. What is lost on an interface is what this view's own socket lost.\n"};
    int count = opts_parse(&spec, argc, argv);
    if (count < 0)
        return OPTS_EXIT(count);
    if (count == 0)
        return opts_fail("top", CANP_EXIT_USAGE,
                         "name interfaces, `any`, or a recording; `canp top --help` says more");
    if (interval_ns < 10000000 || interval_ns > 60000000000)
        return opts_fail("top", CANP_EXIT_USAGE, "option --interval: 10ms to 60s");
    listen.ifaces = (const char *const *)argv + 1;
    listen.iface_count = (unsigned)count;
    int status = open_signals(&databases, &patterns);
    if (status == 0)
        status = watch(&listen, (int)(interval_ns / 1000000));
    top_signals_close(&signals);
    return status;
}
