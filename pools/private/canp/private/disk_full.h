/* The one test for a full disk. An exhausted quota counts as a full disk, since it has the same remedy. */
#ifndef CANP_PRIVATE_DISK_FULL_H
#define CANP_PRIVATE_DISK_FULL_H

#include <errno.h>
#include <stdbool.h>

static inline bool canp_is_disk_full(int error)
{
    return error == -ENOSPC || error == -EDQUOT;
}

#endif
