/*
 * canp gen: makes traffic on CAN interfaces (gen/vehicle.h says what traffic).
 *
 * One thread per interface, so that a slow bus does not hold up the others; they share only the flag that
 * ends them. Each frame has an absolute deadline; at full speed frames are sent in whole batches.
 */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gen/vehicle.h"
#include <canp/pace.h>
#include <canp/sender.h>

#include "lib/commands.h"
#include "lib/manners.h"
#include "lib/opts.h"
#include "lib/stop.h"
#include "lib/text.h"
#include "live/open_sender.h"
#include "live/tx_watch.h"

#define LANES_MAX    64
#define STORES       (CANP_SENDER_BATCH + 1) /* frames lent to the sender until it flushes */
#define WAIT_NS_MAX  50000000                /* the flag is looked at so often */
#define LOAD_PERCENT 100.0

struct lane {
    pthread_t thread;
    bool started;
    struct canp_sender *sender;
    struct canp_vehicle *vehicle;
    const struct gen *gen;
    struct tx_watch watch;
    int64_t start_ns;
    uint64_t frames; /* put to the sender */
    int64_t elapsed_ns;
    int error; /* that ended it, or 0 */
    struct canp_pace pace;
    union canp_frame_store stores[STORES];
};

struct gen {
    const char *command;
    struct canp_vehicle_opts traffic;
    bool full_speed;
    bool json;
    uint64_t frames_max;  /* per interface, 0 = no limit */
    uint64_t duration_ns; /* 0 = no limit */
    uint64_t give_up_ns;  /* of a queue that takes nothing; 0 = never */
    bool wait;
    unsigned lane_count;
    struct lane *lanes;
};

/* ---- one interface ----------------------------------------------------------------------------- */

/* The sender says that the queue takes nothing: 0 = go on, -EINTR = it is the end, or an error. */
static int look(struct lane *lane)
{
    uint64_t duration_ns = lane->gen->duration_ns;
    if (stop_is_requested() ||
        (duration_ns && canp_pace_now(&lane->pace) - lane->start_ns >= (int64_t)duration_ns))
        return -EINTR;
    return tx_watch_wait(&lane->watch);
}

static int flush(struct lane *lane)
{
    int r, go = 0;
    while ((r = canp_sender_flush(lane->sender)) == -EINTR && (go = look(lane)) == 0)
        ;
    return go < 0 ? go : r;
}

/* Waits in slices, so that the flag is seen. 0, or -EINTR. */
static int await(struct lane *lane, int64_t deadline_ns)
{
    if (lane->pace.now_ns >= deadline_ns || canp_pace_now(&lane->pace) >= deadline_ns)
        return 0;
    int r = flush(lane);
    while (r == 0 && !stop_is_requested() && canp_pace_now(&lane->pace) < deadline_ns) {
        int64_t slice_ns = lane->pace.now_ns + WAIT_NS_MAX;
        r = canp_pace_wait(&lane->pace, deadline_ns < slice_ns ? deadline_ns : slice_ns);
        if (r == -EINTR)
            r = 0;
    }
    return stop_is_requested() ? -EINTR : r;
}

static bool is_over(const struct lane *lane, int64_t elapsed_ns)
{
    const struct gen *gen = lane->gen;
    return stop_is_requested() || (gen->frames_max && lane->frames >= gen->frames_max) ||
           (gen->duration_ns && elapsed_ns >= (int64_t)gen->duration_ns);
}

static int put(struct lane *lane, uint8_t kind, int64_t time_ns, const union canp_frame_store *store)
{
    struct canp_record record = {.time_ns = time_ns, .kind = kind, .frame = &store->frame};
    int r, go = 0;
    while ((r = canp_sender_put(lane->sender, &record)) == -EINTR && (go = look(lane)) == 0)
        ;
    if (go < 0 || r < 0)
        return go < 0 ? go : r;
    lane->frames++;
    return 0;
}

