/* Raising and restoring (priority.h). Invariant: a thread that chose a real-time policy itself keeps it. */
#include "priority.h"

#include <errno.h>
#include <sys/resource.h>

/* With this limit the kernel ends a process whose real-time thread has much to do. */
static bool is_time_limited(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_RTTIME, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
}

int canp_priority_raise(struct priority *before)
{
    const struct sched_param lowest = {.sched_priority = 1};
    before->raised = false;
    before->policy = sched_getscheduler(0);
    if (before->policy != SCHED_OTHER && before->policy != SCHED_BATCH)
        return 0;
    if (is_time_limited() || sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &lowest) < 0)
        return -EPERM;
    before->raised = true;
    return 0;
}

void canp_priority_restore(const struct priority *before)
{
    const struct sched_param none = {.sched_priority = 0};
    if (before->raised)
        sched_setscheduler(0, before->policy, &none);
}
