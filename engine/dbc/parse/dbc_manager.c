/*
 * The manager: a list of databases, most recently used first. Invariant under the lock: `bytes` and `count`
 * are those of the entries that are ready; an entry that is being read belongs to one thread, which holds no
 * lock meanwhile, and is never dropped. The list is short, so it is searched from its start. A file that
 * changed in the same tick of the clock in which it was read could change again without a new time stamp. The
 * next look-up reads such a file again (as git does with files of its index). Any thread.
 */
#include <canp/pools/clock.h>
#include <canp/private/cleanup.h>
#include <canp/private/opts.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "dbc_open.h"
#include "dbc_priv.h"

#define TICK_NS    INT64_C(20000000) /* kernels stamp files by ticks of up to 10 ms */
#define READ_TRIES 3

struct identity {
    uint64_t device, inode, bytes;
    int64_t modified_ns, changed_ns;
};

struct entry {
    struct entry *next;
    struct identity file;
    struct canp_dbc *dbc; /* NULL: being read */
    char *path;
    bool doubtful; /* changed just before it was read */
};

struct canp_dbc_manager {
    pthread_mutex_t lock;
    pthread_cond_t read; /* some entry is ready, or gone */
    struct canp_dbc_manager_opts opts;
    struct canp_dbc_opts reading;
    struct canp_dbc_manager_stats stats;
    struct entry *entries;
};

static int64_t ns_of(struct timespec t)
{
    return t.tv_sec * CANP_NS_PER_S + t.tv_nsec;
}

static struct identity identity_of(const struct stat *st)
{
    return (struct identity){(uint64_t)st->st_dev, (uint64_t)st->st_ino, (uint64_t)st->st_size,
                             ns_of(st->st_mtim), ns_of(st->st_ctim)};
}

static bool same_file(const struct identity *a, const struct identity *b)
{
    return a->device == b->device && a->inode == b->inode && a->bytes == b->bytes &&
           a->modified_ns == b->modified_ns && a->changed_ns == b->changed_ns;
}

int canp_dbc_manager_open(const struct canp_dbc_manager_opts *opts, struct canp_dbc_manager **out)
{
    struct canp_dbc_manager_opts taken;
    struct canp_dbc_opts reading;
    int r = canp_opts_take(&taken, sizeof(taken), sizeof(taken), opts);
    if (r == 0)
        r = canp_opts_take(&reading, sizeof(reading), sizeof(reading), taken.reading);
    if (r < 0)
        return r;
    if (taken.bytes_max == 0)
        taken.bytes_max = UINT64_C(256) << 20;
    if (taken.count_max == 0)
        taken.count_max = 64;
    struct canp_dbc_manager *m = calloc(1, sizeof(*m));
    if (!m)
        return -ENOMEM;
    pthread_mutex_init(&m->lock, NULL);
    pthread_cond_init(&m->read, NULL);
    m->opts = taken;
    m->reading = reading;
    m->opts.reading = &m->reading;
    m->stats.bytes_max = taken.bytes_max;
    *out = m;
    return 0;
}

/* Takes an entry out of the list and frees it; its database lives on with its other owners. */
static void drop(struct canp_dbc_manager *m, struct entry **at)
{
    struct entry *gone = *at; /* NOLINT(clang-analyzer-core.NullDereference): callers hand in an entry */
    *at = gone->next;
    if (gone->dbc) {
        m->stats.bytes -= canp_dbc_contents(gone->dbc)->memory_bytes;
        m->stats.count--;
        canp_dbc_release(gone->dbc);
    }
    free(gone->path);
    free(gone);
}

