/* Cleans up when a scope is left: CANP_CLEANUP(canp_fd_close) int fd = open(...); disarmed with
 * canp_take_fd(&fd).
 */
#ifndef CANP_PRIVATE_CLEANUP_H
#define CANP_PRIVATE_CLEANUP_H

#include <unistd.h>

#define CANP_CLEANUP(function) __attribute__((cleanup(function)))

static inline void canp_fd_close(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static inline int canp_take_fd(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

#endif
