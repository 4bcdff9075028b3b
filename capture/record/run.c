/*
 * The capture thread's loop: wait or sleep as the pace says, harvest, account, flush; and the statistics.
 *
 * Invariant: between the start of the loop and its end nothing here allocates, locks or touches a file.
 */
#include <errno.h>
#include <sys/prctl.h>
#include <time.h>

#include "channels.h"
#include "clock_records.h"
#include "intake/intake.h"
#include "link/can_socket.h"
#include "link_events.h"
#include "priority.h"
#include "record/flush/flush.h"

#define RETRY_NS     10000000U   /* an oddly failed socket, or a flush that waits for flush */
#define ASK_NS       1000000000U /* between looks at the interfaces' own drop counters, while frames come */
#define DRAIN_NS_MAX INT64_C(10000000000) /* for what is in the sockets when stopped; it takes far less */

/* Publishes the harvest's counts; its highest share (permille) of a socket buffer. */
static unsigned account(struct canp_recorder *rec, uint64_t *frames)
{
    uint64_t fill_max = 0;
    *frames = 0;
    for (unsigned i = 0; i < rec->in.chan_count; i++) {
        struct chan *ch = &rec->in.chans[i];
        if (ch->harvested == 0)
            continue;
        uint64_t fill = ch->harvested * ch->frame_cost_bytes * 1000 / ch->rcvbuf_bytes;
        fill_max = fill > fill_max ? fill : fill_max;
        *frames += ch->harvested;
        ch->harvested = 0;
        atomic_store_explicit(&ch->frames_seen, ch->taken, memory_order_relaxed);
    }
    return fill_max > 1000 ? 1000 : (unsigned)fill_max;
}

/* How long the thread may be away from its duties, UINT64_MAX = as long as it likes. */
static uint64_t away_ns(const struct canp_recorder *rec)
{
    uint64_t until_ns = rec->end_ns;
    if (rec->in
            .links_changed) /* canp_link_events_read() left some, of which io_uring's poll does not tell again
                             */
        return 0;
    if (rec->in.slab && rec->in.slab_deadline_ns < until_ns)
        until_ns = rec->in.slab_deadline_ns;
    if (rec->in.watch_fd < 0 && rec->ask_ns < until_ns) /* nobody tells of changes */
        until_ns = rec->ask_ns > rec->in.now_ns ? rec->ask_ns : rec->in.now_ns + 1;
    if (until_ns == UINT64_MAX)
        return rec->in.rx_retry ? RETRY_NS : UINT64_MAX;
    uint64_t away = until_ns > rec->in.now_ns ? until_ns - rec->in.now_ns : 0;
    if (away == 0 && until_ns != rec->end_ns)
        away = RETRY_NS; /* past the flush deadline, but flush is behind */
    return rec->in.rx_retry && away > RETRY_NS ? RETRY_NS : away;
}

static void sleep_ns(uint64_t ns)
{
    struct timespec t = canp_timespec_of_ns((int64_t)ns);
    clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL); /* a signal ends it early, which is welcome: a stop */
}

static void await(struct canp_recorder *rec)
{
    uint64_t away = away_ns(rec);
    if (harvest_pace_is_busy(&rec->in.pace)) {
        uint64_t ns = rec->in.pace.sleep_ns < away ? rec->in.pace.sleep_ns : away;
        if (ns)
            sleep_ns(ns);
    } else {
        rec->rx_ops->wait(&rec->in, away > INT64_MAX ? -1 : (int64_t)away);
    }
}

static void harvest(struct canp_recorder *rec)
{
    struct lag_place before = canp_lag_place(&rec->in);
    uint64_t frames;
    rec->in.now_ns = canp_monotonic_ns();
    rec->rx_ops->harvest(&rec->in);
    if (!harvest_pace_is_busy(&rec->in.pace))
        canp_lag_note_harvest(&rec->lag, &rec->in, &before);
    unsigned fill_permille = account(rec, &frames);
    rec->in.now_ns = canp_monotonic_ns();
    canp_harvest_pace_note(&rec->in.pace, rec->in.now_ns, frames, fill_permille);
    counter_add(&rec->harvests, 1);
}

static bool goes_on(const struct canp_recorder *rec)
{
    return !intake_stopped(&rec->in) && rec->in.frames_left > 0 && rec->in.now_ns < rec->end_ns;
}

