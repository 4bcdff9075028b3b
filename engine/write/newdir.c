/* The directory of a new recording (newdir.h). */
#include "newdir.h"

#include <canp/private/cleanup.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "segment/file_lock.h"
#include "segment/format.h"

/* The entry of a new directory is on disk before a recording relies on it. */
static int sync_parent(const char *path)
{
    char parent[PATH_MAX];
    snprintf(parent, sizeof(parent), "%s", path);
    CANP_CLEANUP(canp_fd_close) int fd = open(dirname(parent), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == EACCES ? 0 : -errno; /* not readable for us: nothing that we could do */
    return fsync(fd) < 0 && errno != EINVAL ? -errno : 0;
}

static int make_dir(const char *path, bool no_sync)
{
    if (mkdir(path, 0777) < 0)
        return errno == EEXIST ? 0 : -errno;
    return no_sync ? 0 : sync_parent(path);
}

/* mkdir -p. */
static int make_dirs(const char *dir, bool no_sync)
{
    char path[PATH_MAX];
    int r = 0;
    if (snprintf(path, sizeof(path), "%s", dir) >= (int)sizeof(path))
        return -ENAMETOOLONG;
    for (char *slash = path + 1; r == 0 && (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        r = make_dir(path, no_sync);
        *slash = '/';
    }
    return r < 0 ? r : make_dir(path, no_sync);
}

int64_t canp_newdir_last(int dir_fd)
{
    CANP_CLEANUP(canp_fd_close) int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir)
        return -errno;
    canp_take_fd(&fd);
    int64_t last = 0;
    for (;;) {
        errno = 0; /* only this tells readdir()'s errors from the end */
        struct dirent *e = readdir(dir);
        if (!e)
            break;
        int64_t number = (int64_t)canp_seg_number(e->d_name);
        last = number > last ? number : last;
    }
    last = errno ? -errno : last;
    closedir(dir);
    return last;
}

int canp_newdir_open(const char *dir, bool create, bool no_sync, bool append, int *out, struct canp_why *why)
{
    int r = create ? make_dirs(dir, no_sync) : 0;
    if (r < 0)
        return canp_fail(why, r, "cannot create directory %s: %s", dir, canp_strerror(r));
    CANP_CLEANUP(canp_fd_close) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return canp_fail(why, -errno, "cannot open directory %s: %s", dir, canp_strerror(errno));
    if (canp_file_lock_take(fd) < 0)
        return canp_fail(why, -EBUSY, "another recorder is writing to %s; choose another directory", dir);
    int64_t last = canp_newdir_last(fd);
    if (last < 0)
        return canp_fail(why, (int)last, "cannot read directory %s: %s", dir, canp_strerror((int)last));
    if (last > 0 && !append)
        return canp_fail(why, -CANP_E_EXISTS,
                         "%s already holds a recording; choose another directory or move it away", dir);
    if (faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) < 0)
        return canp_fail(why, -errno, "cannot write to directory %s: %s", dir, canp_strerror(errno));
    *out = canp_take_fd(&fd);
    return 0;
}

/* A removed directory has no link: nothing can be made in it any more. */
static bool is_removed(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && st.st_nlink == 0;
}

int canp_newdir_again(const char *dir, bool create, bool no_sync, int fd)
{
    int again = -1;
    struct canp_why why;
    if (!is_removed(fd))
        return -EEXIST;
    int r = canp_newdir_open(dir, create, no_sync, false, &again, &why);
    if (r < 0)
        return r;
    r = dup3(again, fd, O_CLOEXEC) < 0 ? -errno : 0; /* the lock is the description's, and stays */
    close(again);
    return r;
}
