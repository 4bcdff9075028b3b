/*
 * The directory of a new recording: it is made when it is missing, locked against other writers, and refused
 * when it holds segments already, unless they are to be continued. No state; any thread.
 */
#ifndef CANP_ENGINE_NEWDIR_H
#define CANP_ENGINE_NEWDIR_H

#include <stdbool.h>
#include <stdint.h>

#include <canp/error.h>

/* Owned: *out, the directory's descriptor; closing it releases the lock. Errors as canp_writer_open()'s.
 * append: it may hold segments. */
int canp_newdir_open(const char *dir, bool create, bool no_sync, bool append, int *out, struct canp_why *why);

/* The highest number of a segment in it, 0: there is none; or a negative errno. */
int64_t canp_newdir_last(int dir_fd);

/* The directory that `fd` was opened for was removed: `fd` is one of the same path now, made anew, or found
 * where somebody else made it. 0; -EEXIST: it was not removed; or as above. */
int canp_newdir_again(const char *dir, bool create, bool no_sync, int fd);

#endif
