/* The writer's second thread (housekeeper.h). Functions say which thread calls them. */
#include "housekeeper.h"

#include "newdir.h"

#include <canp/pools/clock.h>
#include <canp/private/disk_full.h>
#include <canp/private/threads.h>

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SEALING_MAX          8U /* more than these are sealed before the next segment is made: a bound */
#define SEGMENTS_AT_ONCE_MAX (SEALING_MAX + 8U)

static void note_error(struct housekeeper *k, int r)
{
    if (r < 0 && k->error == 0)
        k->error = r;
}

void canp_poisoned_add(struct poisoned *sum, const struct poisoned *more)
{
    bool one_more = sum->channel_mask != 0;
    sum->channel_mask |= more->channel_mask;
    if (!one_more || more->from_ns < sum->from_ns)
        sum->from_ns = more->from_ns;
    if (!one_more || more->to_ns > sum->to_ns)
        sum->to_ns = more->to_ns;
    for (unsigned i = 0; i < BLOCK_CHANNELS_MAX; i++) {
        sum->gone.frames[i] += more->gone.frames[i];
        sum->gone.lost[i] += more->gone.lost[i];
    }
}

bool canp_housekeeper_take_poisoned(struct housekeeper *k, struct poisoned *out)
{
    /* relaxed: what it guards is read under the lock */
    if (!atomic_load_explicit(&k->is_poisoned, memory_order_relaxed))
        return false;
    pthread_mutex_lock(&k->lock);
    *out = k->poisoned;
    k->poisoned = (struct poisoned){0};
    atomic_store_explicit(&k->is_poisoned, false, memory_order_relaxed);
    pthread_mutex_unlock(&k->lock);
    return true;
}

/* Each chore is called with the lock held, releases it while it works, and returns true if it did something.
 * One that returns false has not released the lock: otherwise a request made while it was open would be
 * missed. */

static void describe_poisoned(const struct segment_writer *s, struct poisoned *out)
{
    out->from_ns = s->seal.first_ns;
    out->to_ns = s->seal.last_ns;
    out->channel_mask = s->seal.channel_mask;
    canp_segment_writer_gone(s, &out->gone);
}

static void note_poisoned(struct housekeeper *k, const struct poisoned *poisoned)
{
    if (poisoned->channel_mask == 0)
        return;
    canp_poisoned_add(&k->poisoned, poisoned);
    atomic_store_explicit(&k->is_poisoned, true, memory_order_relaxed);
}

static bool seal_one(struct housekeeper *k)
{
    struct segment_writer *s = k->sealing;
    if (!s)
        return false;
    k->sealing = s->next;
    k->sealing_count--;
    k->sealing_now = true;
    pthread_mutex_unlock(&k->lock);
    uint64_t number = s->header.number;
    struct poisoned poisoned = {0};
    int r = canp_segment_writer_seal(s, k->no_sync, &k->index);
    if (r == 0)
        canp_retention_size(&k->retention, number, s->seal.blocks_end + s->seal.index_bytes);
    else if (s->seal.blocks > 0)
        describe_poisoned(s, &poisoned);
    canp_segment_writer_free(s);
    if (r == 0 && k->packer) /* only now: the packer takes its lock */
        canp_packer_push(k->packer, number);
    pthread_mutex_lock(&k->lock);
    k->sealing_now = false;
    note_poisoned(k, &poisoned);
    note_error(k, r);
    pthread_cond_broadcast(&k->done);
    return true;
}

/* Takes the segment out of the queue when it is the oldest: it will not be sealed any more. */
static struct segment_writer *take_unsealed(struct housekeeper *k, uint64_t number)
{
    struct segment_writer *s = k->sealing;
    if (!s || s->header.number != number)
        return NULL;
    k->sealing = s->next;
    k->sealing_count--;
    return s;
}

/* Called without the lock. */
static void remove_oldest(struct housekeeper *k)
{
    pthread_mutex_lock(&k->lock);
    struct segment_writer *s = take_unsealed(k, retention_oldest(&k->retention));
    pthread_mutex_unlock(&k->lock);
    canp_segment_writer_free(s);
    int r = canp_retention_remove_oldest(&k->retention);
    pthread_mutex_lock(&k->lock);
    note_error(k, r);
    pthread_cond_broadcast(&k->done);
    pthread_mutex_unlock(&k->lock);
}

