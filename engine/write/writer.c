/*
 * The writer of a recording: writes channels' names and blocks to the current segment, and changes to the
 * next one when it is full (canp/writer.h). One thread at a time; the housekeeper does what takes long.
 */
#include <canp/writer.h>

#include <canp/pools/clock.h>
#include <canp/private/cleanup.h>
#include <canp/private/opts.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "housekeeper.h"
#include "newdir.h"
#include "read/segment_list.h"
#include "segment/block_counts.h"
#include "segment/segment_reader.h"

#define SEGMENT_BYTES_DEFAULT (64ULL << 20)
#define GATHER_BYTES          (256U << 10)
#define KEEP_PARTS            16U /* keep_bytes alone given: so many segments */
#define ROTATE_RETRY_NS       INT64_C(1000000000)
#define IFACE_ROW_BYTES       (8 + sizeof(struct canp_iface))
#define IFACES_MAX            255

struct canp_writer {
    int dir_fd;
    struct housekeeper keeper;
    struct packer packer; /* when keeper.packer points to it */
    struct canp_writer_stats stats;
    uint64_t segment_ns; /* 0 = no limit */
    int64_t begun_ns;    /* CLOCK_MONOTONIC of the current segment's first block from the caller, 0 = none */
    bool prepared;       /* the next segment has been asked for */
    bool ifaces_pending; /* defined, but not yet in the current segment */
    unsigned iface_count;
    struct canp_iface ifaces[IFACES_MAX];
    int64_t iface_time_ns;
    uint8_t iface_rows[IFACES_MAX * IFACE_ROW_BYTES + BLOCK_CHANNELS_MAX * CANP_GAP_ROW_BYTES];
    struct poisoned poisoned; /* segments that no gap tells of yet */
    uint64_t undone[BLOCK_CHANNELS_MAX];
    struct canp_rowbuf gather; /* canp_writer_put(); its data is allocated on first use */
};

/* ---- opening --------------------------------------------------------------------------------------- */

static int take_opts(struct canp_writer_opts *taken, const struct canp_writer_opts *opts)
{
    return canp_opts_take(taken, sizeof(*taken), sizeof(*taken), opts);
}

static uint64_t segment_bytes_of(const struct canp_writer_opts *opts)
{
    uint64_t bytes = opts->segment_bytes ? opts->segment_bytes : SEGMENT_BYTES_DEFAULT;
    if (opts->segment_bytes == 0 && opts->keep_bytes && bytes > opts->keep_bytes / KEEP_PARTS)
        bytes = opts->keep_bytes / KEEP_PARTS;
    return bytes < SEG_BYTES_MIN ? SEG_BYTES_MIN : (bytes + 4095) & ~UINT64_C(4095);
}

uint64_t canp_writer_segment_bytes(const struct canp_writer_opts *opts)
{
    struct canp_writer_opts taken;
    return take_opts(&taken, opts) < 0 ? 0 : segment_bytes_of(&taken);
}

/* Of the packer's file beside a segment: room for its rows in any number of blocks, and the index. */
static uint64_t packing_bytes_of(const struct canp_writer_opts *opts)
{
    uint64_t bytes = segment_bytes_of(opts);
    return opts->pack ? 2 * bytes + (64U << 10) : 0;
}

static int check_opts(const struct canp_writer_opts *opts, struct canp_why *why)
{
    if (opts->segment_bytes && (opts->segment_bytes < SEG_BYTES_MIN || opts->segment_bytes > SEG_BYTES_MAX))
        return canp_fail(why, -EINVAL, "segment size must be 64 KiB to 1 TiB");
    if (opts->append && (opts->keep_segments || opts->keep_bytes))
        return canp_fail(why, -EINVAL, "a recording that is continued keeps all segments: do not limit them");
    uint64_t least = 2 * segment_bytes_of(opts) + packing_bytes_of(opts);
    if (opts->keep_bytes && opts->keep_bytes < least)
        return canp_fail(
            why, -EINVAL,
            "%llu bytes to keep are too few for segments of %llu: at least %llu, for the current "
            "segment%s",
            (unsigned long long)opts->keep_bytes, (unsigned long long)segment_bytes_of(opts),
            (unsigned long long)least,
            opts->pack ? ", the next one and one that is packed" : " and the next one");
    return 0;
}

