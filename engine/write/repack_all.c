/*
 * canp_repack(): all segments of a recording, by one thread or several (canp/repack.h).
 *
 * Invariant: a segment is given out once, in order, and none after an error. Any thread; the crew's threads
 * end before canp_repack() returns.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <canp/private/cleanup.h>
#include <canp/private/opts.h>
#include <canp/private/threads.h>

#include "read/reader_priv.h"
#include "repack.h"

#define JOBS_MAX 64U

/* Threads that share the segments of a recording. */
struct crew {
    struct canp_reader *reader;
    pthread_mutex_t lock; /* of what follows */
    uint64_t given_out;   /* the last segment that somebody works on, or has */
    int error;
    uint64_t failed; /* the first segment that had one */
    bool replaced;   /* and it is written anew all the same */
};

struct worker {
    struct crew *crew;
    struct repack *repack;
    pthread_t thread;
};

static int fail(bool replaced, const char *path, int error, struct canp_why *why)
{
    if (replaced)
        return canp_fail(
            why, error,
            "%s was written anew, but its directory could not be synced: %s; after a power failure "
            "it may be as it was",
            path, canp_strerror(error));
    return canp_fail(why, error, "cannot write %s anew: %s; it is as it was", path, canp_strerror(error));
}

static int fail_segment(const struct crew *crew, const char *path, struct canp_why *why)
{
    char name[SEG_NAME_BYTES], file[PATH_MAX];
    canp_seg_name(name, crew->failed);
    snprintf(file, sizeof(file), "%s/%s", path, name);
    return fail(crew->replaced, file, crew->error, why);
}

/* 0 when there is nothing left to do. */
static uint64_t next_segment(struct crew *crew)
{
    pthread_mutex_lock(&crew->lock);
    uint64_t number = crew->error ? 0 : canp_reader_next_segment(crew->reader, crew->given_out);
    if (number)
        crew->given_out = number;
    pthread_mutex_unlock(&crew->lock);
    return number;
}

static void note_failed(struct crew *crew, uint64_t number, int error, bool replaced)
{
    pthread_mutex_lock(&crew->lock);
    if (crew->error == 0 || number < crew->failed) {
        crew->error = error;
        crew->failed = number;
        crew->replaced = replaced;
    }
    pthread_mutex_unlock(&crew->lock);
}

static void *work(void *arg)
{
    const struct worker *w = arg;
    uint64_t number;
    while ((number = next_segment(w->crew)) != 0) {
        int error = canp_repack_segment(w->repack, w->crew->reader->dir_fd, number);
        if (error < 0)
            note_failed(w->crew, number, error, w->repack->replaced);
    }
    return NULL;
}

static void add_stats(struct canp_repack_stats *sum, const struct canp_repack_stats *more)
{
    sum->segments += more->segments;
    sum->changed += more->changed;
    sum->unsealed += more->unsealed;
    sum->damaged += more->damaged;
    sum->frames += more->frames;
    sum->bytes_before += more->bytes_before;
    sum->bytes_after += more->bytes_after;
}

/* False: there is no memory, or no thread, for one more; those there are do the work. */
static bool hire(struct crew *crew, const struct canp_repack_opts *opts, struct worker *w)
{
    w->crew = crew;
    w->repack = malloc(sizeof(*w->repack));
    if (w->repack && canp_repack_open(w->repack, opts) == 0) {
        if (canp_thread_start_quiet(&w->thread, work, w) == 0)
            return true;
        canp_repack_close(w->repack);
    }
    free(w->repack);
    return false;
}

/* The caller is one of the crew. Signals are its own: the others take none. */
static void work_together(struct crew *crew, struct repack *r)
{
    struct worker others[JOBS_MAX], self = {.crew = crew, .repack = r};
    unsigned jobs = r->opts.jobs < JOBS_MAX ? r->opts.jobs : JOBS_MAX, hired = 0;
    while (hired + 1 < jobs && hire(crew, &r->opts, &others[hired]))
        hired++;
    work(&self);
    while (hired-- > 0) {
        struct repack *other = others[hired].repack;
        pthread_join(others[hired].thread, NULL);
        add_stats(&r->stats, &other->stats);
        canp_repack_close(other);
        free(other);
    }
}

static int repack_directory(struct repack *r, const char *path, struct canp_why *why)
{
    struct crew crew = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct canp_reader_opts how = CANP_READER_OPTS_INIT;
    how.stop = r->opts.stop;
    int error = canp_reader_open_opts(path, &how, &crew.reader, why);
    if (error == -ECANCELED)
        return fail(false, path, error, why);
    if (error < 0)
        return error;
    work_together(&crew, r);
    if (crew.error < 0)
        fail_segment(&crew, path, why);
    if (r->stats.changed)
        canp_segment_list_update_catalogue(crew.reader->dir_fd);
    canp_reader_close(crew.reader);
    return crew.error;
}

static int repack_file(struct repack *r, const char *path, struct canp_why *why)
{
    char dir[PATH_MAX], base[PATH_MAX];
    snprintf(dir, sizeof(dir), "%s", path);
    snprintf(base, sizeof(base), "%s", path);
    uint64_t number = canp_seg_number(basename(base));
    if (!number)
        return canp_fail(why, -EINVAL, "%s is not named like a segment (00000001.canp)", path);
    CANP_CLEANUP(canp_fd_close) int dir_fd = open(dirname(dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = dir_fd < 0 ? -errno : canp_repack_segment(r, dir_fd, number);
    return error < 0 ? fail(r->replaced, path, error, why) : 0;
}

int canp_repack(const char *path, const struct canp_repack_opts *opts, struct canp_repack_stats *stats,
                struct canp_why *why)
{
    struct canp_repack_opts taken;
    struct repack *r;
    struct stat st;
    int error = canp_opts_take(&taken, sizeof(taken), sizeof(taken), opts);
    if (error < 0)
        return canp_fail(why, error, "pack: options that this release of libcanp does not know");
    if (stat(path, &st) < 0)
        return canp_fail(why, -errno, "cannot open %s: %s", path, canp_strerror(errno));
    r = malloc(sizeof(*r));
    error = r ? canp_repack_open(r, &taken) : -ENOMEM;
    if (error < 0) {
        free(r);
        return canp_fail(why, error, "out of memory");
    }
    error = S_ISDIR(st.st_mode) ? repack_directory(r, path, why) : repack_file(r, path, why);
    *stats = r->stats;
    canp_repack_close(r);
    free(r);
    return error;
}
