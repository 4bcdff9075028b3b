/* A thread beside the capture thread (side_thread.h). Times are of CLOCK_MONOTONIC. */
#include "live/side_thread.h"

#include <time.h>

#include <canp/pools/clock.h>
#include <canp/private/threads.h>

int side_thread_start(struct side_thread *t, const char *name, void *(*run)(void *))
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&t->end, &attributes);
    pthread_condattr_destroy(&attributes);
    int r = canp_thread_start_quiet(&t->thread, run, NULL);
    t->runs = r == 0;
    if (t->runs)
        pthread_setname_np(t->thread, name);
    return r;
}

bool side_thread_ends_within(struct side_thread *t, uint64_t ns)
{
    struct timespec until = canp_timespec_of_ns((int64_t)(canp_monotonic_ns() + ns));
    pthread_mutex_lock(&t->lock);
    while (!t->ended && pthread_cond_timedwait(&t->end, &t->lock, &until) == 0)
        ;
    bool ended = t->ended;
    pthread_mutex_unlock(&t->lock);
    return ended;
}

bool side_thread_stop(struct side_thread *t)
{
    if (!t->runs)
        return false;
    pthread_mutex_lock(&t->lock);
    t->ended = true;
    pthread_cond_signal(&t->end);
    pthread_mutex_unlock(&t->lock);
    pthread_join(t->thread, NULL);
    t->runs = false;
    return true;
}
