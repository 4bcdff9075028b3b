/*
 * The flush thread: takes slabs in order and stores them (store.h), passes sentences to the user, and ends
 * the recording. Only this thread uses the writer and waits for the disk.
 */
#include "flush.h"

#include <errno.h>

#include <canp/private/threads.h>

#include "store.h"
#include "up_orders.h"

#define SYNC_IDLE_NS 1000000000  /* sync what is unsynced when nothing came for so long */
#define RETRY_NS     1000000000U /* between looks for room on a disk that is full or fails */

/* ---- a recording by triggers ---------------------------------------------------------------------- */

void canp_flush_store(void *user, const struct canp_rowbuf *rows)
{
    canp_store(user, rows);
}

void canp_flush_let_go(void *user, const struct canp_rowbuf *rows)
{
    struct canp_recorder *rec = user;
    canp_outside_windows_note(&rec->outside, rec->in.chans, rows);
    canp_outside_windows_tell_if_due(&rec->outside, canp_flush_store, rec);
}

void canp_flush_window_begins(void *user)
{
    struct canp_recorder *rec = user;
    canp_outside_windows_tell(&rec->outside, canp_flush_store, rec);
}

void canp_flush_short_of_memory(void *user, uint64_t held_ns)
{
    const struct canp_recorder *rec = user;
    canp_store_say(rec,
                   "the window begins %.1f s before its trigger, not %.1f s: the memory for it holds no more",
                   (double)held_ns / 1e9, (double)rec->opts.pre_trigger_ns / 1e9);
}

void canp_flush_window_goes_on(void *user, const char *trigger, uint64_t open_ns)
{
    canp_store_say(
        user,
        "the window does not end: %s has triggered again and again for %.0f s; until it stops all is stored",
        trigger, (double)open_ns / 1e9);
}

const char *canp_flush_ask(void *user, const struct canp_record *record)
{
    const struct canp_recorder *rec = user;
    if (record->kind != CANP_KIND_CAN && record->kind != CANP_KIND_FD)
        return NULL;
    return rec->opts.trigger(rec->opts.user, rec->in.chans[record->channel].first_name, record);
}

/* Definitions of channels that came with the rows: later segments begin with them, and so does what is stored
 * next where these rows themselves are let go or dropped. */
static void learn_ifaces(struct canp_recorder *rec, const struct canp_rowbuf *rows)
{
    struct canp_record r;
    for (size_t at = 0; at < rows->used_bytes; at += r.row_bytes) {
        canp_row_read(rows->data + at, rows->base_ns, &r);
        if (r.kind == CANP_KIND_IFACE)
            canp_writer_add_iface(rec->writer, r.channel, r.iface, r.time_ns);
    }
}

static void take(struct canp_recorder *rec, const struct canp_slab *slab)
{
    const struct slab_head *head = (const struct slab_head *)slab->user;
    if (rec->window) {
        canp_window_feed(rec->window, &head->rows, head->closed);
        atomic_store_explicit(&rec->windows, canp_window_count(rec->window), memory_order_relaxed);
    } else {
        canp_store(rec, &head->rows);
    }
    if (head->rows.flags & CANP_BLOCK_HAS_IFACES)
        learn_ifaces(rec, &head->rows);
}

static void take_trigger(struct canp_recorder *rec)
{
    /* relaxed: no other data is handed over with the flag */
    if (!atomic_exchange_explicit(&rec->triggered, false, memory_order_relaxed) || !rec->window)
        return;
    int64_t monotonic_ns = (int64_t)canp_monotonic_ns();
    canp_window_trigger(rec->window, (struct slab_time){monotonic_ns, canp_realtime_ns() - monotonic_ns});
    atomic_store_explicit(&rec->windows, canp_window_count(rec->window), memory_order_relaxed);
}

/* While the disk is full they wait. */
static void store_remarks(struct canp_recorder *rec)
{
    _Alignas(8) uint8_t room[REMARK_ROW_BYTES];
    struct canp_rowbuf rows;
    while (!rec->disk_error && !rec->store_error) {
        canp_rowbuf_init(&rows, room, sizeof(room));
        if (!canp_remarks_take(&rec->remarks, &rows))
            return;
        canp_store(rec, &rows);
    }
}

static void speak(struct canp_recorder *rec)
{
    const char *text;
    while ((text = canp_notices_peek(&rec->in.notices)) != NULL) {
        if (rec->opts.notice)
            rec->opts.notice(rec->opts.user, text);
        canp_notices_pop(&rec->in.notices);
    }
}

