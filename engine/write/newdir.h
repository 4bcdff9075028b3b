/*
 * The directory that a new recording goes into: made where it is missing, locked against another recorder,
 * and refused when it holds segments already. No state; any thread.
 */
#ifndef CANP_ENGINE_NEWDIR_H
#define CANP_ENGINE_NEWDIR_H

#include <stdbool.h>

#include <canp/error.h>

/* Owned: *out, the directory's descriptor; closing it releases the lock. Errors as canp_writer_open()'s. */
int canp_newdir_open(const char *dir, bool create, bool no_sync, int *out, struct canp_why *why);

#endif