static void capture(struct canp_recorder *rec)
{
    while (goes_on(rec)) { /* until a stop, frames_max or the duration */
        await(rec);
        harvest(rec);
        if (rec->in.now_ns >= rec->ask_ns) {
            rec->ask_ns = rec->in.now_ns + ASK_NS;
            canp_link_events_ask(rec);
        }
        canp_clock_records_look(rec);
        if (rec->in.links_changed)
            canp_link_events_read(rec);
        if (rec->in.gaps_pending)
            canp_intake_gaps(&rec->in);
        canp_intake_flush_if_due(&rec->in);
    }
}

/* Drops after the last frame ride on no frame: the socket itself tells them. */
static void take_last_drops(struct canp_recorder *rec)
{
    for (unsigned i = 0; i < rec->in.chan_count; i++) {
        struct chan *ch = &rec->in.chans[i];
        uint32_t drops;
        if (canp_can_socket_drops(ch->fd, &drops) == 0 && drops != ch->drops_seen)
            canp_intake_drops(&rec->in, ch, drops, canp_realtime_ns());
    }
}

/* Received after the stop? A clock that was set meanwhile does not make it look so. */
static bool is_past(int64_t time_ns, int64_t stop_ns)
{
    return time_ns >= stop_ns && time_ns - stop_ns <= DRAIN_NS_MAX;
}

/* One harvest more. False when no socket gave a frame from before stop_ns any more. */
static bool drain_some(struct canp_recorder *rec, int64_t stop_ns)
{
    int64_t before_ns[CANP_RECORDER_IFACES_MAX] = {0};
    bool more = false;
    for (unsigned i = 0; i < rec->in.chan_count; i++)
        before_ns[i] = rec->in.chans[i].prev_ns;
    harvest(rec);
    for (unsigned i = 0; i < rec->in.chan_count; i++)
        more |= rec->in.chans[i].prev_ns != before_ns[i] && !is_past(rec->in.chans[i].prev_ns, stop_ns);
    return more;
}

/* What the sockets hold when the end comes belongs to the recording, what comes then does not. */
static void drain(struct canp_recorder *rec)
{
    uint64_t limit_ns = rec->in.now_ns + DRAIN_NS_MAX;
    int64_t stop_ns = canp_realtime_ns();
    bool more = true;
    while (more && rec->in.frames_left > 0 && rec->in.now_ns < limit_ns)
        more = drain_some(rec, stop_ns);
    if (rec->in.frames_left > 0)
        take_last_drops(rec);
    canp_link_events_finish(rec);
    canp_clock_records_anchor(rec);
}

static int open_rx(struct canp_recorder *rec, struct canp_why *why)
{
    static const struct rx_ops *const mmsg = &canp_rx_mmsg_ops;
    struct canp_why refused;
    rec->rx_ops = mmsg;
    if (rec->opts.io != CANP_RECORDER_IO_MMSG) {
        int r = canp_rx_uring_ops.open(&rec->in, &refused);
        if (r == 0)
            rec->rx_ops = &canp_rx_uring_ops;
        else if (rec->opts.io == CANP_RECORDER_IO_URING)
            return canp_fail(why, r, "%s", refused.text);
        else
            canp_intake_notice(&rec->in, "%s; receiving with recvmmsg, at a higher cost per frame",
                               refused.text);
    }
    atomic_store_explicit(&rec->io, rec->rx_ops->name, memory_order_relaxed);
    return rec->rx_ops == mmsg ? mmsg->open(&rec->in, why) : 0;
}

static void ask_for_priority(struct canp_recorder *rec, struct priority *before)
{
    if (canp_priority_raise(before) < 0)
        canp_intake_notice(
            &rec->in,
            "real-time priority: not permitted (no CAP_SYS_NICE, RLIMIT_RTPRIO): while all CPUs are busy "
            "frames wait in the receive buffer, and are lost when it is full");
}

/* The stopped end of a run that never began: nothing was received, the recording is ended. */
static int run_failed(struct canp_recorder *rec, int error)
{
    rec->rx_ops = NULL;
    canp_flush_join(rec);
    return error;
}