/* The number of the segment that is written. Numbers that were passed over may lie between it and the next.
 */
static uint64_t current_number(const struct housekeeper *k)
{
    return k->current ? k->current->header.number : k->next_number - 1;
}

static bool retain(struct housekeeper *k)
{
    uint64_t open_bytes = (k->current ? k->current->size_bytes : 0) + (k->ready ? k->ready->size_bytes : 0);
    if (!retention_is_on(&k->retention) ||
        !canp_retention_exceeded(&k->retention, current_number(k), open_bytes))
        return false;
    pthread_mutex_unlock(&k->lock);
    remove_oldest(k);
    pthread_mutex_lock(&k->lock);
    return true;
}

/* Retention deletes the oldest segments, on a full disk more of them than was asked for. Only when none is
 * left to delete a smaller segment will do. */
static int create_keeping(struct housekeeper *k, uint64_t number, uint64_t current, uint64_t open_bytes,
                          uint64_t least_bytes, struct segment_writer **out)
{
    struct retention *kept = &k->retention;
    while (canp_retention_exceeded(kept, current, open_bytes + k->segment_bytes))
        remove_oldest(k);
    int r =
        canp_segment_writer_create(k->dir_fd, number, k->segment_bytes, k->segment_bytes, &k->identity, out);
    while (canp_is_disk_full(r) && retention_oldest(kept) < current) {
        remove_oldest(k);
        r = canp_segment_writer_create(k->dir_fd, number, k->segment_bytes, k->segment_bytes, &k->identity,
                                       out);
    }
    return canp_is_disk_full(r) ? canp_segment_writer_create(k->dir_fd, number, k->segment_bytes, least_bytes,
                                                             &k->identity, out)
                                : r;
}

static bool make_ready(struct housekeeper *k)
{
    if (!k->want_ready)
        return false;
    uint64_t number = k->next_number, current = current_number(k), least_bytes = k->least_bytes;
    uint64_t open_bytes = k->current ? k->current->size_bytes : 0;
    pthread_mutex_unlock(&k->lock);
    struct segment_writer *s = NULL;
    int r = retention_is_on(&k->retention) ? create_keeping(k, number, current, open_bytes, least_bytes, &s)
                                           : canp_segment_writer_create(k->dir_fd, number, k->segment_bytes,
                                                                        least_bytes, &k->identity, &s);
    /* The header is on disk before the file has its name: no power cut leaves a segment without one. */
    if (r == 0 && !k->no_sync && (r = canp_segment_writer_sync(s)) < 0) {
        canp_segment_writer_free(s);
        s = NULL;
    }
    pthread_mutex_lock(&k->lock);
    k->want_ready = false;
    k->ready = s;
    k->ready_error = r;
    pthread_cond_broadcast(&k->done);
    return true;
}

static bool populate_current(struct housekeeper *k)
{
    struct segment_writer *s = k->current;
    if (!s || !canp_segment_writer_wants_populate(s))
        return false;
    /* s stays ours: only this thread frees segments. */
    pthread_mutex_unlock(&k->lock);
    canp_segment_writer_populate(s);
    pthread_mutex_lock(&k->lock);
    return true;
}

/* The directory's entry is on disk before a sync of what is in the segment says that all is. */
static bool sync_directory(struct housekeeper *k)
{
    if (!k->dir_unsynced)
        return false;
    k->dir_unsynced = false;
    k->dir_syncing = true;
    pthread_mutex_unlock(&k->lock);
    int r = fsync(k->dir_fd) < 0 && errno != EINVAL ? -errno : 0;
    pthread_mutex_lock(&k->lock);
    k->dir_syncing = false;
    note_error(k, r);
    pthread_cond_broadcast(&k->done);
    return true;
}

