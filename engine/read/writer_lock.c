/*
 * Tests a writer's locks (writer_lock.h).
 *
 * A writer holds flock(2) on its directory from its start to its end, and on each segment until that is
 * sealed; the kernel drops both when it is killed. A reader opens a new descriptor for each test: testing on
 * a descriptor that a writer of this process shares would change the writer's lock. On a file system without
 * locks the answer is "not known".
 */
#include "writer_lock.h"

#include <canp/private/cleanup.h>
#include <canp/writer.h>

#include <fcntl.h>
#include <string.h>
#include <sys/vfs.h>

#include "segment/file_lock.h"

/* Locks that another machine holds may not be seen in these (statfs(2)). */
static bool may_be_remote(int fd)
{
    static const uint32_t remote[] = {
        0x6969,     /* NFS */
        0xFF534D42, /* CIFS */
        0xFE534D42, /* SMB2 */
        0x517B,     /* SMB */
        0x01021997, /* 9p */
        0x65735546, /* FUSE: sshfs and others */
        0x00C36400, /* Ceph */
        0x5346414F, /* OpenAFS */
        0x6B414653, /* kAFS */
        0x0BD00BD0, /* Lustre */
        0x786F4256, /* vboxsf */
        0x7461636F, /* OCFS2 */
        0x01161970, /* GFS2 */
    };
    struct statfs fs;
    if (fstatfs(fd, &fs) < 0)
        return true;
    for (unsigned i = 0; i < sizeof(remote) / sizeof(remote[0]); i++) {
        if ((uint32_t)fs.f_type == remote[i])
            return true;
    }
    return false;
}

static bool is_of_this_boot(const uint8_t boot_id[16])
{
    static const uint8_t unknown[16];
    uint8_t now[16];
    canp_boot_id(now);
    return memcmp(boot_id, unknown, 16) == 0 || memcmp(boot_id, now, 16) == 0;
}

/* True also where it cannot be known. */
static bool is_held(int fd, bool is_here)
{
    return canp_file_lock_is_held(fd) != 0 || (!is_here && may_be_remote(fd));
}

bool canp_writer_lock_is_held(int dir_fd, const char *file_path, const char *last, const uint8_t boot_id[16])
{
    bool is_here = is_of_this_boot(boot_id);
    if (!file_path) {
        CANP_CLEANUP(canp_fd_close) int dir = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0 || is_held(dir, is_here))
            return true;
    }
    CANP_CLEANUP(canp_fd_close)
    int fd = file_path ? open(file_path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
                       : openat(dir_fd, last, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    return fd >= 0 && is_held(fd, is_here);
}
