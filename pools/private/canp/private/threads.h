/*
 * Starts a thread of the library. Its stack is smaller than a huge page: of the usual 8 MiB the kernel may
 * give the first 2 MiB at the first touch, and a recorder's threads need a few KiB. Any thread.
 */
#ifndef CANP_PRIVATE_THREADS_H
#define CANP_PRIVATE_THREADS_H

#include <pthread.h>

#define CANP_STACK_BYTES ((size_t)1 << 20)

/* 0 or a negative errno, as pthread_create(). */
static inline int canp_thread_start(pthread_t *thread, void *(*start)(void *), void *arg)
{
    pthread_attr_t attr;
    int r = -pthread_attr_init(&attr);
    if (r < 0)
        return r;
    pthread_attr_setstacksize(&attr, CANP_STACK_BYTES);
    r = -pthread_create(thread, &attr, start, arg);
    pthread_attr_destroy(&attr);
    return r;
}

#endif
