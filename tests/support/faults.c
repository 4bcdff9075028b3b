/* The wrapped calls (faults.h). */
#include "faults.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static _Atomic int armed = -1; /* enum fault_call; set before the library's threads run, cleared after */
static _Atomic unsigned calls;
static unsigned first, last;
static int fault_errno;

void fault_arm(enum fault_call call, unsigned nth, unsigned more, int error)
{
    atomic_store(&calls, 0);
    first = nth;
    last = nth + more;
    fault_errno = error;
    atomic_store(&armed, (int)call);
}

bool fault_disarm(void)
{
    atomic_store(&armed, -1);
    return atomic_load(&calls) >= first;
}

const char *fault_name(enum fault_call call)
{
#define FAULT_NAME(name) #name,
    static const char *const names[] = {FAULT_CALLS(FAULT_NAME)};
#undef FAULT_NAME
    return names[call];
}

/* Is this call to fail? Sets errno then. */
static bool fails(enum fault_call call)
{
    if (atomic_load(&armed) != (int)call)
        return false;
    unsigned n = atomic_fetch_add(&calls, 1) + 1;
    if (n < first || n > last)
        return false;
    errno = fault_errno;
    return true;
}

static bool is_short(void)
{
    return fault_errno == FAULT_SHORT;
}

/* WRAP(type of the result, name, result of a failure, (parameters), (arguments)) */
#define WRAP(type, name, failure, parameters, arguments)                                                     \
    type __real_##name parameters;                                                                           \
    type __wrap_##name parameters;                                                                           \
    type __wrap_##name parameters                                                                            \
    {                                                                                                        \
        return fails(FAULT_##name) ? (failure) : __real_##name arguments;                                    \
    }

WRAP(int, fallocate, -1, (int fd, int mode, off_t at, off_t bytes), (fd, mode, at, bytes))
WRAP(int, ftruncate, -1, (int fd, off_t bytes), (fd, bytes))

/* ENODEV is what a file system says that cannot map: memory without a file goes on. */
void *__real_mmap(void *at, size_t bytes, int prot, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t bytes, int prot, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t bytes, int prot, int flags, int fd, off_t offset)
{
    if ((fd >= 0 || fault_errno != ENODEV) && fails(FAULT_mmap))
        return MAP_FAILED;
    return __real_mmap(at, bytes, prot, flags, fd, offset);
}

WRAP(int, mlock, -1, (const void *at, size_t bytes), (at, bytes))
WRAP(int, madvise, -1, (void *at, size_t bytes, int advice), (at, bytes, advice))
WRAP(int, fdatasync, -1, (int fd), (fd))
WRAP(int, fsync, -1, (int fd), (fd))
WRAP(int, renameat2, -1, (int from_fd, const char *from, int to_fd, const char *to, unsigned flags),
     (from_fd, from, to_fd, to, flags))
WRAP(int, renameat, -1, (int from_fd, const char *from, int to_fd, const char *to),
     (from_fd, from, to_fd, to))
WRAP(int, unlinkat, -1, (int fd, const char *path, int flags), (fd, path, flags))
WRAP(int, stat, -1, (const char *path, struct stat *st), (path, st))
WRAP(int, fstat, -1, (int fd, struct stat *st), (fd, st))
WRAP(int, fstatat, -1, (int fd, const char *path, struct stat *st, int flags), (fd, path, st, flags))
WRAP(int, faccessat, -1, (int fd, const char *path, int mode, int flags), (fd, path, mode, flags))
WRAP(int, flock, -1, (int fd, int operation), (fd, operation))
WRAP(int, mkdir, -1, (const char *path, mode_t mode), (path, mode))
WRAP(DIR *, fdopendir, NULL, (int fd), (fd))
WRAP(struct dirent *, readdir, NULL, (DIR * dir), (dir))
WRAP(ssize_t, getrandom, -1, (void *to, size_t bytes, unsigned flags), (to, bytes, flags))
WRAP(int, getentropy, -1, (void *to, size_t bytes), (to, bytes))
WRAP(int, pthread_create, fault_errno,
     (pthread_t * thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg),
     (thread, attr, run, arg))
WRAP(void *, malloc, NULL, (size_t bytes), (bytes))
WRAP(void *, calloc, NULL, (size_t count, size_t bytes), (count, bytes))
WRAP(void *, realloc, NULL, (void *old, size_t bytes), (old, bytes))
WRAP(void *, aligned_alloc, NULL, (size_t alignment, size_t bytes), (alignment, bytes))
WRAP(char *, strdup, NULL, (const char *text), (text))

ssize_t __real_pwrite(int fd, const void *data, size_t bytes, off_t at);
ssize_t __wrap_pwrite(int fd, const void *data, size_t bytes, off_t at);
ssize_t __wrap_pwrite(int fd, const void *data, size_t bytes, off_t at)
{
    if (!fails(FAULT_pwrite))
        return __real_pwrite(fd, data, bytes, at);
    return is_short() ? __real_pwrite(fd, data, (bytes + 1) / 2, at) : -1;
}

ssize_t __real_pread(int fd, void *to, size_t bytes, off_t at);
ssize_t __wrap_pread(int fd, void *to, size_t bytes, off_t at);
ssize_t __wrap_pread(int fd, void *to, size_t bytes, off_t at)
{
    if (!fails(FAULT_pread))
        return __real_pread(fd, to, bytes, at);
    return is_short() ? __real_pread(fd, to, (bytes + 1) / 2, at) : -1;
}

/* Without the address that MREMAP_FIXED takes: nobody asks for one. */
void *__real_mremap(void *at, size_t bytes, size_t new_bytes, int flags);
void *__wrap_mremap(void *at, size_t bytes, size_t new_bytes, int flags);
void *__wrap_mremap(void *at, size_t bytes, size_t new_bytes, int flags)
{
    return fails(FAULT_mremap) ? MAP_FAILED : __real_mremap(at, bytes, new_bytes, flags);
}

/* With the argument that F_DUPFD_CLOEXEC takes. */
int __real_fcntl(int fd, int command, int argument);
int __wrap_fcntl(int fd, int command, int argument);
int __wrap_fcntl(int fd, int command, int argument)
{
    return fails(FAULT_fcntl) ? -1 : __real_fcntl(fd, command, argument);
}

int __real_open(const char *path, int flags, mode_t mode);
int __wrap_open(const char *path, int flags, mode_t mode);
int __wrap_open(const char *path, int flags, mode_t mode)
{
    return fails(FAULT_open) ? -1 : __real_open(path, flags, mode);
}

int __real_openat(int fd, const char *path, int flags, mode_t mode);
int __wrap_openat(int fd, const char *path, int flags, mode_t mode);
int __wrap_openat(int fd, const char *path, int flags, mode_t mode)
{
    return fails(FAULT_openat) ? -1 : __real_openat(fd, path, flags, mode);
}