static void configure(struct canp_writer *w, const struct canp_writer_opts *opts)
{
    struct housekeeper *k = &w->keeper;
    w->segment_ns = opts->segment_ns < INT64_MAX / 2 ? opts->segment_ns : 0;
    k->dir_fd = w->dir_fd;
    k->segment_bytes = segment_bytes_of(opts);
    k->sync_ns = opts->sync_ns;
    k->no_sync = opts->no_sync;
    k->dir_must_exist = opts->dir_must_exist;
    k->next_number = 1;
    canp_boot_id(k->identity.boot_id);
}

static int start_keeping(struct canp_writer *w, const struct canp_writer_opts *opts)
{
    int r = canp_retention_open(&w->keeper.retention, w->dir_fd, opts->keep_segments, opts->keep_bytes);
    w->keeper.retention.packing_bytes_max = packing_bytes_of(opts);
    return r;
}

/* The recording that is there already, if it is to be continued. */
static int continue_recording(struct canp_writer *w, const char *dir, struct canp_why *why)
{
    char name[SEG_NAME_BYTES];
    struct segment_reader last = {0};
    int64_t number = canp_newdir_last(w->dir_fd);
    if (number <= 0)
        return (int)number;
    canp_seg_name(name, (uint64_t)number);
    int r = canp_segment_reader_open(&last, w->dir_fd, name);
    if (r < 0)
        return canp_fail(why, r, "cannot append to %s: its last segment, %s, cannot be read: %s", dir, name,
                         canp_strerror(r));
    bool sealed = last.sealed;
    memcpy(w->keeper.identity.recording, last.header.recording, sizeof(last.header.recording));
    canp_segment_reader_close(&last);
    if (!sealed)
        return canp_fail(
            why, -CANP_E_DAMAGED,
            "cannot append to %s: it was not closed, as its recorder was killed; repair it first", dir);
    w->keeper.next_number = (uint64_t)number + 1;
    return 0;
}

static int identify(struct canp_writer *w, const struct canp_writer_opts *opts, const char *dir,
                    struct canp_why *why)
{
    if (getrandom(w->keeper.identity.recording, 16, 0) != 16)
        return canp_fail(why, -EIO, "the kernel gives no random numbers for the recording's id");
    return opts->append ? continue_recording(w, dir, why) : 0;
}

static int start_threads(struct canp_writer *w, const struct canp_writer_opts *opts)
{
    int r = start_keeping(w, opts);
    if (r == 0 && opts->pack)
        r = canp_packer_start(&w->packer, w->dir_fd, &w->keeper.retention);
    if (r < 0) {
        canp_retention_close(&w->keeper.retention);
        return r;
    }
    w->keeper.packer = opts->pack ? &w->packer : NULL;
    r = canp_housekeeper_start(&w->keeper);
    if (r < 0 && opts->pack)
        canp_packer_stop(&w->packer);
    if (r < 0)
        canp_retention_close(&w->keeper.retention);
    return r;
}

int canp_writer_open(const char *dir, const struct canp_writer_opts *opts, struct canp_writer **out,
                     struct canp_why *why)
{
    struct canp_writer_opts taken;
    int r = take_opts(&taken, opts);
    if (r < 0)
        return canp_fail(why, r, "writer: options that this release of libcanp does not know");
    opts = &taken;
    r = check_opts(opts, why);
    if (r < 0)
        return r;
    CANP_CLEANUP(canp_fd_close) int dir_fd = -1;
    r = canp_newdir_open(dir, !opts->dir_must_exist, opts->no_sync, opts->append, &dir_fd, why);
    if (r < 0)
        return r;
    struct canp_writer *w = calloc(1, sizeof(*w));
    if (!w)
        return canp_fail(why, -ENOMEM, "out of memory");
    w->dir_fd = dir_fd;
    configure(w, opts);
    r = identify(w, opts, dir, why);
    if (r < 0) {
        free(w);
        return r;
    }
    w->keeper.dir = strdup(dir);
    r = w->keeper.dir ? start_threads(w, opts) : -ENOMEM;
    if (r < 0) {
        free(w->keeper.dir);
        free(w);
        return canp_fail(why, r, "cannot start the writer's threads: %s", canp_strerror(r));
    }
    r = canp_housekeeper_next(&w->keeper, SEG_BYTES_MIN);
    w->dir_fd = canp_take_fd(&dir_fd); /* from here on closed by canp_writer_close() */
    if (r < 0) {
        canp_fail(why, r, "cannot make a segment of %llu bytes in %s: %s",
                  (unsigned long long)w->keeper.segment_bytes, dir, canp_strerror(r));
        canp_writer_close(w);
        return r;
    }
    w->stats.segments = 1;
    w->stats.bytes = SEG_HEADER_BYTES;
    *out = w;
    return 0;
}

