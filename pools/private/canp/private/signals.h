/*
 * Threads that take no signals: those are for the program's own threads. What a thread's own instruction
 * raises (a mapped page that cannot be had is SIGBUS) stays open: the kernel kills the process when such a
 * signal is blocked, past any handler that would have helped.
 */
#ifndef CANP_PRIVATE_SIGNALS_H
#define CANP_PRIVATE_SIGNALS_H

#include <pthread.h>
#include <signal.h>

/* Threads that are started until canp_signals_restore() take none but those. Of the calling thread. */
static inline void canp_signals_block(sigset_t *before)
{
    static const int synchronous[] = {SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT};
    sigset_t blocked;
    sigfillset(&blocked);
    for (unsigned i = 0; i < sizeof(synchronous) / sizeof(synchronous[0]); i++)
        sigdelset(&blocked, synchronous[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, before);
}

static inline void canp_signals_restore(const sigset_t *before)
{
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

#endif
