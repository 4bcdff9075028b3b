/* A reader: the list of a recording's segments, the channels' names, and whether the recording still grows
 * (canp/reader.h). Any thread. */
#include "reader_priv.h"

#include <canp/pools/mapcache.h>
#include <canp/pools/mempool.h>
#include <canp/pools/memstats.h>
#include <canp/pools/monitor.h>
#include <canp/private/cleanup.h>
#include <canp/private/opts.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "writer_lock.h"

#define LIST_TRIES 100U

uint64_t canp_reader_next_segment(struct canp_reader *reader, uint64_t after)
{
    pthread_mutex_lock(&reader->lock);
    uint64_t found = canp_segment_list_next(&reader->list, after);
    pthread_mutex_unlock(&reader->lock);
    return found;
}

uint64_t canp_reader_next_match(struct canp_reader *reader, uint64_t after, const struct query *w,
                                uint64_t *before)
{
    pthread_mutex_lock(&reader->lock);
    if (w->from_ns != INT64_MIN || w->to_ns != INT64_MAX)
        canp_segment_list_learn(&reader->list, reader->dir_fd, false);
    uint64_t found = canp_segment_list_next_match(&reader->list, after, w, before);
    pthread_mutex_unlock(&reader->lock);
    return found;
}

bool canp_reader_has_segment(const struct canp_reader *reader, uint64_t number)
{
    return canp_segment_list_dir_has(reader->dir_fd, number);
}

uint64_t canp_reader_segment_before(struct canp_reader *reader, uint64_t number)
{
    pthread_mutex_lock(&reader->lock);
    uint64_t found = canp_segment_list_before(&reader->list, number);
    pthread_mutex_unlock(&reader->lock);
    return found;
}

/* A segment that was put here from elsewhere has other channels, and other times. */
static bool is_foreign(const struct canp_reader *reader, const struct seg_header *h)
{
    return reader->identity_known && memcmp(h->recording, reader->identity, sizeof(h->recording)) != 0;
}

int canp_reader_open_segment(struct canp_reader *reader, uint64_t number, struct segment_reader *out)
{
    char name[SEG_NAME_BYTES];
    canp_seg_name(name, number);
    int r = reader->file_path ? canp_segment_reader_open(out, AT_FDCWD, reader->file_path)
                              : canp_segment_reader_open(out, reader->dir_fd, name);
    out->maps = reader->maps;
    out->buffers = reader->buffers;
    if (r == 0 && !reader->file_path && is_foreign(reader, &out->header)) {
        canp_segment_reader_close(out);
        return -CANP_E_FOREIGN;
    }
    return r;
}

static void learn_iface(struct canp_reader *reader, uint8_t channel, const struct canp_iface *iface)
{
    struct canp_iface *mine = &reader->ifaces[channel];
    memcpy(mine, iface, sizeof(*mine));
    mine->name[CANP_IFACE_NAME_BYTES - 1] = '\0';
    reader->iface_known[channel] = true;
    if (channel >= reader->iface_count)
        reader->iface_count = channel + 1U;
}

void canp_reader_learn_ifaces(struct canp_reader *reader, const uint8_t *rows, size_t bytes)
{
    pthread_mutex_lock(&reader->lock);
    for (size_t at = 0; at < bytes; at += canp_row_bytes(rows + at)) {
        struct canp_record record;
        canp_row_read(rows + at, 0, &record);
        if (record.kind == CANP_KIND_IFACE && !reader->iface_known[record.channel])
            learn_iface(reader, record.channel, record.iface);
    }
    pthread_mutex_unlock(&reader->lock);
}

bool canp_reader_knows_channels(struct canp_reader *reader, uint64_t channel_mask)
{
    bool known = !(channel_mask >> 63); /* the 64th and all above */
    pthread_mutex_lock(&reader->lock);
    for (unsigned i = 0; i < 63; i++)
        known = known && (reader->iface_known[i] || !(channel_mask >> i & 1));
    pthread_mutex_unlock(&reader->lock);
    return known;
}

/* Walks one segment's blocks for the channels' names; returns the end of the last good block. */
static uint64_t survey_segment(struct canp_reader *reader, struct segment_reader *s, uint64_t from)
{
    struct segment_block b;
    uint64_t at = from;
    for (; canp_segment_reader_block_at(s, at, &b) == 1; at = b.end) {
        bool raw_ifaces =
            (b.header.flags & (CANP_BLOCK_HAS_IFACES | CANP_BLOCK_PACKED)) == CANP_BLOCK_HAS_IFACES;
        if (raw_ifaces && canp_rows_check(b.payload, b.header.rows_bytes) >= 0)
            canp_reader_learn_ifaces(reader, b.payload, b.header.rows_bytes);
        if (s->sealed && raw_ifaces)
            return s->seal.blocks_end; /* a sealed segment names its channels in its first block */
    }
    return at;
}