static int run_paced(struct lane *lane, int64_t start_ns)
{
    int64_t time_ns;
    for (;;) {
        union canp_frame_store *store = &lane->stores[lane->frames % STORES];
        uint8_t kind = canp_vehicle_next(lane->vehicle, &time_ns, store);
        if (is_over(lane, time_ns))
            return flush(lane);
        int r = await(lane, start_ns + time_ns);
        if (r < 0)
            return r;
        canp_pace_count(&lane->pace, start_ns + time_ns);
        r = put(lane, kind, time_ns, store);
        if (r < 0)
            return r;
    }
}

static int run_full_speed(struct lane *lane, int64_t start_ns)
{
    int64_t time_ns;
    for (;;) {
        for (unsigned i = 0; i < CANP_SENDER_BATCH; i++) {
            if (is_over(lane, lane->pace.now_ns - start_ns))
                return flush(lane);
            union canp_frame_store *store = &lane->stores[lane->frames % STORES];
            uint8_t kind = canp_vehicle_next(lane->vehicle, &time_ns, store);
            int r = put(lane, kind, time_ns, store);
            if (r < 0)
                return r;
        }
        int r = flush(lane);
        if (r < 0)
            return r;
        canp_pace_now(&lane->pace);
    }
}

static void *run_lane(void *argument)
{
    struct lane *lane = argument;
    canp_pace_init(&lane->pace, 0);
    int64_t start_ns = lane->start_ns = lane->pace.now_ns;
    tx_watch_begin(&lane->watch, lane->gen->command, lane->sender, lane->gen->give_up_ns);
    int r = lane->gen->full_speed ? run_full_speed(lane, start_ns) : run_paced(lane, start_ns);
    lane->elapsed_ns = canp_pace_now(&lane->pace) - start_ns;
    lane->error = r == -EINTR ? 0 : r;
    return NULL;
}

/* ---- all of them ------------------------------------------------------------------------------- */

static int open_lane(struct gen *gen, struct lane *lane, const char *name)
{
    struct canp_why why;
    struct canp_vehicle_opts traffic = gen->traffic;
    int r = open_sender(gen->command, name, gen->wait, &lane->sender, &why);
    if (r < 0)
        return opts_fail(gen->command, CANP_EXIT_ENVIRONMENT, "%s", why.text);
    const struct canp_iface *iface = canp_sender_iface(lane->sender);
    bool fd = traffic.profile == CANP_PROFILE_FD || traffic.profile == CANP_PROFILE_FLOOD_FD;
    if (fd && iface->mtu < 72)
        return opts_fail(gen->command, CANP_EXIT_ENVIRONMENT, "%s: takes no FD frames (MTU %u)", name,
                         iface->mtu);
    traffic.bitrate = iface->bitrate;
    traffic.dbitrate = iface->dbitrate;
    traffic.seed += (uint64_t)(lane - gen->lanes);
    lane->gen = gen;
    r = canp_vehicle_open(&traffic, &lane->vehicle);
    if (r < 0)
        return opts_fail(gen->command, CANP_EXIT_USAGE, "rate or load out of range");
    return 0;
}

static void close_lanes(struct gen *gen)
{
    for (unsigned i = 0; i < gen->lane_count; i++) {
        canp_sender_close(gen->lanes[i].sender);
        canp_vehicle_close(gen->lanes[i].vehicle);
    }
    free(gen->lanes);
}

static double per_second(uint64_t frames, int64_t elapsed_ns)
{
    return elapsed_ns > 0 ? (double)frames * 1e9 / (double)elapsed_ns : 0;
}