int canp_recorder_run(struct canp_recorder *rec, struct canp_why *why)
{
    int r = open_rx(rec, why);
    if (r < 0)
        return run_failed(rec, r);
    struct priority before;
    ask_for_priority(rec, &before);
    prctl(PR_SET_TIMERSLACK, 50000UL); /* 50 us: the default for ordinary threads, whatever was inherited */
    rec->in.now_ns = canp_monotonic_ns();
    uint64_t duration_ns = rec->opts.duration_ns;
    rec->end_ns =
        duration_ns && duration_ns < UINT64_MAX - rec->in.now_ns ? rec->in.now_ns + duration_ns : UINT64_MAX;
    atomic_store_explicit(&rec->started_ns, rec->in.now_ns, memory_order_relaxed);
    canp_harvest_pace_init(&rec->in.pace, rec->opts.latency_ns, rec->in.now_ns);
    canp_clock_records_anchor(rec);
    canp_channels_tell_devices(rec);
    if (rec->opts.ready)
        rec->opts.ready(rec->opts.user, rec);
    capture(rec);
    drain(rec);
    canp_priority_restore(&before);
    atomic_store_explicit(&rec->ended_ns, canp_monotonic_ns(), memory_order_relaxed);
    rec->rx_ops->close(&rec->in);
    canp_intake_finish(&rec->in);
    canp_flush_join(rec);
    return rec->store_error ? canp_fail(why, rec->store_error, "%s", rec->store_why.text) : 0;
}

/* ---- statistics ---------------------------------------------------------------------------------- */

static void chan_stats(const struct chan *ch, struct canp_recorder_iface_stats *out)
{
    uint64_t unstored = counter_get(&ch->lost_unstored);
    uint64_t seen = counter_get(&ch->frames_seen);
    memcpy(out->name, ch->first_name, sizeof(out->name));
    out->outside = counter_get(&ch->outside);
    out->undone = counter_get(&ch->undone);
    uint64_t missing = unstored + out->outside + out->undone;
    out->frames = seen > missing ? seen - missing : 0;
    uint64_t errors = counter_get(&ch->errors_stored);
    out->error_frames = errors < out->frames ? errors : out->frames; /* some may have been cut off again */
    out->lost.socket = counter_get(&ch->lost_socket);
    out->lost.device = counter_get(&ch->lost_device);
    out->lost.recorder = counter_get(&ch->lost_unslabbed) + unstored;
}

static uint64_t run_ns(const struct canp_recorder *rec)
{
    uint64_t started_ns = counter_get(&rec->started_ns), ended_ns = counter_get(&rec->ended_ns);
    if (started_ns == 0)
        return 0;
    return (ended_ns ? ended_ns : canp_monotonic_ns()) - started_ns;
}

void canp_recorder_stats(const struct canp_recorder *rec, struct canp_recorder_stats *out)
{
    struct canp_slabring_stats ring;
    canp_slabring_stats(rec->in.ring, &ring);
    *out = (struct canp_recorder_stats){.duration_ns = run_ns(rec),
                                        .segments = counter_get(&rec->segments),
                                        .removed = counter_get(&rec->removed),
                                        .bytes = counter_get(&rec->bytes),
                                        .windows = counter_get(&rec->windows),
                                        .blocks = counter_get(&rec->blocks),
                                        .harvests = counter_get(&rec->harvests),
                                        .quiet_harvests = canp_lag_count(&rec->lag),
                                        .quiet_p50_ns = canp_lag_quantile_ns(&rec->lag, 500),
                                        .quiet_p99_ns = canp_lag_quantile_ns(&rec->lag, 990),
                                        .quiet_max_ns = canp_lag_quantile_ns(&rec->lag, 1000),
                                        .slabs_full_max = ring.full_slots_max,
                                        .slab_stalls = ring.stalls,
                                        .slab_count = ring.slot_count,
                                        .io = atomic_load_explicit(&rec->io, memory_order_relaxed),
                                        /* acquire: pairs with the release in canp_channels_take_up() */
                                        .iface_count =
                                            atomic_load_explicit(&rec->chans_shown, memory_order_acquire)};
    for (unsigned i = 0; i < out->iface_count; i++) {
        struct canp_recorder_iface_stats *iface = &out->ifaces[i];
        chan_stats(&rec->in.chans[i], iface);
        out->frames += iface->frames;
        out->error_frames += iface->error_frames;
        out->outside += iface->outside;
        out->undone += iface->undone;
        out->lost += iface->lost.socket + iface->lost.device + iface->lost.recorder + iface->undone;
    }
}

const struct canp_slabring *canp_recorder_slabs(const struct canp_recorder *rec)
{
    return rec->in.ring;
}