void canp_dbc_manager_close(struct canp_dbc_manager *m)
{
    if (!m)
        return;
    while (m->entries)
        drop(m, &m->entries);
    pthread_cond_destroy(&m->read);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

void canp_dbc_manager_stats(struct canp_dbc_manager *m, struct canp_dbc_manager_stats *out)
{
    pthread_mutex_lock(&m->lock);
    *out = m->stats;
    pthread_mutex_unlock(&m->lock);
}

/* ---- under the lock ----------------------------------------------------------------------------------- */

static struct entry **place_of(struct canp_dbc_manager *m, const struct identity *file)
{
    struct entry **at = &m->entries;
    while (*at && !same_file(&(*at)->file, file))
        at = &(*at)->next;
    return at;
}

static void move_to_front(struct canp_dbc_manager *m, struct entry **at)
{
    struct entry *entry = *at;
    *at = entry->next;
    entry->next = m->entries;
    m->entries = entry;
}

/* The least recently used ones go until the bounds hold. */
static void make_room(struct canp_dbc_manager *m)
{
    while (m->stats.bytes > m->opts.bytes_max || m->stats.count > m->opts.count_max) {
        struct entry **last = NULL;
        for (struct entry **at = &m->entries; *at; at = &(*at)->next)
            last = (*at)->dbc ? at : last;
        drop(m, last);
        m->stats.evictions++;
    }
}

/* What was kept of this path or file before: it is another one now. */
static bool drop_older(struct canp_dbc_manager *m, const struct identity *file, const char *path)
{
    bool found = false;
    for (struct entry **at = &m->entries; *at;) {
        struct entry *e = *at;
        bool older = e->dbc && (strcmp(e->path, path) == 0 ||
                                (e->file.device == file->device && e->file.inode == file->inode));
        found |= older;
        if (older)
            drop(m, at);
        else
            at = &e->next;
    }
    return found;
}

static struct entry *begin_reading(struct canp_dbc_manager *m, const struct identity *file, const char *path)
{
    struct entry *entry = calloc(1, sizeof(*entry));
    if (!entry || !(entry->path = strdup(path))) {
        free(entry);
        return NULL;
    }
    entry->file = *file;
    m->stats.misses++;
    m->stats.rereads += drop_older(m, file, path);
    entry->next = m->entries;
    m->entries = entry;
    return entry;
}

/* The entry that was being read is ready, or failed. */
static void end_reading(struct canp_dbc_manager *m, struct entry *entry, const struct identity *file,
                        struct canp_dbc *dbc)
{
    if (dbc) {
        const struct canp_dbc_contents *contents = canp_dbc_contents(dbc);
        entry->file = *file;
        entry->doubtful = canp_realtime_ns() - file->changed_ns < TICK_NS;
        entry->dbc = canp_dbc_share(dbc);
        m->stats.count++;
        m->stats.bytes += contents->memory_bytes;
        m->stats.parse_ns += contents->parse_ns;
        make_room(m);
        if (m->stats.bytes > m->stats.bytes_peak)
            m->stats.bytes_peak = m->stats.bytes;
    } else {
        struct entry **at = &m->entries;
        while (*at != entry)
            at = &(*at)->next;
        drop(m, at);
        m->stats.failures++;
    }
    pthread_cond_broadcast(&m->read);
}

/* ---- reading, without the lock ------------------------------------------------------------------------ */

/* Reads the file as it is; *file is its identity before and after. 1: it changed meanwhile. */
static int read_once(const struct canp_dbc_manager *m, const char *path, struct identity *file,
                     struct canp_dbc **out, struct canp_why *why)
{
    struct stat before, after;
    struct canp_dbc *dbc;
    CANP_CLEANUP(canp_fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &before) < 0) {
        int r = -errno;
        return canp_fail(why, r, "cannot open %s: %s", path, canp_strerror(r));
    }
    int r = canp_dbc_open_fd(fd, &before, path, &m->reading, &dbc, why);
    if (r < 0)
        return r;
    *file = identity_of(&before);
    struct identity now = fstat(fd, &after) == 0 ? identity_of(&after) : (struct identity){0};
    if (!same_file(file, &now)) {
        canp_dbc_release(dbc);
        return 1;
    }
    *out = dbc;
    return 0;
}

static int read_file(const struct canp_dbc_manager *m, const char *path, struct identity *file,
                     struct canp_dbc **out, struct canp_why *why)
{
    int r = 1;
    for (int i = 0; i < READ_TRIES && r == 1; i++)
        r = read_once(m, path, file, out, why);
    if (r == 1)
        return canp_fail(why, -EAGAIN, "%s changes while it is read: try again when it is complete", path);
    return r;
}

int canp_dbc_manager_get(struct canp_dbc_manager *m, const char *path, struct canp_dbc **out,
                         struct canp_why *why)
{
    struct stat st;
    struct canp_dbc *dbc = NULL;
    if (stat(path, &st) < 0) {
        int r = -errno;
        return canp_fail(why, r, "cannot open %s: %s", path, canp_strerror(r));
    }
    struct identity file = identity_of(&st);
    pthread_mutex_lock(&m->lock);
    struct entry **at;
    while (*(at = place_of(m, &file)) && !(*at)->dbc)
        pthread_cond_wait(&m->read, &m->lock);
    if (*at && !(*at)->doubtful) {
        *out = canp_dbc_share((*at)->dbc);
        move_to_front(m, at);
        m->stats.hits++;
        pthread_mutex_unlock(&m->lock);
        return 0;
    }
    struct entry *entry = begin_reading(m, &file, path);
    pthread_mutex_unlock(&m->lock);
    if (!entry)
        return canp_fail(why, -ENOMEM, "no memory left to read %s", path);
    int r = read_file(m, path, &file, &dbc, why);
    pthread_mutex_lock(&m->lock);
    end_reading(m, entry, &file, dbc);
    pthread_mutex_unlock(&m->lock);
    if (r == 0)
        *out = dbc;
    return r;
}
