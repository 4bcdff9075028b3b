/* One answer to "is the disk full?": to a writer, a quota that is used up is no different. */
#ifndef CANP_PRIVATE_DISK_FULL_H
#define CANP_PRIVATE_DISK_FULL_H

#include <errno.h>
#include <stdbool.h>

static inline bool canp_is_disk_full(int error)
{
    return error == -ENOSPC || error == -EDQUOT;
}

#endif
