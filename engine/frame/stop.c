/* A request to stop (canp/stop.h). A relaxed atomic int is enough, because no other data depends on it. Any
 * thread, and signal handlers. */
#include <canp/stop.h>

#include <stddef.h>

void canp_stop_set(struct canp_stop *stop)
{
    __atomic_store_n(&stop->wish_, 1, __ATOMIC_RELAXED);
}

void canp_stop_clear(struct canp_stop *stop)
{
    __atomic_store_n(&stop->wish_, 0, __ATOMIC_RELAXED);
}

bool canp_stop_is_set(const struct canp_stop *stop)
{
    return stop && __atomic_load_n(&stop->wish_, __ATOMIC_RELAXED);
}