static bool sync_current(struct housekeeper *k)
{
    struct segment_writer *s = k->current;
    if (!s || k->sync_due_ns > (int64_t)canp_monotonic_ns())
        return false;
    k->sync_due_ns = INT64_MAX;
    k->syncing = true;
    pthread_mutex_unlock(&k->lock);
    int r = canp_segment_writer_sync(s);
    pthread_mutex_lock(&k->lock);
    k->syncing = false;
    note_error(k, r);
    pthread_cond_broadcast(&k->done);
    return true;
}

static void wait_for_work(struct housekeeper *k)
{
    if (k->sync_due_ns == INT64_MAX) {
        pthread_cond_wait(&k->work, &k->lock);
        return;
    }
    struct timespec until = canp_timespec_of_ns(k->sync_due_ns);
    pthread_cond_timedwait(&k->work, &k->lock, &until);
}

static void *housekeeper_main(void *arg)
{
    struct housekeeper *k = arg;
    pthread_mutex_lock(&k->lock);
    for (;;) {
        /* In order of urgency: the writer may be waiting for the next segment. */
        if (k->sealing_count > SEALING_MAX && seal_one(k))
            continue;
        if (make_ready(k) || populate_current(k) || sync_directory(k) || sync_current(k) || retain(k) ||
            seal_one(k))
            continue;
        if (k->stop)
            break;
        wait_for_work(k);
    }
    pthread_mutex_unlock(&k->lock);
    return NULL;
}

/* One is written, one is made ready, the others wait to be sealed by a slow disk. */
static int make_segment_pool(struct housekeeper *k)
{
    struct canp_objpool_opts opts = CANP_OBJPOOL_OPTS_INIT;
    opts.name = "segments";
    opts.object_bytes = sizeof(struct segment_writer);
    opts.align_bytes = 64;
    opts.ready_count = 4;
    opts.object_count_max = SEGMENTS_AT_ONCE_MAX;
    opts.batch_count = CANP_OBJPOOL_NO_CACHES;
    return canp_objpool_open(&opts, &k->identity.pool);
}

int canp_housekeeper_start(struct housekeeper *k)
{
    pthread_condattr_t attr;
    pthread_mutex_init(&k->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&k->work, &attr);
    pthread_cond_init(&k->done, NULL);
    pthread_condattr_destroy(&attr);
    k->sync_due_ns = INT64_MAX;
    int r = make_segment_pool(k);
    if (r == 0)
        r = canp_thread_start(&k->thread, housekeeper_main, k);
    if (r < 0)
        canp_objpool_close(k->identity.pool);
    return r;
}

void canp_housekeeper_stop(struct housekeeper *k)
{
    pthread_mutex_lock(&k->lock);
    k->stop = true;
    k->want_ready = false;
    pthread_cond_signal(&k->work);
    pthread_mutex_unlock(&k->lock);
    pthread_join(k->thread, NULL);
    canp_segment_writer_free(k->current);
    canp_segment_writer_free(k->ready);
    canp_index_release(&k->index);
    canp_objpool_close(k->identity.pool);
    pthread_cond_destroy(&k->work);
    pthread_cond_destroy(&k->done);
    pthread_mutex_destroy(&k->lock);
}

static void ask_for_ready(struct housekeeper *k, uint64_t least_bytes)
{
    if (k->ready || k->want_ready)
        return;
    k->least_bytes = least_bytes;
    k->ready_error = 0;
    k->want_ready = true;
    pthread_cond_signal(&k->work);
}

void canp_housekeeper_prepare(struct housekeeper *k, uint64_t least_bytes)
{
    pthread_mutex_lock(&k->lock);
    ask_for_ready(k, least_bytes);
    pthread_mutex_unlock(&k->lock);
}

/* Waits for k->ready to be large enough; one made earlier, on a filling disk, may be too small. */
static int wait_for_ready(struct housekeeper *k, uint64_t least_bytes)
{
    while (k->want_ready)
        pthread_cond_wait(&k->done, &k->lock);
    if (k->ready && k->ready->size_bytes < least_bytes) {
        canp_segment_writer_free(k->ready);
        k->ready = NULL;
    }
    if (k->ready)
        return 0;
    ask_for_ready(k, least_bytes);
    while (k->want_ready)
        pthread_cond_wait(&k->done, &k->lock);
    return k->ready_error;
}