/* ---- blocks ---------------------------------------------------------------------------------------- */

int canp_writer_add_iface(struct canp_writer *w, uint8_t channel, const struct canp_iface *iface,
                          int64_t time_ns)
{
    if (channel >= IFACES_MAX)
        return -CANP_E_TOO_MANY;
    if (channel > w->iface_count)
        return -EINVAL;
    int r =
        channel < w->iface_count ? canp_writer_flush(w) : 0; /* what is gathered has the definition before */
    if (r < 0)
        return r;
    if (channel == w->iface_count)
        w->iface_count++;
    w->ifaces[channel] = *iface;
    w->ifaces[channel].bytes = sizeof(*iface);
    w->ifaces[channel].zero = 0;
    w->ifaces[channel].name[CANP_IFACE_NAME_BYTES - 1] = '\0';
    w->iface_time_ns = time_ns;
    w->ifaces_pending = true;
    return 0;
}

static int commit_block(struct canp_writer *w, const struct canp_rowbuf *rows)
{
    int r = canp_segment_writer_commit(w->keeper.current, rows);
    if (r < 0)
        return r;
    w->stats.frames += rows->frames;
    w->stats.records += rows->records;
    w->stats.lost += rows->lost;
    w->stats.blocks++;
    w->stats.bytes += canp_segment_writer_block_bytes(rows);
    canp_housekeeper_note_commit(&w->keeper);
    return 0;
}

static bool has_gap(const struct poisoned *p, unsigned channel)
{
    return p->gone.frames[channel] || p->gone.lost[channel];
}

/*
 * What a poisoned segment held is readable now, but may not outlive a power failure: these frames stay
 * counted as frames, and the gap that says so does not count them. What somebody cut off or removed is lost:
 * a gap of each interface counts it, and the losses that were told there.
 */
static void put_gaps(const struct poisoned *p, int64_t time_ns, struct canp_rowbuf *rows)
{
    struct canp_gap gap = {
        .layer = CANP_LAYER_STORE, .bytes = sizeof(gap), .from_ns = p->from_ns, .to_ns = p->to_ns};
    uint32_t before = rows->records;
    for (unsigned i = 0; i < BLOCK_CHANNELS_MAX; i++) {
        gap.lost = p->gone.frames[i] + p->gone.lost[i];
        if (gap.lost)
            canp_rowbuf_put_event(rows, time_ns, (uint8_t)i, CANP_KIND_GAP, &gap);
    }
    if (rows->records == before)
        canp_rowbuf_put_event(rows, time_ns, (uint8_t)__builtin_ctzll(p->channel_mask), CANP_KIND_GAP, &gap);
}

/* What a segment begins with, as a block of its own, stamped time_ns: the channels' names, and the gaps that
 * a poisoned segment in front of it may be. */
static int commit_ifaces(struct canp_writer *w, int64_t time_ns)
{
    struct canp_rowbuf rows;
    canp_rowbuf_init(&rows, w->iface_rows, sizeof(w->iface_rows));
    for (unsigned i = 0; i < w->iface_count; i++)
        canp_rowbuf_put_event(&rows, time_ns, (uint8_t)i, CANP_KIND_IFACE, &w->ifaces[i]);
    if (w->poisoned.channel_mask)
        put_gaps(&w->poisoned, time_ns, &rows);
    int r = commit_block(w, &rows);
    if (r < 0)
        return r;
    w->ifaces_pending = false;
    w->poisoned = (struct poisoned){0};
    return 0;
}

/* The most that the counts of a block take (block_counts.h): its channels are those that have a name. */
static size_t counts_bytes_max(const struct canp_writer *w)
{
    unsigned channels = w->iface_count < BLOCK_CHANNELS_MAX ? w->iface_count : BLOCK_CHANNELS_MAX;
    return channels * sizeof(struct block_count);
}

static size_t iface_block_bytes(const struct canp_writer *w)
{
    unsigned gaps = 0;
    for (unsigned i = 0; i < BLOCK_CHANNELS_MAX; i++)
        gaps += has_gap(&w->poisoned, i);
    return sizeof(struct block_header) + w->iface_count * IFACE_ROW_BYTES +
           (gaps ? gaps : 1) * CANP_GAP_ROW_BYTES + BLOCK_COUNTS_BYTES_MAX;
}

