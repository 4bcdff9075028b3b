/*
 * Real-time priority of the capture thread, above all ordinary threads, so that no frame is lost while other
 * programs keep the CPUs busy. The thread sleeps between harvests and takes a few percent of a CPU; the
 * kernel limits real-time threads to 95 % in any case (kernel.sched_rt_runtime_us).
 *
 * The functions act on the calling thread.
 */
#ifndef CANP_CAPTURE_PRIORITY_H
#define CANP_CAPTURE_PRIORITY_H

#include <sched.h>
#include <stdbool.h>

struct priority {
    bool raised;
    int policy; /* as it was before */
};

/* 0: the thread has one now, or had chosen one before; -EPERM: not permitted. */
int canp_priority_raise(struct priority *before);
void canp_priority_restore(const struct priority *before);

#endif
