/*
 * Blocks signals in the library's threads, so that the program's own threads get them. Signals that a
 * thread's own instruction raises, such as SIGBUS from a mapped page, stay unblocked: when such a signal is
 * blocked the kernel kills the process without calling its handler.
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