static void queue_for_sealing(struct housekeeper *k)
{
    struct segment_writer **end = &k->sealing;
    while (*end)
        end = &(*end)->next;
    *end = k->current;
    k->sealing_count++;
    canp_retention_size(&k->retention, k->current->header.number, k->current->size_bytes);
    k->current = NULL;
    k->sync_due_ns = INT64_MAX; /* sealing syncs */
    pthread_cond_signal(&k->work);
}

/* Somebody put a file there that has the next segment's name. It is theirs: the number is left out. False
 * when there are too many such. */
static bool pass_over(struct housekeeper *k)
{
    if (!canp_retention_leave_foreign(&k->retention, k->next_number))
        return false;
    canp_segment_writer_free(k->ready); /* its header and its temporary name have the number */
    k->ready = NULL;
    k->next_number++;
    k->passed_over++;
    return true;
}

/* Somebody removed the directory. What was prepared in it goes with it. */
static bool find_directory_again(struct housekeeper *k)
{
    if (canp_newdir_again(k->dir, !k->dir_must_exist, k->no_sync, k->dir_fd) < 0)
        return false;
    canp_segment_writer_free(k->ready);
    k->ready = NULL;
    k->dirs_again++;
    return true;
}

static int publish_ready(struct housekeeper *k, uint64_t least_bytes)
{
    int r;
    do {
        r = wait_for_ready(k, least_bytes);
        if (r == 0)
            r = canp_segment_writer_publish(k->ready);
    } while ((r == -CANP_E_EXISTS && pass_over(k)) || (r == -ENOENT && find_directory_again(k)));
    return r;
}

int canp_housekeeper_next(struct housekeeper *k, uint64_t least_bytes)
{
    pthread_mutex_lock(&k->lock);
    int r = publish_ready(k, least_bytes);
    if (r == 0) {
        if (k->current)
            queue_for_sealing(k);
        k->current = k->ready;
        k->ready = NULL;
        k->next_number++;
        k->dir_unsynced = !k->no_sync;
        pthread_cond_signal(&k->work); /* for the directory, and there may be one segment too many now */
    }
    pthread_mutex_unlock(&k->lock);
    return r;
}

void canp_housekeeper_retire(struct housekeeper *k)
{
    pthread_mutex_lock(&k->lock);
    if (k->current)
        queue_for_sealing(k);
    while (k->want_ready) /* one is being made */
        pthread_cond_wait(&k->done, &k->lock);
    canp_segment_writer_free(k->ready); /* a program may end without closing the writer */
    k->ready = NULL;
    pthread_mutex_unlock(&k->lock);
}

void canp_housekeeper_note_commit(struct housekeeper *k)
{
    pthread_mutex_lock(&k->lock);
    if (k->sync_ns && !k->no_sync && k->sync_due_ns == INT64_MAX)
        k->sync_due_ns = (int64_t)canp_monotonic_ns() + (int64_t)k->sync_ns;
    pthread_cond_signal(&k->work);
    pthread_mutex_unlock(&k->lock);
}

int canp_housekeeper_sync(struct housekeeper *k)
{
    pthread_mutex_lock(&k->lock);
    if (k->current)
        k->sync_due_ns = 0;
    pthread_cond_signal(&k->work);
    /* Segments that still wait to be sealed hold committed blocks, too. */
    while (k->dir_unsynced || k->dir_syncing || k->syncing || k->sync_due_ns == 0 || k->sealing ||
           k->sealing_now)
        pthread_cond_wait(&k->done, &k->lock);
    int r = k->error;
    pthread_mutex_unlock(&k->lock);
    return r;
}

int canp_housekeeper_drain(struct housekeeper *k)
{
    pthread_mutex_lock(&k->lock);
    while (k->dir_unsynced || k->dir_syncing || k->sealing || k->sealing_now)
        pthread_cond_wait(&k->done, &k->lock);
    int r = k->error;
    pthread_mutex_unlock(&k->lock);
    return r;
}
