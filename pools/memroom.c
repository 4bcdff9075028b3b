/*
 * Reads the limits of memory (memroom.h): control groups of both versions, and what the machine has.
 *
 * Invariant: what cannot be read is no limit. Any thread; no state.
 */
#include "memroom.h"

#include <canp/private/cleanup.h>

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_BYTES 8192 /* of memory.stat, the longest */
#define PATH_BYTES 600

/* The names of one version's files, Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst. */
struct version {
    const char *mark;      /* in the process's line of /proc/self/cgroup, in front of its path */
    const char *mounts[2]; /* where it is mounted */
    const char *limit, *used;
    const char *file, *shmem, *dirty, *writeback; /* in memory.stat, of the group and those in it */
};

static const struct version versions[] = {
    {.mark = "0::",
     .mounts = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"},
     .limit = "memory.max",
     .used = "memory.current",
     .file = "file",
     .shmem = "shmem",
     .dirty = "file_dirty",
     .writeback = "file_writeback"},
    {.mark = ":memory:",
     .mounts = {"/sys/fs/cgroup/memory", "/sys/fs/cgroup/memory"},
     .limit = "memory.limit_in_bytes",
     .used = "memory.usage_in_bytes",
     .file = "total_cache",
     .shmem = "total_shmem",
     .dirty = "total_dirty",
     .writeback = "total_writeback"},
};

/* The start of a file, as a text. False when there is none. */
static bool read_text(const char *path, char text[TEXT_BYTES])
{
    CANP_CLEANUP(canp_fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t bytes = fd < 0 ? -1 : read(fd, text, TEXT_BYTES - 1);
    text[bytes > 0 ? bytes : 0] = '\0';
    return bytes > 0;
}

/* The number behind a name at the start of a line, else 0. */
static uint64_t number_of(const char *text, const char *name)
{
    size_t length = strlen(name);
    for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        if (strncmp(line, name, length) == 0 && (line[length] == ' ' || line[length] == ':'))
            return strtoull(line + length + 1, NULL, 10);
    }
    return 0;
}

static uint64_t less(uint64_t from, uint64_t what)
{
    return from > what ? from - what : 0;
}

/* What of the group's memory the kernel can take back without a disk. */
static uint64_t clean_bytes(const struct version *v, const char *dir)
{
    char path[PATH_BYTES + 40], text[TEXT_BYTES];
    snprintf(path, sizeof(path), "%s/memory.stat", dir);
    if (!read_text(path, text))
        return 0;
    uint64_t not_clean =
        number_of(text, v->shmem) + number_of(text, v->dirty) + number_of(text, v->writeback);
    return less(number_of(text, v->file), not_clean);
}

static uint64_t room_of(const struct version *v, const char *dir)
{
    char path[PATH_BYTES + 40], limit[TEXT_BYTES], used[TEXT_BYTES];
    snprintf(path, sizeof(path), "%s/%s", dir, v->limit);
    if (!read_text(path, limit) || limit[0] < '0' || limit[0] > '9') /* "max" */
        return UINT64_MAX;
    snprintf(path, sizeof(path), "%s/%s", dir, v->used);
    uint64_t limit_bytes = strtoull(limit, NULL, 10);
    if (limit_bytes > INT64_MAX / 2 ||
        !read_text(path, used)) /* version 1 has a large number for "no limit" */
        return UINT64_MAX;
    return less(limit_bytes, less(strtoull(used, NULL, 10), clean_bytes(v, dir)));
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Of the group at this path below the mount, and of all above it. */
static uint64_t room_up_from(const struct version *v, const char *mount, const char *group)
{
    char dir[PATH_BYTES];
    uint64_t room = UINT64_MAX;
    int length = snprintf(dir, sizeof(dir), "%s%s", mount, group);
    if (length < 0 || (size_t)length >= sizeof(dir))
        return room;
    for (char *end = dir + length; end && end >= dir + strlen(mount); end = strrchr(dir, '/')) {
        *end = '\0';
        room = smaller(room, room_of(v, dir));
    }
    return room;
}

static uint64_t room_in_groups(const struct version *v, char groups[TEXT_BYTES])
{
    char group[PATH_BYTES], *at = strstr(groups, v->mark);
    if (!at || (v->mark[0] == '0' && at != groups && at[-1] != '\n'))
        return UINT64_MAX;
    at += strlen(v->mark);
    snprintf(group, sizeof(group), "%.*s", (int)strcspn(at, "\n"), at);
    return smaller(room_up_from(v, v->mounts[0], group), room_up_from(v, v->mounts[1], group));
}

uint64_t canp_memory_room(void)
{
    char text[TEXT_BYTES];
    uint64_t room = UINT64_MAX;
    if (read_text("/proc/self/cgroup", text)) {
        for (unsigned i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
            room = smaller(room, room_in_groups(&versions[i], text));
    }
    if (read_text("/proc/meminfo", text) && strstr(text, "MemAvailable:"))
        room = smaller(room, number_of(text, "MemAvailable") << 10);
    return room;
}
