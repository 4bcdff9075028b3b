/* A directory that goes with the program (scratch.h). Main thread. */
#include "tee/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX     "canp-stream."
#define LOCK       "lock" /* held by whoever made the directory, as long as it lives */
#define PATH_BYTES 4096

static char path[PATH_BYTES];
static int lock = -1;

/* Its files; subdirectories are not ours. */
static void empty_and_remove(int parent, const char *name)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        unlinkat(fd, entry->d_name, 0); /* . and .. are directories: refused */
    closedir(dir);
    unlinkat(parent, name, AT_REMOVEDIR);
}

/* Is it ours, and has its maker gone? One without a lock is being made. */
static bool is_left_over(int parent, const char *name)
{
    struct stat st;
    if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid())
        return false;
    char file[sizeof(PREFIX) + 256 + sizeof(LOCK)];
    snprintf(file, sizeof(file), "%s/" LOCK, name);
    int fd = openat(parent, file, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool is_free = flock(fd, LOCK_EX | LOCK_NB) == 0;
    close(fd);
    return is_free;
}

static void remove_left_over(const char *where)
{
    DIR *dir = opendir(where);
    if (!dir)
        return;
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) == 0 && is_left_over(dirfd(dir), entry->d_name))
            empty_and_remove(dirfd(dir), entry->d_name);
    }
    closedir(dir);
}

/* The lock is held before the file has its name, so that nobody takes the directory for one left over. */
static int take_lock(void)
{
    char name[PATH_BYTES + sizeof(LOCK) + 8], draft[PATH_BYTES + sizeof(LOCK) + 16];
    snprintf(name, sizeof(name), "%s/" LOCK, path);
    snprintf(draft, sizeof(draft), "%s.new", name);
    lock = open(draft, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) < 0 || rename(draft, name) < 0)
        return -errno;
    return 0;
}

static int make_in(const char *where)
{
    int bytes = snprintf(path, sizeof(path), "%s/" PREFIX "XXXXXX", where);
    if (bytes < 0 || (size_t)bytes >= sizeof(path))
        return -ENAMETOOLONG;
    remove_left_over(where);
    if (!mkdtemp(path))
        return -errno;
    int r = take_lock();
    if (r < 0)
        scratch_remove();
    return r;
}

const char *scratch_make(void)
{
    const char *const places[] = {getenv("TMPDIR"), "/dev/shm", "/tmp"};
    int r = -ENOENT;
    for (unsigned i = 0; i < 3; i++) {
        if (places[i] && places[i][0] && (r = make_in(places[i])) == 0)
            return path;
        path[0] = '\0';
    }
    errno = -r;
    return NULL;
}

void scratch_remove(void)
{
    if (path[0])
        empty_and_remove(AT_FDCWD, path);
    path[0] = '\0';
    if (lock >= 0)
        close(lock);
    lock = -1;
}
