/*
 * Storing (store.h). While the disk is full or fails, rows are dropped and counted; once a second the thread
 * tests whether there is room for a whole slab, and then writes the gaps. No error of the disk ends a
 * recording, because the disk may work again. Flush thread only.
 */
#include "store.h"

#include <canp/private/disk_full.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "error_frames.h"

#define RETRY_NS 1000000000U /* between looks for room on a disk that is full or fails */

void canp_store_say(const struct canp_recorder *rec, const char *format, ...)
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

void canp_store_publish(struct canp_recorder *rec)
{
    struct canp_writer_stats stats;
    canp_writer_stats(rec->writer, &stats);
    atomic_store_explicit(&rec->bytes, stats.bytes, memory_order_relaxed);
    atomic_store_explicit(&rec->blocks, stats.blocks, memory_order_relaxed);
    atomic_store_explicit(&rec->segments, stats.segments, memory_order_relaxed);
    atomic_store_explicit(&rec->removed, stats.removed, memory_order_relaxed);
    for (unsigned i = 0; stats.undone && i < CANP_RECORDER_IFACES_MAX; i++)
        atomic_store_explicit(&rec->in.chans[i].undone, canp_writer_undone(rec->writer, (uint8_t)i),
                              memory_order_relaxed);
    if (stats.poisoned != rec->poisoned_told)
        canp_store_say(
            rec,
            "%s: a segment could not be written out: what it holds may not outlive a power failure; a gap "
            "says "
            "so, and the next segment is begun",
            rec->dir);
    rec->poisoned_told = stats.poisoned;
    if (stats.passed_over != rec->passed_over_told)
        canp_store_say(rec,
                       "%s: a file that is not this recording's has the name of its next segment; it is left "
                       "alone, and the "
                       "recording goes on under the next number",
                       rec->dir);
    rec->passed_over_told = stats.passed_over;
    if (stats.dirs_again != rec->dirs_again_told)
        canp_store_say(rec,
                       "%s: somebody removed the recording's directory; it goes on in a new one, and a gap "
                       "counts the frames of the segment that was written",
                       rec->dir);
    rec->dirs_again_told = stats.dirs_again;
    if (stats.missing)
        canp_store_say(rec, "%s: %llu of its segments are not there any more: somebody removed them",
                       rec->dir, (unsigned long long)stats.missing);
}

static void store_failed(struct canp_recorder *rec, int error)
{
    rec->disk_error = error;
    rec->retry_ns = canp_monotonic_ns() + RETRY_NS;
    canp_store_say(rec, "%s: %s: frames are counted as lost until %s", rec->dir, canp_strerror(error),
                   canp_is_disk_full(error) ? "there is room" : "it can be written again");
}

/* The disk was full or failed: is there room for what is to be told, and for a slab? True: all is as it was
 * before. */
bool canp_store_has_room_again(struct canp_recorder *rec)
{
    uint64_t now_ns = canp_monotonic_ns(), lost = rec->unstored.frames;
    if (now_ns < rec->retry_ns)
        return false;
    rec->retry_ns = now_ns + RETRY_NS;
    int r = canp_writer_reserve(rec->writer, DISK_LOSSES_BYTES_MAX + rec->in.block_bytes,
                                DISK_LOSSES_BLOCKS_MAX + 1);
    if (r == 0)
        r = canp_disk_losses_store(&rec->unstored, rec->writer);
    if (r < 0) {
        rec->disk_error = r; /* the end tells the last one */
        return false;
    }
    canp_store_say(rec, "%s: %s again; %llu frames were lost, a gap says so", rec->dir,
                   canp_is_disk_full(rec->disk_error) ? "there is room" : "it can be written",
                   (unsigned long long)lost);
    rec->disk_error = 0;
    return true;
}

static int commit(struct canp_recorder *rec, const struct canp_rowbuf *rows)
{
    int r = canp_writer_commit(rec->writer, rows);
    /* A segment that cannot be written is left behind: the second try goes to the next one. */
    return r < 0 && !canp_is_disk_full(r) ? canp_writer_commit(rec->writer, rows) : r;
}

void canp_store(struct canp_recorder *rec, const struct canp_rowbuf *rows)
{
    if (rec->disk_error && !canp_store_has_room_again(rec)) {
        canp_disk_losses_note(&rec->unstored, rec->in.chans, rows);
        return;
    }
    int r = commit(rec, rows);
    if (r < 0) {
        canp_disk_losses_note(&rec->unstored, rec->in.chans, rows);
        store_failed(rec, r);
        return;
    }
    rec->unsynced = true;
    canp_error_frames_note(rec->in.chans, rows);
    canp_notes_store(&rec->notes, rec->writer);
    canp_store_publish(rec);
    rec->has_stored = true;
}