/* Looks at the last segment. 1 when it goes farther than before. */
static int survey_tail(struct canp_reader *reader)
{
    pthread_mutex_lock(&reader->lock);
    uint64_t number = segment_list_last(&reader->list);
    pthread_mutex_unlock(&reader->lock);
    struct segment_reader s;
    if (number == 0 || (number == reader->tail_number && reader->tail_sealed))
        return 0;
    if (canp_reader_open_segment(reader, number, &s) < 0)
        return 0;
    bool same = number == reader->tail_number;
    uint64_t end = survey_segment(reader, &s, same ? reader->tail_end : s.header.header_bytes);
    int more = !same || end != reader->tail_end || s.sealed != reader->tail_sealed;
    reader->tail_number = number;
    reader->tail_end = end;
    reader->tail_sealed = s.sealed;
    memcpy(reader->tail_boot_id, s.header.boot_id, sizeof(reader->tail_boot_id));
    canp_segment_reader_close(&s);
    return more;
}

static int list_anew(struct canp_reader *reader)
{
    if (reader->file_path)
        return 0;
    pthread_mutex_lock(&reader->lock);
    int r = canp_segment_list_read(&reader->list, reader->dir_fd);
    if (!reader->identity_known)
        reader->identity_known = canp_segment_list_recording(&reader->list, reader->dir_fd, reader->identity);
    pthread_mutex_unlock(&reader->lock);
    return r;
}

/* A writer names the next segment before it seals the one before: only a look after the last segment was seen
 * sealed shows that it has no successor. 1 when the recording goes farther than before, 0, or an error.
 */
static int look_anew(struct canp_reader *reader)
{
    int more = 0;
    bool known;
    do { /* ends when a list brings nothing new behind a sealed segment, or at an unsealed one */
        uint64_t sealed_before = reader->tail_sealed ? reader->tail_number : 0;
        int r = list_anew(reader);
        if (r < 0)
            return r;
        more |= survey_tail(reader);
        known = !reader->tail_sealed || reader->tail_number == sealed_before || reader->file_path ||
                !canp_reader_has_segment(reader, reader->tail_number + 1);
    } while (!known);
    return more;
}

static bool is_closed(const struct canp_reader *reader)
{
    return reader->tail_sealed && reader->tail_number == segment_list_last(&reader->list);
}

static bool is_written(const struct canp_reader *reader)
{
    char last[SEG_NAME_BYTES];
    canp_seg_name(last, segment_list_last(&reader->list));
    return canp_writer_lock_is_held(reader->dir_fd, reader->file_path, last, reader->tail_boot_id);
}

/* look_anew(), and whether more may come. A writer that went after the first look may have written until
 * then.
 */
static int look(struct canp_reader *reader)
{
    int more = look_anew(reader);
    bool may_grow = more >= 0 && !is_closed(reader);
    if (may_grow && !is_written(reader)) {
        int last = look_anew(reader);
        more = last < 0 ? last : more | last;
        may_grow = false;
    }
    if (more >= 0)
        reader->may_grow = may_grow;
    return more;
}

static int open_path(struct canp_reader *reader, const char *path, struct canp_why *why)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return canp_fail(why, -errno, "cannot open %s: %s", path, canp_strerror(errno));
    if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode)) /* opening it would be noticed by who writes to it */
        return canp_fail(why, -CANP_E_FORMAT, "%s is a pipe or device, no recording", path);
    if (!S_ISDIR(st.st_mode)) {
        reader->file_path = strdup(path);
        return reader->file_path ? canp_segment_list_set_one(&reader->list, 1) : -ENOMEM;
    }
    reader->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (reader->dir_fd < 0)
        return canp_fail(why, -errno, "cannot open %s: %s", path, canp_strerror(errno));
    return 0;
}

static int look_first(struct canp_reader *reader, const char *path, struct canp_why *why)
{
    int r = look(reader);
    if (r < 0)
        return canp_fail(why, r, "cannot list %s: %s", path, canp_strerror(r));
    if (reader->list.count == 0)
        return canp_fail(why, -CANP_E_EMPTY, "%s is no recording: it holds no segment (00000001.canp)", path);
    return 0;
}

/* 0 when there is a readable segment; what is wrong with the first one that is there; -ENOENT: all have gone.
 */
static int find_readable(struct canp_reader *reader)
{
    int first_error = -ENOENT;
    for (uint64_t number = canp_reader_next_segment(reader, 0); number;
         number = canp_reader_next_segment(reader, number)) {
        struct segment_reader s;
        int r = canp_stop_is_set(reader->stop) ? -ECANCELED : canp_reader_open_segment(reader, number, &s);
        if (r == 0)
            canp_segment_reader_close(&s);
        if (r == 0 || r == -ECANCELED)
            return r;
        if (first_error == -ENOENT)
            first_error = r;
    }
    return first_error;
}

/* At least one segment must be readable. Retention of a fast recorder may have removed all that were listed.
 */
static int check_readable(struct canp_reader *reader, const char *path, struct canp_why *why)
{
    int r = find_readable(reader);
    for (unsigned i = 0; i < LIST_TRIES && r == -ENOENT && !reader->file_path; i++) {
        r = look_first(reader, path, why);
        if (r < 0)
            return r;
        r = find_readable(reader);
    }
    return r < 0 ? canp_fail(why, r, "cannot read %s: %s", path, canp_strerror(r)) : 0;
}

