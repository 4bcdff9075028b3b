/*
 * Calls into the system that can be made to fail: linked with --wrap, so that it is libcanp's own calls that
 * fail, under the sanitizers, too. One fault is armed at a time; any thread may meet it.
 */
#ifndef CANP_TESTS_FAULTS_H
#define CANP_TESTS_FAULTS_H

#include <stdbool.h>

/* X(function): each has a __wrap_ in faults.c and a --wrap in CMakeLists.txt. */
#define FAULT_CALLS(X)                                                                                       \
    X(open)                                                                                                  \
    X(openat)                                                                                                \
    X(fallocate)                                                                                             \
    X(pwrite)                                                                                                \
    X(pread)                                                                                                 \
    X(ftruncate)                                                                                             \
    X(mmap)                                                                                                  \
    X(mremap)                                                                                                \
    X(mlock)                                                                                                 \
    X(fcntl)                                                                                                 \
    X(madvise)                                                                                               \
    X(fdatasync)                                                                                             \
    X(fsync)                                                                                                 \
    X(renameat2)                                                                                             \
    X(renameat)                                                                                              \
    X(unlinkat)                                                                                              \
    X(stat)                                                                                                  \
    X(fstat)                                                                                                 \
    X(fstatat)                                                                                               \
    X(faccessat)                                                                                             \
    X(flock)                                                                                                 \
    X(mkdir)                                                                                                 \
    X(fdopendir)                                                                                             \
    X(readdir)                                                                                               \
    X(getrandom)                                                                                             \
    X(getentropy)                                                                                            \
    X(pthread_create)                                                                                        \
    X(malloc)                                                                                                \
    X(calloc)                                                                                                \
    X(realloc)                                                                                               \
    X(aligned_alloc)                                                                                         \
    X(strdup)

#define FAULT_ENUM(name) FAULT_##name,
enum fault_call { FAULT_CALLS(FAULT_ENUM) FAULT_COUNT };
#undef FAULT_ENUM

#define FAULT_SHORT 1000 /* instead of an errno: pread and pwrite do half of what they were asked for */

/* The nth call (from 1) and the `more` calls behind it fail. */
void fault_arm(enum fault_call call, unsigned nth, unsigned more, int error);

/* Disarms; true when the fault was met. */
bool fault_disarm(void);

const char *fault_name(enum fault_call call);

#endif
