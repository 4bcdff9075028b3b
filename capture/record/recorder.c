/*
 * The recorder: opens and closes its parts; run.c has the capture thread's loop. Invariant: sockets are bound
 *
 after everything else was set up, so a failed open has received nothing; every frame that run received is
 *
 stored or counted as lost before it returns. The owner's thread.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <canp/private/cleanup.h>
#include <canp/private/opts.h>
#include <canp/private/signals.h>

#include "channels.h"
#include "intake/intake.h"
#include "record/flush/flush.h"
#include "record/state/slab_sizes.h"

#define DEFAULT_FLUSH_NS   100000000U
#define DEFAULT_LATENCY_NS 20000000U
#define DEFAULT_RCVBUF     (16U << 20)
#define STALL_BYTES_SAID   (64U << 20) /* more than that is worth a word */
#define LATENCY_MIN_NS     100000U
#define SYNC_NS            1000000000U

#define POST_TRIGGER_NS 10000000000U
#define TRIGGER_MEMORY  (64U << 20)

/* ---- opening ------------------------------------------------------------------------------------- */

static void say(const struct canp_recorder *rec, const char *text)
{
    if (rec->opts.notice)
        rec->opts.notice(rec->opts.user, text);
}

static struct canp_writer_opts writer_opts(const struct canp_recorder_opts *o)
{
    struct canp_writer_opts w = CANP_WRITER_OPTS_INIT;
    w.segment_bytes = o->segment_bytes;
    w.segment_ns = o->segment_ns;
    w.keep_segments = o->keep_segments;
    w.keep_bytes = o->keep_bytes;
    w.sync_ns = o->sync_ns ? o->sync_ns : SYNC_NS;
    if (o->sync_at_segments)
        w.sync_ns = 0;
    w.no_sync = o->no_sync;
    w.pack = o->pack;
    return w;
}

static int take_opts(struct canp_recorder *rec, const struct canp_recorder_opts *opts, struct canp_why *why)
{
    struct canp_recorder_opts *o = &rec->opts;
    int r = canp_opts_take(o, sizeof(*o), sizeof(*o), opts);
    if (r < 0)
        return canp_fail(why, r, "recorder: options that this release of libcanp does not know");
    o->flush_ns = o->flush_ns ? o->flush_ns : DEFAULT_FLUSH_NS;
    o->latency_ns = o->latency_ns ? o->latency_ns : DEFAULT_LATENCY_NS;
    o->rcvbuf_bytes = o->rcvbuf_bytes ? o->rcvbuf_bytes : DEFAULT_RCVBUF;
    if (!o->dir || !o->dir[0])
        return canp_fail(why, -EINVAL, "no directory to record into");
    rec->dir = strdup(o->dir);
    if (!rec->dir)
        return canp_fail(why, -ENOMEM, "out of memory");
    if (o->iface_count == 0)
        return canp_fail(why, -EINVAL, "no interface to record");
    struct canp_writer_opts w = writer_opts(o);
    r = canp_slab_sizes(o, &w, &rec->in.block_bytes, why);
    if (r < 0)
        return r;
    /* The flush time is spent in four parts: a harvest's sleep, twice that in the slab, and storing. */
    if (o->latency_ns > o->flush_ns / 4)
        o->latency_ns = o->flush_ns / 4;
    if (o->latency_ns < LATENCY_MIN_NS)
        o->latency_ns = LATENCY_MIN_NS;
    rec->in.commit_after_ns = o->flush_ns / 2;
    rec->in.hw_timestamps = o->hw_timestamps;
    rec->in.frames_left = o->frames_max ? o->frames_max : UINT64_MAX;
    return 0;
}

static int define_ifaces(struct canp_recorder *rec)
{
    int64_t now_ns = canp_realtime_ns();
    int r = 0;
    for (unsigned i = 0; i < rec->in.chan_count && r == 0; i++) {
        struct canp_iface iface = canp_channel_iface(&rec->in.chans[i]);
        r = canp_writer_add_iface(rec->writer, (uint8_t)i, &iface, now_ns);
    }
    return r;
}

static size_t trigger_memory(const struct canp_recorder_opts *opts)
{
    uint64_t bytes = opts->trigger_memory_bytes ? opts->trigger_memory_bytes : TRIGGER_MEMORY;
    return (size_t)(bytes < SIZE_MAX ? bytes : SIZE_MAX); /* on 32 bits the memory there is ends before */
}

static int open_window(struct canp_recorder *rec, const struct canp_recorder_opts *opts, struct canp_why *why)
{
    struct window_opts w = {.triggers = opts->triggers,
                            .trigger_count = opts->trigger_count,
                            .ask = opts->trigger ? canp_flush_ask : NULL,
                            .pre_ns = opts->pre_trigger_ns,
                            .post_ns = opts->post_trigger_ns ? opts->post_trigger_ns : POST_TRIGGER_NS,
                            .memory_bytes = trigger_memory(opts),
                            .block_bytes = rec->in.block_bytes,
                            .store = canp_flush_store,
                            .let_go = canp_flush_let_go,
                            .begins = canp_flush_window_begins,
                            .short_of_memory = canp_flush_short_of_memory,
                            .goes_on = canp_flush_window_goes_on,
                            .user = rec};
    if (opts->pre_trigger_ns == 0 && opts->trigger_count == 0 && !opts->trigger)
        return 0;
    if (opts->pre_trigger_ns == 0 || opts->pre_trigger_ns > INT64_MAX / 4)
        return canp_fail(why, -EINVAL, "triggers need the time before them that is to be kept");
    return canp_window_open(&w, &rec->window, why);
}