static void print_lane_json(const struct lane *lane)
{
    struct canp_sender_stats s;
    const struct canp_histogram *late = &lane->pace.late_ns;
    canp_sender_stats(lane->sender, &s);
    fputs("{\"name\":", stdout);
    text_json_string(stdout, canp_sender_iface(lane->sender)->name);
    printf(",\"frames\":%llu,\"duration_ns\":%lld,\"rate\":%.3f,\"waits\":%llu,\"wait_ns\":%llu",
           (unsigned long long)s.frames, (long long)lane->elapsed_ns, per_second(s.frames, lane->elapsed_ns),
           (unsigned long long)s.waits, (unsigned long long)s.wait_ns);
    printf(",\"late_p50_ns\":%llu,\"late_p99_ns\":%llu,\"late_max_ns\":%llu}",
           (unsigned long long)canp_histogram_quantile(late, 0.5),
           (unsigned long long)canp_histogram_quantile(late, 0.99), (unsigned long long)late->max);
}

static void print_lane_text(const struct lane *lane)
{
    struct canp_sender_stats s;
    char frames[TEXT_BYTES];
    canp_sender_stats(lane->sender, &s);
    printf("%-16s %14s frames in %.3f s, %.1f/s", SAFE(canp_sender_iface(lane->sender)->name),
           text_count(frames, s.frames), (double)lane->elapsed_ns / 1e9,
           per_second(s.frames, lane->elapsed_ns));
    if (s.waits)
        printf("; waited %llu times, %.3f s, for the interface", (unsigned long long)s.waits,
               (double)s.wait_ns / 1e9);
    putchar('\n');
}

static void print_summary(const struct gen *gen)
{
    uint64_t frames = 0;
    int64_t elapsed_ns = 0;
    for (unsigned i = 0; i < gen->lane_count; i++) {
        struct canp_sender_stats s;
        canp_sender_stats(gen->lanes[i].sender, &s);
        frames += s.frames;
        elapsed_ns = gen->lanes[i].elapsed_ns > elapsed_ns ? gen->lanes[i].elapsed_ns : elapsed_ns;
    }
    if (gen->json)
        printf("{\"frames\":%llu,\"duration_ns\":%lld,\"rate\":%.3f,\"interfaces\":[",
               (unsigned long long)frames, (long long)elapsed_ns, per_second(frames, elapsed_ns));
    for (unsigned i = 0; i < gen->lane_count && (gen->json || !manners.quiet); i++) {
        if (gen->json && i)
            putchar(',');
        (gen->json ? print_lane_json : print_lane_text)(&gen->lanes[i]);
    }
    if (gen->json)
        puts("]}");
}

/* What went wrong on this interface; the worse of its status and that of those before. */
static int judge(const struct lane *lane, int status)
{
    const char *name = canp_sender_iface(lane->sender)->name, *command = lane->gen->command;
    if (lane->error == -ETIMEDOUT)
        return opts_fail(command, CANP_EXIT_ENVIRONMENT, "%s: given up: its queue took nothing for %.3g s",
                         name, (double)lane->gen->give_up_ns / 1e9);
    if (lane->error)
        return opts_fail(command, CANP_EXIT_ENVIRONMENT, "%s: %s", name, canp_strerror(lane->error));
    int found = tx_watch_end(&lane->watch);
    return status > found ? status : found;
}

static int run(struct gen *gen)
{
    int status = CANP_EXIT_DONE;
    for (unsigned i = 0; i < gen->lane_count; i++) {
        struct lane *lane = &gen->lanes[i];
        lane->error = -pthread_create(&lane->thread, NULL, run_lane, lane);
        lane->started = lane->error == 0;
    }
    for (unsigned i = 0; i < gen->lane_count; i++) {
        struct lane *lane = &gen->lanes[i];
        if (lane->started)
            pthread_join(lane->thread, NULL);
    }
    print_summary(gen);
    for (unsigned i = 0; i < gen->lane_count; i++)
        status = judge(&gen->lanes[i], status);
    return status;
}

/* ---- the command line -------------------------------------------------------------------------- */

