/* Tells whether a process still writes a recording. Private to engine/. Any thread. */
#ifndef CANP_ENGINE_WRITER_LOCK_H
#define CANP_ENGINE_WRITER_LOCK_H

#include <stdbool.h>
#include <stdint.h>

/*
 * May the recording in dir_fd, or the single segment `file_path` (then dir_fd is ignored; NULL: none), still
 * be written? `last` is its last segment's name in dir_fd, `boot_id` what that segment's header says, zeros
 * when it is not known. False only where a lock shows it: a recording that lies on another machine's disk,
 * and was begun elsewhere, may always be written there.
 */
bool canp_writer_lock_is_held(int dir_fd, const char *file_path, const char *last, const uint8_t boot_id[16]);

#endif