/* What a fresh segment must hold for this block to fit. */
static uint64_t least_segment_bytes(const struct canp_writer *w, size_t payload_bytes)
{
    uint64_t need = SEG_HEADER_BYTES + iface_block_bytes(w) + sizeof(struct block_header) + payload_bytes;
    return need < SEG_BYTES_MIN ? SEG_BYTES_MIN : (need + 4095) & ~UINT64_C(4095);
}

static int next_segment(struct canp_writer *w, size_t payload_bytes)
{
    uint64_t need = least_segment_bytes(w, payload_bytes);
    if (need > w->keeper.segment_bytes)
        return -EFBIG;
    int r = canp_housekeeper_next(&w->keeper, need);
    if (r < 0)
        return r;
    w->prepared = false;
    w->begun_ns = 0;
    w->ifaces_pending = w->iface_count > 0;
    w->stats.segments++;
    w->stats.bytes += SEG_HEADER_BYTES;
    return 0;
}

/* How much of the segment's time is over; 0 without a limit. */
static int64_t age_ns(const struct canp_writer *w)
{
    return w->segment_ns && w->begun_ns ? (int64_t)canp_monotonic_ns() - w->begun_ns : 0;
}

/* Has the segment a successor in the making before it is full, or its time up? */
static void prepare_next(struct canp_writer *w)
{
    struct segment_writer *s = w->keeper.current;
    if (w->prepared || (atomic_load_explicit(&s->used, memory_order_relaxed) < s->size_bytes / 2 &&
                        age_ns(w) <= (int64_t)(w->segment_ns / 2)))
        return;
    w->prepared = true;
    canp_housekeeper_prepare(&w->keeper, SEG_BYTES_MIN);
}

/* Where the next segment cannot be made, the current one goes on for a while. */
static int rotate_by_time(struct canp_writer *w)
{
    int r = next_segment(w, 0);
    if (r < 0)
        w->begun_ns += ROTATE_RETRY_NS;
    return r;
}

static bool is_time_up(const struct canp_writer *w)
{
    return w->segment_ns && age_ns(w) >= (int64_t)w->segment_ns;
}

static bool must_rotate(const struct canp_writer *w, size_t payload_bytes)
{
    struct segment_writer *s = w->keeper.current;
    size_t extra = w->ifaces_pending || w->poisoned.channel_mask ? iface_block_bytes(w) : 0;
    return !s || atomic_load(&s->failed) < 0 || !canp_segment_writer_make_room(s, payload_bytes + extra);
}

/* Segments that could not be synced or sealed: their frames that are gone are lost, and what told of losses
 * is told anew. */
static bool take_poisoned(struct canp_writer *w)
{
    struct poisoned more;
    if (!canp_housekeeper_take_poisoned(&w->keeper, &more))
        return false;
    canp_poisoned_add(&w->poisoned, &more);
    for (unsigned i = 0; i < BLOCK_CHANNELS_MAX; i++) {
        w->undone[i] += more.gone.frames[i];
        w->stats.undone += more.gone.frames[i];
        w->stats.frames -= more.gone.frames[i];
        w->stats.lost -= more.gone.lost[i];
    }
    return true;
}

int canp_writer_commit(struct canp_writer *w, const struct canp_rowbuf *rows)
{
    if (rows->records == 0)
        return 0;
    w->stats.poisoned += take_poisoned(w);
    if (is_time_up(w))
        rotate_by_time(w);
    size_t bytes = (size_t)canp_segment_writer_block_bytes(rows) - sizeof(struct block_header);
    int r = must_rotate(w, bytes) ? next_segment(w, bytes) : 0;
    if (r == 0 && (w->ifaces_pending || w->poisoned.channel_mask))
        r = commit_ifaces(w, rows->first_ns);
    if (r == 0)
        r = commit_block(w, rows);
    if (r < 0)
        return r;
    if (w->begun_ns == 0)
        w->begun_ns = (int64_t)canp_monotonic_ns();
    prepare_next(w);
    return 0;
}

int canp_writer_reserve(struct canp_writer *w, size_t payload_bytes, unsigned blocks)
{
    size_t bytes = payload_bytes + blocks * (sizeof(struct block_header) + counts_bytes_max(w));
    return must_rotate(w, bytes) ? next_segment(w, bytes) : 0;
}

