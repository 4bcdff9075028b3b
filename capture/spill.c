/*
 * The spill thread: takes slabs in order and commits them as blocks; speaks the notices; ends the recording.
 *
 * Invariant: a slab's frames are either in the files or counted in lost_unstored of their interface. The
 * writer and everything that may wait for the disk belong to this thread.
 *
 * What happens when a block cannot be stored is decided in store_failed() alone: now it ends the recording.
 */
#include <errno.h>

#include "recorder_priv.h"

#define SYNC_IDLE_NS 1000000000 /* sync what is unsynced when nothing came for so long */

static const struct canp_rowbuf *rows_of(const struct canp_slab *slab)
{
    return &((const struct slab_head *)slab->user)->rows;
}

static void publish(struct canp_recorder *rec)
{
    struct canp_writer_stats stats;
    canp_writer_stats(rec->writer, &stats);
    atomic_store_explicit(&rec->bytes, stats.bytes, memory_order_relaxed);
    atomic_store_explicit(&rec->blocks, stats.blocks, memory_order_relaxed);
    atomic_store_explicit(&rec->segments, stats.segments, memory_order_relaxed);
}

/* Counts the frames of rows that were not stored. */
static void count_unstored(struct canp_recorder *rec, const struct canp_rowbuf *rows)
{
    for (size_t at = 0; at < rows->used_bytes; at += canp_row_bytes(rows->data + at)) {
        const uint8_t *row = rows->data + at;
        if (canp_kind_is_frame(canp_row_kind(row)))
            counter_add(&rec->chans[row[0]].lost_unstored, 1);
    }
}

static void store_failed(struct canp_recorder *rec, const struct canp_rowbuf *rows, int error)
{
    count_unstored(rec, rows);
    if (rec->store_error)
        return;
    rec->store_error = error;
    rec->store_failed_ns = rows->first_ns;
    const char *hint = error == -ENOSPC || error == -EDQUOT ? " (make room, or record to another disk)" : "";
    canp_fail(&rec->store_why, error, "%s: %s%s; the recording ends here, what was stored before is readable",
              rec->dir, canp_strerror(error), hint);
    canp_recorder_stop(rec);
}

/* After the first failure nothing more is tried: a gap in the middle would be told by nobody. */
static void store(struct canp_recorder *rec, const struct canp_rowbuf *rows)
{
    int r = rec->store_error ? rec->store_error : canp_writer_commit(rec->writer, rows);
    if (r < 0) {
        store_failed(rec, rows, r);
        return;
    }
    rec->unsynced = true;
    publish(rec);
}

static void speak(struct canp_recorder *rec)
{
    const char *text;
    while ((text = notices_peek(&rec->notices)) != NULL) {
        if (rec->opts.notice)
            rec->opts.notice(rec->opts.user, text);
        notices_pop(&rec->notices);
    }
}

static void sync_idle(struct canp_recorder *rec)
{
    int r = rec->store_error ? 0 : canp_writer_sync(rec->writer);
    rec->unsynced = false;
    if (r < 0 && rec->opts.notice) {
        struct canp_why why;
        canp_fail(&why, r, "%s: sync: %s", rec->dir, canp_strerror(r));
        rec->opts.notice(rec->opts.user, why.text);
    }
}

static void spill_all(struct canp_recorder *rec)
{
    struct canp_slab *slab;
    while ((slab = canp_slabring_take(rec->ring)) != NULL) {
        store(rec, rows_of(slab));
        canp_slabring_give_back(rec->ring, slab);
        /* release: pairs with the acquire in intake_flush_if_due() */
        atomic_store_explicit(&rec->slabs_spilled, counter_get(&rec->slabs_spilled) + 1,
                              memory_order_release);
    }
}

/* The disk is full, but the segment may still have room for a few bytes: say how much is missing. */
static void store_last_gaps(struct canp_recorder *rec)
{
    _Alignas(8) uint8_t room[CANP_RECORDER_IFACES_MAX * 48];
    struct canp_rowbuf rows;
    canp_rowbuf_init(&rows, room, sizeof(room));
    int64_t now_ns = clock_realtime_ns();
    for (unsigned i = 0; i < rec->chan_count; i++) {
        uint64_t lost = counter_get(&rec->chans[i].lost_unstored);
        if (lost)
            canp_rowbuf_put_gap(&rows, (uint8_t)i, CANP_LAYER_RECORDER, lost, rec->store_failed_ns, now_ns);
    }
    canp_writer_commit(rec->writer, &rows); /* best effort: the counts are in the statistics, too */
}

static void finish(struct canp_recorder *rec)
{
    if (rec->store_error)
        store_last_gaps(rec);
    int r = canp_writer_finish(rec->writer);
    if (r < 0 && !rec->store_error) {
        rec->store_error = r;
        canp_fail(&rec->store_why, r, "%s: ending the recording: %s", rec->dir, canp_strerror(r));
    }
    publish(rec);
    speak(rec);
}

static void *spill_main(void *arg)
{
    struct canp_recorder *rec = arg;
    bool done;
    do {
        int r = canp_slabring_wait(rec->ring, rec->unsynced ? SYNC_IDLE_NS : -1);
        /* acquire: pairs with the release in canp_recorder_run(); before the look at the slabs, so that the
         * last one is not missed */
        done = atomic_load_explicit(&rec->capture_done, memory_order_acquire);
        spill_all(rec);
        speak(rec);
        if (r == -ETIMEDOUT && rec->unsynced)
            sync_idle(rec);
    } while (!done);
    finish(rec);
    return NULL;
}

int spill_start(struct canp_recorder *rec)
{
    int r = pthread_create(&rec->spill_thread, NULL, spill_main, rec);
    rec->spill_running = r == 0;
    if (r == 0)
        pthread_setname_np(rec->spill_thread, "canp-spill");
    return -r;
}

void spill_join(struct canp_recorder *rec)
{
    if (!rec->spill_running)
        return;
    /* release: pairs with the acquire in spill_main() */
    atomic_store_explicit(&rec->capture_done, true, memory_order_release);
    canp_slabring_wake(rec->ring);
    pthread_join(rec->spill_thread, NULL);
    rec->spill_running = false;
}