/* "max", or a number above 0 divided by `unit`. 0 or -EINVAL. */
static int parse_pace(const char *text, double unit, double *value, bool *full_speed)
{
    char *end;
    if (!text)
        return 0;
    if (strcmp(text, "max") == 0) {
        *full_speed = true;
        return 0;
    }
    double number = opts_decimal(text, &end);
    if (strcmp(end, "%") == 0)
        end++;
    if (*end || number <= 0)
        return -EINVAL;
    *value = number / unit;
    return 0;
}

static int start(struct gen *gen, char **names, unsigned count)
{
    int r = 0;
    gen->lanes = calloc(count, sizeof(*gen->lanes));
    if (!gen->lanes)
        return opts_fail(gen->command, CANP_EXIT_ENVIRONMENT, "out of memory");
    gen->lane_count = count;
    for (unsigned i = 0; i < count && r == 0; i++)
        r = open_lane(gen, &gen->lanes[i], names[i]);
    if (r == 0) {
        stop_catch_signals();
        r = run(gen);
    }
    close_lanes(gen);
    return r;
}

int canp_cmd_gen(int argc, char **argv)
{
    struct gen gen = {.command = argv[0], .traffic = CANP_VEHICLE_OPTS_INIT};
    const char *rate = NULL, *load = NULL, *profile = "vehicle";
    const struct opt options[] = {
        {'r', "rate", OPT_TEXT, &rate, "FPS", "frames per second and interface, or max"},
        {'l', "load", OPT_TEXT, &load, "PERCENT",
         "of the bus (500 kbit/s where the interface has no rate), or max"},
        {'n', "frames", OPT_COUNT, &gen.frames_max, "FRAMES", "end after so many frames on each interface"},
        {'d', "duration", OPT_DURATION, &gen.duration_ns, "TIME", "end after this time"},
        {0, "give-up", OPT_DURATION, &gen.give_up_ns, "TIME", "end when the queue took nothing for so long"},
        {0, "wait", OPT_FLAG, &gen.wait, NULL, "wait for an interface that is absent or down"},
        {'p', "profile", OPT_TEXT, &profile, "NAME", "vehicle (default), fd, flood or flood-fd"},
        {'s', "seed", OPT_NUMBER, &gen.traffic.seed, "N",
         "another drive (default 1); flood: id 0x100 + N % 256"},
        {0, "json", OPT_FLAG, &gen.json, NULL, "print the summary as JSON"},
        {0},
    };
    const struct opt_spec spec = {
        argv[0], "IFACE...", "Makes CAN traffic, until it is stopped, and tells how much.", options,
        "vehicle: a drive: periodic messages with jitter, counters, checksums and moving signals.\n"
        "fd: the same in FD frames. flood, flood-fd: frames back to back with a sequence number in\n"
        "the first 8 bytes. A full queue is waited for; no frame is dropped here.\n"};
    int arguments = opts_parse(&spec, argc, argv);
    if (arguments < 0)
        return OPTS_EXIT(arguments);
    if (arguments < 1 || arguments > LANES_MAX)
        return opts_fail(gen.command, CANP_EXIT_USAGE, "which IFACE? One to %d of them", LANES_MAX);
    int found = canp_profile_find(profile);
    if (found < 0)
        return opts_fail(gen.command, CANP_EXIT_USAGE, "no profile '%s': vehicle, fd, flood or flood-fd",
                         profile);
    gen.traffic.profile = (enum canp_profile)found;
    if (parse_pace(rate, 1, &gen.traffic.frames_per_second, &gen.full_speed) < 0)
        return opts_fail(gen.command, CANP_EXIT_USAGE, "option --rate: '%s' is no rate", rate);
    if (parse_pace(load, LOAD_PERCENT, &gen.traffic.load, &gen.full_speed) < 0)
        return opts_fail(gen.command, CANP_EXIT_USAGE, "option --load: '%s' is no percentage", load);
    if (rate && load)
        return opts_fail(gen.command, CANP_EXIT_USAGE, "--rate and --load: one of them");
    return start(&gen, argv + 1, (unsigned)arguments);
}