/* ---- records --------------------------------------------------------------------------------------- */

int canp_writer_flush(struct canp_writer *w)
{
    if (!w->gather.records)
        return 0;
    int r = canp_writer_commit(w, &w->gather);
    if (r == 0)
        canp_rowbuf_init(&w->gather, w->gather.data, w->gather.capacity_bytes);
    return r;
}

/* A block must fit a fresh segment, however small. */
static size_t gather_bytes(const struct canp_writer *w)
{
    uint64_t room = w->keeper.segment_bytes - SEG_HEADER_BYTES - sizeof(struct block_header) -
                    sizeof(w->iface_rows) - sizeof(struct block_header) - 2 * BLOCK_COUNTS_BYTES_MAX;
    return room < GATHER_BYTES ? (size_t)room & ~(size_t)7 : GATHER_BYTES;
}

int canp_writer_put(struct canp_writer *w, const struct canp_record *record)
{
    if (!w->gather.data) {
        void *data = aligned_alloc(64, GATHER_BYTES);
        if (!data)
            return -ENOMEM;
        canp_rowbuf_init(&w->gather, data, gather_bytes(w));
    }
    int r = canp_rowbuf_put_record(&w->gather, record);
    if (r != -ENOSPC)
        return r;
    r = canp_writer_flush(w);
    return r < 0 ? r : canp_rowbuf_put_record(&w->gather, record);
}

/* ---- the end --------------------------------------------------------------------------------------- */

int canp_writer_rotate(struct canp_writer *w)
{
    int r = canp_writer_flush(w);
    return r < 0 || w->begun_ns == 0 ? r : next_segment(w, 0);
}

int64_t canp_writer_tend(struct canp_writer *w)
{
    if (!w->segment_ns || !w->begun_ns)
        return INT64_MAX;
    int64_t left_ns = (int64_t)w->segment_ns - age_ns(w);
    if (left_ns > 0)
        return left_ns;
    int r = canp_writer_flush(w);
    if (r == 0 && w->begun_ns)
        r = rotate_by_time(w);
    return r < 0 ? r : INT64_MAX;
}

int canp_writer_sync(struct canp_writer *w)
{
    int r = canp_writer_flush(w);
    return r < 0 ? r : canp_housekeeper_sync(&w->keeper);
}

void canp_writer_stats(const struct canp_writer *w, struct canp_writer_stats *out)
{
    *out = w->stats;
    out->removed = retention_oldest(&w->keeper.retention) - 1;
    out->passed_over = w->keeper.passed_over;
    out->dirs_again = w->keeper.dirs_again;
}

uint64_t canp_writer_undone(const struct canp_writer *w, uint8_t channel)
{
    return channel < BLOCK_CHANNELS_MAX ? w->undone[channel] : 0;
}

/* Segments that are closed and that somebody removed: nobody tells a writer, so it looks at the end. */
static void note_missing(struct canp_writer *w)
{
    char name[SEG_NAME_BYTES];
    for (uint64_t n = retention_oldest(&w->keeper.retention); n < w->keeper.next_number; n++) {
        canp_seg_name(name, n);
        w->stats.missing += faccessat(w->dir_fd, name, F_OK, 0) < 0 && errno == ENOENT;
    }
}

int canp_writer_finish(struct canp_writer *w)
{
    int r = canp_writer_flush(w);
    if (r == 0 && w->ifaces_pending && w->keeper.current)
        r = commit_ifaces(w, w->iface_time_ns);
    canp_housekeeper_retire(&w->keeper);
    int sealed = canp_housekeeper_drain(&w->keeper);
    take_poisoned(w); /* of the last segment: it can be counted, but no gap can tell it any more */
    int packed = w->keeper.packer ? canp_packer_drain(&w->packer) : 0;
    canp_segment_list_update_catalogue(w->dir_fd); /* a cache */
    note_missing(w);
    if (r == 0)
        r = sealed;
    return r < 0 ? r : packed;
}

void canp_writer_close(struct canp_writer *w)
{
    if (!w)
        return;
    canp_housekeeper_stop(&w->keeper);
    if (w->keeper.packer)
        canp_packer_stop(&w->packer);
    canp_retention_close(&w->keeper.retention);
    if (w->dir_fd >= 0)
        close(w->dir_fd);
    free(w->gather.data);
    free(w->keeper.dir);
    free(w);
}