/* Blocks of the usual size come from a class of their own, larger ones are made for the purpose. */
static int make_pools(struct canp_reader *reader, uint64_t map_bytes)
{
    struct canp_mapcache_opts maps = CANP_MAPCACHE_OPTS_INIT;
    const struct canp_mempool_opts buffers = {
        .size = sizeof(buffers),
        .classes = {{UNPACKED_BYTES_MIN, 0, 256, 1}},
        .direct_bytes_max = (size_t)1 << 30,
        .tag = CANP_MEMTAG_DECOMPRESS,
    };
    if (map_bytes)
        maps.bytes_max = map_bytes;
    int r = canp_mapcache_open(&maps, &reader->maps);
    return r < 0 ? r : canp_mempool_open(&buffers, &reader->buffers);
}

static struct canp_reader *new_reader(uint64_t map_bytes)
{
    struct canp_reader *reader = calloc(1, sizeof(*reader));
    if (!reader)
        return NULL;
    pthread_mutex_init(&reader->looking, NULL);
    pthread_mutex_init(&reader->lock, NULL);
    reader->dir_fd = -1;
    if (make_pools(reader, map_bytes) < 0) {
        canp_reader_close(reader);
        return NULL;
    }
    return reader;
}

int canp_reader_of_segment(int dir_fd, uint64_t number, struct canp_reader **out)
{
    struct canp_reader *reader = new_reader(0);
    if (!reader)
        return -ENOMEM;
    reader->dir_fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
    int r = reader->dir_fd < 0 ? -errno : canp_segment_list_set_one(&reader->list, number);
    if (r < 0)
        canp_reader_close(reader);
    else
        *out = reader;
    return r;
}

int canp_reader_open(const char *path, struct canp_reader **out, struct canp_why *why)
{
    return canp_reader_open_opts(path, NULL, out, why);
}

int canp_reader_open_opts(const char *path, const struct canp_reader_opts *opts, struct canp_reader **out,
                          struct canp_why *why)
{
    struct canp_reader_opts taken;
    int r = canp_opts_take(&taken, sizeof(taken), sizeof(taken), opts);
    if (r < 0)
        return canp_fail(why, r, "reader: options that this release of libcanp does not know");
    struct canp_reader *reader = new_reader(taken.map_bytes);
    if (!reader)
        return canp_fail(why, -ENOMEM, "out of memory");
    reader->stop = taken.stop;
    r = open_path(reader, path, why);
    if (r == 0)
        r = look_first(reader, path, why);
    if (r == 0)
        r = check_readable(reader, path, why);
    if (r < 0) {
        canp_reader_close(reader);
        return r;
    }
    if (reader->iface_count == 0) { /* the last segment may have been opened a moment ago and be empty */
        struct segment_reader s;
        if (canp_reader_open_segment(reader, segment_list_first(&reader->list), &s) == 0) {
            survey_segment(reader, &s, s.header.header_bytes);
            canp_segment_reader_close(&s);
        }
    }
    *out = reader;
    return 0;
}

void canp_reader_close(struct canp_reader *reader)
{
    if (!reader)
        return;
    if (reader->dir_fd >= 0)
        close(reader->dir_fd);
    canp_mempool_close(reader->buffers);
    canp_mapcache_close(reader->maps);
    pthread_mutex_destroy(&reader->lock);
    pthread_mutex_destroy(&reader->looking);
    free(reader->file_path);
    canp_segment_list_free(&reader->list);
    free(reader);
}

int canp_reader_refresh(struct canp_reader *reader)
{
    if (canp_stop_is_set(reader->stop))
        return -ECANCELED;
    pthread_mutex_lock(&reader->looking);
    int r = look(reader);
    pthread_mutex_unlock(&reader->looking);
    return r;
}

bool canp_reader_is_live(const struct canp_reader *reader)
{
    return !reader->tail_sealed;
}

bool canp_reader_may_grow(const struct canp_reader *reader)
{
    return reader->may_grow;
}

bool canp_reader_is_abandoned(const struct canp_reader *reader)
{
    return !reader->tail_sealed && !reader->may_grow;
}

unsigned canp_reader_iface_count(const struct canp_reader *reader)
{
    return reader->iface_count;
}

const struct canp_iface *canp_reader_iface(const struct canp_reader *reader, uint8_t channel)
{
    return reader->iface_known[channel] ? &reader->ifaces[channel] : NULL;
}

void canp_reader_cache_stats(struct canp_reader *reader, struct canp_mapcache_stats *out)
{
    canp_mapcache_stats(reader->maps, out);
}

int canp_reader_watch(struct canp_reader *reader, struct canp_monitor *monitor)
{
    int r = canp_monitor_watch_cache(monitor, "segments", reader->maps);
    return r < 0 ? r : canp_monitor_watch_pool(monitor, "unpacked blocks", reader->buffers);
}
