/*
 * Real-time priority of the capture thread: above all ordinary threads, so that a machine whose CPUs are busy
 * costs no frame. It sleeps between harvests and takes a few percent of a CPU; what is over 95 % the kernel
 * takes back (kernel.sched_rt_runtime_us). Of the calling thread.
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
