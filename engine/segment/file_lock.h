/*
 * The locks (flock(2)) that show other processes that a directory or a segment is being written.
 *
 * A writer holds the exclusive lock; the kernel drops it when the writer is killed. A process that only wants
 * to know takes the shared lock for a moment. No state; any thread. Private to engine/.
 */
#ifndef CANP_ENGINE_FILE_LOCK_H
#define CANP_ENGINE_FILE_LOCK_H

/*
 * Takes the exclusive lock. 0; -EBUSY: another writer has it, or somebody looked at it for a second on end.
 * Waits for those who look, at most that second. Where the file system has no locks: 0.
 */
int canp_file_lock_take(int fd);

/*
 * Does another open file description hold the exclusive lock? 1 or 0; a negative errno where it cannot be
 * known: the file system may have no locks. fd must not be one that holds the lock: asking would change it.
 */
int canp_file_lock_is_held(int fd);

#endif
