/*
 * The file of a segment that is being written: it is made under a temporary name, its disk space is
 * allocated, then it gets its final name.
 *
 * Invariant: only the process that made a file under its temporary name and holds its lock may truncate it; a
 * file that has had a segment's name is not changed any more. No state; any thread.
 */
#ifndef CANP_ENGINE_SEGMENT_FILE_H
#define CANP_ENGINE_SEGMENT_FILE_H

#include <stddef.h>
#include <stdint.h>

/*
 * A new file under the temporary name of segment `name`, locked: another process may be packing this very
 * segment, which is -EBUSY. What a killed one left there is removed, never written to. Owned: the descriptor.
 */
int canp_segment_file_open(int dir_fd, const char *name);

/* Really allocates *size bytes, or what the disk still has, by halves down to least_bytes; *size is what it
 * got. */
/* -EOPNOTSUPP: the file system (9p, vfat, some FUSE) has no fallocate; then the file grows by this. */
int canp_segment_file_grow(int fd, uint64_t from, uint64_t to);
int canp_segment_file_allocate(int fd, uint64_t *size, uint64_t least_bytes);

/* The file is to replace the old one: mode and, where we may, owner and group become its. 0 or an error. */
int canp_segment_file_take_after(int fd, int old_fd);

/* Gives the file its name, which must be free: else -CANP_E_EXISTS. */
int canp_segment_file_publish(int dir_fd, const char *name);

/* Gives the file its name in place of the segment that has it; -ENOENT when that has been removed. */
int canp_segment_file_replace(int dir_fd, const char *name);

/* pwrite until all is written. 0 or an error. */
int canp_segment_file_write_all(int fd, const void *data, size_t bytes, uint64_t offset);

/* Removes what has the temporary name. */
void canp_segment_file_discard(int dir_fd, const char *name);

#endif
