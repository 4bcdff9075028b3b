/* canp_repack(): all segments of a recording, one after the other (canp/repack.h). Any thread. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <canp/private/cleanup.h>
#include <canp/private/opts.h>

#include "read/reader_priv.h"
#include "repack.h"

static int fail(const struct repack *r, const char *path, int error, struct canp_why *why)
{
    if (r->replaced)
        return canp_fail(
            why, error,
            "%s was written anew, but its directory could not be synced: %s; after a power failure "
            "it may be as it was",
            path, canp_strerror(error));
    return canp_fail(why, error, "cannot write %s anew: %s; it is as it was", path, canp_strerror(error));
}

static int fail_segment(const struct repack *r, const char *path, uint64_t number, int error,
                        struct canp_why *why)
{
    char name[SEG_NAME_BYTES], file[PATH_MAX];
    canp_seg_name(name, number);
    snprintf(file, sizeof(file), "%s/%s", path, name);
    return fail(r, file, error, why);
}

static int repack_directory(struct repack *r, const char *path, struct canp_why *why)
{
    struct canp_reader *reader;
    struct canp_reader_opts how = CANP_READER_OPTS_INIT;
    how.stop = r->opts.stop;
    int error = canp_reader_open_opts(path, &how, &reader, why);
    if (error == -ECANCELED)
        return fail(r, path, error, why);
    if (error < 0)
        return error;
    uint64_t number = 0;
    while (error >= 0 && (number = canp_reader_next_segment(reader, number)) != 0)
        error = canp_repack_segment(r, reader->dir_fd, number);
    if (error < 0)
        fail_segment(r, path, number, error, why);
    if (r->stats.changed)
        canp_segment_list_update_catalogue(reader->dir_fd);
    canp_reader_close(reader);
    return error < 0 ? error : 0;
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
    return error < 0 ? fail(r, path, error, why) : 0;
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