static int open_writer(struct canp_recorder *rec, struct canp_why *why)
{
    struct canp_writer_opts opts = writer_opts(&rec->opts);
    int r = canp_writer_open(rec->dir, &opts, &rec->writer, why);
    if (r < 0)
        return r;
    r = define_ifaces(rec);
    canp_notes_store(&rec->notes, rec->writer);
    return r < 0 ? canp_fail(why, r, "%s: %s", rec->dir, canp_strerror(r)) : 0;
}

static unsigned long long slab_mib(const struct canp_recorder *rec)
{
    return rec->opts.slab_bytes * rec->opts.slab_count >> 20;
}

static void say_slabs(const struct canp_recorder *rec)
{
    char text[160];
    snprintf(text, sizeof(text), "slabs take %s%llu MiB of memory: %.0f s of 170,000 frames/s",
             rec->opts.prealloc ? "" : "up to ", slab_mib(rec),
             (double)(rec->in.block_bytes * rec->opts.slab_count) / STALL_BYTES_PER_S);
    say(rec, text);
}

static void say_not_locked(const struct canp_recorder *rec)
{
    struct canp_slabring_stats ring;
    char text[200];
    canp_slabring_stats(rec->in.ring, &ring);
    if (ring.locked)
        return;
    snprintf(text, sizeof(text),
             "memory: %llu MiB of slabs are not locked (RLIMIT_MEMLOCK, no CAP_IPC_LOCK): while memory is "
             "short they may be swapped out, and frames wait in the receive buffer",
             slab_mib(rec));
    say(rec, text);
}

static int open_memory(struct canp_recorder *rec, struct canp_why *why)
{
    struct canp_slabring_opts opts = CANP_SLABRING_OPTS_INIT;
    opts.slot_bytes = rec->opts.slab_bytes;
    opts.slot_count = rec->opts.slab_count;
    opts.ready_slots = rec->opts.prealloc ? 0 : slab_ready_slots(opts.slot_bytes);
    opts.lock_memory = true; /* where it is allowed: a swapped slab would be a stall of the capture thread */
    int r = canp_slabring_open(&opts, &rec->in.ring);
    if (r < 0)
        return canp_fail(why, r, "%u slabs of %zu bytes: %s", opts.slot_count, opts.slot_bytes,
                         canp_strerror(r));
    say_not_locked(rec);
    if (opts.slot_bytes * opts.slot_count > STALL_BYTES_SAID)
        say_slabs(rec);
    rec->in.stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return rec->in.stop_fd < 0 ? canp_fail(why, -errno, "eventfd: %s", canp_strerror(errno)) : 0;
}

/* Signals are the caller's: our threads, and the writer's, take none. */
static int start_storing(struct canp_recorder *rec, struct canp_why *why)
{
    sigset_t before;
    canp_signals_block(&before);
    int r = open_writer(rec, why);
    if (r == 0) {
        r = canp_flush_start(rec);
        if (r < 0)
            canp_fail(why, r, "cannot start a thread: %s", canp_strerror(r));
    }
    canp_signals_restore(&before);
    return r;
}

static int open_all(struct canp_recorder *rec, const struct canp_recorder_opts *given, struct canp_why *why)
{
    int r = take_opts(rec, given, why);
    const struct canp_recorder_opts *opts = &rec->opts;
    if (r == 0)
        r = canp_notes_make(&rec->notes, opts, why);
    if (r == 0)
        r = open_window(rec, opts, why);
    if (r == 0)
        r = canp_channels_open(rec, opts, why);
    if (r == 0)
        r = open_memory(rec, why);
    if (r == 0)
        r = start_storing(rec, why);
    return r == 0 ? canp_channels_bind(rec, why) : r;
}

int canp_recorder_open(const struct canp_recorder_opts *opts, struct canp_recorder **out,
                       struct canp_why *why)
{
    struct canp_recorder *rec = aligned_alloc(64, (sizeof(*rec) + 63) & ~(size_t)63);
    if (!rec)
        return canp_fail(why, -ENOMEM, "out of memory");
    memset(rec, 0, sizeof(*rec));
    rec->in.stop_fd = rec->in.watch_fd = -1;
    rec->io = "none";
    canp_remarks_init(&rec->remarks);
    canp_boot_id(rec->boot_id);
    int r = open_all(rec, opts, why);
    if (r < 0) {
        canp_recorder_close(rec);
        return r;
    }
    *out = rec;
    return 0;
}

void canp_recorder_close(struct canp_recorder *rec)
{
    if (!rec)
        return;
    canp_flush_join(rec);
    canp_writer_close(rec->writer);
    canp_channels_close(rec);
    canp_fd_close(&rec->in.stop_fd);
    canp_slabring_close(rec->in.ring);
    canp_notes_free(&rec->notes);
    canp_window_close(rec->window);
    free(rec->dir);
    free(rec);
}

void canp_recorder_rotate(struct canp_recorder *rec)
{
    int saved = errno;
    atomic_store_explicit(&rec->rotate, true, memory_order_relaxed); /* the wake orders it */
    canp_slabring_wake(rec->in.ring);
    errno = saved;
}

int canp_recorder_note(struct canp_recorder *rec, const char *text, struct canp_why *why)
{
    int r = canp_remarks_put(&rec->remarks, text, why);
    if (r == 0)
        canp_slabring_wake(rec->in.ring);
    return r;
}

void canp_recorder_stop(struct canp_recorder *rec)
{
    canp_intake_stop(&rec->in);
}

void canp_recorder_trigger(struct canp_recorder *rec)
{
    int saved = errno;
    atomic_store_explicit(&rec->triggered, true, memory_order_relaxed); /* nothing else is handed over */
    canp_slabring_wake(rec->in.ring);
    errno = saved;
}
