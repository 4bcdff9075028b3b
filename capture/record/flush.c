/*
 * The flush thread: takes slabs in order and commits them as blocks; speaks the notices; ends the recording.
 *
 * Invariant: a slab's frames are either in the files or noted as not stored (disk_losses.h), and counted
 * there. The writer and everything that may wait for the disk belong to this thread.
 *
 * A full disk: what cannot be stored is dropped, counted, and told by gaps once there is room for a whole
 * slab again, which is tried for once a second. Any other error that stays ends the recording.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "disk_losses.h"
#include "outside_windows.h"

#define SYNC_IDLE_NS 1000000000  /* sync what is unsynced when nothing came for so long */
#define RETRY_NS     1000000000U /* between looks for room on a full disk */

/* To the user, at once. This thread's. */
static void say(const struct canp_recorder *rec, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void say(const struct canp_recorder *rec, const char *format, ...)
{
    char text[sizeof(struct canp_why)];
    va_list args;
    if (!rec->opts.notice)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    rec->opts.notice(rec->opts.user, text);
}

static void publish(struct canp_recorder *rec)
{
    struct canp_writer_stats stats;
    canp_writer_stats(rec->writer, &stats);
    atomic_store_explicit(&rec->bytes, stats.bytes, memory_order_relaxed);
    atomic_store_explicit(&rec->blocks, stats.blocks, memory_order_relaxed);
    atomic_store_explicit(&rec->segments, stats.segments, memory_order_relaxed);
    atomic_store_explicit(&rec->removed, stats.removed, memory_order_relaxed);
    if (stats.poisoned != rec->poisoned_told)
        say(rec,
            "%s: a segment could not be written out: what it holds may not outlive a power failure; a gap "
            "says "
            "so, and the next segment is begun",
            rec->dir);
    rec->poisoned_told = stats.poisoned;
}

static bool is_full(int error)
{
    return error == -ENOSPC || error == -EDQUOT;
}

static void store_failed(struct canp_recorder *rec, int error)
{
    if (is_full(error)) {
        rec->full_error = error;
        rec->retry_ns = canp_monotonic_ns() + RETRY_NS;
        say(rec, "%s: %s: frames are counted as lost until there is room", rec->dir, canp_strerror(error));
        return;
    }
    rec->store_error = error;
    canp_fail(&rec->store_why, error, "%s: %s; the recording ends here, what was stored before is readable",
              rec->dir, canp_strerror(error));
    canp_recorder_stop(rec);
}

/* The disk was full: is there room for what is to be told, and for a slab? True: all is as it was before. */
static bool is_room_again(struct canp_recorder *rec)
{
    uint64_t now_ns = canp_monotonic_ns(), lost = rec->unstored.frames;
    if (now_ns < rec->retry_ns)
        return false;
    rec->retry_ns = now_ns + RETRY_NS;
    int r = canp_writer_reserve(rec->writer, DISK_LOSSES_BYTES_MAX + rec->block_bytes,
                                DISK_LOSSES_BLOCKS_MAX + 1);
    if (r == 0)
        r = canp_disk_losses_store(rec);
    if (r < 0 && !is_full(r))
        store_failed(rec, r);
    if (r < 0)
        return false;
    rec->full_error = 0;
    say(rec, "%s: there is room again; %llu frames were lost, a gap says so", rec->dir,
        (unsigned long long)lost);
    return true;
}

static int commit(struct canp_recorder *rec, const struct canp_rowbuf *rows)
{
    int r = canp_writer_commit(rec->writer, rows);
    /* A segment that cannot be written is left behind: the second try goes to the next one. */
    return r < 0 && !is_full(r) ? canp_writer_commit(rec->writer, rows) : r;
}

static void store(struct canp_recorder *rec, const struct canp_rowbuf *rows)
{
    if (rec->store_error || (rec->full_error && !is_room_again(rec))) {
        canp_disk_losses_note(rec, rows);
        return;
    }
    int r = commit(rec, rows);
    if (r < 0) {
        canp_disk_losses_note(rec, rows);
        store_failed(rec, r);
        return;
    }
    rec->unsynced = true;
    canp_notes_store(&rec->notes, rec->writer);
    publish(rec);
}

/* ---- a recording by triggers ---------------------------------------------------------------------- */

void canp_flush_store(void *user, const struct canp_rowbuf *rows)
{
    store(user, rows);
}

void canp_flush_let_go(void *user, const struct canp_rowbuf *rows)
{
    canp_outside_windows_note(user, rows);
    canp_outside_windows_tell_if_due(user);
}

void canp_flush_window_begins(void *user)
{
    canp_outside_windows_tell(user);
}

void canp_flush_short_of_memory(void *user, uint64_t held_ns)
{
    const struct canp_recorder *rec = user;
    say(rec, "the window begins %.1f s before its trigger, not %.1f s: the memory for it holds no more",
        (double)held_ns / 1e9, (double)rec->opts.pre_trigger_ns / 1e9);
}

static void take(struct canp_recorder *rec, const struct canp_slab *slab)
{
    const struct slab_head *head = (const struct slab_head *)slab->user;
    if (!rec->window) {
        store(rec, &head->rows);
        return;
    }
    canp_window_feed(rec->window, &head->rows, head->closed);
    atomic_store_explicit(&rec->windows, canp_window_count(rec->window), memory_order_relaxed);
}

static void take_trigger(struct canp_recorder *rec)
{
    /* relaxed: nothing but the wish itself is handed over */
    if (!atomic_exchange_explicit(&rec->triggered, false, memory_order_relaxed) || !rec->window)
        return;
    int64_t monotonic_ns = (int64_t)canp_monotonic_ns();
    canp_window_trigger(rec->window, (struct window_time){monotonic_ns, canp_realtime_ns() - monotonic_ns});
    atomic_store_explicit(&rec->windows, canp_window_count(rec->window), memory_order_relaxed);
}

static void speak(struct canp_recorder *rec)
{
    const char *text;
    while ((text = canp_notices_peek(&rec->notices)) != NULL) {
        if (rec->opts.notice)
            rec->opts.notice(rec->opts.user, text);
        canp_notices_pop(&rec->notices);
    }
}

static void sync_idle(struct canp_recorder *rec)
{
    int r = rec->store_error ? 0 : canp_writer_sync(rec->writer);
    rec->unsynced = false;
    if (r < 0)
        say(rec, "%s: sync: %s", rec->dir, canp_strerror(r));
}

static void flush_all(struct canp_recorder *rec)
{
    struct canp_slab *slab;
    while ((slab = canp_slabring_take(rec->ring)) != NULL) {
        take(rec, slab);
        canp_slabring_give_back(rec->ring, slab);
        /* release: pairs with the acquire in canp_intake_flush_if_due() */
        atomic_store_explicit(&rec->slabs_flushed, counter_get(&rec->slabs_flushed) + 1,
                              memory_order_release);
    }
}

/* What a segment's end may wait for: the user's wish, or its time. A full disk lets the segment go on. */
static void rotate(struct canp_recorder *rec)
{
    if (rec->store_error || rec->full_error)
        return;
    /* relaxed: nothing but the wish itself is handed over */
    if (atomic_exchange_explicit(&rec->rotate, false, memory_order_relaxed)) {
        int r = canp_writer_rotate(rec->writer);
        if (r < 0)
            say(rec, "%s: the next segment cannot be begun: %s; the present one goes on", rec->dir,
                canp_strerror(r));
    }
    rec->tend_ns = canp_writer_tend(rec->writer);
    publish(rec);
}

/* How long nothing needs to be done when no slab comes; -1 = no limit. */
static int64_t idle_ns(const struct canp_recorder *rec)
{
    int64_t ns = rec->unsynced ? SYNC_IDLE_NS : INT64_MAX;
    if (rec->full_error && ns > (int64_t)RETRY_NS)
        ns = RETRY_NS;
    if (rec->tend_ns < 0 &&
        ns > (int64_t)RETRY_NS) /* the segment's time is up, but no next one can be made */
        ns = RETRY_NS;
    else if (rec->tend_ns >= 0 && ns > rec->tend_ns)
        ns = rec->tend_ns;
    return ns == INT64_MAX ? -1 : ns;
}

/* The end: what could not be stored is told now, or else at least counted. */
static void finish(struct canp_recorder *rec)
{
    rec->retry_ns = 0;
    if (rec->window) {
        canp_window_finish(rec->window);
        canp_outside_windows_tell(rec);
    }
    bool full = rec->full_error && !rec->store_error && !is_room_again(rec);
    if (full || rec->store_error)
        canp_disk_losses_store(rec); /* the segment may still have room for so little */
    if (full && !rec->store_error) {
        rec->store_error = rec->full_error;
        canp_fail(&rec->store_why, rec->store_error, "%s: %s: what came last is not in the recording",
                  rec->dir, canp_strerror(rec->store_error));
    }
    int r = canp_writer_finish(rec->writer);
    if (r < 0 && !rec->store_error) {
        rec->store_error = r;
        canp_fail(&rec->store_why, r, "%s: ending the recording: %s", rec->dir, canp_strerror(r));
    }
    publish(rec);
    speak(rec);
}

static void *flush_main(void *arg)
{
    struct canp_recorder *rec = arg;
    bool done;
    rec->tend_ns = INT64_MAX;
    do {
        int r = canp_slabring_wait(rec->ring, idle_ns(rec));
        /* acquire: pairs with the release in canp_recorder_run(); before the look at the slabs, so that the
         * last one is not missed */
        done = atomic_load_explicit(&rec->capture_done, memory_order_acquire);
        flush_all(rec);
        take_trigger(rec);
        speak(rec);
        rotate(rec);
        if (r != -ETIMEDOUT)
            continue;
        if (rec->full_error && !rec->store_error)
            is_room_again(rec);
        if (rec->unsynced)
            sync_idle(rec);
    } while (!done);
    finish(rec);
    return NULL;
}

int canp_flush_start(struct canp_recorder *rec)
{
    int r = pthread_create(&rec->flush_thread, NULL, flush_main, rec);
    rec->flush_running = r == 0;
    if (r == 0)
        pthread_setname_np(rec->flush_thread, "canp-flush");
    return -r;
}

void canp_flush_join(struct canp_recorder *rec)
{
    if (!rec->flush_running)
        return;
    /* release: pairs with the acquire in flush_main() */
    atomic_store_explicit(&rec->capture_done, true, memory_order_release);
    canp_slabring_wake(rec->ring);
    pthread_join(rec->flush_thread, NULL);
    rec->flush_running = false;
}
