/*
 * A thread that does something at intervals until it is told to end, while the main thread captures. It takes
 * no signals: these must reach the capture thread, whose sleep they end.
 */
#ifndef CANP_TOOLS_SIDE_THREAD_H
#define CANP_TOOLS_SIDE_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct side_thread {
    pthread_t thread;
    pthread_mutex_t lock; /* guards `ended` */
    pthread_cond_t end;
    bool ended;
    bool runs; /* the starter's */
};
#define SIDE_THREAD_INIT                                                                                     \
    {                                                                                                        \
        .lock = PTHREAD_MUTEX_INITIALIZER                                                                    \
    }

/* Once. `name`: at most 15 bytes. 0 or a negative errno. */
int side_thread_start(struct side_thread *t, const char *name, void *(*run)(void *));

/* By the thread itself: sleeps so long, less when it is to end. True: it is to end. */
bool side_thread_ends_within(struct side_thread *t, uint64_t ns);

/* Ends it and waits for that. False: it did not run. */
bool side_thread_stop(struct side_thread *t);

#endif
