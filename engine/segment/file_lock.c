/* A writer holds a lock; testing for it does not keep a writer from starting (file_lock.h). Any thread. */
#include "file_lock.h"

#include <errno.h>
#include <sys/file.h>
#include <time.h>

#define WAIT_NS   1000000 /* those who look hold the lock for microseconds */
#define WAITS_MAX 1000

int canp_file_lock_is_held(int fd)
{
    if (flock(fd, LOCK_SH | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? 1 : -errno;
    flock(fd, LOCK_UN);
    return 0;
}

/* Another writer refuses the shared lock, too; one who looks does not. */
int canp_file_lock_take(int fd)
{
    const struct timespec wait = {.tv_nsec = WAIT_NS};
    for (int i = 0; i < WAITS_MAX; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
            return 0;
        if (canp_file_lock_is_held(fd) > 0)
            return -EBUSY;
        nanosleep(&wait, NULL);
    }
    return -EBUSY;
}
