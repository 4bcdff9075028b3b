/* Starts threads of the library and of the commands. Any thread. */
#ifndef CANP_PRIVATE_THREADS_H
#define CANP_PRIVATE_THREADS_H

#include <canp/private/signals.h>

#define CANP_STACK_BYTES ((size_t)1 << 20)

/* Its stack is smaller than a huge page: of the usual 8 MiB the kernel may give the first 2 MiB at the first
 * touch, and a recorder's threads need a few KiB. 0 or a negative errno, as pthread_create(). */
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

/* With the usual stack, and the program's signals stay the other threads' (canp/private/signals.h). The same
 * results. */
static inline int canp_thread_start_quiet(pthread_t *thread, void *(*start)(void *), void *arg)
{
    sigset_t before;
    canp_signals_block(&before);
    int r = -pthread_create(thread, NULL, start, arg);
    canp_signals_restore(&before);
    return r;
}

#endif