static void sync_idle(struct canp_recorder *rec)
{
    int r = canp_writer_sync(rec->writer);
    rec->unsynced = false;
    if (r < 0 && r != rec->sync_error_told) /* the writer goes on saying its first one */
        canp_store_say(rec, "%s: sync: %s", rec->dir, canp_strerror(r));
    rec->sync_error_told = r;
}

static void flush_all(struct canp_recorder *rec)
{
    struct canp_slab *slab;
    while ((slab = canp_slabring_take(rec->in.ring)) != NULL) {
        take(rec, slab);
        canp_slabring_give_back(rec->in.ring, slab);
        /* release: pairs with the acquire in canp_intake_flush_if_due() */
        atomic_store_explicit(&rec->in.slabs_flushed, counter_get(&rec->in.slabs_flushed) + 1,
                              memory_order_release);
    }
}

/* Others can read more: once for all slabs that were taken together. */
static void tell_stored(struct canp_recorder *rec)
{
    if (rec->has_stored && rec->opts.stored)
        rec->opts.stored(rec->opts.user);
    rec->has_stored = false;
}

/* Ends the segment when the user asked for it or its time is over; not while the disk is full or fails. */
static void rotate(struct canp_recorder *rec)
{
    if (rec->disk_error)
        return;
    /* relaxed: no other data is handed over with the flag */
    if (atomic_exchange_explicit(&rec->rotate, false, memory_order_relaxed)) {
        int r = canp_writer_rotate(rec->writer);
        if (r < 0)
            canp_store_say(rec, "%s: the next segment cannot be begun: %s; the present one goes on", rec->dir,
                           canp_strerror(r));
    }
    rec->tend_ns = canp_writer_tend(rec->writer);
    canp_store_publish(rec);
}

/* How long nothing needs to be done when no slab comes; -1 = no limit. */
static int64_t idle_ns(const struct canp_recorder *rec)
{
    int64_t ns = rec->unsynced ? SYNC_IDLE_NS : INT64_MAX;
    if (rec->disk_error && ns > (int64_t)RETRY_NS)
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
        canp_outside_windows_tell(&rec->outside, canp_flush_store, rec);
    }
    if (rec->disk_error && !canp_store_has_room_again(rec)) {
        canp_disk_losses_store(&rec->unstored,
                               rec->writer); /* the segment may still have room for so little */
        rec->store_error = rec->disk_error;
        canp_fail(&rec->store_why, rec->store_error, "%s: %s: what came last is not in the recording",
                  rec->dir, canp_strerror(rec->store_error));
    }
    int r = canp_writer_finish(rec->writer);
    if (r < 0 && !rec->store_error) {
        rec->store_error = r;
        canp_fail(&rec->store_why, r, "%s: ending the recording: %s", rec->dir, canp_strerror(r));
    }
    canp_store_publish(rec);
    rec->has_stored = true;
    tell_stored(rec);
    speak(rec);
}

static void *flush_main(void *arg)
{
    struct canp_recorder *rec = arg;
    bool done;
    rec->tend_ns = INT64_MAX;
    do {
        int r = canp_slabring_wait(rec->in.ring, idle_ns(rec));
        /* acquire: pairs with the release in canp_recorder_run(); before the look at the slabs, so that the
         * last one is not missed */
        done = atomic_load_explicit(&rec->capture_done, memory_order_acquire);
        flush_all(rec);
        take_trigger(rec);
        store_remarks(rec);
        canp_up_orders_fulfil(rec);
        tell_stored(rec);
        speak(rec);
        rotate(rec);
        if (r != -ETIMEDOUT)
            continue;
        if (rec->disk_error)
            canp_store_has_room_again(rec);
        if (rec->unsynced)
            sync_idle(rec);
    } while (!done);
    finish(rec);
    return NULL;
}

int canp_flush_start(struct canp_recorder *rec)
{
    int r = canp_thread_start(&rec->flush_thread, flush_main, rec);
    rec->flush_running = r == 0;
    if (r == 0)
        pthread_setname_np(rec->flush_thread, "canp-flush");
    return r;
}

void canp_flush_join(struct canp_recorder *rec)
{
    if (!rec->flush_running)
        return;
    /* release: pairs with the acquire in flush_main() */
    atomic_store_explicit(&rec->capture_done, true, memory_order_release);
    canp_slabring_wake(rec->in.ring);
    pthread_join(rec->flush_thread, NULL);
    rec->flush_running = false;
}
