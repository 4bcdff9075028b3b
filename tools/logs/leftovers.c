/*
 * Files beside a recording's segments (leftovers.h): NUMBER.canp.new is the next segment before it gets its
 * name, or a segment that is being packed, or, when a packer was killed between two steps, the segment before
 * packing. A file that is still being written is locked by flock(2). Main thread.
 */
#include "leftovers.h"

#include <canp/reader.h>

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/opts.h"

#define NEW_SUFFIX ".canp.new"

static bool is_leftover(const char *name)
{
    size_t digits = strspn(name, "0123456789");
    return digits >= 8 && strcmp(name + digits, NEW_SUFFIX) == 0;
}

/* Is it a plain file that nobody writes? */
static bool is_nobodys(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    bool is_free = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && flock(fd, LOCK_SH | LOCK_NB) == 0;
    if (fd >= 0)
        close(fd);
    return is_free;
}

/* What a segment file holds; false: nothing that can be read. */
static bool read_info(const char *path, struct canp_info *info)
{
    struct canp_reader *reader;
    if (canp_reader_open(path, &reader, NULL) < 0)
        return false;
    bool is_read = canp_reader_info(reader, info) == 0;
    canp_reader_close(reader);
    return is_read;
}

static void tell(const char *command, const char *path, bool remove)
{
    char segment[PATH_MAX];
    struct canp_info left = {0}, there = {0};
    snprintf(segment, sizeof(segment), "%.*s", (int)(strlen(path) - strlen(".new")), path);
    bool has_frames = read_info(path, &left) && left.records > 0;
    bool is_there = read_info(segment, &there) && there.damaged == 0 && !there.live;
    bool is_needless = !has_frames || (is_there && there.records >= left.records);
    if (!is_needless)
        opts_fail(command, 0,
                  "%s: left by a program that was killed, and holds %llu frames: `canp dump` shows them",
                  path, (unsigned long long)left.frames);
    else if (remove && unlink(path) == 0)
        opts_fail(command, 0, "%s: removed; a program that was killed had left it", path);
    else
        opts_fail(
            command, 0,
            "%s: left by a program that was killed, and no part of the recording; `canp pack` removes it",
            path);
}

void leftovers_tell(const char *command, const char *dir, bool remove)
{
    char path[PATH_MAX];
    DIR *d = opendir(dir);
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
        bool fits = is_leftover(e->d_name) &&
                    snprintf(path, sizeof(path), "%s/%s", dir, e->d_name) < (int)sizeof(path);
        if (fits && is_nobodys(path))
            tell(command, path, remove);
    }
    if (d)
        closedir(d);
}
